// Writes pickles opcode by opcode (protocol 2) and wraps them as torch.save does.
import { zipSync } from 'fflate';

type Piece = number | string | Uint8Array;

/** Opcodes (characters or bytes) and raw parts, between PROTO 2 and STOP. */
export function pickle(...pieces: Piece[]): Uint8Array {
  const body = pieces.map((p) =>
    typeof p === 'number' ? Uint8Array.of(p) : typeof p === 'string' ? Buffer.from(p, 'latin1') : p,
  );
  return new Uint8Array(Buffer.concat([Uint8Array.of(0x80, 2), ...body, Uint8Array.of(0x2e)]));
}

export const global = (module: string, name: string): string => `c${module}\n${name}\n`;
export const text = (s: string): Uint8Array => {
  const utf = Buffer.from(s);
  return Buffer.concat([Uint8Array.of(0x58, utf.length, utf.length >> 8, 0, 0), utf]);
};
export const int = (n: number): Uint8Array => {
  const b = Buffer.alloc(5);
  b[0] = 0x4a;
  b.writeInt32LE(n, 1);
  return b;
};
export const tuple = (...items: Piece[]): Uint8Array =>
  Buffer.concat([
    Buffer.from('('),
    ...items.map((i) => (typeof i === 'number' ? Uint8Array.of(i) : Buffer.from(i as string, 'latin1'))),
    Buffer.from('t'),
  ]);

/** A tensor on storage `key` of `count` elements: a call of torch._utils._rebuild_tensor_v2. */
export function tensor(
  type: string,
  key: string,
  count: number,
  offset: number,
  size: readonly number[],
  stride: readonly number[],
): Uint8Array {
  const id = tuple(text('storage'), global('torch', type), text(key), text('cpu'), int(count));
  return Buffer.concat([
    Buffer.from(global('torch._utils', '_rebuild_tensor_v2')),
    Buffer.from('('),
    id,
    Buffer.from('Q'),
    int(offset),
    tuple(...size.map(int)),
    tuple(...stride.map(int)),
    Uint8Array.of(0x89),
    Buffer.from(`${global('collections', 'OrderedDict')})R`),
    Buffer.from('tR'),
  ]);
}

/** A torch archive: the pickle and its storages by key. */
export function archive(data: Uint8Array, storages: Record<string, Uint8Array> = {}): Uint8Array {
  const entries: Record<string, Uint8Array> = { 'm/data.pkl': data, 'm/byteorder': Buffer.from('little') };
  for (const [key, bytes] of Object.entries(storages)) entries[`m/data/${key}`] = bytes;
  return zipSync(entries, { level: 0 });
}
