/** Digests by which inputs, weights and parameters are told apart. */
import { createHash } from 'node:crypto';

/** The first 16 hexadecimal digits of the parts' SHA-256, the parts one after the other. */
export function digest(...parts: readonly (string | NodeJS.ArrayBufferView)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex').slice(0, 16);
}
