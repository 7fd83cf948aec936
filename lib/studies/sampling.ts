/** What a potential does to a protein: its distributions in the canonical ensemble, and whether it keeps energy. */
import { driftFit } from '../analysis/index.js';
import { checkOptionNames, invalid } from '../errors.js';
import { langevin, simulate, velocityVerlet } from '../md/index.js';
import { checkCount } from '../md/integrators.js';
import type { Potential } from '../models/potential.js';
import type { Structure } from '../structure/index.js';
import { foldOf } from './fold.js';

/** A mean over replicas and its standard error, from how the replicas' own means scatter: they are independent. */
export interface Estimate {
  mean: number;
  error: number;
}

export interface SamplingOptions {
  /** K. Default 300. */
  temperature?: number;
  /** fs. Default 2. */
  timestep?: number;
  /** Steps of each replica. */
  steps: number;
  /** Steps left out at the beginning. Default a fifth. */
  discard?: number;
  /** Steps between samples. Default 50. */
  every?: number;
  /** Default 1. */
  seed?: number;
  signal?: AbortSignal | undefined;
}

/** What microcanonical runs take of them. */
export type DriftOptions = Pick<SamplingOptions, 'steps' | 'timestep' | 'temperature' | 'every' | 'signal'>;

const driftOptionNames = {
  steps: true,
  timestep: true,
  temperature: true,
  every: true,
  signal: true,
} as const;

/** What a canonical run showed: means over replicas, with standard errors. */
export interface Sampled {
  /** Å, all particles alike. */
  radiusOfGyration: Estimate;
  /** How often it was within [k, k+1) · 0.1 Å, from k = `from`. */
  radii: { from: number; counts: number[] };
  /** Fraction of the residue pairs near in the first structure that are near. */
  nativeContacts: Estimate;
  /** (pairs) part of the samples in which two residues' side beads are within 8 Å; pairs at least 3 apart, row by row. */
  contacts: number[];
  /** Standard error of such a part, root mean square over pairs. */
  contactError: number;
  /** K, mean over samples. */
  temperature: Estimate;
  samples: number;
  /** Replicas at the end, with velocities. */
  last: Structure[];
}

/**
 * Langevin dynamics of the given replicas; a replica diverging is the caller's ENUMERIC.
 * @throws EINVALID without a replica, or for steps, `every` and `discard` that leave no sample
 */
export async function sampleProtein(
  potential: Potential,
  start: readonly Structure[],
  options: SamplingOptions,
): Promise<Sampled> {
  const { every = 50, seed = 1, steps, temperature = 300, timestep = 2 } = options;
  if (start.length === 0) invalid('sampleProtein.start', 'must hold at least one structure', 'none');
  const discard = checkSampling('sampleProtein', options);
  const fold = foldOf(start[0]!);
  const series = start.map(() => ({ radii: [] as number[], native: [] as number[], heat: [] as number[] }));
  const counts = start.map(() => new Float64Array(fold.pairs));
  const sim = simulate(start, potential, {
    integrator: langevin({ temperature, timestep, seed }),
    velocities: 'maxwell-boltzmann',
    steps,
    every,
    progress: false,
    ...(options.signal ? { signal: options.signal } : {}),
  });
  for await (const frame of sim) {
    if (frame.step <= discard) continue;
    for (const [s, own] of series.entries()) {
      const [from, to] = [frame.offsets[s]!, frame.offsets[s + 1]!];
      const { native, radius, touching } = fold.measure(frame.positions.subarray(3 * from, 3 * to));
      own.radii.push(radius);
      own.native.push(native);
      own.heat.push(frame.temperature[s]!);
      for (const [p, t] of touching.entries()) counts[s]![p]! += t;
    }
  }
  const samples = series[0]!.radii.length;
  // (pairs, replicas) part of the samples in which each pair touched.
  const near = Array.from({ length: fold.pairs }, (_, p) => counts.map((c) => c[p]! / Math.max(1, samples)));
  const end = sim.state;
  return {
    radiusOfGyration: estimate(series.map((s) => average(s.radii))),
    radii: histogram(
      series.flatMap((s) => s.radii),
      0.1,
    ),
    nativeContacts: estimate(series.map((s) => average(s.native))),
    contacts: near.map(average),
    contactError: Math.sqrt(average(near.map((parts) => estimate(parts).error ** 2))),
    temperature: estimate(series.map((s) => average(s.heat))),
    samples: samples * start.length,
    last: start.map((_, s) => end.structure(s)),
  };
}

