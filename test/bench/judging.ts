// What judge.bench.ts measures with, and the sheet it fills.
import { deviceOf, memoryMeter } from '../../lib/models/place.js';
import { evaluate, type Potential } from '../../lib/models/potential.js';
import type { SchnetOptions } from '../../lib/models/schnet.js';
import type { SchnetConfig } from '../../lib/models/schnet-config.js';
import { randomSchnet } from '../../lib/models/schnet-random.js';
import type { Structure } from '../../lib/structure/index.js';
import { collectGarbage } from '../../lib/studies/collect.js';
import { timeOnDevice } from '../../lib/studies/place.js';
import { spread } from '../../lib/studies/timing.js';
import { relativeError } from '../tools.js';
import type { Row } from './tools.js';

export interface Timed {
  ms: number;
  p5: number;
  p95: number;
  edges: number;
  repeats: number;
}

/** One way of computing, timed and judged by its own forces. */
export interface Measured extends Timed {
  error: number;
  /** Memory of model, workspace, list and results where it computes. */
  peakGB: number;
  options: SchnetOptions;
}

/** @param exact forces of the first system */
export async function measure(
  config: SchnetConfig,
  options: SchnetOptions,
  systems: readonly Structure[],
  exact: Float64Array,
  repeats: number,
): Promise<Measured> {
  await collectGarbage();
  const model = randomSchnet(config, options);
  const meter = memoryMeter(model);
  meter.reset();
  // A model takes a GPU's memory when it is first evaluated: what is held before is another's.
  const others = deviceOf(model) === undefined ? 0 : meter.held();
  const got = evaluate(model, systems);
  const peakGB = (meter.peak() - others) / 1e9;
  const error = relativeError(got.forces.subarray(0, exact.length), exact);
  return { ...forcesTime(model, systems, repeats), edges: got.edges, error, peakGB, options };
}

/** By the device's clock on a GPU, where positions and list lie; else by the caller's, without the list. */
export function forcesTime(potential: Potential, systems: readonly Structure[], repeats: number): Timed {
  const onHost = (): { seconds: ArrayLike<number>; edges: number } => ({
    seconds: Array.from({ length: repeats }, () => evaluate(potential, systems).seconds.evaluate),
    edges: 0,
  });
  const { edges, seconds } =
    deviceOf(potential) === undefined ? onHost() : timeOnDevice(potential, systems, repeats);
  return { ...milliseconds(seconds), edges, repeats };
}

export function milliseconds(seconds: ArrayLike<number>): { ms: number; p5: number; p95: number } {
  const { high, low, median } = spread(seconds);
  return { ms: 1e3 * median, p5: 1e3 * low, p95: 1e3 * high };
}

/** Columns of a row that say what was timed. */
export function columnsOf(m: Partial<Measured> | undefined): Row {
  if (!m) return {};
  const { edges = null, error = null, ms = null, p5 = null, p95 = null, peakGB = null, repeats = null } = m;
  return { ms, 'p5 ms': p5, 'p95 ms': p95, 'force error': error, 'peak GB': peakGB, edges, repeats };
}

/** The fastest of those whose forces are within `limit`, with its name. */
export function fastest(all: ReadonlyMap<string, Measured>, limit: number): [string, Measured] | undefined {
  return [...all].filter(([, m]) => m.error <= limit).sort(([, a], [, b]) => a.ms - b.ms)[0];
}

/** What cannot be measured says why, and the rest goes on. */
export async function attempt<T>(what: string, body: () => T | Promise<T>): Promise<T | undefined> {
  try {
    return await body();
  } catch (error) {
    console.error(`judge: ${what}: ${(error as Error).message}`);
    return undefined;
  }
}

export interface Limits {
  must: number;
  goal?: number;
  unit?: string;
  /** Default: less is better. */
  better?: 'below' | 'above';
}

/** The table of what must be, what is aimed at, and what was measured. */
export class Sheet {
  readonly rows: Row[] = [];

  judge(what: string, limits: Limits, measured: number | undefined, how: string = '', more: Row = {}): void {
    const { better = 'below', goal, must, unit = '' } = limits;
    const meets = (limit: number, m: number): boolean => (better === 'below' ? m <= limit : m >= limit);
    const told = (limit: number | undefined): string =>
      limit === undefined ? '' : `${better === 'below' ? '<=' : '>='} ${limit} ${unit}`.trim();
    let verdict = 'not measured';
    if (measured !== undefined && Number.isFinite(measured)) {
      verdict = meets(must, measured) ? 'must' : 'MISSED';
      if (goal !== undefined && meets(goal, measured)) verdict = 'goal';
    }
    this.rows.push({
      what,
      must: told(must),
      goal: told(goal),
      measured: measured ?? null,
      unit,
      verdict,
      how,
      ...more,
    });
  }
}
