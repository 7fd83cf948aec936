/** What a run is told: by its caller, and as plain data that a checkpoint keeps. */
import type { Integrator, Tempering } from './integrators.js';
import type { ProgressOption } from './run.js';

/** How a run starts moving: drawn at the integrator's temperature, at rest, as the structures say, or as given. */
export type StartVelocities = 'maxwell-boltzmann' | 'zero' | 'structure' | Float64Array;

export interface SimulateOptions {
  integrator: Integrator;
  /** Steps in all. */
  steps: number;
  /** Steps between frames. Default 100, or `steps` where that is less. */
  every?: number;
  /** Copies of each structure. Default 1, or the number of tempering temperatures. */
  replicas?: number;
  /** Exchanges temperatures between replicas; needs a Langevin integrator without a temperature of its own. */
  tempering?: Tempering;
  /**
   * Default: the structures' velocities where all have them, else drawn at the integrator's temperature, else zero.
   * An array holds (atoms,3) Å/fs of the whole batch, or of one structure for all its replicas.
   */
  velocities?: StartVelocities;
  /** Keeps the centre of mass of every replica at rest, and counts three degrees of freedom less. Default false. */
  removeCenterOfMass?: boolean;
  /** Å added to the cutoff of the neighbour list, so that it serves several steps. Default 1. */
  skin?: number;
  /** Å: a particle that moves farther in one step has exploded. Default 10. */
  displacementLimit?: number;
  /** Noise is drawn by (seed, step, replica, particle); this is the number of the first replica. Default 0. */
  firstReplica?: number;
  /**
   * Writes every frame to this file; one file per system, numbered, where there are several. `resume` continues it, a new
   * run replaces what is there at its first frame, but for what an unfinished run left (see `checkpoint`).
   */
  trajectory?: string;
  /**
   * Writes the run to this file every so many steps (default: ten frames), at the end, and when it is interrupted or
   * fails; `resume` goes on from it with the same bits. A new run replaces the checkpoint of a finished run. It sets that of
   * an unfinished one aside with the trajectory files it names, as `run-aside-1.checkpoint`, and says so; `resume` goes on
   * with it there. Any other file of this name is refused.
   */
  checkpoint?: string | { file: string; every?: number };
  /** A live line on stderr or in the notebook; a string names it. Default: where somebody is looking. */
  progress?: ProgressOption;
  /** Stops the run within 100 ms; see `Simulation`. */
  signal?: AbortSignal;
}

/** Everything that makes a run itself, defaults filled. */
export interface RunOptions {
  integrator: Integrator;
  steps: number;
  every: number;
  replicas: number;
  firstReplica: number;
  removeCenterOfMass: boolean;
  /** Å. */
  skin: number;
  /** Å per step. */
  displacementLimit: number;
  tempering: Tempering | undefined;
}

/** What a run writes and listens to; may differ when it is resumed. */
export interface Outputs {
  trajectory: string | undefined;
  checkpoint: { file: string; every: number } | undefined;
  progress: ProgressOption | undefined;
  signal: AbortSignal | undefined;
}
