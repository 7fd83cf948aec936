import { invalid } from '../errors.js';
import type { NativeBatch } from '../native.js';
import type { Structure } from './structure.js';

/**
 * Joins structures into one batch: systems evaluated together that never interact.
 * @param typesOf species index of each particle as the potential at hand counts them; default `structure.types`, or zeros
 * @throws EINVALID when the batch holds more than 2^31-1 particles
 */
export function joinBatch(
  structures: readonly Structure[],
  typesOf: (structure: Structure) => Int32Array = (s) => s.types ?? new Int32Array(s.count),
): NativeBatch {
  const offsets = new Int32Array(structures.length + 1);
  let atoms = 0;
  structures.forEach((s, k) => {
    atoms += s.count;
    if (atoms > 0x7fffffff) invalid('batch', 'must hold fewer than 2^31 particles', atoms);
    offsets[k + 1] = atoms;
  });
  const batch: NativeBatch = {
    offsets,
    positions: new Float64Array(3 * atoms),
    types: new Int32Array(atoms),
    boxes: new Float64Array(9 * structures.length),
    periodic: new Uint8Array(3 * structures.length),
  };
  structures.forEach((s, k) => {
    batch.positions.set(s.positions, 3 * offsets[k]!);
    batch.types.set(typesOf(s), offsets[k]!);
    if (s.box) {
      batch.boxes.set(s.box.vectors, 9 * k);
      batch.periodic.set(s.box.periodic.map(Number), 3 * k);
    }
  });
  return batch;
}
