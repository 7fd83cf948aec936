/** The room and the time that a potential has and takes where it computes. */
import { deviceOf } from '../models/place.js';
import type { Potential } from '../models/potential.js';
import { native } from '../native.js';
import { joinBatch } from '../structure/batch.js';
import type { Structure } from '../structure/index.js';

/** Bytes free on the GPU a potential computes on; undefined on a CPU. */
export function freeBytes(potential: Potential): number | undefined {
  const device = deviceOf(potential);
  return device === undefined ? undefined : native().cudaSpace(device).free;
}

/**
 * Seconds of evaluations with forces on a GPU, by its own clock: positions and neighbour list lie there already, as they do
 * within a run.
 * @throws EINVALID for a potential that computes on a CPU
 */
export function timeOnDevice(
  potential: Potential,
  systems: readonly Structure[],
  repeats: number,
): { seconds: Float64Array; edges: number } {
  return native().timeOnDevice(potential.handle, joinBatch(systems, potential.info.typesOf), repeats);
}
