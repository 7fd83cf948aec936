import { checkOptionNames, invalid } from '../errors.js';
import { boltzmann, timeUnits } from '../units.js';
import { blockAverage } from './block-average.js';

export interface DriftFitOptions {
  /** Degrees of freedom: 3 per particle, less those removed (3 with the centre of mass at rest). */
  degreesOfFreedom: number;
  /** K, for drift in units of kT. Default 300. */
  temperature?: number;
}

/** A line through an energy in time, with standard errors. */
export interface DriftFit {
  /** eV/fs. */
  slope: number;
  /** eV/fs, standard error of the slope; correlation of the residuals taken into account. */
  error: number;
  /** eV, fitted energy at the mean time. */
  mean: number;
  /** eV, root mean square of the residuals: the fluctuation that stays. */
  fluctuation: number;
  /** eV per degree of freedom per ns, and its standard error. */
  perDegreeOfFreedom: number;
  perDegreeOfFreedomError: number;
  /** kT per degree of freedom per ns, and its standard error. */
  kT: number;
  kTError: number;
}

/**
 * Drift of a conserved energy: ordinary least squares E(t) = mean + slope (t − t̄). The textbook error of the slope is
 * multiplied by √(statistical inefficiency) of the residuals, for they are correlated in time (Flyvbjerg and Petersen
 * 1989, see `blockAverage`).
 * @param time fs
 * @param energy eV, total energy at those times
 * @throws EINVALID for fewer than three points, different lengths, or times that are all the same
 */
export function driftFit(
  time: ArrayLike<number>,
  energy: ArrayLike<number>,
  options: DriftFitOptions,
): DriftFit {
  checkOptionNames<DriftFitOptions>('driftFit', options, { degreesOfFreedom: true, temperature: true });
  const n = time.length;
  const { degreesOfFreedom, temperature = 300 } = options;
  if (energy.length !== n) invalid('driftFit.energy', `must have ${n} values like time`, energy.length);
  if (n < 3) invalid('driftFit', 'must have at least three points', n);
  if (!(degreesOfFreedom > 0)) invalid('driftFit.degreesOfFreedom', 'must be positive', degreesOfFreedom);
  if (!(temperature > 0)) invalid('driftFit.temperature', 'must be positive', temperature, 'give K');
  for (let i = 0; i < n; i++)
    for (const [what, x] of [
      ['time', time[i]!],
      ['energy', energy[i]!],
    ] as const)
      if (!Number.isFinite(x)) invalid(`driftFit.${what}[${i}]`, 'must be finite', x);
  const t = centered(time);
  const e = centered(energy);
  const spread = t.values.reduce((s, x) => s + x * x, 0);
  if (!(spread > 0)) invalid('driftFit.time', 'must hold different times', time[0]);
  const slope = t.values.reduce((s, x, i) => s + x * e.values[i]!, 0) / spread;
  const residuals = e.values.map((x, i) => x - slope * t.values[i]!);
  const sum2 = residuals.reduce((s, r) => s + r * r, 0);
  const error = Math.sqrt((sum2 / (n - 2) / spread) * blockAverage(residuals).inefficiency);
  const perNs = timeUnits.ns / degreesOfFreedom;
  const kT = boltzmann * temperature;
  return {
    slope,
    error,
    mean: e.mean,
    fluctuation: Math.sqrt(sum2 / n),
    perDegreeOfFreedom: slope * perNs,
    perDegreeOfFreedomError: error * perNs,
    kT: (slope * perNs) / kT,
    kTError: (error * perNs) / kT,
  };
}

// Subtracting the first value first keeps the digits of small changes of a large energy.
function centered(values: ArrayLike<number>): { mean: number; values: Float64Array } {
  const from = values[0]!;
  const shifted = Float64Array.from(values, (x) => x - from);
  const mean = shifted.reduce((s, x) => s + x, 0) / shifted.length;
  return { mean: from + mean, values: shifted.map((x) => x - mean) };
}
