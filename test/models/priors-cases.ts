// Every coordinate and form of prior terms on a short chain.
import { Structure } from '../../lib/index.js';
import {
  ashbaughHatch,
  fourierDihedrals,
  harmonicAngles,
  harmonicBonds,
  harmonicDihedrals,
  type PriorTerm,
  pairsApart,
  polynomial,
  repulsion,
  restrictedAngles,
  screenedCoulomb,
} from '../../lib/models/index.js';
import { random } from '../tools.js';

export const n = 9;
/** A zigzag chain of n particles with noise: no angle is straight, no dihedral undefined. */
export function chain(seed: number, box?: Structure['box']): Structure {
  const r = random(seed);
  const positions = new Float64Array(3 * n);
  for (let i = 0; i < n; i++) {
    positions[3 * i] = 1.3 * i + 0.3 * r();
    positions[3 * i + 1] = (i % 2) + 0.3 * r();
    positions[3 * i + 2] = 0.8 * Math.sin(1.9 * i) + 0.3 * r();
  }
  return new Structure({ positions, symbols: Array.from({ length: n }, () => 'C'), box: box ?? null });
}
export const run = (size: number, count: number): number[] =>
  Array.from({ length: count }, (_, t) => Array.from({ length: size }, (_, a) => t + a)).flat();
export const each = (count: number, f: (t: number) => number): number[] =>
  Array.from({ length: count }, (_, t) => f(t));

/** Every coordinate and form there is, with different parameters for each tuple. */
export const every: PriorTerm[] = [
  harmonicBonds({ name: 'bonds', tuples: run(2, 8), x0: each(8, (t) => 1.4 + 0.02 * t), k: 5 }),
  polynomial({
    name: 'bond polynomial',
    of: 'distance',
    tuples: run(2, 8),
    coefficients: [0.1, -0.4, 0.3, 0.02],
  }),
  repulsion({ name: 'repulsion', tuples: pairsApart(n, run(2, 8), 3), sigma: 2.9, epsilon: 0.3 }),
  ashbaughHatch({
    name: 'contacts',
    tuples: pairsApart(n, run(2, 8), 3),
    epsilon: 0.3,
    sigma: 3.4,
    lambda: 0.7,
  }),
  ashbaughHatch({
    name: 'switched contacts',
    tuples: pairsApart(n, run(2, 8), 2),
    epsilon: each(28, (t) => 0.1 + 0.01 * t),
    sigma: each(28, (t) => 2.1 + 0.05 * t),
    lambda: each(28, (t) => t / 28),
    switch: [3, 8],
  }),
  screenedCoulomb({
    name: 'charges',
    tuples: pairsApart(n, run(2, 8), 2),
    strength: each(28, (t) => 0.18 - 0.02 * t),
    kappa: 0.1,
    switch: [2.5, 9],
  }),
  harmonicAngles({ name: 'cosines', tuples: run(3, 7), x0: -0.4, k: each(7, (t) => 2 + t) }),
  harmonicAngles({ name: 'angles', tuples: run(3, 7), x0: 2, k: 1.5, of: 'angle' }),
  polynomial({
    name: 'cosine polynomial',
    of: 'cosine',
    tuples: run(3, 7),
    coefficients: [0.2, 0.5, -0.3, 0.7, 0.4],
  }),
  polynomial({ name: 'angle polynomial', of: 'angle', tuples: run(3, 7), coefficients: [0.2, 0.5, -0.3] }),
  restrictedAngles({
    name: 'restricted',
    tuples: run(3, 7),
    a: 1,
    b: -0.5,
    e: 0.7,
    d: 0.3,
    k: 0.05,
    v0: 0.01,
  }),
  fourierDihedrals({
    name: 'fourier',
    tuples: run(4, 6),
    v0: 0.3,
    k1: [0.5, each(6, (t) => 0.1 * t), -0.2],
    k2: [-0.7, 0.25, 0.11],
  }),
  harmonicDihedrals({ name: 'impropers', tuples: run(4, 6), x0: 3, k: 0.4 }),
  polynomial({ name: 'dihedral polynomial', of: 'dihedral', tuples: run(4, 6), coefficients: [0, 0.2, 0.1] }),
];
