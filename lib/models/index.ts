export { type HarmonicWellOptions, harmonicWell } from './harmonic-well.js';
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
