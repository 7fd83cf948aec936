export {
  type Backend,
  type EvaluateOptions,
  type EvaluateResult,
  evaluate,
  Potential,
  type PotentialInfo,
  type Precision,
  sum,
} from './potential.js';
