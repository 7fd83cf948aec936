/**
 * Extended XYZ, single and many frames, and plain XYZ.
 * Format: https://github.com/libAtoms/extxyz: a line with the number of particles, a line of key=value pairs with
 * `Lattice` (rows a b c, Å), `pbc` and `Properties=name:type:columns:…`, then a line for each particle.
 * Columns read: species, pos (Å), type (a model's species index), masses (amu), velo/vel/velocities (Å/fs),
 * forces (eV/Å). Keys read: energy (eV), time (fs), step; every other one goes to `info`.
 */
import { type Box, makeBox, type Structure, type TrajectoryFrame } from '../structure/index.js';
import type { FrameReader, StoredFrame } from './frames.js';
import { LineReader } from './lines.js';
import { symbolOfNumber, withKnownMasses } from './masses.js';
import type { ByteSource } from './source.js';

interface Column {
  name: string;
  type: 'S' | 'R' | 'I' | 'L';
  width: number;
  at: number;
}

type Info = Record<string, string | number | boolean>;
const roles: Readonly<Record<string, string>> = {
  ...{ species: 'species', element: 'species', elements: 'species', symbols: 'species' },
  ...{ z: 'number', numbers: 'number', atomic_numbers: 'number' },
  ...{ pos: 'pos', positions: 'pos', type: 'type', types: 'type', mass: 'masses', masses: 'masses' },
  ...{ velo: 'velocities', vel: 'velocities', velocities: 'velocities', velocity: 'velocities' },
  ...{ force: 'forces', forces: 'forces' },
};
const widths: Readonly<Record<string, number>> = { pos: 3, velocities: 3, forces: 3 };

/** Frames of an extended or plain XYZ file. */
export class ExtxyzReader implements FrameReader {
  end = 0;
  truncated = false;
  private readonly lines: LineReader;
  private frames = 0;

  constructor(private readonly source: ByteSource) {
    this.lines = new LineReader(source);
  }

  next(): StoredFrame | undefined {
    const { lines } = this;
    let first = lines.next();
    while (first !== undefined && first.trim() === '') first = lines.next();
    if (first === undefined) return undefined;
    if (!/^\s*\d{1,10}\s*$/.test(first)) {
      if (!lines.ended && this.frames > 0) return this.cut();
      lines.fail('must be the number of particles of a frame', first);
    }
    const count = Number(first);
    if (!lines.ended) return this.cut();
    const comment = lines.next();
    if (comment === undefined || !lines.ended) return this.cut();
    // A particle's line has at least two bytes; more particles cannot be in this file.
    if (count * 2 > lines.left + 1) return this.cut();
    const header = parseComment(comment, lines);
    const rows = new Rows(count, header.columns, lines);
    for (let i = 0; i < count; i++) {
      const line = lines.next();
      if (line === undefined) return this.cut();
      // A last line without its end may lack digits: then only a lone frame is taken, unless its line is shorter.
      if (!lines.ended && (this.frames > 0 || i + 1 < count || rows.shorter(line))) return this.cut();
      rows.read(line, i);
    }
    this.frames++;
    this.end = lines.offset;
    return frameOf(rows, header, this.source.name);
  }

  private cut(): undefined {
    if (this.frames === 0) this.lines.fail('file ends inside its first frame');
    this.truncated = true;
    return undefined;
  }
}

interface Header {
  box: Box | null;
  columns: Column[];
  info: Info;
  energy: number | undefined;
  time: number | undefined;
  step: number | undefined;
}

