/** Files that appear whole or not at all. */
import { closeSync, fsyncSync, renameSync, writeSync } from 'node:fs';
import { openFile } from './source.js';

/** Writes parts to `path.part` and renames it over `path`: a killed process leaves the old file or the new one. */
export function writeWhole(path: string, parts: readonly Uint8Array[]): void {
  const fd = openFile(`${path}.part`, 'w');
  try {
    for (const part of parts) {
      for (let done = 0; done < part.length; ) {
        done += writeSync(fd, part, done, Math.min(part.length - done, 1 << 30));
      }
    }
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(`${path}.part`, path);
}
