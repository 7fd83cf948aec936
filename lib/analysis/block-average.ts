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
  /** Of neighbouring block means, -1 to 1; that of independent ones scatters about 0 by 1 / √blocks. */
  correlation: number;
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
  /** Whether correlation is seen to end within the series; if not, `error` is a lower bound. */
  converged: boolean;
  /** Every level, for the plot of error against block size. */
  levels: BlockLevel[];
}

/** Levels of fewer blocks than these say too little: of errors, and of correlation that has ended. */
const fewest = 8;
const enough = 32;

/**
 * Mean of a correlated series and its standard error by blocking (Flyvbjerg and Petersen, J. Chem. Phys. 91, 461 (1989)):
 * neighbouring values are averaged pairwise until the blocks are independent. Those are the smallest ones that, like all
 * larger ones, are correlated with their neighbours by less than two standard errors (a test of every level, as Jonsson
 * has it, Phys. Rev. E 98, 043304 (2018)): a slow motion under fast noise shows in large blocks only. Correlation too
 * weak to be seen is allowed for by an error from blocks four times as large, as long as there are eight.
 *
 * It has converged where 32 such independent blocks fit into the series, or no correlation is seen at all among eight
 * values or more. Most series shorter than about a hundred correlation times have not; one whose slow part hides in its
 * noise may pass with an error that is too small.
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
    levels.push(levelOf(values, size));
    values = Float64Array.from(
      { length: values.length >> 1 },
      (_, k) => (values[2 * k]! + values[2 * k + 1]!) / 2,
    );
  }
  const usable = levels.filter((level, k) => k === 0 || level.blocks >= fewest);
  const independent = usable.findLastIndex((level) => !(level.correlation ** 2 * level.blocks < 4)) + 1;
  const chosen = usable[independent === 0 ? 0 : Math.min(independent + 2, usable.length - 1)]!;
  const naive = levels[0]!.error;
  return {
    mean,
    error: chosen.error,
    uncertainty: chosen.uncertainty,
    inefficiency: naive === 0 ? 1 : Math.max(1, (chosen.error / naive) ** 2),
    converged: naive === 0 || (usable[independent]?.blocks ?? 0) >= (independent === 0 ? fewest : enough),
    levels,
  };
}

function levelOf(values: Float64Array, size: number): BlockLevel {
  const blocks = values.length;
  const center = average(values);
  const off = values.map((x) => x - center);
  const squares = off.reduce((s, x) => s + x * x, 0);
  const products = off.reduce((s, x, k) => (k === 0 ? 0 : s + x * off[k - 1]!), 0);
  const error = Math.sqrt(squares / blocks / (blocks - 1));
  // That of independent values is 1 / blocks below zero on average, for their mean is their own.
  const correlation = squares === 0 ? 0 : products / squares + 1 / blocks;
  return { size, blocks, error, uncertainty: error / Math.sqrt(2 * (blocks - 1)), correlation };
}

// About the first value, so that a large offset costs no digits.
function average(values: Float64Array): number {
  const origin = values[0]!;
  return origin + values.reduce((s, x) => s + (x - origin), 0) / values.length;
}
