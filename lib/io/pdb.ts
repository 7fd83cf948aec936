/**
 * PDB files: ATOM/HETATM, MODEL/ENDMDL (or END) frames, CRYST1, CONECT, alternate locations, insertion codes.
 * Format: https://www.wwpdb.org/documentation/file-format version 3.3; beyond its column widths hybrid-36 numbers
 * (http://cci.lbl.gov/hybrid_36/).
 */
import type { Box } from '../structure/index.js';
import { boxFromCell } from './cell.js';
import type { FrameReader, StoredFrame } from './frames.js';
import { decodeHybrid36 } from './hybrid36.js';
import { LineReader } from './lines.js';
import { withKnownMasses } from './masses.js';
import { elementOfAtom } from './pdb-elements.js';
import type { ByteSource } from './source.js';

/** One ATOM or HETATM record. */
interface Atom {
  serial: string;
  name: string;
  alternate: string;
  residue: string;
  chain: string;
  id: number;
  insertion: string;
  position: [number, number, number];
  occupancy: number;
  symbol: string;
}

/**
 * Frames of a PDB file. Without MODEL records, END followed by more atoms starts another frame.
 * Of alternate locations, each residue's one with the most occupancy is kept; `info.alternatesLeftOut` counts the
 * atoms of the others. Bonds are those of CONECT records whose serial numbers are unique.
 */
export class PdbReader implements FrameReader {
  end = 0;
  truncated = false;
  private readonly lines: LineReader;
  private box: Box | null = null;
  private title = '';
  private frames = 0;
  private sawModel = false;
  private bonds: [string, string][] | undefined;

  constructor(private readonly source: ByteSource) {
    this.lines = new LineReader(source);
  }

  next(): StoredFrame | undefined {
    const { lines } = this;
    const atoms: Atom[] = [];
    let inModel = false;
    let begun = false;
    for (;;) {
      const line = lines.next();
      if (line === undefined) return this.atEnd(atoms, inModel || begun);
      const record = line.slice(0, 6).trimEnd();
      // Behind a whole frame, an unfinished line is what a killed writer left.
      if (!lines.ended && this.frames > 0 && !trailers.has(record)) return this.cut();
      begun ||= record === 'CRYST1';
      if (record === 'ATOM' || record === 'HETATM') {
        atoms.push(readAtom(line, lines));
      } else if (record === 'CRYST1') this.box = readCell(line, lines);
      else if (record === 'TITLE') this.title = `${this.title} ${line.slice(10).trim()}`.trim();
      else if (record === 'MODEL') {
        if (atoms.length > 0) lines.fail('MODEL must not start inside a model');
        inModel = true;
        this.sawModel = true;
      } else if (record === 'ENDMDL' || (record === 'END' && atoms.length > 0)) {
        if (atoms.length === 0) lines.fail('model must have atoms');
        return this.frame(atoms);
      }
    }
  }

  /** @param begun a frame has been started: by MODEL, or behind another frame by CRYST1 */
  private atEnd(atoms: Atom[], begun: boolean): StoredFrame | undefined {
    if (this.frames > 0 && (begun || atoms.length > 0)) return this.cut();
    if (begun && this.sawModel) return this.cut();
    if (atoms.length > 0) return this.frame(atoms);
    if (this.frames === 0) this.lines.fail('file must have ATOM or HETATM records');
    return undefined;
  }

  private cut(): undefined {
    if (this.frames === 0) this.lines.fail('file ends inside its first model (no ENDMDL)');
    this.truncated = true;
    return undefined;
  }

  private frame(read: Atom[]): StoredFrame {
    this.frames++;
    this.end = this.lines.offset;
    const atoms = oneLocation(read);
    const leftOut = read.length - atoms.length;
    this.bonds ??= readBonds(this.source);
    const bonds = bondIndices(this.bonds, atoms);
    const structure = withKnownMasses({
      positions: Float64Array.from(atoms.flatMap((a) => a.position)),
      symbols: atoms.map((a) => a.symbol),
      box: this.box,
      residues: {
        atomNames: atoms.map((a) => a.name),
        names: atoms.map((a) => a.residue),
        ids: Int32Array.from(atoms, (a) => a.id),
        chains: atoms.map((a) => a.chain),
        ...(atoms.some((a) => a.insertion) ? { insertionCodes: atoms.map((a) => a.insertion) } : {}),
      },
      name: this.source.name.replace(/\.\w+$/, ''),
      info: {
        ...(this.title ? { title: this.title } : {}),
        ...(leftOut ? { alternatesLeftOut: leftOut } : {}),
      },
      ...(bonds.length > 0 ? { bonds } : {}),
    });
    return { positions: structure.positions, box: this.box, structure };
  }
}

/** Records that may end a file without a line end. */
const trailers = new Set(['', 'END', 'ENDMDL', 'TER', 'MASTER', 'CONECT']);

