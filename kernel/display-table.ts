/** Tables as HTML that sorts and copies, as aligned text, and as the dataresource JSON that front ends know. */
import { gzipSync } from 'node:zlib';
import { formatNumber, groupThousands } from '../lib/format.js';
import { clientScript, escapeHtml, place } from '../lib/plot/page.js';
import type { Table } from '../lib/tables/index.js';

/** Rows shown; the JSON type holds more. */
const shownRows = 50;
const jsonRows = 1000;
/** What HTML carries packed beside them for sorting and copying: whole tables, or as many rows as these let through. */
const mostRows = 20_000;
const mostCells = 100_000;
const mostBytes = 400_000;
/** Longer words are cut in the text form and wrapped in HTML. */
const textWidth = 40;

interface Column {
  name: string;
  numeric: boolean;
  /** Digits after the point, the same in the whole column; undefined: each number as it reads best. */
  decimals: number | undefined;
  values: unknown[];
}

/** Whether a value is an arquero table, also of another copy of the library. */
export function isTable(value: unknown): value is Table {
  const t = value as Partial<Table> | null | undefined;
  return (
    typeof t === 'object' &&
    t !== null &&
    typeof t.columnNames === 'function' &&
    typeof t.numRows === 'function' &&
    typeof t.get === 'function' &&
    typeof t.objects === 'function'
  );
}

export function tableBundle(table: Table): Record<string, unknown> {
  const fit = Math.floor(mostCells / Math.max(1, table.numCols()));
  const columns = columnsOf(table, Math.min(mostRows, Math.max(shownRows, fit)));
  return {
    'text/html': tableHtml(columns, table.numRows()),
    'text/plain': tableText(columns, table.numRows()),
    'application/vnd.dataresource+json': dataResource(columns),
  };
}

function columnsOf(table: Table, limit: number): Column[] {
  const n = Math.min(limit, table.numRows());
  return table.columnNames().map((name) => {
    const values = Array.from(table.array(name, Array) as Iterable<unknown>).slice(0, n);
    const present = values.filter((v) => v !== null && v !== undefined);
    const numeric =
      present.length > 0 && present.every((v) => typeof v === 'number' || typeof v === 'bigint');
    return { name, numeric, decimals: numeric ? decimalsOf(present as number[]) : undefined, values };
  });
}

/** As many digits after the point as show the largest number with six significant ones, where that suits all. */
function decimalsOf(values: readonly (number | bigint)[]): number | undefined {
  const sizes = values.map((v) => Math.abs(Number(v))).filter((v) => v > 0 && Number.isFinite(v));
  if (sizes.length === 0 || values.every((v) => typeof v === 'bigint' || Number.isInteger(v)))
    return undefined;
  const [least, greatest] = sizes.reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)], [1e300, 0]);
  const decimals = Math.max(0, 5 - Math.floor(Math.log10(greatest)));
  const readable = greatest < 1e9 && decimals <= 8 && least! * 10 ** decimals >= 10;
  if (!readable) return undefined;
  const needed = values.map((v) => (/\.(\d+)$/.exec(String(v))?.[1] ?? '').length);
  return Math.min(
    decimals,
    needed.reduce((a, b) => Math.max(a, b), 0),
  );
}

function numberText(value: number, decimals: number | undefined): string {
  if (decimals === undefined || !Number.isFinite(value)) return formatNumber(value, 6);
  return groupThousands(value.toFixed(decimals));
}

function cellText(value: unknown, decimals?: number): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'number') return numberText(value, decimals);
  if (typeof value === 'bigint') return groupThousands(String(value));
  if (value instanceof Date) return value.toISOString();
  if (ArrayBuffer.isView(value)) return `${value.constructor.name}(${(value as Float64Array).length})`;
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** "showing 50 of 12 345 rows", or just how many there are. */
function caption(shown: number, total: number): string {
  const rows = `${formatNumber(total)} row${total === 1 ? '' : 's'}`;
  return shown < total ? `showing ${formatNumber(shown)} of ${rows}` : rows;
}

const numberStyle = 'text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap';

