// What the tests of file formats share.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MdlabError } from '../../lib/errors.js';

/** A folder of this process, removed when it ends. */
export const scratch = mkdtempSync(join(tmpdir(), 'mdlab-io-'));
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));

/** Writes bytes or text to a scratch file and gives its path. */
export function file(name: string, contents: Uint8Array | string): string {
  const path = join(scratch, name);
  writeFileSync(path, contents);
  return path;
}

/** The message of the MdlabError that `body` throws; fails when it throws none or another error. */
export function refusal(body: () => unknown): string {
  try {
    body();
  } catch (error) {
    if (error instanceof MdlabError) return error.message;
    throw error;
  }
  throw new Error('nothing was thrown');
}

/** Little-endian number fields and raw bytes joined: `bytes('u32', 5, 'f32', 1.5, 'text', 'abc')`. */
export function bytes(...fields: (string | number | bigint | Uint8Array)[]): Buffer {
  return pack(true, fields);
}

/** The same with big-endian numbers. */
export function bigEndian(...fields: (string | number | bigint | Uint8Array)[]): Buffer {
  return pack(false, fields);
}

const sizes: Record<string, number> = { u8: 1, u16: 2, i32: 4, u32: 4, u64: 8, f32: 4, f64: 8 };
const setters: Record<string, (v: DataView, n: number, little: boolean, big: bigint) => void> = {
  u8: (v, n) => v.setUint8(0, n),
  u16: (v, n, little) => v.setUint16(0, n, little),
  i32: (v, n, little) => v.setInt32(0, n, little),
  u32: (v, n, little) => v.setUint32(0, n, little),
  u64: (v, _, little, big) => v.setBigUint64(0, big, little),
  f32: (v, n, little) => v.setFloat32(0, n, little),
  f64: (v, n, little) => v.setFloat64(0, n, little),
};

function pack(little: boolean, fields: (string | number | bigint | Uint8Array)[]): Buffer {
  const parts: Uint8Array[] = [];
  for (let i = 0; i < fields.length; i += 2) {
    const kind = fields[i] as string;
    const value = fields[i + 1]!;
    if (kind === 'text') parts.push(Buffer.from(value as string, 'latin1'));
    else if (kind === 'raw') parts.push(value as Uint8Array);
    else {
      const field = new Uint8Array(sizes[kind]!);
      setters[kind]!(
        new DataView(field.buffer),
        Number(value),
        little,
        BigInt(kind === 'u64' ? (value as bigint) : 0),
      );
      parts.push(field);
    }
  }
  return Buffer.concat(parts);
}