function parseComment(comment: string, lines: LineReader): Header {
  const pairs = keyValues(comment, lines);
  const take = (key: string): string | undefined => {
    const found = [...pairs.keys()].find((k) => k.toLowerCase() === key);
    const value = found === undefined ? undefined : pairs.get(found)?.text;
    if (found !== undefined) pairs.delete(found);
    return value;
  };
  const real = (key: string): number | undefined => {
    const value = number(pairs.get(key)?.text ?? '');
    if (Number.isFinite(value)) pairs.delete(key);
    return Number.isFinite(value) ? value : undefined;
  };
  const properties = take('properties');
  const lattice = take('lattice');
  const pbc = take('pbc');
  const known = { energy: real('energy'), time: real('time'), step: real('step') };
  const info: Info = Object.create(null);
  if (
    properties === undefined &&
    lattice === undefined &&
    pbc === undefined &&
    !/^\s*[\w-]+=/.test(comment)
  ) {
    if (comment.trim()) info['comment'] = comment.trim();
  } else for (const [key, { text, quoted }] of pairs) info[key] = quoted ? text : scalar(text);
  const columns =
    properties === undefined
      ? [column('species', 'S', 1, 0), column('pos', 'R', 3, 1)]
      : parseProperties(properties, lines);
  return { box: parseBox(lattice, pbc, lines), columns, info: { ...info }, ...known };
}

/** A value of the comment line; what stood in quotes stays text. */
interface Value {
  text: string;
  quoted: boolean;
}

const closing: Readonly<Record<string, string>> = { '"': '"', "'": "'", '{': '}', '[': ']' };

