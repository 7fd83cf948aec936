import { invalid } from '../errors.js';

/** One level of blocking. */
export interface BlockLevel {
  /** Values per block. */
  size: number;
  blocks: number;
  /** Standard error of the mean if the block means were independent. */
  error: number;
  /** Its own standard error. */
  uncertainty: number;
}

/** A mean of correlated values and its standard error. */
export interface BlockAverage {
  mean: number;
  /** Standard error of the mean, correlation taken into account. */
  error: number;
  /** The error's own standard error. */
  uncertainty: number;
  /** How many values count as one independent one, at least 1: (error / naive error)². */
  inefficiency: number;
  /** Whether the series is long enough for its correlation; if not, `error` is a lower bound. */
  converged: boolean;
  /** Every level, for the plot of error against block size. */
  levels: BlockLevel[];
}

/**
 * Mean of a correlated series and its standard error by blocking (Flyvbjerg and Petersen, J. Chem. Phys. 91, 461 (1989)):
 * neighbouring values are averaged pairwise until the apparent error stops growing. The block size B is the smallest with
 * B³ > 2 n (error_B / error_1)⁴ (Lee et al., Phys. Rev. E 83, 066706 (2011), section IV), which balances the remaining bias against
 * the noise of few blocks.
 * @throws EINVALID for fewer than two values or one that is not finite
 */
export function blockAverage(series: ArrayLike<number>): BlockAverage {
  const n = series.length;
  if (n < 2) invalid('blockAverage', 'must have at least two values', n);
  let values = Float64Array.from(series);
  const bad = values.findIndex((x) => !Number.isFinite(x));
  if (bad >= 0) invalid(`blockAverage[${bad}]`, 'must be finite', values[bad]);
  const mean = average(values);
  const levels: BlockLevel[] = [];
  for (let size = 1; values.length >= 2; size *= 2) {
    const blocks = values.length;
    const center = average(values);
    const variance = values.reduce((s, x) => s + (x - center) ** 2, 0) / blocks;
    const error = Math.sqrt(variance / (blocks - 1));
    levels.push({ size, blocks, error, uncertainty: error / Math.sqrt(2 * (blocks - 1)) });
    values = Float64Array.from({ length: blocks >> 1 }, (_, k) => (values[2 * k]! + values[2 * k + 1]!) / 2);
  }
  const naive = levels[0]!.error;
  const fits = (level: BlockLevel): boolean => level.size ** 3 > 2 * n * (level.error / naive) ** 4;
  if (naive === 0) return { mean, error: 0, uncertainty: 0, inefficiency: 1, converged: true, levels };
  const found = levels.find(fits);
  const chosen = found ?? levels.reduce((a, b) => (b.error > a.error ? b : a));
  return {
    mean,
    error: chosen.error,
    uncertainty: chosen.uncertainty,
    inefficiency: Math.max(1, (chosen.error / naive) ** 2),
    converged: found !== undefined,
    levels,
  };
}

// About the first value, so that a large offset costs no digits.
function average(values: Float64Array): number {
  const origin = values[0]!;
  return origin + values.reduce((s, x) => s + (x - origin), 0) / values.length;
}
