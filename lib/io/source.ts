/** Bytes at offsets, from a file or from memory: what every reader of this folder reads through. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { basename } from 'node:path';
import { MdlabError, malformed, systemReason } from '../errors.js';

/** A read-only run of bytes with a name for error messages. */
export interface ByteSource {
  /** The file's name, as errors show it. */
  readonly name: string;
  readonly size: number;
  /**
   * A fresh copy of `length` bytes from `offset`, 8-byte aligned in its own buffer.
   * @throws EFORMAT naming `what` when the file ends before; nothing is allocated then
   */
  read(offset: number, length: number, what: string): Uint8Array;
  close(): void;
}

/** @throws ENOTFOUND when the file does not exist or cannot be read */
export function openSource(path: string): ByteSource {
  const name = basename(path);
  const fd = openFile(path);
  const status = fstatSync(fd);
  if (!status.isFile()) {
    closeSync(fd);
    throw new MdlabError('ENOTFOUND', `${path}: must be a regular file`);
  }
  const size = status.size;
  let open = true;
  return {
    name,
    size,
    read(offset, length, what) {
      checkRange(name, size, offset, length, what);
      const bytes = new Uint8Array(length);
      let got = 0;
      while (got < length) {
        const n = readSync(fd, bytes, got, Math.min(length - got, 1 << 30), offset + got);
        if (n === 0) malformed(name, `${what} at byte ${offset + got}`, 'file shrank while it was read');
        got += n;
      }
      return bytes;
    },
    close() {
      if (open) closeSync(fd);
      open = false;
    },
  };
}

/** The same over bytes in memory. */
export function memorySource(name: string, bytes: Uint8Array): ByteSource {
  return {
    name,
    size: bytes.length,
    read(offset, length, what) {
      checkRange(name, bytes.length, offset, length, what);
      return new Uint8Array(bytes.subarray(offset, offset + length));
    },
    close() {},
  };
}

/** Opens `path`, hands it to `body`, closes it whatever happens. */
export function withSource<T>(path: string, body: (source: ByteSource) => T): T {
  const source = openSource(path);
  try {
    return body(source);
  } finally {
    source.close();
  }
}

/** A file descriptor; system errors become ENOTFOUND with the path. */
function openFile(path: string): number {
  try {
    return openSync(path, 'r');
  } catch (error) {
    throw new MdlabError('ENOTFOUND', `${path}: cannot be opened: ${systemReason(error)}`);
  }
}

function checkRange(name: string, size: number, offset: number, length: number, what: string): void {
  if (!(offset >= 0 && length >= 0 && offset + length <= size)) {
    malformed(name, `${what} at byte ${offset}`, `needs ${length} bytes, the file ends at ${size}`);
  }
}

/** Whole-number field within [0, limit], else EFORMAT. */
export function countWithin(
  name: string,
  where: string,
  value: unknown,
  limit: number,
  what: string = 'must be a whole number',
): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0 || value > limit) {
    malformed(name, where, `${what} within 0..${limit}`, value);
  }
  return value as number;
}
