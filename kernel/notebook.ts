/** Notebook files: nbformat 4 read in any minor version, written as 4.5. */
import { randomUUID } from 'node:crypto';
import { malformed } from '../lib/errors.js';
import { readText } from '../lib/io/text.js';
import { writeWhole } from '../lib/io/write-whole.js';
import { StreamLimit } from './stream-limit.js';
import { WidgetStates } from './widget-state.js';
import type { CellError, MimeBundle, Output } from './wire.js';

export interface Notebook {
  nbformat: number;
  nbformat_minor: number;
  metadata: Record<string, unknown>;
  cells: NotebookCell[];
}

export interface NotebookCell {
  id?: string;
  cell_type: 'code' | 'markdown' | 'raw';
  metadata: { tags?: string[]; [key: string]: unknown };
  source: string;
  execution_count?: number | null;
  outputs?: CellOutput[];
  attachments?: unknown;
}

export type CellOutput =
  | { output_type: 'stream'; name: 'stdout' | 'stderr'; text: string }
  | { output_type: 'display_data'; data: MimeBundle; metadata: object }
  | { output_type: 'execute_result'; data: MimeBundle; metadata: object; execution_count: number | null }
  | ({ output_type: 'error' } & CellError);

/** @throws ENOTFOUND, EFORMAT */
export function readNotebook(file: string): Notebook {
  return parseNotebook(readText(file), file);
}

/** @param name what errors call the text */
export function parseNotebook(text: string, name: string): Notebook {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch (e) {
    malformed(name, 'text', `must be a notebook in JSON (${(e as Error).message})`);
  }
  const n = raw as Partial<Notebook> | null;
  if (typeof n !== 'object' || n === null || !Array.isArray(n.cells))
    malformed(name, 'cells', 'must be an array');
  if (n.nbformat !== 4) malformed(name, 'nbformat', 'must be 4', n.nbformat);
  const cells = n.cells.map((c, i) => readCell(c, name, i));
  return { nbformat: 4, nbformat_minor: 5, metadata: n.metadata ?? {}, cells };
}

function readCell(c: unknown, name: string, index: number): NotebookCell {
  const where = `cells[${index}]`;
  if (typeof c !== 'object' || c === null) malformed(name, where, 'must be an object', c);
  const cell = c as NotebookCell;
  if (!['code', 'markdown', 'raw'].includes(cell.cell_type))
    malformed(name, `${where}.cell_type`, "must be 'code', 'markdown' or 'raw'", cell.cell_type);
  const known = {
    ...cell,
    metadata: cell.metadata ?? {},
    source: joined(cell.source, name, `${where}.source`),
  };
  if (cell.cell_type !== 'code') return known;
  const outputs = Array.isArray(cell.outputs) ? cell.outputs.map(joinOutput) : [];
  return { ...known, execution_count: cell.execution_count ?? null, outputs };
}

function joined(value: unknown, name: string, where: string): string {
  if (Array.isArray(value) && value.every((v) => typeof v === 'string')) return value.join('');
  if (typeof value === 'string') return value;
  malformed(name, where, 'must be text or an array of lines', value);
}

const join = (v: unknown): unknown =>
  Array.isArray(v) && v.every((x) => typeof x === 'string') ? v.join('') : v;

function joinOutput(o: CellOutput): CellOutput {
  if (o.output_type === 'stream') return { ...o, text: String(join(o.text)) };
  if (o.output_type === 'error') return o;
  return { ...o, data: joinText(o.data) };
}

/** JSON types keep their values: an array of strings is data there, not lines. */
function joinText(data: MimeBundle): MimeBundle {
  const isJson = (type: string): boolean => type === 'application/json' || type.endsWith('+json');
  return Object.fromEntries(Object.entries(data ?? {}).map(([t, v]) => [t, isJson(t) ? v : join(v)]));
}

/**
 * The text of a notebook file, as Jupyter writes it: text as arrays of lines, keys sorted. Versions compare line by line, and
 * saving from a front end changes what has changed.
 */
