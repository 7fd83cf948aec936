/**
 * Reads ZIP archives entry by entry: stored and deflated entries, ZIP64, checksums verified.
 * Format: PKWARE APPNOTE 6.3. Every size is checked against the file before anything is allocated, and what a
 * whole archive may unpack to is bounded (zip bombs).
 */
import { inflateRawSync } from 'node:zlib';
import { malformed } from '../errors.js';
import type { ByteSource } from './source.js';

/** One file of an archive. */
export interface ZipEntry {
  readonly name: string;
  readonly size: number;
  read(): Uint8Array;
}

export interface ZipOptions {
  /** Bytes all reads of this archive may unpack to together. Default 64 MiB + 100 x the archive's size. */
  maxBytes?: number;
}

const maxEntries = 1_000_000;
const endSignature = 0x06054b50;
const end64Signature = 0x06064b50;
const locator64Signature = 0x07064b50;
const centralSignature = 0x02014b50;
const localSignature = 0x04034b50;

interface Directory {
  count: number;
  size: number;
  offset: number;
}

/** True when the source starts like a ZIP archive with entries, or an empty one. */
export function looksLikeZip(head: Uint8Array): boolean {
  return head[0] === 0x50 && head[1] === 0x4b && (head[2] === 3 || head[2] === 5);
}

/**
 * The archive's entries by name.
 * @throws EFORMAT for a broken directory, an unknown compression, encryption, a name used twice, a checksum
 * that does not fit, or more unpacked bytes than allowed
 */
export function readZip(source: ByteSource, options: ZipOptions = {}): Map<string, ZipEntry> {
  const directory = findDirectory(source);
  const bytes = source.read(directory.offset, directory.size, 'zip directory');
  const view = new DataView(bytes.buffer);
  const budget = { left: options.maxBytes ?? 64 * 2 ** 20 + 100 * source.size };
  const entries = new Map<string, ZipEntry>();
  let at = 0;
  for (let i = 0; i < directory.count; i++) {
    const where = `zip directory entry ${i} at byte ${directory.offset + at}`;
    if (at + 46 > bytes.length || view.getUint32(at, true) !== centralSignature) {
      malformed(source.name, where, 'must start with a directory signature');
    }
    const nameLength = view.getUint16(at + 28, true);
    const extraLength = view.getUint16(at + 30, true);
    const commentLength = view.getUint16(at + 32, true);
    const next = at + 46 + nameLength + extraLength + commentLength;
    if (next > bytes.length) malformed(source.name, where, 'must lie inside the directory');
    const name = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + nameLength));
    if (entries.has(name)) malformed(source.name, where, 'must have a name of its own', name);
    const sizes = entrySizes(source.name, where, view, at, nameLength, extraLength);
    const flags = view.getUint16(at + 8, true);
    if (flags & 1) malformed(source.name, where, 'must not be encrypted', name);
    const facts = {
      ...sizes,
      name,
      method: view.getUint16(at + 10, true),
      crc: view.getUint32(at + 16, true),
    };
    entries.set(name, { name, size: facts.size, read: () => readEntry(source, facts, budget) });
    at = next;
  }
  return entries;
}

function findDirectory(source: ByteSource): Directory {
  const tailLength = Math.min(source.size, 22 + 65535);
  const start = source.size - tailLength;
  const tail = source.read(start, tailLength, 'zip end record');
  const view = new DataView(tail.buffer);
  for (let at = tailLength - 22; at >= 0; at--) {
    if (view.getUint32(at, true) !== endSignature) continue;
    const found: Directory = {
      count: view.getUint16(at + 10, true),
      size: view.getUint32(at + 12, true),
      offset: view.getUint32(at + 16, true),
    };
    const record = directory64(source, start + at) ?? found;
    if (record.count > maxEntries || record.count * 46 > record.size) {
      malformed(source.name, `zip end record at byte ${start + at}`, 'must count its entries', record.count);
    }
    return record;
  }
  return malformed(
    source.name,
    `byte ${source.size}`,
    'must end with a zip end record (the file is cut or no zip)',
  );
}

