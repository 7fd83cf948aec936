/**
 * safetensors: 8-byte little-endian header length, a JSON header, then the tensors' bytes.
 * Format: https://huggingface.co/docs/safetensors (the parts "Format" and its constraints).
 */
import { invalid, malformed } from '../errors.js';
import { type ByteSource, countWithin, withSource } from './source.js';
import type { Tensor } from './tensor.js';
import { type DType, elements, fromBytes, itemSize, toBytes } from './tensor-bytes.js';
import { writeWhole } from './write-whole.js';

/** What a safetensors file holds. */
export interface Safetensors {
  /** By name, in the order of the bytes in the file. */
  tensors: Map<string, Tensor>;
  /** The header's `__metadata__`; empty where the file has none. */
  metadata: Record<string, string>;
}

const dtypes: Readonly<Record<string, DType>> = {
  F64: 'float64',
  F32: 'float32',
  F16: 'float16',
  BF16: 'bfloat16',
  I64: 'int64',
  I32: 'int32',
  I16: 'int16',
  I8: 'int8',
  U8: 'uint8',
  BOOL: 'bool',
};
const names = Object.fromEntries(Object.entries(dtypes).map(([k, v]) => [v, k])) as Record<DType, string>;

/** The format's own bound on the header. */
const maxHeader = 100_000_000;
const maxRank = 64;

interface Entry {
  name: string;
  dtype: DType;
  shape: number[];
  begin: number;
  end: number;
}

/**
 * Reads a safetensors file.
 * @throws EFORMAT naming tensor and byte when a size, offset or type breaks the format; ENOTFOUND
 * @example const { tensors, metadata } = readSafetensors('model.safetensors')
 */
export function readSafetensors(path: string): Safetensors {
  return withSource(path, parseSafetensors);
}

/** The same from an open source. */
export function parseSafetensors(source: ByteSource): Safetensors {
  const head = source.read(0, 8, 'header length');
  const length = Number(new DataView(head.buffer).getBigUint64(0, true));
  const limit = Math.min(maxHeader, source.size - 8);
  countWithin(source.name, 'header length at byte 0', length, limit, 'must be');
  const header = parseHeader(source, length);
  const start = 8 + length;
  const metadata: Record<string, string> = Object.create(null);
  const entries: Entry[] = [];
  for (const [name, value] of Object.entries(header)) {
    if (name === '__metadata__') readMetadata(source.name, value, metadata);
    else entries.push(readEntry(source, name, value, source.size - start));
  }
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let at = 0;
  for (const e of entries) {
    if (e.begin !== at) {
      const rule = `must begin at ${at}, where the one before ends (no gaps, no overlaps)`;
      malformed(source.name, `tensor '${e.name}' data_offsets`, rule, e.begin);
    }
    at = e.end;
  }
  if (at !== source.size - start) {
    malformed(source.name, `byte ${start + at}`, `must be the end of the file`, source.size);
  }
  const tensors = new Map<string, Tensor>();
  for (const e of entries) {
    const bytes = source.read(start + e.begin, e.end - e.begin, `tensor '${e.name}'`);
    tensors.set(e.name, { shape: e.shape, dtype: e.dtype, data: fromBytes(bytes, e.dtype) });
  }
  return { tensors, metadata: { ...metadata } };
}

function parseHeader(source: ByteSource, length: number): Record<string, unknown> {
  const bytes = source.read(8, length, 'header');
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    malformed(
      source.name,
      'header at byte 8',
      `must be JSON in UTF-8 (${(error as Error).message.slice(0, 80)})`,
    );
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header)) {
    malformed(source.name, 'header at byte 8', 'must be a JSON object', header);
  }
  return header as Record<string, unknown>;
}

function readMetadata(file: string, value: unknown, into: Record<string, string>): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    malformed(file, '__metadata__', 'must be an object of strings', value);
  }
  for (const [key, text] of Object.entries(value as object)) {
    if (typeof text !== 'string') malformed(file, `__metadata__.${key}`, 'must be a string', text);
    into[key] = text;
  }
}

function readEntry(source: ByteSource, name: string, value: unknown, room: number): Entry {
  const where = `tensor '${name}'`;
  const v = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  const { dtype: code, shape, data_offsets: offsets } = v;
  const dtype = typeof code === 'string' && Object.hasOwn(dtypes, code) ? dtypes[code] : undefined;
  if (!dtype)
    return malformed(source.name, `${where} dtype`, `must be one of ${Object.keys(dtypes).join(' ')}`, code);
  if (!Array.isArray(shape) || shape.length > maxRank) {
    return malformed(source.name, `${where} shape`, `must be a list of at most ${maxRank} sizes`, shape);
  }
  for (const n of shape) countWithin(source.name, `${where} shape`, n, Number.MAX_SAFE_INTEGER);
  if (!Array.isArray(offsets) || offsets.length !== 2) {
    return malformed(source.name, `${where} data_offsets`, 'must be [begin, end]', offsets);
  }
  const begin = countWithin(source.name, `${where} data_offsets[0]`, offsets[0], room);
  const end = countWithin(source.name, `${where} data_offsets[1]`, offsets[1], room);
  const want = elements(shape) * itemSize[dtype];
  if (end - begin !== want) {
    malformed(
      source.name,
      `${where} data_offsets`,
      `must span ${want} bytes (shape x item size)`,
      end - begin,
    );
  }
  return { name, dtype, shape, begin, end };
}

/**
 * Writes a safetensors file whole: beside `path`, then renamed.
 * Wider types come first, so that every tensor is aligned to its item size.
 * @param tensors by name; 'float16' and 'bfloat16' are rounded to nearest from their Float32Array
 * @throws EINVALID when a tensor's data, dtype and shape disagree
 * @example writeSafetensors('w.safetensors', new Map([['w', { shape: [2], dtype: 'float32', data: new Float32Array(2) }]]))
 */
export function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, Tensor> | Readonly<Record<string, Tensor>>,
  metadata: Readonly<Record<string, string>> = {},
): void {
  const given: [string, Tensor][] = tensors instanceof Map ? [...tensors] : Object.entries(tensors);
  const sorted = given.sort((a, b) => itemSize[b[1].dtype] - itemSize[a[1].dtype]);
  const header: Record<string, unknown> = Object.create(null);
  if (Object.keys(metadata).length > 0) header['__metadata__'] = metadata;
  const parts: Uint8Array[] = [];
  let at = 0;
  for (const [name, tensor] of sorted) {
    if (name === '__metadata__') invalid('tensor name', "must not be '__metadata__'", name);
    const bytes = toBytes(tensor, name);
    header[name] = { dtype: names[tensor.dtype], shape: tensor.shape, data_offsets: [at, at + bytes.length] };
    at += bytes.length;
    parts.push(bytes);
  }
  const json = Buffer.from(JSON.stringify(header));
  const padded = Buffer.alloc(Math.ceil(json.length / 8) * 8, ' ');
  json.copy(padded);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  writeWhole(path, [length, padded, ...parts]);
}
