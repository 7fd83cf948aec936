/**
 * DCD trajectories of CHARMM, NAMD, X-PLOR, OpenMM: Fortran records of 32-bit floats, either byte order, 4- or
 * 8-byte record marks, with or without unit cells and a fourth dimension. Positions Å; times from DELTA (AKMA units).
 * Format: CHARMM's dynio and the notes of VMD's dcdplugin. Every frame has the same size, so frames are reached
 * directly, and the number of frames is taken from the file's size (a writer that was killed leaves an old count).
 */
import { malformed } from '../errors.js';
import { type Box, makeBox } from '../structure/index.js';
import { boxFromCell, boxFromCosines } from './cell.js';
import type { FrameReader, StoredFrame } from './frames.js';
import type { ByteSource } from './source.js';

/** fs per AKMA unit of time: Å·sqrt(amu / (kcal/mol)). */
export const femtosecondsPerAkma: number = 48.88821290839617;

/** How a file is laid out, from its header. */
export interface DcdLayout {
  little: boolean;
  mark: 4 | 8;
  atoms: number;
  cell: boolean;
  fourth: boolean;
  start: number;
  every: number;
  /** fs between steps; 0 where the file does not say. */
  timeStep: number;
  headerBytes: number;
  frameBytes: number;
}

/** Frames of a DCD file, in order or by index. */
export class DcdReader implements FrameReader {
  end: number;
  truncated = false;
  /** Particles of each frame. */
  readonly atoms: number;
  /** Whole frames of the file. */
  readonly length: number;
  readonly layout: DcdLayout;
  private at = 0;
  private readonly incomplete: boolean;

  constructor(private readonly source: ByteSource) {
    const { layout, counted } = readHeader(source);
    this.layout = layout;
    this.atoms = layout.atoms;
    const body = source.size - layout.headerBytes;
    this.length = Math.floor(body / layout.frameBytes);
    this.end = layout.headerBytes;
    if (this.length === 0 && body > 0) {
      const rule = `must hold a frame of ${layout.frameBytes} bytes for ${layout.atoms} atoms, bytes that follow`;
      malformed(source.name, `byte ${layout.headerBytes}`, rule, body);
    }
    this.incomplete = body % layout.frameBytes !== 0 || counted > this.length;
  }

  /** Passes over a frame without reading it; false at the end. */
  skip(): boolean {
    if (this.at === this.length) return false;
    this.at++;
    return true;
  }

  next(): StoredFrame | undefined {
    if (this.at === this.length) {
      this.truncated = this.incomplete;
      return undefined;
    }
    return this.frame(this.at++);
  }

  /** Frame `index` of 0..length-1. */
  frame(index: number): StoredFrame {
    const { layout, source } = this;
    const start = layout.headerBytes + index * layout.frameBytes;
    const bytes = source.read(start, layout.frameBytes, `frame ${index}`);
    const records = new Records(source.name, bytes, layout, start);
    const box = layout.cell ? unitCell(records, `frame ${index}`) : null;
    const positions = new Float32Array(3 * layout.atoms);
    for (let axis = 0; axis < 3; axis++) {
      const from = records.record(4 * layout.atoms, `frame ${index} ${'xyz'[axis]}`);
      for (let i = 0; i < layout.atoms; i++) {
        const value = records.view.getFloat32(from + 4 * i, layout.little);
        if (!Number.isFinite(value)) {
          const where = `frame ${index} ${'xyz'[axis]}[${i}] at byte ${start + from + 4 * i}`;
          malformed(source.name, where, 'must be finite', value);
        }
        positions[3 * i + axis] = value;
      }
    }
    this.end = start + layout.frameBytes;
    const step = layout.start + index * layout.every;
    return { positions, box, step, ...(layout.timeStep > 0 ? { time: step * layout.timeStep } : {}) };
  }
}

/** Walks the records of a frame that is in memory. */
class Records {
  readonly view: DataView;
  private at = 0;

