/** How long something takes, honestly: warmed up, repeated, with its spread. */
import { checkOptionNames, invalid } from '../errors.js';

export interface TimingOptions {
  /** Runs before the clock starts. Default 2. */
  warmup?: number;
  /** Timed runs. Default 20. */
  repeats?: number;
  /** Stops early after this many seconds of timed runs, but never before 3 of them. Default 60. */
  seconds?: number;
  signal?: AbortSignal | undefined;
}

export const timingOptionNames: Readonly<Record<keyof TimingOptions, true>> = {
  warmup: true,
  repeats: true,
  seconds: true,
  signal: true,
};

/** Median and the 5th and 95th percentile of wall times, s. */
export interface Timing {
  median: number;
  low: number;
  high: number;
  repeats: number;
}

/** Fewest timed runs, whatever the time limit. */
export const fewest = 3;

/**
 * Times a function. Between runs the event loop turns, so that progress and interrupts get through.
 * @throws EINVALID when repeats is below 3; whatever the function throws
 */
export async function timed(run: () => unknown, options: TimingOptions = {}): Promise<Timing> {
  checkOptionNames<TimingOptions>('timed', options, timingOptionNames);
  const { warmup = 2, repeats = 20, seconds = 60 } = options;
  if (!(Number.isInteger(repeats) && repeats >= fewest))
    invalid('timed.repeats', 'must be at least 3', repeats);
  for (let i = 0; i < warmup; i++) {
    await run();
    await breathe(options.signal);
  }
  const times: number[] = [];
  let spent = 0;
  while (times.length < repeats && (times.length < fewest || spent < seconds)) {
    const start = performance.now();
    await run();
    const took = (performance.now() - start) / 1000;
    times.push(took);
    spent += took;
    await breathe(options.signal);
  }
  return { ...spread(times), repeats: times.length };
}

async function breathe(signal: AbortSignal | undefined): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  signal?.throwIfAborted();
}

/** Median and the 5th and 95th percentile; percentiles lie between neighbouring values (type 7 of Hyndman and Fan). */
export function spread(values: ArrayLike<number>): { median: number; low: number; high: number } {
  const sorted = Float64Array.from(values).sort();
  const at = (q: number): number => {
    const place = q * (sorted.length - 1);
    const below = Math.floor(place);
    const a = sorted[below]!;
    return a + (place - below) * ((sorted[below + 1] ?? a) - a);
  };
  return { median: at(0.5), low: at(0.05), high: at(0.95) };
}
