/** Going on with a stored run. */
import { basename } from 'node:path';
import { checkOptionNames, invalid } from '../errors.js';
import type { Potential } from '../models/index.js';
import { wayFields } from '../models/potential.js';
import {
  type Checkpoint,
  type CheckpointOptions,
  type PotentialRecord,
  readCheckpoint,
} from './checkpoint.js';
import type { SimulateOptions } from './options.js';
import { outputsOf } from './simulate.js';
import { potentialRecord, Simulation } from './simulation.js';
import { makeSystem, type System } from './system.js';

export interface ResumeOptions extends Pick<SimulateOptions, 'progress' | 'signal'> {
  /** Steps in all, those before the checkpoint included. Default: as the run was told. */
  steps?: number;
  /**
   * Default: for a checkpoint that a run wrote on its way, that run's own trajectory, of which frames after the
   * checkpoint are dropped; none for a state that was saved. `false` writes none.
   */
  trajectory?: string | false;
  /** Default: a checkpoint that a run wrote on its way is written on, a state that was saved is left alone. */
  checkpoint?: SimulateOptions['checkpoint'] | false;
}

/**
 * A stored run, ready to go on with the same bits as if it had never stopped (same potential, same machine).
 * @param file as a run's `checkpoint` option or `save` wrote it
 * @throws EFORMAT for a damaged file; EINVALID when the potential is not the one the run was made with: other name,
 * backend, precision, pipeline, table, weights, parameters, species indices, number of particles, or energies that differ by more
 * than 1e-6 (a run stored before its first step may have none to compare)
 * @example const sim = await resume('run.checkpoint', model); await sim.run();
 */
export async function resume(
  file: string,
  potential: Potential,
  options: ResumeOptions = {},
): Promise<Simulation> {
  checkOptionNames<ResumeOptions>('resume', options, {
    steps: true,
    trajectory: true,
    checkpoint: true,
    progress: true,
    signal: true,
  });
  const stored = readCheckpoint(file);
  comparePotential(file, 'resume.potential', stored.options.potential, potentialRecord(potential));
  const { every, removeCenterOfMass, replicas } = stored.options;
  const system = makeSystem('resume', stored.structures, potential, replicas, removeCenterOfMass);
  checkTypes(file, stored, system);
  const { potential: _, outputs: before, ...runOptions } = stored.options;
  const checkpoint = options.checkpoint ?? (before && { file, every: before.checkpointEvery });
  const outputs = outputsOf(
    {
      ...(checkpoint ? { checkpoint } : {}),
      ...(options.progress === undefined ? {} : { progress: options.progress }),
      ...(options.signal ? { signal: options.signal } : {}),
      ...trajectoryOf(options.trajectory, before),
    },
    every,
  );
  const steps = options.steps ?? runOptions.steps;
  if (!(Number.isSafeInteger(steps) && steps >= stored.state.step)) {
    invalid('resume.steps', `must be at least the ${stored.state.step} taken before the checkpoint`, steps);
  }
  const old = before?.trajectory;
  const kept = old && outputs.trajectory === old.file ? old.frames : undefined;
  const sim = new Simulation(system, potential, { ...runOptions, steps }, outputs, kept);
  await sim.restore(stored.state, (energies) => checkEnergies(file, stored, energies));
  return sim;
}

function trajectoryOf(
  wanted: string | false | undefined,
  before: CheckpointOptions['outputs'],
): { trajectory?: string } {
  if (wanted === false) return {};
  const file = wanted ?? before?.trajectory?.file;
  return file === undefined ? {} : { trajectory: file };
}

/** Of every term of a sum; ways, weights and parameters as far as the checkpoint tells them. */
function comparePotential(file: string, where: string, stored: PotentialRecord, now: PotentialRecord): void {
  compare(file, where, ['name', 'backend', 'precision', 'pipeline'], stored, now);
  const { terms } = stored;
  if (!terms) {
    const told = ways.filter((key) => stored[key] !== undefined);
    compare(file, where, told, stored, now);
    return;
  }
  const given = now.terms ?? [];
  if (given.length !== terms.length)
    invalid(`${where}.terms`, `must be ${terms.length} as in ${basename(file)}`, given.length, remedy);
  terms.forEach((term, k) => {
    comparePotential(file, `${where}.terms[${k}]`, term, given[k]!);
  });
}

type Told = Exclude<keyof PotentialRecord, 'terms'>;
const ways = [...wayFields, 'weights', 'parameters'] as const;
const remedy = 'use the potential of the run';

function compare(
  file: string,
  where: string,
  keys: readonly Told[],
  stored: PotentialRecord,
  now: PotentialRecord,
): void {
  for (const key of keys) {
    const [wanted, given] = [stored[key] ?? undefined, now[key] ?? undefined];
    if (wanted === given) continue;
    const instead = wanted !== undefined && made.has(key) ? `make it with ${key} ${show(wanted)}` : remedy;
    invalid(`${where}.${key}`, `must be ${show(wanted)} as in ${basename(file)}`, given, instead);
  }
}

/** What a model is made with by this very name. */
const made: ReadonlySet<string> = new Set([
  'backend',
  'precision',
  'pipeline',
  'entries',
  'tolerance',
  'operands',
]);

function show(value: unknown): string {
  if (value === undefined) return 'absent';
  return typeof value === 'string' ? `'${value}'` : String(value);
}

function checkTypes(file: string, stored: Checkpoint, system: System): void {
  const { types } = system.batch;
  if (stored.types.length !== types.length) {
    invalid(
      'resume.types',
      `must be ${types.length} to fit the structures of ${basename(file)}`,
      stored.types.length,
    );
  }
  const bad = types.findIndex((t, i) => t !== stored.types[i]);
  if (bad >= 0) {
    const rule = `must be ${stored.types[bad]} as in ${basename(file)}`;
    invalid(`resume.types[${bad}]`, rule, types[bad], remedy);
  }
}

/** The potential's values at the stored positions are its fingerprint. */
function checkEnergies(file: string, stored: Checkpoint, energies: Float64Array): void {
  energies.forEach((energy, s) => {
    const was = stored.state.potential[s]!;
    if (Math.abs(energy - was) > 1e-6 * Math.max(1, Math.abs(was))) {
      const rule = `must give ${was} eV for system ${s} at the positions of ${basename(file)}`;
      invalid('resume.potential', rule, energy, remedy);
    }
  });
}
