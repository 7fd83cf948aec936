/** Columns as arrays; tables from and to CSV and JSON lines. */
import { extname } from 'node:path';
import { type ColumnTable, toCSV as csvOf, from, fromCSV } from 'arquero';
import { invalid, malformed, unknownChoice } from '../errors.js';
import { readText } from '../io/text.js';
import { writeWhole } from '../io/write-whole.js';

/** Endings `saveTable` and `loadTable` know: comma-separated with a header, or one JSON object a line. */
export const tableFormats: readonly string[] = ['.csv', '.jsonl'];

/**
 * A column as numbers, in row order.
 * @example line(column(t, 'replicas'), column(t, 'rate'))
 * @throws EINVALID for an unknown name, or values that are not numbers (missing ones become NaN)
 */
export function column(table: ColumnTable, name: string): Float64Array {
  if (!table.columnNames().includes(name)) unknownChoice('column', name, table.columnNames());
  return Float64Array.from(table.array(name) as Iterable<unknown>, (value, row) => {
    if (value === null || value === undefined) return Number.NaN;
    if (typeof value !== 'number') invalid(`column '${name}'`, 'must hold numbers', value, `see row ${row}`);
    return value;
  });
}

/** A table as comma-separated text with a header (RFC 4180). */
export function toCSV(table: ColumnTable): string {
  return csvOf(table);
}

/** Writes .csv or .jsonl by the name's ending, whole or not at all, and gives the name back. */
export function saveTable(table: ColumnTable, file: string): string {
  const text = formatOf(file) === '.csv' ? toCSV(table) : jsonLines(table.objects());
  writeWhole(file, [text]);
  return file;
}

/** Reads what `saveTable` wrote. @throws ENOTFOUND, or EFORMAT naming the line that is no JSON object */
export function loadTable(file: string): ColumnTable {
  const format = formatOf(file);
  const text = readText(file);
  if (format === '.csv') return fromCSV(text);
  return tableOfRows(parseJsonLines(text, file));
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

function formatOf(file: string): string {
  const format = extname(file).toLowerCase();
  if (!tableFormats.includes(format)) unknownChoice('table file', format || file, tableFormats);
  return format;
}
