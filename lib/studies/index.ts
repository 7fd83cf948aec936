export { type DeviceEnvironment, deviceEnvironment, type Environment, environment } from '../environment.js';
export { type BatchStudyOptions, batchStudy } from './batches.js';
export {
  type Claim,
  type ClaimRow,
  type ClaimRule,
  Claims,
  claims,
  type Verdict,
} from './claims.js';
export {
  accuracyStudy,
  type ModelStudyOptions,
  memoryStudy,
  type Staged,
  stageStudy,
  throughputStudy,
} from './models.js';
export { type Paper, type PaperNumber, paperNumbers, papers } from './papers.js';
export { type QuantisationOptions, quantisationStudy, quantisedFormats } from './quantisation.js';
export { record, recorded } from './recorded.js';
export { type Ceilings, ceilingsOf, rooflineStudy } from './roofline.js';
export {
  type Drift,
  type DriftOptions,
  type Estimate,
  energyDriftOf,
  type Sampled,
  type SamplingOptions,
  sampleProtein,
} from './sampling.js';
export { type StepStudyOptions, stepStudy } from './steps.js';
export {
  type MeasureContext,
  type Measured,
  type Parameters as StudyParameters,
  StudyInterrupted,
  type StudyOptions,
  study,
} from './study.js';
export { type Timing, type TimingOptions, timed } from './timing.js';
