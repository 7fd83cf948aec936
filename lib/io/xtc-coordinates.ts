/**
 * The compression of XTC coordinates ("xdr3dfcoord"): positions rounded to whole multiples of 1/precision nm; the
 * first atom of a run as a triple within the frame's bounding range, up to eight near followers as small
 * differences whose range adapts along the frame; the first two atoms of a run change places (water: H O H).
 * Format: GROMACS' libxdrf, written anew from its description in the GROMACS manual and xdrfile's documentation.
 */
import { BitReader, BitWriter, bitLength, tripleBits } from './xdr-bits.js';

/** Ranges of small differences: about 2^(i/3), so that a triple within ranges[i] takes i bits. */
const ranges = [
  0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 10, 12, 16, 20, 25, 32, 40, 50, 64, 80, 101, 128, 161, 203, 256, 322, 406,
  512, 645, 812, 1024, 1290, 1625, 2048, 2580, 3250, 4096, 5060, 6501, 8192, 10321, 13003, 16384, 20642,
  26007, 32768, 41285, 52015, 65536, 82570, 104031, 131072, 165140, 208063, 262144, 330280, 416127, 524287,
  660561, 832255, 1048576, 1321122, 1664510, 2097152, 2642245, 3329021, 4194304, 5284491, 6658042, 8388607,
  10568983, 13316085, 16777216,
] as const;
const firstRange = 9;
const lastRange = ranges.length - 1;
/** Followers of a run. */
const maxRun = 8;

const half = (index: number): number => Math.floor(ranges[index]! / 2);

/** What precedes the compressed bytes. */
export interface CompressedHeader {
  minimum: [number, number, number];
  maximum: [number, number, number];
  /** Where in the table of ranges the frame starts. */
  rangeIndex: number;
}

/** How the first atom of a run is coded: as one number, or axis by axis where the range is too large. */
function absoluteCoding(h: CompressedHeader): {
  sizes: [number, number, number];
  bits: number;
  each: number[];
} {
  const sizes = [0, 1, 2].map((d) => h.maximum[d]! - h.minimum[d]! + 1) as [number, number, number];
  const wide = sizes.some((s) => s > 0xffffff);
  return { sizes, bits: wide ? 0 : tripleBits(sizes), each: sizes.map(bitLength) };
}

/** Why bytes do not decode; undefined where they do. */
export type DecodeFault = string | undefined;

/**
 * Decodes `count` triples of whole numbers into `out` times `scale`.
 * @returns what is wrong with the bytes, if anything
 */
export function decodeCoordinates(
  bytes: Uint8Array,
  header: CompressedHeader,
  count: number,
  scale: number,
  out: Float32Array,
): DecodeFault {
  let index = header.rangeIndex;
  if (index < firstRange || index > lastRange)
    return `range index must be within ${firstRange}..${lastRange}`;
  const { sizes, bits, each } = absoluteCoding(header);
  if (sizes.some((s) => s < 1)) return 'maximum must not be below minimum';
  const reader = new BitReader(bytes);
  const [mx, my, mz] = header.minimum;
  const triple = [0, 0, 0];
  let run = 0;
  let at = 0;
  const emit = (x: number, y: number, z: number): void => {
    out[at] = x * scale;
    out[at + 1] = y * scale;
    out[at + 2] = z * scale;
    at += 3;
  };
  while (at < 3 * count) {
    if (bits > 0) reader.triple(bits, sizes, triple);
    else for (let d = 0; d < 3; d++) triple[d] = reader.bits(each[d]!);
    let x = triple[0]! + mx;
    let y = triple[1]! + my;
    let z = triple[2]! + mz;
    let change = 0;
    if (reader.bits(1)) {
      const code = reader.bits(5);
      change = (code % 3) - 1;
      run = (code - (code % 3)) / 3;
    }
    if (at + 3 * (run + 1) > 3 * count) return 'run must end with the atoms';
    if (run === 0) emit(x, y, z);
    const range = ranges[index]!;
    const middle = half(index);
    for (let k = 0; k < run; k++) {
      reader.triple(index, [range, range, range], triple);
      const nx = x + triple[0]! - middle;
      const ny = y + triple[1]! - middle;
      const nz = z + triple[2]! - middle;
      if (k === 0) {
        emit(nx, ny, nz);
        emit(x, y, z);
      } else emit(nx, ny, nz);
      x = nx;
      y = ny;
      z = nz;
    }
    index += change;
    if (index < firstRange || index > lastRange)
      return `range index must stay within ${firstRange}..${lastRange}`;
    if (reader.overrun) return 'compressed bytes end before the atoms do';
  }
  return undefined;
}