function tableHtml(columns: readonly Column[], total: number): string {
  const shown = Math.min(shownRows, total);
  const style = (c: Column): string =>
    c.numeric ? `class="n" style="${numberStyle}"` : 'style="text-align:left"';
  const more = packedRows(columns, shown);
  const held = shown + more.count;
  const some = held < total ? `the first ${formatNumber(held)} rows` : '';
  const title = some && ` title="sort ${some}"`;
  const head = columns.map((c) => `<th scope="col" ${style(c)}${title}>${escapeHtml(c.name)}</th>`).join('');
  const rows = Array.from({ length: shown }, (_, i) => {
    const cells = columns.map((c) => {
      const [text, exact] = cellOf(c, i);
      const value = exact === undefined ? '' : ` data-value="${escapeHtml(exact)}"`;
      const open =
        !c.numeric && text.length <= textWidth ? 'style="text-align:left;white-space:nowrap"' : style(c);
      return `<td ${open}${value}>${escapeHtml(text)}</td>`;
    });
    return `<tr>${cells.join('')}</tr>`;
  });
  const foot = `<div style="font-size:85%;opacity:0.75;margin:2px 0 8px">${caption(shown, total)} <button hidden>Copy ${some && `${some} `}as CSV</button></div>`;
  const body = `<table><thead><tr>${head}</tr></thead><tbody>${rows.join('')}</tbody></table>${foot}`;
  return `${clientScript()}${place('table', body, more.packed)}`;
}

/** A cell's text, and its exact value where that reads otherwise. */
function cellOf(column: Column, row: number): [text: string, exact?: string] {
  const value = column.values[row];
  const text = cellText(value, column.decimals);
  const raw = value === null || value === undefined ? '' : String(value);
  return column.numeric && raw !== text ? [text, raw] : [text];
}

/** Rows from `first` on as the page's script reads them (client.js): gzipped JSON, no more than a notebook should keep. */
function packedRows(columns: readonly Column[], first: number): { count: number; packed?: string } {
  const all = (columns[0]?.values.length ?? 0) - first;
  if (all <= 0) return { count: 0 };
  const row = (_: unknown, i: number): unknown[] =>
    columns.map((c) => {
      const [text, exact] = cellOf(c, first + i);
      return exact === undefined ? text : [text, exact];
    });
  const pack = (length: number): string =>
    gzipSync(JSON.stringify(Array.from({ length }, row))).toString('base64');
  // The first thousand say how many fit.
  let count = Math.min(all, 1000);
  let packed = pack(count);
  if (count < all) {
    count = Math.min(all, Math.floor((0.97 * count * mostBytes) / packed.length));
    packed = pack(count);
  }
  while (packed.length > mostBytes) {
    count = Math.floor(0.9 * count);
    packed = pack(count);
  }
  return { count, packed };
}

function tableText(columns: readonly Column[], total: number): string {
  const shown = Math.min(shownRows, total);
  const cut = (text: string): string => (text.length > textWidth ? `${text.slice(0, textWidth - 1)}…` : text);
  const blocks = columns.map((c) => {
    const cells = [c.name, ...c.values.slice(0, shown).map((v) => cellText(v, c.decimals))].map((t) =>
      cut(t.replace(/\s*\n\s*/g, ' ')),
    );
    const width = Math.max(...cells.map((t) => t.length));
    return cells.map((t) => (c.numeric ? t.padStart(width) : t.padEnd(width)));
  });
  const lines = Array.from({ length: shown + 1 }, (_, i) =>
    blocks
      .map((b) => b[i])
      .join('  ')
      .trimEnd(),
  );
  return [...lines, caption(shown, total)].join('\n');
}

/** https://specs.frictionlessdata.io/tabular-data-resource/ */
function dataResource(columns: readonly Column[]): Record<string, unknown> {
  const n = Math.min(jsonRows, columns[0]?.values.length ?? 0);
  const plain = (v: unknown): unknown =>
    typeof v === 'bigint' ? String(v) : ArrayBuffer.isView(v) ? cellText(v) : v;
  const typeOf = (c: Column): string => {
    if (c.numeric) return 'number';
    return c.values.length > 0 && c.values.every((v) => typeof v === 'boolean') ? 'boolean' : 'string';
  };
  return {
    schema: { fields: columns.map((c) => ({ name: c.name, type: typeOf(c) })) },
    data: Array.from({ length: n }, (_, i) =>
      Object.fromEntries(columns.map((c) => [c.name, plain(c.values[i])])),
    ),
  };
}
