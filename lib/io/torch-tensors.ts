/** Tensors of a PyTorch file: storages, strides made row-major, sparse tensors; every size checked before it is allocated. */
import { GlobalName, type PickleFunction, type PickleValue, type Unpickler } from './pickle.js';
import { isTensor } from './sparse.js';
import type { Tensor } from './tensor.js';
import { type DType, elements, fromBytes, itemSize } from './tensor-bytes.js';
import type { ZipEntry } from './zip.js';

/** Raw elements that tensors are views of. */
export interface Storage {
  readonly kind: 'storage';
  /** Undefined for untyped bytes: the tensor names its type. */
  readonly dtype: DType | undefined;
  bytes(): Uint8Array;
}

const storageTypes: Readonly<Record<string, DType | undefined>> = {
  FloatStorage: 'float32',
  DoubleStorage: 'float64',
  HalfStorage: 'float16',
  BFloat16Storage: 'bfloat16',
  LongStorage: 'int64',
  IntStorage: 'int32',
  ShortStorage: 'int16',
  CharStorage: 'int8',
  ByteStorage: 'uint8',
  BoolStorage: 'bool',
  UntypedStorage: undefined,
};
const dtypeNames: Readonly<Record<string, DType>> = {
  float64: 'float64',
  double: 'float64',
  float32: 'float32',
  float: 'float32',
  float16: 'float16',
  half: 'float16',
  bfloat16: 'bfloat16',
  int64: 'int64',
  long: 'int64',
  int32: 'int32',
  int: 'int32',
  int16: 'int16',
  short: 'int16',
  int8: 'int8',
  uint8: 'uint8',
  bool: 'bool',
};
const maxTensors = 1_000_000;
const maxRank = 64;

/** Rebuilds a file's tensors within a budget of bytes. */
export class TensorBuilder {
  private made = 0;

  constructor(
    private readonly reader: Unpickler,
    private budget: number,
  ) {}

  /** A storage of `count` elements; its bytes are read when a tensor needs them. */
  storage(type: string, key: string, count: PickleValue | undefined, data: ZipEntry): Storage {
    if (!Object.hasOwn(storageTypes, type)) this.reader.fail('must be a known storage type', type);
    const dtype = storageTypes[type];
    const want = this.whole(count, `storage ${key} size`) * (dtype ? itemSize[dtype] : 1);
    if (data.size < want) this.reader.fail(`storage data/${key} must hold ${want} bytes`, data.size);
    let bytes: Uint8Array | undefined;
    return {
      kind: 'storage',
      dtype,
      bytes: () => {
        bytes ??= data.read();
        return bytes.subarray(0, want);
      },
    };
  }

  /** The meaning of a torch global that rebuilds tensors; undefined for any other. */
  rebuilder(module: string, name: string): PickleFunction | undefined {
    switch (`${module}.${name}`) {
      case 'torch._utils._rebuild_tensor':
      case 'torch._utils._rebuild_tensor_v2':
        return ([storage, offset, size, stride]) => this.dense(storage, offset, size, stride);
      case 'torch._utils._rebuild_tensor_v3':
        return ([storage, offset, size, stride, , , dtype]) =>
          this.dense(storage, offset, size, stride, dtype);
      case 'torch._utils._rebuild_sparse_tensor':
        return ([layout, data]) => this.sparse(layout, data);
      case 'torch._utils._rebuild_parameter':
      case 'torch._utils._rebuild_parameter_with_state':
        return ([data]) => this.tensor(data);
      case 'torch._tensor._rebuild_from_type_v2':
        return ([rebuild, , args]) => this.reapply(rebuild, args);
      default:
        return undefined;
    }
  }

  private reapply(rebuild: PickleValue | undefined, args: PickleValue | undefined): PickleValue {
    const again = rebuild instanceof GlobalName ? this.rebuilder(rebuild.module, rebuild.name) : undefined;
    // Itself as its own function would recurse without end.
    if (!again || !Array.isArray(args) || (rebuild as GlobalName).name === '_rebuild_from_type_v2') {
      return this.reader.fail('must rebuild a tensor');
    }
    return again(args);
  }

  private tensor(value: PickleValue | undefined): Tensor {
    return isTensor(value) ? value : this.reader.fail('must be a tensor');
  }