/** Refuses unknown options, and counts that leave no sample. @returns steps to discard */
export function checkSampling(who: string, options: SamplingOptions): number {
  checkOptionNames<SamplingOptions>(who, options, { ...driftOptionNames, discard: true, seed: true });
  const { discard, every = 50, steps } = options;
  checkCount(`${who}.steps`, steps);
  checkCount(`${who}.every`, every);
  const left = discard ?? Math.floor(steps / 5);
  if (Math.floor(steps / every) <= Math.floor(left / every))
    invalid(`${who}.steps`, `must be more than discard (${left}), with a sample every ${every}`, steps);
  return left;
}

/** Refuses unknown options and counts of nothing. */
export function checkDrift(who: string, options: DriftOptions): void {
  checkOptionNames<DriftOptions>(who, options, driftOptionNames);
  checkCount(`${who}.steps`, options.steps);
  if (options.every !== undefined) checkCount(`${who}.every`, options.every);
}

/** How the total energy of microcanonical runs drifts: means over replicas, with standard errors. */
export interface Drift {
  /** meV per particle and ns. */
  perParticle: Estimate;
  /** kT at `temperature` per degree of freedom and ns. */
  perDegree: Estimate;
  /** meV per particle: fluctuation about the line. */
  fluctuation: number;
}

/** Drift of the total energy along velocity Verlet from structures that bring velocities. */
export async function energyDriftOf(
  potential: Potential,
  start: readonly Structure[],
  options: DriftOptions,
): Promise<Drift> {
  checkDrift('energyDriftOf', options);
  const { every = 20, steps, temperature = 300, timestep = 1 } = options;
  const times: number[] = [];
  const energies = start.map((): number[] => []);
  const sim = simulate(start, potential, {
    integrator: velocityVerlet({ timestep }),
    velocities: 'structure',
    steps,
    every,
    progress: false,
    ...(options.signal ? { signal: options.signal } : {}),
  });
  for await (const frame of sim) {
    times.push(frame.time);
    for (const [s, own] of energies.entries()) own.push(frame.total[s]!);
  }
  const fits = energies.map((e, s) =>
    driftFit(times, e, { degreesOfFreedom: 3 * start[s]!.count, temperature }),
  );
  const milli = 1000 / start[0]!.count;
  return {
    perParticle: estimate(fits.map((f) => f.slope * 1e6 * milli)),
    perDegree: estimate(fits.map((f) => f.kT)),
    fluctuation: average(fits.map((f) => f.fluctuation)) * milli,
  };
}

/** How many values lie in [k, k+1) · width, from k = `from`. */
export function histogram(values: readonly number[], width: number): { from: number; counts: number[] } {
  const bins = values.map((v) => Math.floor(v / width));
  const from = bins.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const to = bins.reduce((a, b) => Math.max(a, b), from);
  const counts = new Array<number>(bins.length ? to - from + 1 : 0).fill(0);
  for (const b of bins) counts[b - from]!++;
  return { from: bins.length ? from : 0, counts };
}

export const average = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((a, b) => a + b, 0) / values.length;

/** Of independent values; the error of a single one is unknown. */
export function estimate(values: readonly number[]): Estimate {
  const mean = average(values);
  const n = values.length;
  const squares = values.reduce((s, v) => s + (v - mean) ** 2, 0);
  return { mean, error: n > 1 ? Math.sqrt(squares / (n - 1) / n) : Number.NaN };
}
