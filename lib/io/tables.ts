/** Tables as text: comma-separated with a header, or one JSON object a line. */
import { type ColumnTable, toCSV as csvOf, from, fromCSV } from 'arquero';
import { malformed } from '../errors.js';
import type { TableFormat } from './formats.js';
import type { ByteSource } from './source.js';

/** A table as comma-separated text with a header (RFC 4180). */
export function toCSV(table: ColumnTable): string {
  return csvOf(table);
}

export function formatTable(table: ColumnTable, format: TableFormat): string {
  return format === 'csv' ? toCSV(table) : jsonLines(table.objects());
}

/** The reverse of `formatTable`. @throws EFORMAT naming the line that is no JSON object */
export function parseTable(source: ByteSource, format: TableFormat): ColumnTable {
  const text = new TextDecoder().decode(source.read(0, source.size, 'text'));
  return format === 'csv' ? fromCSV(text) : tableOfRows(parseJsonLines(text, source.name));
}

/** A table with every column that any row has; where a row has none, null. */
export function tableOfRows(rows: readonly object[]): ColumnTable {
  const names = new Set(rows.flatMap((row) => Object.keys(row)));
  return from(
    rows.map((row) =>
      Object.fromEntries([...names].map((n) => [n, (row as Record<string, unknown>)[n] ?? null])),
    ),
  );
}

/** Objects as JSON lines; numbers that JSON lacks become the words NaN, Infinity, -Infinity. */
export function jsonLines(rows: readonly object[]): string {
  const speakable = (_: string, v: unknown): unknown =>
    typeof v === 'number' && !Number.isFinite(v) ? String(v) : v;
  return rows.map((r) => `${JSON.stringify(r, speakable)}\n`).join('');
}

/** The reverse of `jsonLines`. A last line cut short by a crash is left out. */
export function parseJsonLines(text: string, file: string): Record<string, unknown>[] {
  const lines = text.split('\n');
  const cut = lines.pop() !== '';
  if (cut) lines.push(text.slice(text.lastIndexOf('\n') + 1));
  return lines.flatMap((line, i) => {
    if (line.trim() === '') return [];
    try {
      const row: unknown = JSON.parse(line);
      if (typeof row === 'object' && row !== null && !Array.isArray(row)) return [spoken(row)];
    } catch {
      if (cut && i === lines.length - 1) return [];
    }
    return malformed(file, `line ${i + 1}`, 'must be a JSON object', line);
  });
}

const words = new Map<unknown, number>([
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
]);

function spoken(row: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(row).map(([k, v]) => [k, words.get(v) ?? v]));
}
