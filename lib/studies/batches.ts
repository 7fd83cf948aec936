/** How many replicas fit a GPU: estimated, then tried. */
import { checkOptionNames } from '../errors.js';
import { checkCount, checkPositive } from '../md/integrators.js';
import { memoryMeter, placeOf } from '../models/place.js';
import { evaluate, type Potential } from '../models/potential.js';
import { randomGlobule, replicas, type Structure } from '../structure/index.js';
import type { Table } from '../tables/index.js';
import { collectGarbage } from './collect.js';
import { printsOf } from './inputs.js';
import { freeBytes } from './place.js';
import { pass } from './steps.js';
import { checkMakers, keptOptionNames, studyOf } from './study.js';

export interface BatchStudyOptions {
  /** Built anew for every row. */
  models: Readonly<Record<string, () => Potential>>;
  /** Default: 269 random beads in a sphere of 14 Å. */
  structure?: Structure;
  /** Bytes to fill; default what is free on the GPU, and 4 GiB on a CPU. */
  bytes?: number;
  /** No more replicas than this are tried. Default 65536. */
  limit?: number;
  /** Of the structure. Default 1. */
  seed?: number;
  /** Keeps rows, and goes on from there, as in `throughputStudy`. */
  file?: string;
  version?: string;
  signal?: AbortSignal;
  progress?: boolean;
}

/** Replicas at which the need of memory is measured. */
const probes = [8, 32] as const;
/** Part of the memory that is planned with. */
const share = 0.97;

/**
 * The largest batch that fits: the memory of one replica, from two small batches and then from one at least half as large as the
 * predicted; the batch that this predicts; and whether it then evaluates. Columns: bytesPerReplica, available (bytes), predicted
 * (replicas), tried, fits, peakBytes, seconds, failure.
 * @throws EINVALID for a limit or bytes that are not positive, a model that is no function
 */
export function batchStudy(options: BatchStudyOptions): Promise<Table> {
  checkOptionNames<BatchStudyOptions>('batchStudy', options, {
    ...keptOptionNames,
    ...{ models: true, structure: true, bytes: true, limit: true, seed: true },
  });
  const { limit = 65_536, seed = 1 } = options;
  checkCount('batchStudy.limit', limit);
  if (options.bytes !== undefined) checkPositive('batchStudy.bytes', options.bytes, 'bytes');
  checkMakers('batchStudy.models', options.models);
  const one = options.structure ?? randomGlobule({ beads: 269, radius: 14, seed });
  const copies = (count: number): Structure[] => replicas(one, count, { jitter: 0.1, seed });
  const prints = printsOf(options.models);
  const rows = {
    name: 'largest batch',
    grid: { model: Object.keys(options.models) },
    measure: async ({ model }: { model: string }) => {
      const peaks: number[] = [];
      for (const count of probes)
        peaks.push((await attempt(options.models[model]!, copies(count))).peakBytes);
      await collectGarbage();
      const potential = options.models[model]!();
      const available = options.bytes ?? freeBytes(potential) ?? 2 ** 32;
      const plan = await planned(peaks, share * available, limit, (count) =>
        attempt(options.models[model]!, copies(count)),
      );
      const got = await attempt(() => potential, copies(plan.tried));
      return {
        atoms: one.count,
        available,
        ...plan,
        fits: got.failure === '',
        ...got,
        seed,
        ...placeOf(potential),
      };
    },
    ...pass(options),
  };
  return studyOf(rows, async ({ model }) => [one, limit, options.bytes, seed, await prints(model, one)]);
}

interface Attempt {
  peakBytes: number;
  seconds: number;
  /** '' where it fitted. */
  failure: string;
}

/**
 * Predicts the largest batch. Few replicas may take other kernels than many, which hold more or less of each: what is predicted
 * from them is corrected by a batch half as large, until no larger one follows; one that does not fit is the limit from there on.
 * @param peaks bytes of the `probes`
 * @param room bytes
 */
export async function planned(
  peaks: readonly number[],
  room: number,
  limit: number,
  measure: (count: number) => Promise<Pick<Attempt, 'peakBytes' | 'failure'>>,
): Promise<{ bytesPerReplica: number; predicted: number; tried: number }> {
  const slope = (peaks[1]! - peaks[0]!) / (probes[1] - probes[0]);
  // Where the larger probe takes no more, other kernels served it.
  const fixed = slope > 0 ? peaks[0]! - probes[0] * slope : 0;
  let bytesPerReplica = (peaks[1]! - fixed) / probes[1];
  for (let largest: number = probes[1], most = limit; ; ) {
    const predicted = Math.max(0, Math.floor((room - fixed) / bytesPerReplica));
    const tried = Math.max(1, Math.min(most, predicted));
    const half = Math.floor(tried / 2);
    if (half <= largest) return { bytesPerReplica, predicted, tried };
    const { failure, peakBytes } = await measure(half);
    if (failure) most = half - 1;
    else {
      bytesPerReplica = (peakBytes - fixed) / half;
      largest = half;
    }
  }
}

async function attempt(make: () => Potential, systems: readonly Structure[]): Promise<Attempt> {
  await collectGarbage();
  const potential = make();
  const meter = memoryMeter(potential);
  const before = meter.held();
  meter.reset();
  try {
    const { list, evaluate: alone } = evaluate(potential, systems).seconds;
    return { peakBytes: meter.peak() - before, seconds: list + alone, failure: '' };
  } catch (error) {
    if ((error as { code?: string }).code !== 'ENOMEM') throw error;
    return { peakBytes: meter.peak() - before, seconds: 0, failure: (error as Error).message };
  }
}
