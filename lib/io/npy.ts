/**
 * NumPy's .npy (versions 1 to 3) and .npz. Format: numpy.lib.format. Plain numbers only: structured, object and text
 * dtypes are refused by name; big-endian and column-major arrays are put right.
 */
import { zipSync } from 'fflate';
import { invalid, malformed } from '../errors.js';
import { rowMajor } from './pickled-numpy.js';
import { type ByteSource, memorySource, withSource } from './source.js';
import type { Tensor } from './tensor.js';
import { type DType, elements, fromBytes, toBytes } from './tensor-bytes.js';
import { writeWhole } from './write-whole.js';
import { readZip } from './zip.js';

/** How a file's dtype becomes ours; unsigned integers are widened to a signed type that holds them. */
const dtypes: Readonly<Record<string, { read: DType | 'u2' | 'u4' | 'u8'; size: number }>> = {
  f8: { read: 'float64', size: 8 },
  f4: { read: 'float32', size: 4 },
  f2: { read: 'float16', size: 2 },
  i8: { read: 'int64', size: 8 },
  i4: { read: 'int32', size: 4 },
  i2: { read: 'int16', size: 2 },
  i1: { read: 'int8', size: 1 },
  u1: { read: 'uint8', size: 1 },
  u2: { read: 'u2', size: 2 },
  u4: { read: 'u4', size: 4 },
  u8: { read: 'u8', size: 8 },
  b1: { read: 'bool', size: 1 },
};
const written: Readonly<Record<DType, string>> = {
  float64: '<f8',
  float32: '<f4',
  float16: '<f2',
  bfloat16: '',
  int64: '<i8',
  int32: '<i4',
  int16: '<i2',
  int8: '|i1',
  uint8: '|u1',
  bool: '|b1',
};
const maxHeader = 1 << 20;
const maxRank = 64;

/**
 * Reads an array file. @throws EFORMAT naming field and byte; ENOTFOUND
 * @example const { shape, data } = readNpy('positions.npy')
 */
export function readNpy(path: string): Tensor {
  return withSource(path, parseNpy);
}

/** Reads an archive of arrays; names lose their `.npy`. @example readNpz('data.npz').get('R') */
export function readNpz(path: string): Map<string, Tensor> {
  return withSource(path, parseNpz);
}

/** The same from an open source. */
export function parseNpz(source: ByteSource): Map<string, Tensor> {
  const out = new Map<string, Tensor>();
  for (const [name, entry] of readZip(source)) {
    if (name.endsWith('/')) continue;
    if (!name.endsWith('.npy')) malformed(source.name, `zip entry '${name}'`, 'must be an array named *.npy');
    out.set(name.slice(0, -4), parseNpy(memorySource(`${source.name}: ${name}`, entry.read())));
  }
  return out;
}

/** The same from an open source. */
export function parseNpy(source: ByteSource): Tensor {
  const file = source.name;
  const head = source.read(0, Math.min(12, source.size), 'magic');
  const magic = '\x93NUMPY';
  for (let i = 0; i < 6; i++) {
    if (head[i] !== magic.charCodeAt(i))
      malformed(file, `byte ${i}`, "must start with '\\x93NUMPY'", head[i]);
  }
  const version = head[6] ?? 0;
  if (version < 1 || version > 3) malformed(file, 'version at byte 6', 'must be 1, 2 or 3', version);
  const lengthBytes = version === 1 ? 2 : 4;
  const view = new DataView(source.read(8, lengthBytes, 'header length').buffer);
  const length = version === 1 ? view.getUint16(0, true) : view.getUint32(0, true);
  if (length > maxHeader) malformed(file, 'header length at byte 8', `must be at most ${maxHeader}`, length);
  const start = 8 + lengthBytes + length;
  const text = new TextDecoder(version === 3 ? 'utf-8' : 'latin1').decode(
    source.read(8 + lengthBytes, length, 'header'),
  );
  const { code, fortran, shape } = parseHeader(file, text);
  const order = code[0]!;
  const type = Object.hasOwn(dtypes, code.slice(1)) ? dtypes[code.slice(1)] : undefined;
  if (!type || !'<>|='.includes(order)) {
    const rule = `must be plain numbers (${Object.keys(dtypes).join(' ')}); structured, object and text arrays are not read`;
    return malformed(file, 'descr', rule, code);
  }
  const want = elements(shape) * type.size;
  if (!(start + want === source.size)) {
    malformed(
      file,
      `data at byte ${start}`,
      `must hold ${want} bytes for shape (${shape.join(', ')})`,
      source.size - start,
    );
  }
  const bytes = source.read(start, want, 'data');
  if (order === '>') swapBytes(bytes, type.size);
  const { dtype, data } = values(file, bytes, type.read);
  return { shape, dtype, data: fortran && shape.length > 1 ? rowMajor(data, shape) : data };
}