/** The ZIP64 twin of the end record, where a locator before it points to one. */
function directory64(source: ByteSource, endAt: number): Directory | undefined {
  if (endAt < 20) return undefined;
  const locator = new DataView(source.read(endAt - 20, 20, 'zip64 locator').buffer);
  if (locator.getUint32(0, true) !== locator64Signature) return undefined;
  const at = Number(locator.getBigUint64(8, true));
  const record = new DataView(source.read(at, 56, 'zip64 end record').buffer);
  if (record.getUint32(0, true) !== end64Signature) {
    malformed(source.name, `zip64 end record at byte ${at}`, 'must start with its signature');
  }
  return {
    count: Number(record.getBigUint64(32, true)),
    size: Number(record.getBigUint64(40, true)),
    offset: Number(record.getBigUint64(48, true)),
  };
}

/** Sizes and place of an entry; 0xffffffff means: see the ZIP64 extra field. */
function entrySizes(
  file: string,
  where: string,
  view: DataView,
  at: number,
  nameLength: number,
  extraLength: number,
): { size: number; packed: number; offset: number } {
  const fields = [
    view.getUint32(at + 24, true),
    view.getUint32(at + 20, true),
    view.getUint32(at + 42, true),
  ];
  if (fields.some((f) => f === 0xffffffff)) {
    const extraStart = at + 46 + nameLength;
    const extraEnd = extraStart + extraLength;
    let e = extraStart;
    while (e + 4 <= extraEnd && view.getUint16(e, true) !== 1) e += 4 + view.getUint16(e + 2, true);
    let p = e + 4;
    for (let i = 0; i < 3; i++) {
      if (fields[i] !== 0xffffffff) continue;
      if (p + 8 > extraEnd) malformed(file, where, 'must carry its 64-bit sizes');
      fields[i] = Number(view.getBigUint64(p, true));
      p += 8;
    }
  }
  return { size: fields[0]!, packed: fields[1]!, offset: fields[2]! };
}

interface EntryFacts {
  name: string;
  size: number;
  packed: number;
  offset: number;
  method: number;
  crc: number;
}

function readEntry(source: ByteSource, e: EntryFacts, budget: { left: number }): Uint8Array {
  const where = `zip entry '${e.name}' at byte ${e.offset}`;
  const local = new DataView(source.read(e.offset, 30, where).buffer);
  if (local.getUint32(0, true) !== localSignature)
    malformed(source.name, where, 'must start with its signature');
  if (e.size > budget.left) {
    const rule = `unpacks to more than ${budget.left} bytes left of what this archive may take (a zip bomb?)`;
    malformed(source.name, where, rule, e.size);
  }
  budget.left -= e.size;
  const start = e.offset + 30 + local.getUint16(26, true) + local.getUint16(28, true);
  const packed = source.read(start, e.packed, where);
  const bytes = unpack(source.name, where, packed, e);
  if (crc32(bytes) !== e.crc) malformed(source.name, where, 'must match its checksum');
  return bytes;
}

function unpack(file: string, where: string, packed: Uint8Array, e: EntryFacts): Uint8Array {
  if (e.method === 0) {
    if (packed.length !== e.size) malformed(file, where, `must hold ${e.size} bytes`, packed.length);
    return packed;
  }
  if (e.method !== 8)
    return malformed(file, where, 'must be stored or deflated, compression method', e.method);
  let out: Uint8Array;
  try {
    out = inflateRawSync(packed, { maxOutputLength: Math.max(1, e.size) });
  } catch (error) {
    return malformed(file, where, `must inflate to ${e.size} bytes (${(error as Error).message})`);
  }
  if (out.length !== e.size) malformed(file, where, `must inflate to ${e.size} bytes`, out.length);
  return new Uint8Array(out);
}

const crcTable = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c;
});

/** CRC-32 as ZIP has it. */
export function crc32(bytes: Uint8Array): number {
  let c = 0xffffffff;
  for (let i = 0; i < bytes.length; i++) c = crcTable[(c ^ bytes[i]!) & 255]! ^ (c >>> 8);
  return (c ^ 0xffffffff) >>> 0;
}
