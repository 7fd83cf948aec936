/** Rows kept for where they cannot be measured: JSON lines, several studies to a file. */
import { appendFileSync } from 'node:fs';
import { invalid } from '../errors.js';
import { readText } from '../io/text.js';
import { jsonLines, parseJsonLines, tableOfRows } from '../tables/files.js';
import type { Table } from '../tables/index.js';

/** Appends a finished study's table to a file, and gives the table back. */
export function record(table: Table, file: string): Table {
  appendFileSync(file, jsonLines(table.objects()));
  return table;
}

/**
 * What `record` kept of one study.
 * @param study the column `study` of its rows
 * @throws EINVALID for a study that the file has no rows of, naming those it has
 */
export function recorded(study: string, file: string): Table {
  const all = parseJsonLines(readText(file), file);
  const rows = all.filter((row) => row['study'] === study);
  if (rows.length === 0) {
    const known = [...new Set(all.map((row) => String(row['study'])))];
    invalid(`recorded rows in ${file}`, `must be of one of ${known.join(', ') || 'no study'}`, study);
  }
  return tableOfRows(rows);
}
