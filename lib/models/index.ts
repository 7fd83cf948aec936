export { type HarmonicWellOptions, harmonicWell } from './harmonic-well.js';
export type { KernelWork, Work } from './kernel-work.js';
export { type LennardJonesOptions, lennardJones } from './lennard-jones.js';
export { type LoadModelOptions, loadModel, type SaveModelOptions, saveModel } from './load.js';
export { loadPriors, type MlcgOptions, mlcgTerms } from './mlcg.js';
export { fiveBeadLists, type MlcgLists, mlcgLists } from './mlcg-lists.js';
export { type MlcgPrior, mlcgPriors } from './mlcg-priors.js';
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
export {
  type PriorOptions,
  PriorPotential,
  type PriorTopology,
  pairsApart,
  priors,
  priorsOfBatch,
  termEnergies,
} from './priors.js';
export { type BackbonePriorOptions, backbonePriors } from './priors-backbone.js';
export {
  ashbaughHatch,
  fourierDihedrals,
  harmonicAngles,
  harmonicBonds,
  harmonicDihedrals,
  type PerTuple,
  type PriorCoordinate,
  type PriorForm,
  type PriorTerm,
  polynomial,
  repulsion,
  restrictedAngles,
  type Switch,
  screenedCoulomb,
} from './priors-terms.js';
export {
  Schnet,
  type SchnetEntries,
  SchnetOperands,
  type SchnetOptions,
  type SchnetPipeline,
  type SchnetTable,
  type SchnetTechniques,
  type StageTime,
  schnet,
} from './schnet.js';
export type { SchnetActivation, SchnetConfig, TensorMap } from './schnet-config.js';
export { defaultSchnetConfig, type RandomSchnetOptions, randomSchnet } from './schnet-random.js';
export { type SchnetWorkOptions, schnetWork } from './schnet-work.js';
export { residueInteractions, type TeacherOptions, teacher } from './teacher.js';
