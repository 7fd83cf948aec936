/**
 * XTC trajectories of GROMACS: big-endian XDR frames with compressed positions. Lengths are nm and times ps in the
 * file, Å and fs here. Format: the GROMACS manual and xdrfile; magic 1995, and 2023 with 64-bit sizes.
 */
import { invalid, malformed } from '../errors.js';
import { type Box, makeBox, type TrajectoryFrame } from '../structure/index.js';
import type { FrameReader, StoredFrame } from './frames.js';
import type { ByteSource } from './source.js';
import { type CompressedHeader, decodeCoordinates, encodeCoordinates } from './xtc-coordinates.js';

const angstromPerNm = 10;
const femtosecondsPerPs = 1000;
/** Magic, atoms, step, time, box and the count in front of the positions. */
const headerBytes = 16 + 36 + 4;
/** Frames of at most nine atoms are not compressed. */
const uncompressed = 9;

interface FrameHeader {
  atoms: number;
  step: number;
  time: number;
  box: Box | null;
  large: boolean;
}

/** Frames of an XTC file, one after the other. */
export class XtcReader implements FrameReader {
  end = 0;
  truncated = false;
  /** Particles of each frame; undefined for a file without frames. */
  readonly atoms: number | undefined;
  private index = 0;

  constructor(private readonly source: ByteSource) {
    if (source.size === 0) return;
    this.atoms = this.header(0, 'frame 0').atoms;
  }

  next(): StoredFrame | undefined {
    const { source } = this;
    const where = `frame ${this.index}`;
    const start = this.end;
    if (start === source.size) return undefined;
    if (start + headerBytes > source.size) return this.cut(where);
    const head = this.header(start, where);
    if (head.atoms !== this.atoms) {
      malformed(
        source.name,
        `${where} at byte ${start}`,
        `must have ${this.atoms} atoms, as frame 0`,
        head.atoms,
      );
    }
    const at = start + headerBytes;
    const positions = head.atoms <= uncompressed ? this.plain(at, head, where) : this.packed(at, head, where);
    if (!positions) return this.cut(where);
    const bad = positions.findIndex((x) => !Number.isFinite(x));
    if (bad >= 0)
      malformed(source.name, `${where} atom ${Math.floor(bad / 3)}`, 'must be finite', positions[bad]);
    this.index++;
    return { positions, box: head.box, step: head.step, time: head.time };
  }

  private cut(where: string): undefined {
    if (this.index === 0)
      malformed(this.source.name, `${where} at byte 0`, 'file ends inside its first frame');
    this.truncated = true;
    return undefined;
  }

  private header(start: number, where: string): FrameHeader {
    const view = new DataView(this.source.read(start, headerBytes, where).buffer);
    const fail = (field: string, at: number, rule: string, received: unknown): never =>
      malformed(this.source.name, `${where} ${field} at byte ${start + at}`, rule, received);
    const magic = view.getInt32(0);
    if (magic !== 1995 && magic !== 2023) fail('magic', 0, 'must be 1995 or 2023', magic);
    const atoms = view.getInt32(4);
    if (atoms < 1 || view.getInt32(52) !== atoms)
      fail('atoms', 4, 'must be a positive count, twice the same', atoms);
    const time = view.getFloat32(12) * femtosecondsPerPs;
    if (!Number.isFinite(time)) fail('time', 12, 'must be finite', time);
    const vectors = Array.from({ length: 9 }, (_, i) => view.getFloat32(16 + 4 * i) * angstromPerNm);
    if (!vectors.every(Number.isFinite)) fail('box', 16, 'must be finite', vectors.join(' '));
    return { atoms, step: view.getInt32(8), time, box: boxOf(vectors, fail), large: magic === 2023 };
  }

  /** Positions as floats; undefined where the file ends inside. */
  private plain(at: number, head: FrameHeader, where: string): Float32Array | undefined {
    const length = 12 * head.atoms;
    if (at + length > this.source.size) return undefined;
    const view = new DataView(this.source.read(at, length, where).buffer);
    this.end = at + length;
    return Float32Array.from({ length: 3 * head.atoms }, (_, i) => view.getFloat32(4 * i) * angstromPerNm);
  }