  private whole(value: PickleValue | undefined, what: string): number {
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
      this.reader.fail(`${what} must be a whole number`, value);
    }
    return value;
  }

  private wholes(value: PickleValue | undefined, what: string): number[] {
    if (!Array.isArray(value) || value.length > maxRank)
      this.reader.fail(`${what} must be at most ${maxRank} sizes`);
    return value.map((v) => this.whole(v, what));
  }

  private dense(
    stored: PickleValue | undefined,
    storageOffset: PickleValue | undefined,
    size: PickleValue | undefined,
    strides: PickleValue | undefined,
    named?: PickleValue,
  ): Tensor {
    const storage = stored as unknown as Storage | undefined;
    if (storage?.kind !== 'storage') return this.reader.fail('must rebuild a tensor from a storage');
    const dtype = named instanceof GlobalName ? dtypeNames[named.name] : storage.dtype;
    if (!dtype)
      return this.reader.fail('must be of a known type', named instanceof GlobalName ? named.name : named);
    const shape = this.wholes(size, 'tensor size');
    const stride = this.wholes(strides, 'tensor stride');
    if (stride.length !== shape.length) this.reader.fail('tensor stride must have an entry for each size');
    const offset = this.whole(storageOffset, 'tensor offset');
    const count = elements(shape);
    this.take(count * (dtype.endsWith('float16') ? 4 : itemSize[dtype]));
    const bytes = storage.bytes();
    const item = itemSize[dtype];
    const last = offset + shape.reduce((sum, n, d) => sum + Math.max(0, n - 1) * stride[d]!, 0);
    if (count > 0 && !((last + 1) * item <= bytes.length)) {
      this.reader.fail(
        `tensor must lie inside its storage of ${bytes.length / item} elements, last element`,
        last,
      );
    }
    const raw = isRowMajor(shape, stride)
      ? bytes.slice(offset * item, (offset + count) * item)
      : gather(bytes, item, offset, shape, stride, count);
    return { shape, dtype, data: fromBytes(raw, dtype) };
  }

  private take(bytes: number): void {
    if (++this.made > maxTensors) this.reader.fail(`must hold at most ${maxTensors} tensors`);
    if (!(bytes <= this.budget)) {
      this.reader.fail(
        `tensors must fit ${this.budget} bytes more (an expanded tensor?); raise maxBytes`,
        bytes,
      );
    }
    this.budget -= bytes;
  }

  private sparse(layout: PickleValue | undefined, data: PickleValue | undefined): PickleValue {
    const name = layout instanceof GlobalName ? `torch.${layout.name}` : layout;
    if (name !== 'torch.sparse_coo')
      this.reader.fail('sparse tensor must have layout torch.sparse_coo', name);
    if (!Array.isArray(data)) this.reader.fail('sparse tensor must carry indices, values and size');
    const indices = this.tensor(data[0]);
    const values = this.tensor(data[1]);
    const shape = this.wholes(data[2], 'sparse tensor size');
    const count = values.shape[0] ?? 0;
    const fits =
      indices.shape.length === 2 && indices.shape[0] === shape.length && indices.shape[1] === count;
    if (!fits || values.shape.length !== 1) {
      this.reader.fail(
        `sparse tensor indices must be (${shape.length}, ${count})`,
        `(${indices.shape.join(', ')})`,
      );
    }
    if (!(indices.data instanceof BigInt64Array))
      return this.reader.fail('sparse tensor indices must be int64');
    this.reader.charge(indices.data.length);
    for (let i = 0; i < indices.data.length; i++) {
      const limit = shape[Math.floor(i / count)]!;
      const index = indices.data[i]!;
      if (index < 0n || index >= limit)
        this.reader.fail(`sparse index must be within 0..${limit - 1}`, index);
    }
    return { layout: 'coo', shape, indices, values };
  }
}

function isRowMajor(shape: readonly number[], stride: readonly number[]): boolean {
  let want = 1;
  for (let d = shape.length - 1; d >= 0; d--) {
    if (shape[d] !== 1 && stride[d] !== want) return false;
    want *= shape[d]!;
  }
  return true;
}

/** The elements of a strided view in row-major order; bounds are checked by the caller. */
function gather(
  bytes: Uint8Array,
  item: number,
  offset: number,
  shape: readonly number[],
  stride: readonly number[],
  count: number,
): Uint8Array {
  const out = new Uint8Array(count * item);
  const index = shape.map(() => 0);
  let from = offset;
  for (let k = 0; k < count; k++) {
    for (let b = 0; b < item; b++) out[k * item + b] = bytes[from * item + b]!;
    for (let d = shape.length - 1; d >= 0; d--) {
      from += stride[d]!;
      if (++index[d]! < shape[d]!) break;
      from -= stride[d]! * shape[d]!;
      index[d] = 0;
    }
  }
  return out;
}
