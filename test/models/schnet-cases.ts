// Systems and models that the SchNet tests and benchmarks share.
import type { MdlabError } from '../../lib/errors.js';
import type { SchnetConfig } from '../../lib/models/schnet-config.js';
import { makeBox } from '../../lib/structure/box.js';
import { Structure } from '../../lib/structure/structure.js';
import { random } from '../tools.js';

/** Atoms of type 3 at x, y, z, x, y, z … (Å). */
export const atoms = (...xyz: number[]): Structure =>
  new Structure({
    positions: Float64Array.from(xyz),
    symbols: Array.from({ length: xyz.length / 3 }, () => 'X'),
    types: new Int32Array(xyz.length / 3).fill(3),
  });

/** Code and message of what `body` throws. */
export function code(body: () => unknown): string {
  try {
    body();
  } catch (error) {
    return `${(error as MdlabError).code} ${(error as Error).message}`;
  }
  return 'nothing was thrown';
}

/** `count` points uniform in a sphere with a minimum distance (Å), types 1..24: the benchmark's globule. */
export function globule(count: number, radius: number, seed: number, least = 1.4): Structure {
  const u = random(seed);
  const points: number[][] = [];
  for (let tries = 0; points.length < count; tries++) {
    if (tries > 1e6) throw new Error('globule: sphere too small');
    const p = [0, 1, 2].map(() => radius * (2 * u() - 1));
    if (Math.hypot(...p) > radius) continue;
    if (points.every((q) => Math.hypot(p[0]! - q[0]!, p[1]! - q[1]!, p[2]! - q[2]!) >= least)) points.push(p);
  }
  return new Structure({
    positions: Float64Array.from(points.flat()),
    symbols: points.map(() => 'X'),
    types: Int32Array.from(points, () => 1 + Math.floor(24 * u())),
  });
}

/** Replicas of a structure, each moved by normal noise of `sigma` Å. */
export function jittered(structure: Structure, replicas: number, sigma: number, seed: number): Structure[] {
  const u = random(seed);
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - u())) * Math.cos(2 * Math.PI * u());
  return Array.from({ length: replicas }, () =>
    structure.with({ positions: structure.positions.map((x) => x + sigma * normal()) }),
  );
}

/** Points in a sheared cell smaller than the cutoff: atoms meet several images, their own too. */
export function periodicCell(count: number, seed: number): Structure {
  const u = random(seed);
  const vectors = [6.3, 0, 0, 1.5, 5.7, 0, -1, 0.7, 7.3];
  const positions = new Float64Array(3 * count);
  for (let i = 0; i < count; i++) {
    const s = [(i + 0.5 * u()) / count, u(), u()];
    for (let k = 0; k < 3; k++)
      positions[3 * i + k] = s[0]! * vectors[k]! + s[1]! * vectors[3 + k]! + s[2]! * vectors[6 + k]!;
  }
  return new Structure({
    positions,
    symbols: Array.from({ length: count }, () => 'X'),
    types: Int32Array.from({ length: count }, () => Math.floor(5 * u())),
    box: makeBox(vectors, [true, true, seed % 2 === 0]),
  });
}

/** Shapes that exercise every branch: widths that are no multiple of a vector, each basis and activation, lower cutoffs. */
export const smallConfigs: Record<string, SchnetConfig> = {
  'gaussian tanh': {
    hidden: 20,
    filters: 13,
    blocks: 3,
    types: 25,
    activation: 'tanh',
    head: [17, 9],
    rbf: { type: 'gaussian', count: 11 },
    cutoff: { lower: 0, upper: 6 },
  },
  'expnormal ssp': {
    hidden: 7,
    filters: 37,
    blocks: 2,
    types: 25,
    activation: 'ssp',
    head: [],
    rbf: { type: 'expnormal', count: 19 },
    cutoff: { lower: 0, upper: 5 },
  },
  'gaussian silu, lower cutoff': {
    hidden: 32,
    filters: 64,
    blocks: 1,
    types: 25,
    activation: 'silu',
    head: [12, 31, 8],
    rbf: { type: 'gaussian', count: 32 },
    cutoff: { lower: 1.2, upper: 7 },
  },
  'expnormal tanh, lower cutoff': {
    hidden: 130,
    filters: 70,
    blocks: 2,
    types: 25,
    activation: 'tanh',
    head: [5],
    rbf: { type: 'expnormal', count: 9 },
    cutoff: { lower: 0.8, upper: 6.5 },
  },
};