/** Whether all three differences of triples a and b of `v` are below `limit` in size. */
function near(v: Int32Array, a: number, b: number, limit: number): boolean {
  for (let d = 0; d < 3; d++) if (Math.abs(v[a + d]! - v[b + d]!) >= limit) return false;
  return true;
}

/** Compresses triples of whole numbers (n,3). The result decodes to the same numbers. */
export function encodeCoordinates(given: Int32Array): { header: CompressedHeader; bytes: Uint8Array } {
  const v = given.slice();
  const count = v.length / 3;
  const header = boundsOf(v);
  const { sizes, bits, each } = absoluteCoding(header);
  const [mx, my, mz] = header.minimum;
  const writer = new BitWriter();
  let index = header.rangeIndex;
  const top = Math.min(lastRange, index + 8);
  const bottom = top - 8;
  const large = half(top);
  let previousRun = -1;
  for (let i = 0; i < count; ) {
    let change = index < top && i > 0 && near(v, 3 * i, 3 * i - 3, large) ? 1 : index > bottom ? -1 : 0;
    const middle = half(index);
    const starts = i + 1 < count && near(v, 3 * i, 3 * i + 3, middle);
    if (starts) swap(v, 3 * i, 3 * i + 3);
    const at = 3 * i;
    if (bits > 0) writer.triple(bits, sizes, v[at]! - mx, v[at + 1]! - my, v[at + 2]! - mz);
    else for (let d = 0; d < 3; d++) writer.bits(each[d]!, v[at + d]! - header.minimum[d]!);
    let run = 0;
    // A narrower range only helps where the followers fit it.
    const narrow = half(Math.max(firstRange, index - 1)) ** 2;
    if (!starts && change === -1) change = 0;
    while (run < maxRun && (run === 0 ? starts : i + run + 1 < count)) {
      const b = at + 3 * (run + 1);
      if (run > 0 && !near(v, b, b - 3, middle)) break;
      if (change === -1 && distance2(v, b, b - 3) >= narrow) change = 0;
      run++;
    }
    if (run !== previousRun || change !== 0) {
      writer.bits(1, 1);
      writer.bits(5, 3 * run + change + 1);
      previousRun = run;
    } else writer.bits(1, 0);
    const range = ranges[index]!;
    for (let k = 1; k <= run; k++) {
      const b = at + 3 * k;
      const d = (axis: number): number => v[b + axis]! - v[b + axis - 3]! + middle;
      writer.triple(index, [range, range, range], d(0), d(1), d(2));
    }
    index += change;
    i += run + 1;
  }
  return { header, bytes: writer.finish() };
}

/** Ranges of the frame, and the table entry that holds its smallest step between successive atoms. */
function boundsOf(v: Int32Array): CompressedHeader {
  const minimum: [number, number, number] = [v[0]!, v[1]!, v[2]!];
  const maximum: [number, number, number] = [v[0]!, v[1]!, v[2]!];
  let smallest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < v.length; i += 3) {
    let step = 0;
    for (let d = 0; d < 3; d++) {
      minimum[d] = Math.min(minimum[d]!, v[i + d]!);
      maximum[d] = Math.max(maximum[d]!, v[i + d]!);
      if (i > 0) step += Math.abs(v[i + d]! - v[i + d - 3]!);
    }
    if (i > 0) smallest = Math.min(smallest, step);
  }
  let rangeIndex = firstRange;
  while (rangeIndex < lastRange && ranges[rangeIndex]! < smallest) rangeIndex++;
  return { minimum, maximum, rangeIndex };
}

function swap(v: Int32Array, a: number, b: number): void {
  for (let d = 0; d < 3; d++) {
    const kept = v[a + d]!;
    v[a + d] = v[b + d]!;
    v[b + d] = kept;
  }
}

function distance2(v: Int32Array, a: number, b: number): number {
  let sum = 0;
  for (let d = 0; d < 3; d++) sum += (v[a + d]! - v[b + d]!) ** 2;
  return sum;
}
