/** numpy scalars and arrays inside pickles, made into numbers and tensors. */
import type { PickleFunction, PickleValue, Unpickler } from './pickle.js';
import type { Tensor } from './tensor.js';
import { type DType, elements, fromBytes, itemSize } from './tensor-bytes.js';

const dtypes: Readonly<Record<string, DType>> = {
  f8: 'float64',
  f4: 'float32',
  f2: 'float16',
  i8: 'int64',
  i4: 'int32',
  i2: 'int16',
  i1: 'int8',
  u1: 'uint8',
  b1: 'bool',
};

class NumpyType {
  order = '<';
  constructor(readonly code: string) {}
}

/** Filled in by BUILD, as numpy does it. */
class NumpyArray implements Tensor {
  shape: number[] = [0];
  dtype: DType = 'float64';
  data: Tensor['data'] = new Float64Array();
}

/** The meaning of a numpy global; undefined for any that is not about plain numbers. */
export function numpyGlobal(module: string, name: string, reader: Unpickler): PickleFunction | undefined {
  switch (`${module.replace('numpy._core', 'numpy.core')}.${name}`) {
    case 'numpy.dtype':
      return ([code]) => new NumpyType(String(code)) as unknown as PickleValue;
    case 'numpy.ndarray':
      return () => reader.fail('must rebuild arrays by _reconstruct');
    case 'numpy.core.multiarray.scalar':
      return ([type, bytes]) => plain(values(type, bytes, 1, reader)[0]!);
    case 'numpy.core.multiarray._reconstruct':
      return () => new NumpyArray();
    case 'numpy.core.numeric._frombuffer':
      return ([bytes, type, shape, order]) => {
        const array = new NumpyArray();
        fill(array, shape, type, order === 'F', bytes, reader);
        return array;
      };
    default:
      return undefined;
  }
}

/** BUILD on a numpy dtype or array; false for anything else. */
export function numpyBuild(object: unknown, state: PickleValue, reader: Unpickler): boolean {
  if (object instanceof NumpyType && Array.isArray(state)) {
    object.order = String(state[1]);
    return true;
  }
  if (object instanceof NumpyArray && Array.isArray(state)) {
    const [, shape, type, fortran, bytes] = state;
    fill(object, shape, type, fortran === true, bytes, reader);
    return true;
  }
  return false;
}

function fill(
  array: NumpyArray,
  shape: PickleValue | undefined,
  type: unknown,
  fortran: boolean,
  bytes: PickleValue | undefined,
  reader: Unpickler,
): void {
  if (
    !Array.isArray(shape) ||
    !shape.every((n) => typeof n === 'number' && Number.isSafeInteger(n) && n >= 0)
  ) {
    reader.fail('numpy array shape must be whole numbers');
  }
  const sizes = shape as number[];
  const data = values(type, bytes, elements(sizes), reader);
  array.shape = sizes;
  array.dtype = dtypeOf(type, reader);
  array.data = fortran ? rowMajor(data, sizes) : data;
}

function dtypeOf(type: unknown, reader: Unpickler): DType {
  const code = type instanceof NumpyType ? type.code : '';
  if (!(type instanceof NumpyType) || !Object.hasOwn(dtypes, code) || type.order === '>') {
    reader.fail(`numpy type must be one of ${Object.keys(dtypes).join(' ')}, little-endian`, code);
  }
  return dtypes[code]!;
}

function values(type: unknown, bytes: unknown, count: number, reader: Unpickler): Tensor['data'] {
  const dtype = dtypeOf(type, reader);
  const want = count * itemSize[dtype];
  reader.charge(want);
  if (!(bytes instanceof Uint8Array) || bytes.length !== want) {
    reader.fail(`numpy data must hold ${want} bytes`, bytes instanceof Uint8Array ? bytes.length : bytes);
  }
  return fromBytes(new Uint8Array(bytes), dtype);
}

function plain(value: number | bigint): number | bigint {
  const n = Number(value);
  return typeof value === 'bigint' && !Number.isSafeInteger(n) ? value : n;
}

/** Column-major elements put into row-major order. */
export function rowMajor<T extends Tensor['data']>(data: T, shape: readonly number[]): T {
  const out = data.slice() as T;
  const index = shape.map(() => 0);
  for (let from = 0; from < data.length; from++) {
    let to = 0;
    for (let d = 0; d < shape.length; d++) to = to * shape[d]! + index[d]!;
    out[to] = data[from]!;
    for (let d = 0; d < shape.length; d++) {
      if (++index[d]! < shape[d]!) break;
      index[d] = 0;
    }
  }
  return out;
}
