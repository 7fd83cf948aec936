// What benchmarks share: repeated timing, the environment's stamp, rows printed and written to build/bench/.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { environment } from '../../lib/environment.js';
import { root } from '../tools.js';

export type Row = Record<string, string | number | boolean | null>;

export interface Timing {
  median: number;
  p5: number;
  p95: number;
  repeats: number;
}

/** Seconds that `body` says it took, over `repeats` calls after `warmup` ones. */
export function timed(repeats: number, warmup: number, body: () => number): Timing {
  for (let k = 0; k < warmup; k++) body();
  const times = Array.from({ length: repeats }, body).sort((a, b) => a - b);
  const at = (q: number): number => times[Math.min(repeats - 1, Math.floor(q * repeats))]!;
  return { median: at(0.5), p5: at(0.05), p95: at(0.95), repeats };
}

/** Prints columns of `rows` and writes the rows, stamped, to build/bench/NAME.json. */
export function report(name: string, rows: readonly Row[], columns: readonly string[]): void {
  const cell = (v: Row[string] | undefined): string =>
    typeof v === 'number' ? (Number.isInteger(v) ? String(v) : v.toPrecision(3)) : String(v ?? '');
  const table = [columns, ...rows.map((r) => columns.map((c) => cell(r[c])))];
  const widths = columns.map((_, k) => Math.max(...table.map((line) => line[k]!.length)));
  for (const line of table)
    console.log(line.map((v, k) => (k ? v.padStart(widths[k]!) : v.padEnd(widths[k]!))).join('  '));
  const folder = join(root, 'build', 'bench');
  mkdirSync(folder, { recursive: true });
  const stamp = { ...environment(), date: new Date().toISOString() };
  writeFileSync(
    join(folder, `${name}.json`),
    `${JSON.stringify(
      rows.map((r) => ({ ...r, ...stamp })),
      null,
      1,
    )}\n`,
  );
}
