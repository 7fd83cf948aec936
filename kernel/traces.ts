/** Errors as a notebook shows them: cells by label and typed line, code around the place, no frames of the kernel or of Node. */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import { frame } from './code-frame.js';
import { type LineMap, originalPosition } from './source-map.js';
import type { CellError } from './wire.js';

interface Frame {
  text: string;
  /** Where a cell stands in the frame. */
  cell?: { file: string; line: number; column: number };
  library: boolean;
}

interface Source {
  label: string;
  source: string | undefined;
  map: LineMap;
}

const kernelFolder = dirname(fileURLToPath(import.meta.url));
const libraryFolder = join(kernelFolder, '..', 'lib');
const sources = new Map<string, Source>();
const framesOf = new WeakMap<object, Frame[]>();

/** Tells where code of a file name came from. */
export function registerSource(file: string, source: Source): void {
  sources.set(file, source);
}

/** From here on `error.stack` reads like the cells that were typed. */
export function installStackTraces(): void {
  Error.stackTraceLimit = 30;
  Error.prepareStackTrace = (error, sites) => {
    const frames = sites.map(frameOf).filter((f) => f !== undefined);
    framesOf.set(error, frames);
    return [headline(error), ...frames.map((f) => `    at ${f.text}`)].join('\n');
  };
}

function frameOf(site: NodeJS.CallSite): Frame | undefined {
  const raw =
    site.getFileName() ?? (site as { getScriptNameOrSourceURL?(): string }).getScriptNameOrSourceURL?.();
  if (!raw || raw.startsWith('node:')) return undefined;
  const file = raw.startsWith('file:') ? fileURLToPath(raw) : raw;
  if (dirname(file) === kernelFolder || file.startsWith('mdlab-kernel')) return undefined;
  const line = (site.getLineNumber() ?? 1) - 1;
  const column = (site.getColumnNumber() ?? 1) - 1;
  const source = sources.get(file);
  const name = functionName(site);
  const text = (where: string): string => {
    const prefix = (site as { isAsync?(): boolean }).isAsync?.() ? 'async ' : '';
    return prefix + (name ? `${name} (${where})` : where);
  };
  if (!source) {
    const where = `${file}:${line + 1}:${column + 1}`;
    return { text: text(where), library: file.startsWith(libraryFolder) };
  }
  const at = originalPosition(source.map, line, column);
  if (!at) return undefined; // TypeScript's own helpers
  const where = `${source.label}:${at.line + 1}:${at.column + 1}`;
  const cell = { file, ...at };
  return { text: text(where), cell, library: false };
}

/** Cells are functions without a name; those of live variables come with their box, those in a last expression with its. */
function functionName(site: NodeJS.CallSite): string {
  const name =
    site
      .getFunctionName()
      ?.replace(/\${2,}live_(.+)\.v\b/u, '$1')
      .replace(/^\${2,}cell\..*/u, '') ?? '';
  const type = site.getTypeName();
  const method = type && !site.isToplevel() && type !== 'Object' && name && !name.includes('.');
  const full = method ? `${type}.${name}` : name;
  return site.isConstructor() ? `new ${full || '<anonymous>'}` : full;
}

function headline(error: Error): string {
  try {
    return Error.prototype.toString.call(error);
  } catch {
    return 'Error';
  }
}

/** What goes into the `error` message. */
export function describeError(thrown: unknown): CellError {
  if (!(thrown instanceof Error)) {
    const evalue = inspect(thrown, { depth: 2 });
    return { ename: 'Uncaught', evalue, traceback: [`Uncaught ${evalue}`] };
  }
  const ename = thrown.name || 'Error';
  const evalue = messageOf(thrown);
  return { ename, evalue, traceback: tracebackOf(thrown, 0) };
}

/** Who reads a function's text, as arquero does, finds live variables under the kernel's names. */
function messageOf(error: Error): string {
  return String(error.message).replace(/\${2,}live_([\p{L}\p{N}_$]+)(\.v\b)?/gu, '$1');
}

function tracebackOf(error: Error, depth: number): string[] {
  const head = `${error.name || 'Error'}: ${messageOf(error)}`;
  const lines = [depth ? `Caused by: ${head}` : head];
  const all = framesFor(error);
  const expected = typeof (error as { code?: unknown }).code === 'string' && error.name === 'MdlabError';
  // Where a cell's own code throws, the library that called it says nothing about why.
  const frames = expected || all[0]?.cell ? all.filter((f) => !f.library) : all;
  const place = frames.find((f) => f.cell);
  const source = place?.cell && sources.get(place.cell.file);
  if (place?.cell && source?.source !== undefined)
    lines.push(
      `${source.label}:${place.cell.line + 1}\n${frame(source.source, place.cell.line, place.cell.column)}`,
    );
  lines.push(...folded(frames.map((f) => `    at ${f.text}`)));
  const { cause, errors } = error as { cause?: unknown; errors?: unknown };
  if (depth < 4 && cause instanceof Error) lines.push(...tracebackOf(cause, depth + 1));
  else if (cause !== undefined && depth < 4) lines.push(`Caused by: ${inspect(cause, { depth: 1 })}`);
  if (depth < 4 && Array.isArray(errors))
    for (const e of errors.slice(0, 5)) if (e instanceof Error) lines.push(...tracebackOf(e, depth + 1));
  return lines;
}

/** A line that comes again and again, as in endless recursion, once with their number. */
function folded(lines: string[]): string[] {
  const out: string[] = [];
  for (let i = 0, end = 0; i < lines.length; i = end) {
    for (end = i + 1; lines[end] === lines[i]; ) end++;
    out.push(end - i > 2 ? `${lines[i]} (${end - i} times)` : lines.slice(i, end).join('\n'));
  }
  return out;
}

function framesFor(error: Error): Frame[] {
  void error.stack; // formats the stack, which records the frames
  return framesOf.get(error) ?? [];
}