  constructor(
    private readonly file: string,
    bytes: Uint8Array,
    private readonly layout: DcdLayout,
    private readonly start: number,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Offset of the next record's contents, both marks checked. */
  record(length: number, what: string): number {
    const { mark, little } = this.layout;
    const from = this.at + mark;
    for (const at of [this.at, from + length]) {
      const got = this.view.getUint32(mark === 8 && !little ? at + 4 : at, little);
      if (got !== length) {
        malformed(
          this.file,
          `${what} at byte ${this.start + at}`,
          `must have a record mark of ${length}`,
          got,
        );
      }
    }
    this.at = from + length + mark;
    return from;
  }

  fail(what: string, rule: string, received: unknown): never {
    return malformed(this.file, what, rule, received);
  }

  doubles(from: number, count: number): number[] {
    return Array.from({ length: count }, (_, i) => this.view.getFloat64(from + 8 * i, this.layout.little));
  }
}

/**
 * Six numbers A, γ, B, β, α, C with the angles as cosines (NAMD, OpenMM) or degrees (older CHARMM), or CHARMM's
 * symmetric matrix a11 a21 a22 a31 a32 a33. A zero cell is none.
 */
function unitCell(records: Records, what: string): Box | null {
  const from = records.record(48, `${what} unit cell`);
  const cell = records.doubles(from, 6) as [number, number, number, number, number, number];
  const [a, gamma, b, beta, alpha, c] = cell;
  if (cell.every((x) => x === 0) || (a === 0 && b === 0 && c === 0)) return null;
  const angles = [alpha, beta, gamma] as [number, number, number];
  const box = angles.every((x) => Math.abs(x) <= 1)
    ? boxFromCosines([a, b, c], angles)
    : angles.every((x) => x > 1 && x < 180)
      ? boxFromCell({ lengths: [a, b, c], angles })
      : undefined;
  return box ?? matrixBox(cell) ?? records.fail(`${what} unit cell`, 'must span a volume', cell.join(' '));
}

function matrixBox([xx, yx, yy, zx, zy, zz]: readonly [number, number, number, number, number, number]):
  | Box
  | undefined {
  try {
    return makeBox([xx, yx, zx, yx, yy, zy, zx, zy, zz]);
  } catch {
    return undefined;
  }
}

function readHeader(source: ByteSource): { layout: DcdLayout; counted: number } {
  const name = source.name;
  const first = new DataView(source.read(0, 8, 'header').buffer);
  const kind = (
    [
      [true, 4],
      [false, 4],
      [true, 8],
      [false, 8],
    ] as const
  ).find(([little, mark]) =>
    mark === 4
      ? first.getUint32(0, little) === 84 &&
        String.fromCharCode(...[4, 5, 6, 7].map((i) => first.getUint8(i))) === 'CORD'
      : first.getBigUint64(0, little) === 84n,
  );
  if (!kind)
    return malformed(name, 'byte 0', "must start with a record of 84 bytes 'CORD'", first.getUint32(0, true));
  const [little, mark] = kind;
  const head = new DataView(source.read(mark, 84 + mark, 'header').buffer);
  const int = (i: number): number => head.getInt32(4 + 4 * i, little);
  const fixed = int(8);
  if (fixed !== 0) {
    malformed(name, 'header NAMNF', 'must be 0: files with fixed atoms are not read; write all atoms', fixed);
  }
  const version = int(19);
  const delta = version === 0 ? head.getFloat64(4 + 36, little) : head.getFloat32(4 + 36, little);
  const titles = mark + 84 + mark;
  const titleBytes = recordLength(source, titles, mark, little, 'titles');
  const counts = titles + mark + titleBytes + mark;
  if (recordLength(source, counts, mark, little, 'atom count') !== 4) {
    malformed(name, `atom count at byte ${counts}`, 'must be a record of 4 bytes');
  }
  const atoms = new DataView(source.read(counts + mark, 4, 'atom count').buffer).getInt32(0, little);
  if (atoms < 1) malformed(name, `atom count at byte ${counts + mark}`, 'must be positive', atoms);
  const cell = version !== 0 && int(10) !== 0;
  const fourth = version !== 0 && int(11) !== 0;
  const layout: DcdLayout = {
    little,
    mark,
    atoms,
    cell,
    fourth,
    start: int(1),
    every: int(2),
    timeStep: Number.isFinite(delta) && delta > 0 && delta < 1e6 ? delta * femtosecondsPerAkma : 0,
    headerBytes: counts + mark + 4 + mark,
    frameBytes: (cell ? 48 + 2 * mark : 0) + (fourth ? 4 : 3) * (4 * atoms + 2 * mark),
  };
  return { layout, counted: int(0) };
}

/** Length of the record at `at`, its closing mark checked. */
function recordLength(source: ByteSource, at: number, mark: 4 | 8, little: boolean, what: string): number {
  const read = (from: number): number => {
    const view = new DataView(source.read(from, mark, what).buffer);
    return mark === 4 ? view.getUint32(0, little) : Number(view.getBigUint64(0, little));
  };
  const length = read(at);
  const closing = read(at + mark + length);
  if (closing !== length)
    malformed(source.name, `${what} at byte ${at}`, `must close with its length ${length}`, closing);
  return length;
}
