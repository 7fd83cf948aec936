/** Numbers with a shape, as array files carry them. */
export interface Tensor {
  readonly shape: readonly number[];
  readonly dtype:
    | 'float64'
    | 'float32'
    | 'float16'
    | 'bfloat16'
    | 'int64'
    | 'int32'
    | 'int16'
    | 'int8'
    | 'uint8'
    | 'bool';
  /** Row-major. 16-bit floats are widened to Float32Array, int64 to BigInt64Array, bool to Uint8Array. */
  readonly data:
    | Float64Array
    | Float32Array
    | BigInt64Array
    | Int32Array
    | Int16Array
    | Int8Array
    | Uint8Array;
}
