/** What a run says of itself at the end. */
import { environment } from '../environment.js';
import type { Potential } from '../models/index.js';
import { placeOf } from '../models/place.js';
import type { NativeDynamicsState } from '../native.js';
import type { RunOptions } from './options.js';
import { energyDrift, type FrameColumns } from './record.js';
import type { System } from './system.js';

/** A run so far: what it cost, what it gave, and where it ran. */
export interface Summary {
  /** Steps this object took (a resumed run counts from its checkpoint). */
  steps: number;
  /** Systems moved at once. */
  replicas: number;
  /** Particles of all replicas. */
  atoms: number;
  /** Wall time of the steps alone, s. */
  seconds: number;
  stepsPerSecond: number;
  /** Simulated time per day of one replica. */
  nanosecondsPerDay: number;
  /** The same, all replicas together. */
  aggregateNanosecondsPerDay: number;
  /** One row per frame and replica, ready for a table. */
  frames: FrameColumns;
  /** (replicas) kT per degree of freedom per ns, of the total energy: velocity Verlet only. */
  drift?: Float64Array;
  /** With tempering: neighbouring temperatures and how often they exchanged. */
  exchange?: ExchangeColumns;
  /** Neighbour lists built. */
  listRebuilds: number;
  /** Most bytes that native code held where the potential computes, its GPU's or the host's, while steps were taken. */
  peakBytes: number;
  /** What computed, on what, and how: `environment()`, the GPU's own columns where one computed, and the run's options. */
  environment: Record<string, string | number>;
}

/** One row per pair of neighbouring temperatures. */
export interface ExchangeColumns {
  /** K. */
  lower: Float64Array;
  /** K. */
  upper: Float64Array;
  attempted: Float64Array;
  accepted: Float64Array;
  /** accepted / attempted; NaN before the first attempt. */
  rate: Float64Array;
}

/** What a summary is made of. */
export interface Finished {
  system: System;
  potential: Potential;
  options: RunOptions;
  frames: FrameColumns;
  state: NativeDynamicsState;
  steps: number;
  seconds: number;
  peakBytes: number;
}

export function summarize(run: Finished): Summary {
  const { frames, seconds, state, steps } = run;
  const { integrator, tempering } = run.options;
  const replicas = run.system.systems.length;
  const stepsPerSecond = seconds > 0 ? steps / seconds : 0;
  const nanosecondsPerDay = stepsPerSecond * integrator.timestep * 1e-6 * 86400;
  return {
    steps,
    replicas,
    atoms: run.system.masses.length,
    seconds,
    stepsPerSecond,
    nanosecondsPerDay,
    aggregateNanosecondsPerDay: nanosecondsPerDay * replicas,
    frames,
    ...(integrator.kind === 'velocityVerlet'
      ? { drift: energyDrift(frames, run.system.degreesOfFreedom) }
      : {}),
    ...(tempering ? { exchange: exchangeColumns(tempering.temperatures, state) } : {}),
    listRebuilds: state.listRebuilds,
    peakBytes: run.peakBytes,
    environment: {
      ...environment(),
      ...placeOf(run.potential),
      potential: run.potential.name,
      steps: whereSteps(run.potential, state.onDevice),
      integrator: integrator.kind,
      timestep: integrator.timestep,
      seed: integrator.seed,
    },
  };
}

/** Where steps are taken: on the potential's device where all of it computes there. */
function whereSteps(potential: Potential, onDevice: boolean): string {
  if (onDevice) return 'cuda';
  const parts = potential.terms.length > 0 ? potential.terms : [potential];
  const host = parts.filter((t) => t.info.backend !== 'cuda').map((t) => t.name);
  if (host.length === parts.length) return 'cpu';
  if (host.length === 0) return 'cpu, because its terms compute on several GPUs';
  return `cpu, because ${host.join(', ')} does not compute on the GPU`;
}

function exchangeColumns(temperatures: readonly number[], state: NativeDynamicsState): ExchangeColumns {
  const { accepted, attempted } = state;
  return {
    lower: Float64Array.from(temperatures.slice(0, -1)),
    upper: Float64Array.from(temperatures.slice(1)),
    attempted,
    accepted,
    rate: accepted.map((a, k) => a / attempted[k]!),
  };
}
