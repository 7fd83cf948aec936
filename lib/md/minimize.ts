/** Energy minimisation of any number of structures in one batch. */
import { checkOptionNames, invalid, type MdlabError } from '../errors.js';
import type { Potential } from '../models/index.js';
import { native } from '../native.js';
import { joinBatch } from '../structure/batch.js';
import type { Structure } from '../structure/index.js';
import { checkCount, checkPositive } from './integrators.js';
import { chunk, interrupted, type ProgressOption, StepProgress } from './run.js';

export interface MinimizeOptions {
  /** eV/Å: done when no particle feels more. Default 0.01. */
  forceTolerance?: number;
  /** Default 1000. */
  maxSteps?: number;
  /** Å: no particle moves farther in one step. Default 0.2. */
  maxMove?: number;
  /** Å added to the cutoff of the neighbour list. Default 1. */
  skin?: number;
  progress?: ProgressOption;
  /** Stops within 100 ms; the promise rejects with EINTERRUPTED. */
  signal?: AbortSignal;
}

/** Where a minimisation ended, and how. */
export interface Minimized {
  /** The first structure. */
  structure: Structure;
  structures: Structure[];
  /** (structures) eV. */
  energy: Float64Array;
  /** (structures) eV/Å: largest force on a particle. */
  maxForce: Float64Array;
  /** (structures) steps until each had converged. */
  steps: Float64Array;
  /** True when every structure's largest force is within the tolerance. */
  converged: boolean;
}

/**
 * Moves particles downhill until forces are small, by FIRE: Bitzek et al., Phys. Rev. Lett. 97, 170201 (2006). Each
 * structure has its own clock. Not reaching the tolerance within `maxSteps` is no error: see `converged`.
 * @throws EINVALID for an option out of its range or a structure that does not fit the potential, ENUMERIC where a force is
 * not finite, EINTERRUPTED
 * @example const { structure, converged } = await minimize(protein, model, { forceTolerance: 0.05 });
 */
export async function minimize(
  structures: Structure | readonly Structure[],
  potential: Potential,
  options: MinimizeOptions = {},
): Promise<Minimized> {
  checkOptionNames<MinimizeOptions>('minimize', options, {
    forceTolerance: true,
    maxSteps: true,
    maxMove: true,
    skin: true,
    progress: true,
    signal: true,
  });
  const { forceTolerance = 0.01, maxSteps = 1000, maxMove = 0.2, progress, signal, skin = 1 } = options;
  checkPositive('minimize.forceTolerance', forceTolerance, 'eV/Å');
  checkCount('minimize.maxSteps', maxSteps, 0);
  checkPositive('minimize.maxMove', maxMove, 'Å');
  if (!(Number.isFinite(skin) && skin >= 0)) invalid('minimize.skin', 'must be at least 0', skin);
  const given: readonly Structure[] = Array.isArray(structures) ? structures : [structures as Structure];
  if (given.length === 0) invalid('minimize.structures', 'must be at least one', 'none');
  given.forEach((s, k) => {
    if (s.count === 0) invalid(`minimize.structures[${k}]`, 'must have at least one particle', 0);
  });
  const batch = joinBatch(given, potential.info.typesOf);
  const handle = native().createFire(potential.handle, batch, { forceTolerance, maxMove, skin });
  const line = new StepProgress(progress, 'minimisation', () => native().fireStep(handle), maxSteps);
  let note: string | undefined;
  try {
    const stop = (): void => native().stopFire(handle);
    if (signal?.aborted) throw interrupted('minimize', 0);
    await chunk(() => native().advanceFire(handle, maxSteps), stop, signal);
  } catch (error) {
    note = (error as MdlabError).code === 'EINTERRUPTED' ? 'interrupted' : 'failed';
    throw error;
  } finally {
    line.finish(note);
  }
  const end = native().readFire(handle);
  const moved = given.map((s, k) =>
    s.with({ positions: end.positions.slice(3 * batch.offsets[k]!, 3 * batch.offsets[k + 1]!) }),
  );
  return {
    structure: moved[0]!,
    structures: moved,
    energy: end.potential,
    maxForce: end.maxForce,
    steps: end.steps,
    converged: end.maxForce.every((f) => f <= forceTolerance),
  };
}