export function formatNotebook(notebook: Notebook): string {
  const split = (v: unknown): unknown => (typeof v === 'string' ? v.split(/(?<=\n)/).filter(Boolean) : v);
  const output = (o: CellOutput): unknown => {
    if (o.output_type === 'stream') return { ...o, text: split(o.text) };
    if (o.output_type === 'error') return o;
    const data = Object.entries(o.data).map(([type, v]) => [type, isLines(type) ? split(v) : v]);
    return { ...o, data: Object.fromEntries(data) };
  };
  const cells = notebook.cells.map((c) => ({
    ...c,
    id: c.id ?? randomUUID().slice(0, 8),
    source: split(c.source),
    ...(c.cell_type === 'code' ? { outputs: (c.outputs ?? []).map(output) } : {}),
  }));
  const whole = { ...notebook, nbformat: 4, nbformat_minor: 5, cells };
  return `${JSON.stringify(whole, (_, v) => (isRecord(v) ? sorted(v) : v), 1)}\n`;
}

const isLines = (type: string): boolean =>
  type.startsWith('text/') || type === 'application/javascript' || type === 'image/svg+xml';

const isRecord = (v: unknown): v is Record<string, unknown> =>
  typeof v === 'object' && v !== null && !Array.isArray(v);

const sorted = (v: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(v).sort(([a], [b]) => (a < b ? -1 : 1)));

/** Writes whole or not at all. @throws EIO */
export function writeNotebook(file: string, notebook: Notebook): void {
  writeWhole(file, [formatNotebook(notebook)]);
}

/** The outputs of the cells of one run, kept as a front end would: streams joined, updates in place, clearing honoured. */
export class OutputCollector {
  private readonly shown = new Map<string, (CellOutput & { data: MimeBundle; metadata: object })[]>();
  private readonly clearNext = new Set<NotebookCell>();
  private readonly limits = new Map<NotebookCell, StreamLimit>();
  /** There is no front end at the other end of comms, but the file keeps what one would show. */
  readonly widgets = new WidgetStates();

  add(cell: NotebookCell, output: Output): void {
    if ('comm' in output) {
      this.widgets.add(output);
      return;
    }
    if (output.type === 'clear_output') {
      if (output.wait) this.clearNext.add(cell);
      else cell.outputs = [];
      return;
    }
    if (output.type === 'update_display_data') {
      for (const o of this.shown.get(output.id ?? '') ?? [])
        Object.assign(o, { data: output.data, metadata: output.metadata });
      return;
    }
    this.beforeNew(cell);
    if (output.type === 'stream') {
      const limit = this.limits.get(cell) ?? new StreamLimit();
      this.limits.set(cell, limit);
      this.stream(cell, output.name, limit.pass(output.text));
    } else {
      const { data, metadata, id } = output;
      const o = { output_type: 'display_data' as const, data, metadata };
      cell.outputs!.push(o);
      if (id) this.shown.set(id, [...(this.shown.get(id) ?? []), o]);
    }
  }

  /** To be called when a cell is over: shows the end of a text that was too long. */
  finish(cell: NotebookCell): void {
    this.stream(cell, 'stdout', this.limits.get(cell)?.rest() ?? '');
  }

  push(cell: NotebookCell, output: CellOutput): void {
    this.beforeNew(cell);
    cell.outputs!.push(output);
  }

  private beforeNew(cell: NotebookCell): void {
    cell.outputs ??= [];
    if (this.clearNext.delete(cell)) cell.outputs = [];
  }

  private stream(cell: NotebookCell, name: 'stdout' | 'stderr', text: string): void {
    if (!text) return;
    const last = cell.outputs!.at(-1);
    if (last?.output_type === 'stream' && last.name === name) last.text = overwrite(last.text, text);
    else cell.outputs!.push({ output_type: 'stream', name, text: overwrite('', text) });
  }
}

/** Appends text as a terminal would show it: a carriage return goes back to the line's start. */
export function overwrite(before: string, text: string): string {
  if (!text.includes('\r') && !before.endsWith('\r')) return before + text;
  const start = before.lastIndexOf('\n') + 1;
  const lines = (before.slice(start) + text).replace(/\r+\n/g, '\n').split('\n');
  const seen = lines.map((line) => {
    const held = line.endsWith('\r') ? '\r' : '';
    return (
      line
        .replace(/\r+$/, '')
        .split('\r')
        .reduce((old, part) => part + old.slice(part.length), '') + held
    );
  });
  return before.slice(0, start) + seen.join('\n');
}