function readAtom(line: string, lines: LineReader): Atom {
  const field = line.slice(12, 16);
  const residue = line.slice(17, 21).trim();
  const coordinate = (axis: number): number => {
    const text = line.slice(30 + 8 * axis, 38 + 8 * axis);
    const value = text.trim() === '' ? Number.NaN : Number(text);
    if (!Number.isFinite(value))
      lines.fail(`columns ${31 + 8 * axis}-${38 + 8 * axis} must be a coordinate`, text);
    return value;
  };
  // Column 27 is an insertion code, a letter; a digit there is the fifth of a large residue number.
  const insertion = line.slice(26, 27).trim();
  const wide = /\d/.test(insertion);
  const number = line.slice(22, wide ? 27 : 26);
  const id = number.trim() === '' ? 0 : decodeHybrid36(number);
  if (id === undefined || Math.abs(id) > 0x7fffffff)
    return lines.fail('columns 23-26 must be a residue number', number);
  return {
    serial: line.slice(6, 11).trim(),
    name: field.trim(),
    alternate: line.slice(16, 17).trim(),
    residue,
    chain: line.slice(21, 22).trim(),
    id,
    insertion: wide ? '' : insertion,
    position: [coordinate(0), coordinate(1), coordinate(2)],
    occupancy: Number(line.slice(54, 60)) || 0,
    symbol: elementOfAtom(line.slice(76, 78), field, residue) || 'X',
  };
}

/** CRYST1; the 1 Å cube that stands for "no crystal" and a zero cell give no box. */
function readCell(line: string, lines: LineReader): Box | null {
  const edges = [6, 15, 24, 33, 40, 47, 54];
  const fields = edges.slice(1).map((to, i) => line.slice(edges[i], to).trim());
  const values = fields.map((f) => (f === '' ? Number.NaN : Number(f)));
  if (!values.every(Number.isFinite)) lines.fail('CRYST1 must hold three lengths and three angles', line);
  const [a, b, c, alpha, beta, gamma] = values as [number, number, number, number, number, number];
  if ((a === 0 && b === 0 && c === 0) || (a === 1 && b === 1 && c === 1)) return null;
  const box = boxFromCell({ lengths: [a, b, c], angles: [alpha, beta, gamma] });
  return box ?? lines.fail('CRYST1 must span a volume', line.slice(6, 54));
}

/** Keeps of each residue the alternate location with the most occupancy (the first among equals). */
function oneLocation(atoms: Atom[]): Atom[] {
  if (!atoms.some((a) => a.alternate)) return atoms;
  const key = (a: Atom): string => `${a.chain} ${a.id} ${a.insertion}`;
  const weights = new Map<string, Map<string, number>>();
  for (const a of atoms) {
    if (!a.alternate) continue;
    const of = weights.get(key(a)) ?? new Map<string, number>();
    of.set(a.alternate, (of.get(a.alternate) ?? 0) + a.occupancy);
    weights.set(key(a), of);
  }
  const kept = new Map<string, string>();
  for (const [residue, of] of weights) {
    kept.set(residue, [...of].reduce((best, next) => (next[1] > best[1] + 1e-9 ? next : best))[0]);
  }
  return atoms.filter((a) => !a.alternate || a.alternate === kept.get(key(a)));
}

const pieceBytes = 1 << 20;

/** CONECT pairs as serial fields. They stand behind all models, so the file is searched for the first of them. */
function readBonds(source: ByteSource): [string, string][] {
  const bonds: [string, string][] = [];
  const from = findRecord(source, 'CONECT');
  if (from < 0) return bonds;
  const lines = new LineReader(source, from);
  for (let line = lines.next(); line !== undefined; line = lines.next()) {
    if (!line.startsWith('CONECT')) continue;
    const first = line.slice(6, 11).trim();
    for (let at = 11; at < Math.min(31, line.length); at += 5) {
      const other = line.slice(at, at + 5).trim();
      if (first && other) bonds.push([first, other]);
    }
  }
  return bonds;
}

/** Byte of the first line that starts with `record`, or -1. */
function findRecord(source: ByteSource, record: string): number {
  const overlap = record.length + 1;
  for (let at = 0; at < source.size; at += pieceBytes - overlap) {
    const piece = Buffer.from(source.read(at, Math.min(pieceBytes, source.size - at), 'text').buffer);
    if (at === 0 && piece.toString('latin1', 0, record.length) === record) return 0;
    const found = piece.indexOf(`\n${record}`, 0, 'latin1');
    if (found >= 0) return at + found + 1;
    if (at + pieceBytes >= source.size) break;
  }
  return -1;
}

/** Pairs (i < j, each once) of atoms whose serial fields are unique; a field that occurs twice names no atom. */
function bondIndices(pairs: [string, string][], atoms: Atom[]): Int32Array {
  if (pairs.length === 0) return new Int32Array();
  const bySerial = new Map<string, number>();
  atoms.forEach((a, i) => {
    bySerial.set(a.serial, bySerial.has(a.serial) ? -1 : i);
  });
  const seen = new Set<number>();
  const out: number[] = [];
  for (const [one, two] of pairs) {
    const i = bySerial.get(one) ?? -1;
    const j = bySerial.get(two) ?? -1;
    const id = Math.min(i, j) * atoms.length + Math.max(i, j);
    if (i < 0 || j < 0 || i === j || seen.has(id)) continue;
    seen.add(id);
    out.push(Math.min(i, j), Math.max(i, j));
  }
  return Int32Array.from(out);
}
