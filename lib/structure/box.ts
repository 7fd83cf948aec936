import { invalid } from '../errors.js';

/** A simulation cell. Rows of `vectors` are the lattice vectors a, b, c in Å; `periodic` says which of them repeat. */
export interface Box {
  /** (3,3) row-major, Å. */
  readonly vectors: Float64Array;
  readonly periodic: readonly [boolean, boolean, boolean];
}

/** Volume of the cell, Å³. */
export function volume(box: Box): number {
  const [ax, ay, az, bx, by, bz, cx, cy, cz] = box.vectors as unknown as number[];
  return Math.abs(
    ax! * (by! * cz! - bz! * cy!) - ay! * (bx! * cz! - bz! * cx!) + az! * (bx! * cy! - by! * cx!),
  );
}

/** A box with edges along x, y, z. @param lengths Å */
export function orthorhombic(
  lengths: readonly [number, number, number],
  periodic: readonly [boolean, boolean, boolean] = [true, true, true],
): Box {
  return makeBox([lengths[0], 0, 0, 0, lengths[1], 0, 0, 0, lengths[2]], periodic);
}

/**
 * Validates nine numbers as a cell.
 * @param vectors (3,3) row-major lattice vectors, Å
 * @throws EINVALID when a number is not finite or the vectors span no volume
 */
export function makeBox(
  vectors: ArrayLike<number>,
  periodic: readonly [boolean, boolean, boolean] = [true, true, true],
): Box {
  if (vectors.length !== 9) invalid('box.vectors', 'must hold 9 numbers (three row vectors)', vectors.length);
  const box: Box = { vectors: Float64Array.from(vectors), periodic: [periodic[0], periodic[1], periodic[2]] };
  for (const v of box.vectors) if (!Number.isFinite(v)) invalid('box.vectors', 'must be finite', v);
  if (!(volume(box) > 0))
    invalid('box.vectors', 'must span a volume', volume(box), 'give three independent vectors');
  return box;
}
