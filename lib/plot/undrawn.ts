/** Values that a figure cannot show: what is not a number, and what is not above zero on a logarithmic axis. */
import { soft } from './style.js';
import type { Trace } from './traces.js';

/** Words about values that are missing from a figure without their maker's intent; `everything`: nothing is left to see. */
export interface Undrawn {
  words: string;
  everything: boolean;
}

/**
 * What lines, points and bars leave out. A value that is not a number is a gap, which somebody meant, unless there is
 * nothing else.
 */
export function undrawn(
  traces: readonly Trace[],
  logarithmic: { x: boolean; y: boolean },
): Undrawn | undefined {
  let [count, gaps, below] = [0, 0, 0];
  for (const t of traces) {
    if ((t['type'] ?? 'scatter') !== 'scatter' && t['type'] !== 'bar') return undefined;
    if ((t['meta'] as Trace | undefined)?.['role'] === 'band') continue;
    const [x, y] = [t['x'], t['y']] as [unknown[] | undefined, unknown[] | undefined];
    if (!x || !y) return undefined;
    for (let i = 0; i < x.length; i++) {
      count++;
      if (missing(x[i]) || missing(y[i])) gaps++;
      else if ((logarithmic.x && notPositive(x[i])) || (logarithmic.y && notPositive(y[i]))) below++;
    }
  }
  if (count === 0) return undefined;
  if (gaps === count) return { words: `no finite value among ${count}`, everything: true };
  if (below === 0) return undefined;
  const words = `${below} of ${count} values not shown: zero or below on a logarithmic axis`;
  return { words, everything: gaps + below === count };
}

const missing = (v: unknown): boolean => (typeof v === 'number' ? !Number.isFinite(v) : v == null);
const notPositive = (v: unknown): boolean => typeof v === 'number' && v <= 0;

/**
 * A line's points without neighbours get a dot: between gaps, or alone, there is no line to show them.
 * Takes back the dots of an earlier call, so that a growing line can pass through it again.
 */
export function dotted(trace: Trace): Trace {
  const had = (trace['meta'] as Trace | undefined)?.['role'] === 'dots';
  if (trace['type'] !== 'scatter' || (trace['mode'] !== 'lines' && !had)) return trace;
  if ((trace['meta'] as Trace | undefined)?.['role'] === 'band') return trace;
  const { size: _, line: __, ...marker } = (trace['marker'] ?? {}) as Trace;
  const [x, y] = [trace['x'], trace['y']] as [unknown[], unknown[]];
  const there = (i: number): boolean => i >= 0 && i < y.length && !missing(x[i]) && !missing(y[i]);
  const alone = y.map((_, i) => there(i) && !there(i - 1) && !there(i + 1));
  const { meta: ___, ...rest } = trace;
  if (!alone.includes(true)) return had ? { ...rest, mode: 'lines', marker } : trace;
  const size = alone.map((a) => (a ? 5 : 0));
  return {
    ...trace,
    mode: 'lines+markers',
    marker: { ...marker, size, line: { width: 0 } },
    meta: { role: 'dots' },
  };
}

/** Says in the plot what it does not show. */
export function undrawnNote({ words, everything }: Undrawn): Record<string, unknown> {
  const at = everything ? { x: 0.5, y: 0.5 } : { x: 1, xanchor: 'right', y: 1, yanchor: 'bottom', yshift: 2 };
  const font = { size: everything ? 14 : 11.5, color: soft };
  return { text: words, showarrow: false, xref: 'paper', yref: 'paper', font, ...at };
}
