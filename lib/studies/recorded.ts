/** Rows kept for where they cannot be measured: JSON lines, several studies to a file. */
import { invalid } from '../errors.js';
import { jsonLines, parseJsonLines, tableOfRows } from '../io/tables.js';
import { readText } from '../io/text.js';
import { append } from '../io/write-whole.js';
import type { Table } from '../tables/index.js';

/**
 * Appends a finished study's table to a file, and gives the table back. The rows are kept with the time, `recorded`: what is
 * recorded again later goes before, and nothing is taken away.
 * @throws EIO where the file cannot be written
 */
export function record(table: Table, file: string): Table {
  const recorded = new Date().toISOString();
  append(
    file,
    jsonLines((table.objects() as Record<string, unknown>[]).map((row) => ({ ...row, recorded }))),
  );
  return table;
}

/**
 * What `record` kept last of one study.
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
  const last = rows.at(-1)!['recorded'];
  const latest = rows.filter((row) => row['recorded'] === last);
  return tableOfRows(latest.map(({ recorded: _, ...row }) => row));
}