/** `key=value`, values bare or in quotes, brackets or braces; a key alone means true. Linear in the line's length. */
function keyValues(comment: string, lines: LineReader): Map<string, Value> {
  const pairs = new Map<string, Value>();
  const skip = (from: number, until: RegExp): number => {
    let at = from;
    while (at < comment.length && !until.test(comment[at]!)) at++;
    return at;
  };
  let at = skip(0, /\S/);
  while (at < comment.length) {
    const keyEnd = Math.max(skip(at, /[\s=]/), at + 1);
    const key = comment.slice(at, keyEnd);
    const equals = skip(keyEnd, /\S/);
    if (comment[equals] !== '=') {
      pairs.set(key, { text: 'T', quoted: false });
      at = equals;
      continue;
    }
    const start = skip(equals + 1, /\S/);
    const close = closing[comment[start] ?? ''];
    const end = close ? closed(comment, start + 1, close) : skip(start, /\s/);
    if (end < 0) lines.fail(`value of '${key}' must end with ${close}`);
    const inner = comment.slice(close ? start + 1 : start, end);
    const quoted = close === '"' || close === "'";
    pairs.set(key, { text: quoted ? inner.replace(/\\(["'\\])/g, '$1') : inner, quoted });
    at = skip(close ? end + 1 : end, /\S/);
  }
  return pairs;
}

/** Where the closing character stands that no backslash escapes; -1 without one. */
function closed(text: string, from: number, close: string): number {
  for (let at = from; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === close) return at;
  }
  return -1;
}

function scalar(text: string): string | number | boolean {
  if (/^(T|True|true|\.true\.)$/.test(text)) return true;
  if (/^(F|False|false|\.false\.)$/.test(text)) return false;
  return /^[+-]?(\d+\.?\d*|\.\d+)([eEdD][+-]?\d+)?$/.test(text) ? number(text) : text;
}

/** A decimal number, Fortran's D exponent included; NaN for anything else. */
function number(text: string): number {
  if (text === '') return Number.NaN;
  const value = Number(text);
  return Number.isNaN(value) ? Number(text.replace(/[dD]/, 'e')) : value;
}

function parseBox(lattice: string | undefined, pbc: string | undefined, lines: LineReader): Box | null {
  if (lattice === undefined) return null;
  const values = lattice
    .trim()
    .split(/[\s,]+/)
    .map(number);
  if (values.length !== 9 || !values.every(Number.isFinite))
    lines.fail('Lattice must hold 9 finite numbers', lattice);
  const flags = pbc === undefined ? ['T', 'T', 'T'] : pbc.trim().split(/[\s,]+/);
  const periodic = flags.map((f) =>
    /^(T|True|1)$/i.test(f) ? true : /^(F|False|0)$/i.test(f) ? false : undefined,
  );
  if (periodic.length !== 3 || periodic.includes(undefined)) lines.fail('pbc must hold three of T or F', pbc);
  const flat = periodic as [boolean, boolean, boolean];
  if (values.every((v) => v === 0) && !flat.includes(true)) return null;
  try {
    return makeBox(values, flat);
  } catch {
    return lines.fail('Lattice must span a volume', lattice);
  }
}

function column(name: string, type: string, width: number, at: number): Column {
  return { name, type: type as Column['type'], width, at };
}

function parseProperties(text: string, lines: LineReader): Column[] {
  const fields = text.split(':');
  if (fields.length % 3) lines.fail('Properties must be name:type:columns, repeated', text);
  const columns: Column[] = [];
  let at = 0;
  for (let i = 0; i < fields.length; i += 3) {
    const [name, type, width] = fields.slice(i, i + 3) as [string, string, string];
    const n = Number(width);
    if (!/^[SRIL]$/.test(type) || !/^\d{1,4}$/.test(width) || n === 0) {
      lines.fail('Properties must have types S R I L and positive column counts', `${name}:${type}:${width}`);
    }
    const role = roles[name.toLowerCase()] ?? '';
    if (columns.some((c) => c.name === role && role)) lines.fail('Properties must name a column once', name);
    if (role && n !== (widths[role] ?? 1)) lines.fail(`${name} must have ${widths[role] ?? 1} columns`, n);
    if (role && type !== 'S' && role === 'species') lines.fail(`${name} must have type S`, type);
    columns.push(column(role, type, n, at));
    at += n;
  }
  const has = (role: string): boolean => columns.some((c) => c.name === role);
  if (!has('pos')) lines.fail('Properties must have pos:R:3', text);
  if (!has('species') && !has('number') && !has('type')) lines.fail('Properties must have species:S:1', text);
  return columns;
}

/** The columns of a frame, filled line by line. */
class Rows {
  readonly symbols: string[] = [];
  readonly reals: Record<string, Float64Array> = {};
  types: Int32Array | undefined;
  private readonly widthOfAll: number;
  /** Length of the lines so far; -1 where they differ. */
  private length = 0;

  constructor(
    readonly count: number,
    private readonly columns: Column[],
    private readonly lines: LineReader,
  ) {
    this.widthOfAll = columns.reduce((sum, c) => sum + c.width, 0);
    for (const c of columns) {
      if (c.name === 'type') this.types = new Int32Array(count);
      else if (c.name && c.name !== 'species' && c.name !== 'number') {
        this.reals[c.name] = new Float64Array(count * c.width);
      }
    }
  }

  /** True where all lines before had one length and this one falls short of it. */
  shorter(line: string): boolean {
    return line.length < this.length;
  }

  read(line: string, i: number): void {
    this.length = i === 0 || line.length === this.length ? line.length : -1;
    const fields = line.trim().split(/\s+/);
    if (fields.length < this.widthOfAll)
      this.lines.fail(`must have ${this.widthOfAll} columns`, fields.length);
    let symbol: string | undefined;
    for (const c of this.columns) {
      if (c.name === '') continue;
      if (c.name === 'species') symbol = this.species(fields[c.at]!);
      else if (c.name === 'number')
        symbol ??= symbolOfNumber(this.whole(fields[c.at]!, 'atomic number')) ?? 'X';
      else if (c.name === 'type') this.types![i] = this.whole(fields[c.at]!, 'type');
      else this.numbers(c, fields, i);
    }
    this.symbols.push(symbol ?? `${this.types![i]}`);
  }

  private numbers(c: Column, fields: string[], i: number): void {
    const into = this.reals[c.name]!;
    for (let k = 0; k < c.width; k++) {
      const value = number(fields[c.at + k]!);
      if (!Number.isFinite(value)) this.lines.fail(`${c.name} must be finite numbers`, fields[c.at + k]);
      into[i * c.width + k] = value;
    }
  }

  /** Plain XYZ files may give the atomic number in place of the symbol. */
  private species(text: string): string {
    return (/^\d{1,3}$/.test(text) ? symbolOfNumber(Number(text)) : undefined) ?? text;
  }

  private whole(text: string, what: string): number {
    const value = number(text);
    if ((value | 0) !== value) this.lines.fail(`${what} must be a whole number`, text);
    return value;
  }
}

function frameOf(rows: Rows, header: Header, file: string): StoredFrame {
  const { energy, time, step, info } = header;
  const { pos, masses, velocities, forces } = rows.reals;
  const positions = pos!;
  const structure = withKnownMasses({
    positions,
    symbols: rows.symbols,
    box: header.box,
    name: file.replace(/\.\w+$/, ''),
    info,
    ...(rows.types ? { types: rows.types } : {}),
    ...(masses ? { masses } : {}),
    ...(velocities ? { velocities } : {}),
  });
  return {
    positions,
    box: header.box,
    structure,
    ...(energy === undefined ? {} : { energy }),
    ...(time === undefined ? {} : { time }),
    ...(step === undefined ? {} : { step }),
    ...(velocities ? { velocities } : {}),
    ...(forces ? { forces } : {}),
  };
}

/** One frame as extended XYZ text, at least 9 significant digits; times in fs, energies in eV. */
export function formatExtxyz(
  structure: Structure,
  frame: TrajectoryFrame & { forces?: Float64Array | undefined },
): string {
  const { types, masses, velocities, count } = structure;
  const { forces } = frame;
  const properties =
    'species:S:1:pos:R:3' +
    (types ? ':type:I:1' : '') +
    (masses ? ':masses:R:1' : '') +
    (velocities ? ':velo:R:3' : '') +
    (forces ? ':forces:R:3' : '');
  const box = frame.box === undefined ? structure.box : frame.box;
  const keys = box
    ? [
        `Lattice="${[...box.vectors].map(String).join(' ')}"`,
        `pbc="${box.periodic.map((p) => (p ? 'T' : 'F')).join(' ')}"`,
      ]
    : ['pbc="F F F"'];
  keys.push(`Properties=${properties}`);
  for (const key of ['energy', 'time', 'step'] as const) {
    if (frame[key] !== undefined) keys.push(`${key}=${frame[key]}`);
  }
  for (const [key, value] of Object.entries(structure.info)) keys.push(`${safeKey(key)}=${quoted(value)}`);
  const out = [String(count), keys.join(' ')];
  const three = (a: ArrayLike<number>, i: number): string =>
    `${fixed(a[3 * i]!)} ${fixed(a[3 * i + 1]!)} ${fixed(a[3 * i + 2]!)}`;
  for (let i = 0; i < count; i++) {
    let line = `${(structure.symbols[i]!.replace(/\s+/g, '_') || 'X').padEnd(3)} ${three(frame.positions, i)}`;
    if (types) line += ` ${types[i]}`;
    if (masses) line += ` ${masses[i]}`;
    if (velocities) line += ` ${three(velocities, i)}`;
    if (forces) line += ` ${three(forces, i)}`;
    out.push(line);
  }
  return `${out.join('\n')}\n`;
}

function fixed(x: number): string {
  const size = Math.abs(x);
  return (size === 0 || (size > 0.1 && size < 1e6) ? x.toFixed(9) : x.toExponential(9)).padStart(16);
}

function safeKey(key: string): string {
  return key.replace(/[\s="']+/g, '_') || '_';
}

function quoted(value: string | number | boolean): string {
  if (typeof value === 'boolean') return value ? 'T' : 'F';
  if (typeof value === 'number') return String(value);
  return `"${value.replace(/[\r\n]+/g, ' ').replace(/(["\\])/g, '\\$1')}"`;
}
