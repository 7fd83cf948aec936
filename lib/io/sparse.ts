import type { Tensor } from './tensor.js';

/** A sparse tensor in coordinate form: values[k] stands at indices[:,k], everything else is 0. */
export interface SparseTensor {
  readonly layout: 'coo';
  readonly shape: readonly number[];
  /** (dimensions, entries) int64, checked to lie inside the shape. */
  readonly indices: Tensor;
  /** (entries). Entries at the same place add up. */
  readonly values: Tensor;
}

/** True for a dense tensor (and no sparse one) among a file's values. */
export function isTensor(value: unknown): value is Tensor {
  return typeof value === 'object' && value !== null && 'dtype' in value && 'data' in value;
}

/** True for a sparse tensor among a file's values. */
export function isSparseTensor(value: unknown): value is SparseTensor {
  return typeof value === 'object' && value !== null && 'layout' in value && value.layout === 'coo';
}
