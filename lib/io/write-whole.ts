/** Files that appear whole or not at all, and files that grow. */
import { randomBytes } from 'node:crypto';
import {
  accessSync,
  appendFileSync,
  closeSync,
  constants,
  fsyncSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { MdlabError, systemReason } from '../errors.js';

/** Where a file is written before it is renamed: a name of its own, for two processes may write the same file. */
export const partOf = (path: string): string => `${path}.${randomBytes(4).toString('hex')}.part`;

/**
 * Writes parts beside `path` and renames the result over it: a killed process leaves the old file or the new one, and of
 * several that write at once the last one's stays, whole.
 * @throws EIO saying why the file cannot be written; the old one is as it was
 */
export function writeWhole(path: string, parts: readonly (Uint8Array | string)[]): void {
  const part = partOf(path);
  try {
    const fd = openSync(part, 'w');
    try {
      for (const p of parts) writeAll(fd, typeof p === 'string' ? Buffer.from(p) : p);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(part, path);
  } catch (error) {
    discard(part);
    unwritable(path, error);
  }
}

/** @throws EIO saying why the file cannot be renamed */
export function moveFile(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    unwritable(to, error);
  }
}

/** @throws EIO saying why the file cannot be removed */
export function removeFile(path: string): void {
  try {
    rmSync(path);
  } catch (error) {
    unwritable(path, error);
  }
}

/**
 * Appends text to a file, which is made where there is none.
 * @throws EIO saying why the file cannot be written; it may then end within the text
 */
export function append(path: string, text: string): void {
  try {
    appendFileSync(path, text);
  } catch (error) {
    unwritable(path, error);
  }
}

/**
 * Finds out before there is anything to write, and leaves no trace.
 * @param how as `writeWhole` does, which needs a folder it can write to, or into a file that may be there already
 * @throws EIO as writing would
 */
export function checkWritable(path: string, how: 'whole' | 'in place'): void {
  let reason: unknown;
  try {
    const found = statSync(path, { throwIfNoEntry: false });
    if (found?.isDirectory()) reason = { code: 'EISDIR' };
    // The dot: a file in the folder's place can be written too.
    else accessSync(found && how === 'in place' ? path : `${dirname(path)}/.`, constants.W_OK);
  } catch (error) {
    reason = error;
  }
  if (reason !== undefined) unwritable(path, reason);
}

/** `openSync`. @throws EIO saying why the file cannot be written */
export function openToWrite(path: string, flags: 'w' | 'r+'): number {
  try {
    return openSync(path, flags);
  } catch (error) {
    return unwritable(path, error);
  }
}

/** Where it cannot be there, it cannot be removed either. */
function discard(part: string): void {
  try {
    rmSync(part, { force: true });
  } catch {}
}

function unwritable(path: string, error: unknown): never {
  const none = (error as NodeJS.ErrnoException).code === 'ENOENT';
  const why = none ? 'its folder does not exist; make it with mkdirSync' : systemReason(error);
  throw new MdlabError('EIO', `${path}: cannot be written: ${why}`);
}

function writeAll(fd: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; )
    done += writeSync(fd, bytes, done, Math.min(bytes.length - done, 1 << 30));
}
