/** Molecular dynamics of any number of replicas in one batch. */
import { checkOptionNames, invalid } from '../errors.js';
import type { Potential } from '../models/index.js';
import type { Structure } from '../structure/index.js';
import {
  checkCount,
  tempering as checkedTempering,
  checkPositive,
  type Integrator,
  type LangevinOptions,
  langevin,
  velocityVerlet,
} from './integrators.js';
import type { Outputs, SimulateOptions } from './options.js';
import { Simulation } from './simulation.js';
import { makeSystem } from './system.js';

/**
 * Makes a run of molecular dynamics; nothing moves before it is awaited or iterated. Steps are taken where the potential
 * computes: on its GPU when all of it does so there (`environment.steps` of the summary says), else on the CPU.
 * @param structures what to move; several different ones run side by side in one batch
 * @throws EINVALID for a missing mass, an option out of its range, options that contradict each other, a structure whose number
 * of particles, types or box do not fit the potential
 * @example
 * const sim = simulate(protein, model, {
 *   integrator: langevin({ temperature: 300, timestep: 4 }), replicas: 64, steps: 100_000,
 * });
 * for await (const frame of sim) console.log(frame.time, frame.temperature[0]);
 */
export function simulate(
  structures: Structure | readonly Structure[],
  potential: Potential,
  options: SimulateOptions,
): Simulation {
  checkOptions(options);
  const { integrator } = options;
  // It may come as a plain object that nothing has looked at.
  const tempering = options.tempering && checkedTempering(options.tempering);
  const replicas = options.replicas ?? tempering?.temperatures.length ?? 1;
  const removeCenterOfMass = options.removeCenterOfMass ?? false;
  const system = makeSystem('simulate', structures, potential, replicas, removeCenterOfMass);
  const count = system.systems.length;
  if (Array.isArray(integrator.temperature) && integrator.temperature.length !== count) {
    invalid(
      'simulate.integrator.temperature',
      `must be one number or ${count}, one per replica`,
      integrator.temperature.length,
    );
  }
  if (tempering && replicas % tempering.temperatures.length !== 0) {
    invalid(
      'simulate.replicas',
      `must be a multiple of ${tempering.temperatures.length} temperatures`,
      replicas,
    );
  }
  const every = options.every ?? Math.min(100, Math.max(1, options.steps));
  const sim = new Simulation(
    system,
    potential,
    {
      integrator,
      steps: options.steps,
      every,
      replicas,
      firstReplica: options.firstReplica ?? 0,
      removeCenterOfMass,
      skin: options.skin ?? 1,
      displacementLimit: options.displacementLimit ?? 10,
      tempering,
    },
    outputsOf(options, every),
  );
  sim.start(options.velocities);
  return sim;
}

export function outputsOf(
  options: Pick<SimulateOptions, 'trajectory' | 'checkpoint' | 'progress' | 'signal'>,
  every: number,
): Outputs {
  const { checkpoint, progress, signal, trajectory } = options;
  const named = (key: string, file: unknown): void => {
    if (typeof file !== 'string' || file === '') invalid(`simulate.${key}`, 'must name a file', file);
  };
  if (trajectory !== undefined) named('trajectory', trajectory);
  const given: { file: string; every?: number } | undefined =
    typeof checkpoint === 'string' ? { file: checkpoint } : checkpoint;
  if (given) checkOptionNames<typeof given>('simulate.checkpoint', given, { file: true, every: true });
  if (given?.every !== undefined) checkCount('simulate.checkpoint.every', given.every);
  if (given) named('checkpoint.file', given.file);
  return {
    trajectory,
    checkpoint: given && { file: given.file, every: given.every ?? 10 * every },
    progress,
    signal,
  };
}

const optionNames: Readonly<Record<keyof SimulateOptions, true>> = {
  integrator: true,
  steps: true,
  every: true,
  replicas: true,
  tempering: true,
  velocities: true,
  removeCenterOfMass: true,
  skin: true,
  displacementLimit: true,
  firstReplica: true,
  trajectory: true,
  checkpoint: true,
  progress: true,
  signal: true,
};

function checkOptions(options: SimulateOptions): void {
  checkOptionNames<SimulateOptions>('simulate', options, optionNames);
  const { integrator, tempering } = options;
  const kind = (integrator as Integrator | undefined)?.kind;
  if (kind !== 'langevin' && kind !== 'velocityVerlet') {
    invalid('simulate.integrator', 'must be langevin({…}) or velocityVerlet({…})', integrator);
  }
  // It may be a changed copy that nothing has looked at.
  const { kind: _, friction, ...motion } = integrator;
  if (kind === 'langevin') langevin({ ...motion, friction } as LangevinOptions);
  else velocityVerlet(motion as LangevinOptions);
  checkCount('simulate.steps', options.steps, 0);
  if (options.every !== undefined) checkCount('simulate.every', options.every);
  if (options.replicas !== undefined) checkCount('simulate.replicas', options.replicas);
  if (options.firstReplica !== undefined) checkCount('simulate.firstReplica', options.firstReplica, 0);
  if (options.skin !== undefined && !(Number.isFinite(options.skin) && options.skin >= 0)) {
    invalid('simulate.skin', 'must be at least 0', options.skin, 'give it in Å');
  }
  if (options.displacementLimit !== undefined) {
    checkPositive('simulate.displacementLimit', options.displacementLimit, 'Å');
  }
  if (tempering && kind !== 'langevin') {
    invalid(
      'simulate.tempering',
      'needs a Langevin integrator',
      kind,
      'exchanges are between canonical ensembles',
    );
  }
  if (tempering && integrator.temperature !== undefined) {
    invalid(
      'simulate.integrator.temperature',
      'must be left out with tempering, which brings its own',
      integrator.temperature,
    );
  }
  if (!tempering && kind === 'langevin' && integrator.temperature === undefined) {
    invalid('simulate.integrator.temperature', 'must be given', undefined, 'in K, or use tempering');
  }
}
