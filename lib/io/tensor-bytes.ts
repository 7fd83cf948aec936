/** Tensors as little-endian bytes: the part that safetensors, npy and torch files share. All hosts of Node are little-endian. */
import { invalid } from '../errors.js';
import { bfloat16FromFloat32, float32FromBfloat16, float32FromHalf, halfFromFloat32 } from './half.js';
import type { Tensor } from './tensor.js';

export type DType = Tensor['dtype'];

/** Bytes per element in a file. */
export const itemSize: Readonly<Record<DType, number>> = {
  float64: 8,
  float32: 4,
  float16: 2,
  bfloat16: 2,
  int64: 8,
  int32: 4,
  int16: 2,
  int8: 1,
  uint8: 1,
  bool: 1,
};

/** Product of a shape; not checked for overflow beyond 2^53. */
export function elements(shape: readonly number[]): number {
  return shape.reduce((product, n) => product * n, 1);
}

/** Element values of `bytes`, which must start at a multiple of the element size in its buffer. */
export function fromBytes(bytes: Uint8Array, dtype: DType): Tensor['data'] {
  const n = bytes.length / itemSize[dtype];
  const { buffer, byteOffset } = bytes;
  switch (dtype) {
    case 'float64':
      return new Float64Array(buffer, byteOffset, n);
    case 'float32':
      return new Float32Array(buffer, byteOffset, n);
    case 'float16':
      return float32FromHalf(new Uint16Array(buffer, byteOffset, n));
    case 'bfloat16':
      return float32FromBfloat16(new Uint16Array(buffer, byteOffset, n));
    case 'int64':
      return new BigInt64Array(buffer, byteOffset, n);
    case 'int32':
      return new Int32Array(buffer, byteOffset, n);
    case 'int16':
      return new Int16Array(buffer, byteOffset, n);
    case 'int8':
      return new Int8Array(buffer, byteOffset, n);
    case 'uint8':
    case 'bool':
      return new Uint8Array(buffer, byteOffset, n);
  }
}

const arrays = {
  float64: Float64Array,
  float32: Float32Array,
  float16: Float32Array,
  bfloat16: Float32Array,
  int64: BigInt64Array,
  int32: Int32Array,
  int16: Int16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  bool: Uint8Array,
} as const;

/**
 * A tensor's elements as a file holds them.
 * @throws EINVALID when data and dtype or shape disagree
 */
export function toBytes(tensor: Tensor, name: string): Uint8Array {
  const { data, dtype, shape } = tensor;
  if (!(data instanceof arrays[dtype])) {
    invalid(`${name}.data`, `must be a ${arrays[dtype].name} for dtype ${dtype}`, data);
  }
  if (elements(shape) !== data.length) {
    invalid(`${name}.shape`, `must hold ${data.length} elements`, `[${shape.join(', ')}]`);
  }
  const raw =
    dtype === 'float16'
      ? halfFromFloat32(data as Float32Array)
      : dtype === 'bfloat16'
        ? bfloat16FromFloat32(data as Float32Array)
        : data;
  return new Uint8Array(raw.buffer, raw.byteOffset, raw.byteLength);
}

/** The tensor's values as doubles (int64 beyond 2^53 loses digits). */
export function float64Of(tensor: Tensor): Float64Array {
  return tensor.data instanceof BigInt64Array
    ? Float64Array.from(tensor.data, Number)
    : Float64Array.from(tensor.data);
}

/** The tensor's whole numbers as 32-bit integers. @throws EINVALID when a value does not fit */
export function int32Of(tensor: Tensor, name: string): Int32Array {
  return Int32Array.from(tensor.data as ArrayLike<number | bigint>, (value) => {
    const n = Number(value);
    if ((n | 0) !== n) invalid(name, 'must hold 32-bit whole numbers', n);
    return n;
  });
}
