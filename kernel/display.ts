/** Any value as a MIME bundle: what it says of itself by `Symbol.for('Jupyter.display')`, else as text. */
import { inspect } from 'node:util';

export type MimeBundle = Record<string, unknown>;

const richDisplay = Symbol.for('Jupyter.display');

export function bundle(value: unknown): MimeBundle | Promise<MimeBundle> {
  const own = (value as Record<symbol, unknown> | null | undefined)?.[richDisplay];
  if (typeof own === 'function') return own.call(value) as MimeBundle | Promise<MimeBundle>;
  return { 'text/plain': inspect(value, { depth: 4, maxArrayLength: 100 }) };
}
