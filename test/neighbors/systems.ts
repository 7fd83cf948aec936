// Seeded systems for the tests of the neighbour list.
import type { NativeBatch } from '../../lib/native.js';
import { random } from '../tools.js';

export interface System {
  positions: number[];
  vectors: number[];
  periodic: [boolean, boolean, boolean];
}

/** Joins systems the way native code reads them. */
export function join(systems: readonly System[]): NativeBatch {
  const offsets = [0];
  for (const s of systems) offsets.push(offsets.at(-1)! + s.positions.length / 3);
  return {
    offsets: Int32Array.from(offsets),
    positions: Float64Array.from(systems.flatMap((s) => s.positions)),
    types: new Int32Array(offsets.at(-1)!),
    boxes: Float64Array.from(systems.flatMap((s) => s.vectors)),
    periodic: Uint8Array.from(systems.flatMap((s) => s.periodic.map(Number))),
  };
}

export type Kind = 'orthorhombic' | 'triclinic' | 'sheared' | 'lattice';

/**
 * A random system: `spread` boxes wide (unwrapped), edges from 3 to 10 Å. `sheared` cells are far from reduced;
 * a `lattice` puts atoms on exact fractions of a cube, so that many distances equal the cutoff to the last bit.
 */
export function randomSystem(seed: number, kind: Kind, periodic: System['periodic'], spread: number): System {
  const next = random(seed);
  const edge = (): number => 3 + 7 * next();
  const tilt = { orthorhombic: 0, triclinic: 0.5, sheared: 3, lattice: 0 }[kind];
  const lean = (length: number): number => tilt * length * (2 * next() - 1);
  const [a, b, c] = kind === 'lattice' ? [4, 4, 4] : [edge(), edge(), edge()];
  const vectors = [a, 0, 0, lean(a), b, 0, lean(a), lean(b), c];
  const atoms = Math.floor(30 * next());
  const positions: number[] = [];
  for (let i = 0; i < atoms; i++) {
    const f = [0, 1, 2].map(() => {
      const x = spread * (next() - 0.5);
      return kind === 'lattice' ? Math.round(4 * x) / 4 : x;
    });
    for (let k = 0; k < 3; k++)
      positions.push(f[0]! * vectors[k]! + f[1]! * vectors[3 + k]! + f[2]! * vectors[6 + k]!);
  }
  // What stands in a row that does not repeat must not matter.
  for (let k = 0; k < 3; k++) if (!periodic[k]) vectors.splice(3 * k, 3, next() < 0.5 ? Number.NaN : 0, 1, 2);
  return { positions, vectors, periodic };
}

export const subsets: System['periodic'][] = [0, 1, 2, 3, 4, 5, 6, 7].map((m) => [
  (m & 1) > 0,
  (m & 2) > 0,
  (m & 4) > 0,
]);
