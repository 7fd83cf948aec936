import { zipSync } from 'fflate';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { load, readNpy, readNpz, save, type Tensor } from '../../lib/io/index.js';
import { random } from '../tools.js';
import { compressedNpz } from './golden.js';
import { bigEndian, bytes, file, refusal, scratch } from './tools.js';

/** A .npy file from its header text. */
function npy(descr: string, fortran: string, shape: string, data: Uint8Array, version = 1): Uint8Array {
  const header = `{'descr': ${descr}, 'fortran_order': ${fortran}, 'shape': ${shape}, }\n`;
  const length = version === 1 ? bytes('u16', header.length) : bytes('u32', header.length);
  return bytes('text', '\x93NUMPY', 'u8', version, 'u8', 0, 'raw', length, 'text', header, 'raw', data);
}
const read = (...given: Parameters<typeof npy>): Tensor => readNpy(file('x.npy', npy(...given)));

test('dtypes, byte orders, column-major order, header versions', () => {
  const cases: [string, Uint8Array, Tensor['dtype'], Tensor['data']][] = [
    ["'<f8'", bytes('f64', 0.1, 'f64', -2), 'float64', Float64Array.of(0.1, -2)],
    ["'>f8'", bigEndian('f64', 0.1, 'f64', -2), 'float64', Float64Array.of(0.1, -2)],
    ["'<f4'", bytes('f32', 0.5, 'f32', -2), 'float32', Float32Array.of(0.5, -2)],
    ["'>f2'", bigEndian('u16', 0x3800, 'u16', 0xc000), 'float16', Float32Array.of(0.5, -2)],
    ["'<i8'", bytes('u64', 5, 'u64', 2n ** 64n - 6n), 'int64', BigInt64Array.of(5n, -6n)],
    ["'>i4'", bigEndian('i32', 5, 'i32', -6), 'int32', Int32Array.of(5, -6)],
    ["'<i2'", bytes('u16', 5, 'u16', 0xfffa), 'int16', Int16Array.of(5, -6)],
    ["'|i1'", bytes('u8', 5, 'u8', 0xfa), 'int8', Int8Array.of(5, -6)],
    ["'|u1'", bytes('u8', 5, 'u8', 0xfa), 'uint8', Uint8Array.of(5, 250)],
    ["'<u2'", bytes('u16', 5, 'u16', 0xfffa), 'int32', Int32Array.of(5, 65530)],
    ["'<u4'", bytes('u32', 5, 'u32', 4294967290), 'int64', BigInt64Array.of(5n, 4294967290n)],
    ["'|b1'", bytes('u8', 1, 'u8', 0), 'bool', Uint8Array.of(1, 0)],
  ];
  for (const [descr, data, dtype, want] of cases) {
    for (const version of [1, 2, 3]) {
      assert.equal(read(descr, 'False', '(2,)', data, version), { shape: [2], dtype, data: want });
    }
  }
  const six = bytes('u8', 1, 'u8', 4, 'u8', 2, 'u8', 5, 'u8', 3, 'u8', 6);
  assert.equal(read("'|u1'", 'True', '(2, 3)', six).data, Uint8Array.of(1, 2, 3, 4, 5, 6));
  assert.equal(read("'|u1'", 'True', '(3, 1, 2)', six).data, Uint8Array.of(1, 5, 4, 3, 2, 6));
  assert.equal(read("'<f4'", 'False', '()', bytes('f32', 7)).shape, []);
  assert.is(read("'<f4'", 'False', '(0, 3)', new Uint8Array()).data.length, 0);
});

test("NumPy's own compressed archive", () => {
  const arrays = readNpz(file('g.npz', Buffer.from(compressedNpz, 'base64')));
  assert.equal([...arrays.keys()], ['a', 'b', 'c']);
  assert.equal(arrays.get('a'), { shape: [2, 3], dtype: 'int16', data: Int16Array.of(0, 1, 2, 3, 4, 5) });
  assert.equal(arrays.get('b'), { shape: [2, 2], dtype: 'float32', data: Float32Array.of(1.5, 2, 3, 4) });
  assert.equal(arrays.get('c')!.data, BigInt64Array.of(2n ** 40n, 7n));
});

