// Seeded damage to files: what a bad disk, a cut download, or a hostile writer leaves.

type Random = () => number;
type Mutation = (bytes: Uint8Array, random: Random) => Uint8Array;

const below = (random: Random, n: number): number => Math.floor(random() * n);
const pick = <T>(random: Random, list: readonly T[]): T => list[below(random, list.length)]!;

const integers = [
  0,
  1,
  2,
  7,
  9,
  255,
  256,
  65535,
  2 ** 20,
  2 ** 24,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
  -1,
  -2,
];
const floats = [Number.NaN, Number.POSITIVE_INFINITY, -0, 1e38, 1e-40, 1e300, -1];
const tokens = [
  '',
  '-1',
  '0',
  'NaN',
  'inf',
  '1e999',
  '2147483647',
  '4294967296',
  '99999999999999999999',
  'T',
  '"',
  '{',
  '\\',
];

function spliced(bytes: Uint8Array, from: number, to: number, middle: Uint8Array): Uint8Array {
  const out = new Uint8Array(from + middle.length + (bytes.length - to));
  out.set(bytes.subarray(0, from));
  out.set(middle, from);
  out.set(bytes.subarray(to), from + middle.length);
  return out;
}

function region(bytes: Uint8Array, random: Random): [number, number] {
  const from = below(random, bytes.length + 1);
  return [from, Math.min(bytes.length, from + below(random, 2 ** (1 + below(random, 10))))];
}

const flipBits: Mutation = (bytes, random) => {
  const out = bytes.slice();
  for (let k = 1 + below(random, 8); k > 0 && out.length > 0; k--)
    out[below(random, out.length)]! ^= 1 << below(random, 8);
  return out;
};

const setBytes: Mutation = (bytes, random) => {
  const out = bytes.slice();
  const [from, to] = region(bytes, random);
  out.fill(pick(random, [0, 0xff, 0x7f, 0x80, 0x20, below(random, 256)]), from, Math.min(to, from + 16));
  return out;
};

const truncate: Mutation = (bytes, random) => bytes.slice(0, below(random, bytes.length + 1));

const extend: Mutation = (bytes, random) => {
  const tail = Uint8Array.from({ length: 1 + below(random, 64) }, () => below(random, 256));
  return spliced(bytes, bytes.length, bytes.length, tail);
};

const remove: Mutation = (bytes, random) => spliced(bytes, ...region(bytes, random), new Uint8Array());

const duplicate: Mutation = (bytes, random) => {
  const [from, to] = region(bytes, random);
  const at = below(random, bytes.length + 1);
  return spliced(bytes, at, at, bytes.subarray(from, to));
};

const overwrite: Mutation = (bytes, random) => {
  const out = bytes.slice();
  const [from, to] = region(bytes, random);
  out.copyWithin(below(random, bytes.length + 1), from, to);
  return out;
};

/** A length, count or offset made large, zero or negative, in any width and byte order. */
const inflate: Mutation = (bytes, random) => {
  const out = bytes.slice();
  if (out.length < 8) return out;
  const view = new DataView(out.buffer);
  // Most lengths stand near the start, or near the end of an archive.
  const near = pick(random, [
    below(random, out.length),
    below(random, Math.min(out.length, 256)),
    out.length - 1 - below(random, Math.min(out.length, 128)),
  ]);
  const at = Math.min(near, out.length - 8);
  const value = pick(random, integers);
  const little = random() < 0.6;
  switch (below(random, 5)) {
    case 0:
      view.setInt16(at, value, little);
      break;
    case 1:
      view.setBigInt64(at, BigInt(value) * pick(random, [1n, 2n ** 31n, 2n ** 20n]), little);
      break;
    case 2:
      view.setFloat32(at, pick(random, floats), little);
      break;
    case 3:
      view.setFloat64(at, pick(random, floats), little);
      break;
    default:
      view.setInt32(at, value, little);
  }
  return out;
};

/** A number or word of a text replaced; a third of the time one of the first, where the counts stand. */
const token: Mutation = (bytes, random) => {
  const at = below(random, random() < 1 / 3 ? Math.min(16, bytes.length + 1) : bytes.length + 1);
  const separator = (b: number | undefined): boolean =>
    b === undefined || b <= 32 || b === 34 || b === 44 || b === 58 || b === 61;
  let from = at;
  while (from > 0 && !separator(bytes[from - 1])) from--;
  let to = at;
  while (to < bytes.length && !separator(bytes[to])) to++;
  return spliced(bytes, from, to, Buffer.from(pick(random, tokens)));
};

const mutations = [
  flipBits,
  setBytes,
  truncate,
  extend,
  remove,
  duplicate,
  overwrite,
  inflate,
  inflate,
  token,
];

/** One to four mutations of one of the files. */
export function mutated(seeds: readonly Uint8Array[], random: Random): Uint8Array {
  let bytes = pick(random, seeds);
  for (let k = pick(random, [1, 1, 2, 3, 4]); k > 0; k--) bytes = pick(random, mutations)(bytes, random);
  return bytes;
}
