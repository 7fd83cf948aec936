export { Frame } from './frame.js';
export {
  type Integrator,
  type LangevinOptions,
  langevin,
  type Tempering,
  tempering,
  type VelocityVerletOptions,
  velocityVerlet,
} from './integrators.js';
export { type Minimized, type MinimizeOptions, minimize } from './minimize.js';
export type { SimulateOptions, StartVelocities } from './options.js';
export type { FrameColumns } from './record.js';
export { type ResumeOptions, resume } from './resume.js';
export { simulate } from './simulate.js';
export type { IterateOptions, Simulation } from './simulation.js';
export type { ExchangeColumns, Summary } from './summary.js';