interface Header {
  code: string;
  fortran: boolean;
  shape: number[];
}

/** The header is a Python dict literal with three known keys in any order. */
function parseHeader(file: string, text: string): Header {
  const fail = (field: string, rule: string): never => malformed(file, `header ${field}`, rule, text.trim());
  if (!/^\s*\{/.test(text)) fail('at byte 10', 'must be a dict of descr, fortran_order and shape');
  if (/['"]descr['"]\s*:\s*\[/.test(text)) {
    malformed(file, 'header descr', 'must be plain numbers; structured arrays are not read', text.trim());
  }
  const code =
    /['"]descr['"]\s*:\s*['"]([^'"]{2,16})['"]/.exec(text)?.[1] ?? fail('descr', 'must be a dtype');
  const order =
    /['"]fortran_order['"]\s*:\s*(True|False)/.exec(text)?.[1] ??
    fail('fortran_order', 'must be True or False');
  const sizes =
    /['"]shape['"]\s*:\s*\(([\d,\sL]{0,2048})\)/.exec(text)?.[1] ?? fail('shape', 'must be a tuple of sizes');
  const shape = sizes
    .split(',')
    .map((s) => s.trim().replace(/L$/, ''))
    .filter((s) => s !== '')
    .map(Number);
  if (shape.length > maxRank || !shape.every((n) => Number.isSafeInteger(n)))
    fail('shape', 'must be a tuple of sizes');
  return { code, fortran: order === 'True', shape };
}

function swapBytes(bytes: Uint8Array, size: number): void {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (size === 2) buffer.swap16();
  else if (size === 4) buffer.swap32();
  else if (size === 8) buffer.swap64();
}

function values(
  file: string,
  bytes: Uint8Array,
  type: DType | 'u2' | 'u4' | 'u8',
): Pick<Tensor, 'dtype' | 'data'> {
  switch (type) {
    case 'u2':
      return { dtype: 'int32', data: Int32Array.from(new Uint16Array(bytes.buffer)) };
    case 'u4':
      return { dtype: 'int64', data: BigInt64Array.from(new Uint32Array(bytes.buffer), BigInt) };
    case 'u8': {
      const data = new BigInt64Array(bytes.buffer);
      const bad = data.findIndex((v) => v < 0n);
      if (bad >= 0) malformed(file, `element ${bad}`, 'must be below 2^63', BigInt.asUintN(64, data[bad]!));
      return { dtype: 'int64', data };
    }
    default:
      return { dtype: type, data: fromBytes(bytes, type) };
  }
}

/** An array as .npy bytes (version 1, or 2 for a long header). @throws EINVALID for bfloat16, which NumPy lacks */
export function formatNpy(tensor: Tensor, name: string = 'array'): Uint8Array {
  const code = written[tensor.dtype];
  if (!code)
    invalid(`${name}.dtype`, 'must be a type NumPy has', tensor.dtype, 'use float32, or safetensors');
  const data = toBytes(tensor, name);
  const shape = tensor.shape.length === 1 ? `${tensor.shape[0]},` : tensor.shape.join(', ');
  const dict = `{'descr': '${code}', 'fortran_order': False, 'shape': (${shape}), }`;
  const padding = (64 - ((10 + dict.length + 1) % 64)) % 64;
  const header = Buffer.from(`${dict}${' '.repeat(padding)}\n`, 'latin1');
  const head = Buffer.from([0x93, ...Buffer.from('NUMPY'), 1, 0, header.length & 255, header.length >> 8]);
  return new Uint8Array(Buffer.concat([head, header, data]));
}

/** Writes an array file whole. @example writeNpy('x.npy', { shape: [3], dtype: 'float64', data: new Float64Array(3) }) */
export function writeNpy(path: string, tensor: Tensor): void {
  writeWhole(path, [formatNpy(tensor)]);
}

/** Writes arrays as an uncompressed .npz, as numpy.savez does. @throws EINVALID from 4 GiB together on, EIO where it cannot be written */
export function writeNpz(
  path: string,
  tensors: ReadonlyMap<string, Tensor> | Readonly<Record<string, Tensor>>,
): void {
  const entries: [string, Tensor][] = tensors instanceof Map ? [...tensors] : Object.entries(tensors);
  const files: Record<string, Uint8Array> = Object.create(null);
  for (const [name, tensor] of entries) files[`${name}.npy`] = formatNpy(tensor, name);
  const total = Object.values(files).reduce((sum, f) => sum + f.length, 0);
  if (total >= 2 ** 32 - 2 ** 20)
    invalid('tensors', 'must be below 4 GiB together for npz', total, 'use safetensors');
  writeWhole(path, [zipSync(files, { level: 0 })]);
}
