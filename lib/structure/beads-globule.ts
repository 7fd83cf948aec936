/** Structures for benchmarks: random globules, and jittered copies of a structure. */
import { checkOptionNames, invalid } from '../errors.js';
import { Structure } from './structure.js';

/** Uniform numbers in [0,1) from a seed (splitmix32 of a counter); the same on every machine. */
function uniform(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let z = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return ((z ^ (z >>> 15)) >>> 0) / 4294967296;
  };
}

export interface GlobuleOptions {
  /** Default 269. */
  beads?: number;
  /** Of the sphere, Å. Default 14. */
  radius?: number;
  /** Between any two beads, Å. Default 1.4. */
  minimumDistance?: number;
  /** Types are random in 1..types. Default 24. */
  types?: number;
  /** Default 1. */
  seed?: number;
}

/**
 * Points uniform in a sphere, none closer to another than a minimum: the globule that models are timed on.
 * @throws EINVALID when that many beads do not fit
 */
export function randomGlobule(options: GlobuleOptions = {}): Structure {
  checkOptionNames<GlobuleOptions>('randomGlobule', options, {
    beads: true,
    radius: true,
    minimumDistance: true,
    types: true,
    seed: true,
  });
  const { beads = 269, radius = 14, minimumDistance = 1.4, types = 24, seed = 1 } = options;
  const whole: [string, number, number][] = [
    ['beads', beads, 0],
    ['types', types, 1],
    ['seed', seed, Number.MIN_SAFE_INTEGER],
  ];
  for (const [name, value, least] of whole)
    if (!Number.isSafeInteger(value) || value < least)
      invalid(
        `randomGlobule.${name}`,
        `must be a whole number${least < 0 ? '' : `, at least ${least}`}`,
        value,
      );
  for (const [name, value] of [
    ['radius', radius],
    ['minimumDistance', minimumDistance],
  ] as const)
    if (!(value >= 0 && Number.isFinite(value)))
      invalid(`randomGlobule.${name}`, 'must be a length in Å', value);
  const next = uniform(seed);
  const positions = new Float64Array(3 * beads);
  for (let placed = 0, tries = 0; placed < beads; tries++) {
    if (tries > 2000 * beads + 1000)
      invalid(
        'randomGlobule',
        `must fit ${beads} beads ${minimumDistance} Å apart into ${radius} Å`,
        `room for ${placed}`,
        'raise radius',
      );
    const p = [0, 1, 2].map(() => radius * (2 * next() - 1));
    if (Math.hypot(...p) > radius || near(positions, placed, p, minimumDistance)) continue;
    positions.set(p, 3 * placed++);
  }
  const kinds = Int32Array.from({ length: beads }, () => 1 + Math.floor(types * next()));
  return new Structure({
    positions,
    symbols: Array.from(kinds, (t) => `X${t}`),
    types: kinds,
    masses: new Float64Array(beads).fill(12.011),
    name: `globule of ${beads} beads`,
  });
}

function near(positions: Float64Array, count: number, p: readonly number[], distance: number): boolean {
  for (let k = 0; k < 3 * count; k += 3) {
    const d2 =
      (positions[k]! - p[0]!) ** 2 + (positions[k + 1]! - p[1]!) ** 2 + (positions[k + 2]! - p[2]!) ** 2;
    if (d2 < distance * distance) return true;
  }
  return false;
}

/**
 * Copies of a structure, each coordinate moved by a uniform number in (-jitter, jitter); the first copy as it is when
 * jitter is 0.
 * @throws EINVALID for a count or jitter that is negative
 * @example replicas(randomGlobule(), 64, { jitter: 0.1, seed: 2 })
 */
export function replicas(
  structure: Structure,
  count: number,
  options: {
    /** Å. Default 0. */
    jitter?: number;
    /** Default 1. */
    seed?: number;
  } = {},
): Structure[] {
  checkOptionNames<typeof options>('replicas', options, { jitter: true, seed: true });
  const { jitter = 0, seed = 1 } = options;
  if (!Number.isSafeInteger(count) || count < 0) invalid('replicas.count', 'must be a whole number', count);
  if (!(jitter >= 0 && Number.isFinite(jitter))) invalid('replicas.jitter', 'must be a length in Å', jitter);
  const next = uniform(seed);
  return Array.from({ length: count }, () =>
    structure.with({
      positions: structure.positions.map((x) => (jitter === 0 ? x : x + jitter * (2 * next() - 1))),
    }),
  );
}