test('arrays survive a round trip through both formats', () => {
  const next = random(2);
  const tensors: Record<string, Tensor> = {
    x: { shape: [2, 5, 3], dtype: 'float64', data: Float64Array.from({ length: 30 }, next) },
    h: { shape: [3], dtype: 'float16', data: Float32Array.of(0.5, -1, 1024) },
    i: { shape: [], dtype: 'int64', data: BigInt64Array.of(-(2n ** 62n)) },
    b: { shape: [0, 2], dtype: 'bool', data: new Uint8Array() },
  };
  save(`${scratch}/r.npz`, tensors);
  assert.equal(Object.fromEntries(load(`${scratch}/r.npz`) as Map<string, Tensor>), tensors);
  for (const t of Object.values(tensors)) {
    save(`${scratch}/r.npy`, t);
    assert.equal(load(`${scratch}/r.npy`), t);
  }
  const bf: Tensor = { shape: [1], dtype: 'bfloat16', data: new Float32Array(1) };
  assert.match(
    refusal(() => save(`${scratch}/b.npy`, bf)),
    /array\.dtype: must be a type NumPy has, received "bfloat16"; use float32/,
  );
  assert.match(
    refusal(() => save(`${scratch}/b.npy`, tensors)),
    /must be one array/,
  );
});

test('broken files are refused with field and byte', () => {
  const eight = new Uint8Array(8);
  const cases: [() => unknown, RegExp][] = [
    [() => readNpy(file('x.npy', '')), /x\.npy: byte 0: must start with/],
    [
      () => readNpy(file('x.npy', npy("'<f8'", 'False', '(1,)', eight, 4))),
      /version at byte 6: must be 1, 2 or 3, received 4/,
    ],
    [
      () => readNpy(file('x.npy', bytes('text', '\x93NUMPY', 'u8', 2, 'u8', 0, 'u32', 2 ** 31))),
      /header length at byte 8: must be at most/,
    ],
    [
      () => readNpy(file('x.npy', bytes('text', '\x93NUMPY', 'u8', 1, 'u8', 0, 'u16', 500))),
      /header at byte 10: needs 500 bytes/,
    ],
    [
      () => read("'<f8'", 'False', '(2,)', eight),
      /data at byte \d+: must hold 16 bytes for shape \(2\), received 8/,
    ],
    [() => read("'<f8'", 'False', '(99999999999999, 99999999999999)', eight), /must be a tuple|must hold/],
    [() => read("'<f8'", 'False', '(-1,)', eight), /header shape: must be a tuple of sizes/],
    [
      () => read("'|O'", 'False', '(1,)', eight),
      /descr: must be plain numbers.*object and text arrays are not read, received "\|O"/,
    ],
    [() => read("'<U2'", 'False', '(1,)', eight), /descr: must be plain numbers/],
    [
      () => read("[('a', '<f8')]", 'False', '(1,)', eight),
      /descr: must be plain numbers; structured arrays are not read/,
    ],
    [() => read("'<f8'", 'Maybe', '(1,)', eight), /fortran_order: must be True or False/],
    [() => read("'<u8'", 'False', '(1,)', bytes('u64', 2n ** 63n)), /element 0: must be below 2\^63/],
    [
      () => readNpz(file('x.npz', zipSync({ 'a.txt': eight }))),
      /x\.npz: zip entry 'a\.txt': must be an array named \*\.npy/,
    ],
    [() => readNpz(file('x.npz', zipSync({ 'a.npy': eight }))), /x\.npz: a\.npy: byte 0: must start with/],
  ];
  for (const [body, message] of cases) assert.match(refusal(body), message);
});

test.run();