  private packed(at: number, head: FrameHeader, where: string): Float32Array | undefined {
    const { source } = this;
    const sizeBytes = head.large ? 8 : 4;
    if (at + 32 + sizeBytes > source.size) return undefined;
    const view = new DataView(source.read(at, 32 + sizeBytes, where).buffer);
    const fail = (rule: string, received?: unknown): never =>
      malformed(source.name, `${where} positions at byte ${at}`, rule, received);
    const precision = view.getFloat32(0);
    if (!(precision > 0 && precision < 1e12)) fail('precision must be positive', precision);
    const three = (from: number): [number, number, number] => [
      view.getInt32(from),
      view.getInt32(from + 4),
      view.getInt32(from + 8),
    ];
    const header: CompressedHeader = { minimum: three(4), maximum: three(16), rangeIndex: view.getInt32(28) };
    const length = head.large ? Number(view.getBigUint64(32)) : view.getInt32(32);
    const data = at + 32 + sizeBytes;
    if (!(length > 0)) fail('compressed size must be positive', length);
    // A run of nine atoms takes at least 74 bits, a lone atom two.
    if (head.atoms > 4 * length) fail(`${head.atoms} atoms must take more bytes than`, length);
    const padded = Math.ceil(length / 4) * 4;
    if (data + padded > source.size) return undefined;
    const out = new Float32Array(3 * head.atoms);
    const bytes = source.read(data, length, where);
    const fault = decodeCoordinates(bytes, header, head.atoms, angstromPerNm / precision, out);
    if (fault) fail(fault);
    this.end = data + padded;
    return out;
  }
}

/** A zero box is none; GROMACS boxes are periodic in all directions. */
function boxOf(
  vectors: number[],
  fail: (field: string, at: number, rule: string, received: unknown) => never,
): Box | null {
  if (vectors.every((v) => v === 0)) return null;
  try {
    return makeBox(vectors);
  } catch {
    return fail('box', 16, 'must span a volume', vectors.join(' '));
  }
}

/**
 * One frame as XTC bytes.
 * @param precision steps per nm: 1000 keeps 0.01 Å
 * @throws EINVALID for a position whose rounded value does not fit 31 bits
 */
export function formatXtc(
  frame: TrajectoryFrame,
  box: Box | null,
  index: number,
  precision: number,
): Uint8Array {
  const atoms = frame.positions.length / 3;
  const head = new DataView(new ArrayBuffer(headerBytes));
  head.setInt32(0, 1995);
  head.setInt32(4, atoms);
  head.setInt32(8, frame.step ?? index);
  head.setFloat32(12, (frame.time ?? index * femtosecondsPerPs) / femtosecondsPerPs);
  for (let i = 0; box && i < 9; i++) head.setFloat32(16 + 4 * i, box.vectors[i]! / angstromPerNm);
  head.setInt32(52, atoms);
  const body = atoms <= uncompressed ? plainBytes(frame.positions) : packedBytes(frame.positions, precision);
  const out = new Uint8Array(headerBytes + body.length);
  out.set(new Uint8Array(head.buffer));
  out.set(body, headerBytes);
  return out;
}

function plainBytes(positions: ArrayLike<number>): Uint8Array {
  const view = new DataView(new ArrayBuffer(4 * positions.length));
  for (let i = 0; i < positions.length; i++) view.setFloat32(4 * i, positions[i]! / angstromPerNm);
  return new Uint8Array(view.buffer);
}

function packedBytes(positions: ArrayLike<number>, precision: number): Uint8Array {
  const scale = precision / angstromPerNm;
  const rounded = new Int32Array(positions.length);
  for (let i = 0; i < positions.length; i++) {
    const value = Math.round(positions[i]! * scale);
    // Differences of two values must fit 32 bits as well.
    if (!(Math.abs(value) < 2 ** 30)) {
      const rule = `must be within ${(2 ** 30 / scale).toExponential(2)} Å for XTC at this precision`;
      invalid(`positions[${Math.floor(i / 3)}]`, rule, positions[i]);
    }
    rounded[i] = value;
  }
  const { header, bytes } = encodeCoordinates(rounded);
  const padded = Math.ceil(bytes.length / 4) * 4;
  const out = new Uint8Array(36 + padded);
  const view = new DataView(out.buffer);
  view.setFloat32(0, precision);
  [...header.minimum, ...header.maximum, header.rangeIndex, bytes.length].forEach((n, i) => {
    view.setInt32(4 + 4 * i, n);
  });
  out.set(bytes, 36);
  return out;
}
