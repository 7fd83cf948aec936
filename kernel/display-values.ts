/** Plain values in words: typed arrays, tensors and device buffers by shape, kind, range and first values, never whole. */
import { inspect } from 'node:util';
import { formatBytes, formatNumber } from '../lib/format.js';

type Numbers = Float64Array | BigInt64Array;

/** Longer words are cut: nobody reads them, and a notebook keeps them. */
const mostText = 50_000;

export function isTypedArray(value: unknown): value is Numbers {
  return ArrayBuffer.isView(value) && !(value instanceof DataView);
}

/** Numbers with a shape: our tensors, device buffers, arrays of other libraries. */
interface Shaped {
  shape: ArrayLike<number>;
  dtype: string;
  /** Where the numbers are; on this machine's memory when it does not say. */
  device?: unknown;
  data?: unknown;
}

export function isShaped(value: unknown): value is Shaped {
  if (typeof value !== 'object' || value === null) return false;
  const { shape, dtype } = value as Partial<Shaped>;
  return (
    typeof dtype === 'string' && (Array.isArray(shape) || ArrayBuffer.isView(shape)) && shape.length < 33
  );
}

/** Any other value, as Node prints it, with typed arrays inside it in short. */
export function describeValue(value: unknown): string {
  const prototype = Object.getPrototypeOf(Float64Array.prototype) as Record<symbol, unknown>;
  Object.defineProperty(prototype, inspect.custom, {
    configurable: true,
    value(this: Numbers): string {
      return briefly(this);
    },
  });
  try {
    const text = inspect(value, { depth: 4, maxArrayLength: 100, maxStringLength: 10_000, breakLength: 100 });
    if (text.length <= mostText) return text;
    return `${text.slice(0, mostText)}\n… ${formatNumber(text.length - mostText)} more characters`;
  } finally {
    delete prototype[inspect.custom];
  }
}

/** Float64Array(1 000) min 0, max 999, then the first values on a line of their own. */
export function describeArray(array: Numbers): string {
  const kind = array.constructor.name;
  if (array.length === 0) return `${kind}(0)`;
  return `${kind}(${formatNumber(array.length)}) ${rangeOf(array)}\n[${firstOf(array, 8)}]`;
}

export function describeShaped(value: Shaped): string {
  const shape = Array.from(value.shape, Number);
  const name = value.constructor === Object ? 'tensor' : value.constructor.name;
  const size = `${name} ${shape.length ? `(${shape.join(' × ')})` : '()'} ${value.dtype}`;
  const where = value.device === undefined ? '' : ` on ${String(value.device)}`;
  if (!isTypedArray(value.data)) return size + where;
  if (value.data.length === 0) return `${size}${where}, empty`;
  return `${size}${where}, ${rangeOf(value.data)}\n[${firstOf(value.data, 8)}]`;
}

/** On one line, for inside other values. */
function briefly(array: Numbers): string {
  const kind = array.constructor.name;
  if (array.length <= 8) return `${kind}(${array.length}) [${firstOf(array, 8)}]`;
  // Bytes have no range worth knowing.
  if (array.BYTES_PER_ELEMENT === 1) return `${kind}(${formatBytes(array.byteLength)})`;
  return `${kind}(${formatNumber(array.length)}) [${firstOf(array, 3)}] ${rangeOf(array)}`;
}

function firstOf(array: Numbers, count: number): string {
  const first = Array.from(array.subarray(0, count) as Iterable<number | bigint>, show).join(', ');
  return array.length > count ? `${first}, …` : first;
}

function show(v: number | bigint): string {
  return typeof v === 'bigint' ? String(v) : formatNumber(v, 6);
}

function rangeOf(array: Numbers): string {
  let [low, high, bad] = [array[0]!, array[0]!, 0];
  for (const v of array as Iterable<number | bigint>) {
    if (Number.isNaN(v)) bad++;
    else if (v < low || Number.isNaN(low)) low = v;
    if (v > high || Number.isNaN(high)) high = v;
  }
  return `min ${show(low)}, max ${show(high)}${bad ? `, ${formatNumber(bad)} NaN` : ''}`;
}
