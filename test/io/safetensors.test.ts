import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readSafetensors, type Tensor, writeSafetensors } from '../../lib/io/index.js';
import { random } from '../tools.js';
import { bytes, file, refusal, scratch } from './tools.js';

function safetensors(header: string, data: Uint8Array = new Uint8Array()): Uint8Array {
  return bytes('u64', header.length, 'text', header, 'raw', data);
}

const read = (header: string, data?: Uint8Array) =>
  readSafetensors(file('x.safetensors', safetensors(header, data)));

test('a file written by hand from the format reads as its numbers', () => {
  const header =
    '{"__metadata__":{"format":"pt"},' +
    '"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},' +
    '"h":{"dtype":"F16","shape":[3],"data_offsets":[16,22]},' +
    '"b":{"dtype":"BF16","shape":[2],"data_offsets":[22,26]},' +
    '"s":{"dtype":"I64","shape":[],"data_offsets":[26,34]},' +
    '"z":{"dtype":"BOOL","shape":[0,5],"data_offsets":[34,34]}}';
  const data = bytes(
    ...['f32', 1, 'f32', -2.5, 'f32', 0, 'f32', 1e10],
    ...['u16', 0x3c00, 'u16', 0xc100, 'u16', 0x0001], // 1, -2.5, 2^-24
    ...['u16', 0x3f80, 'u16', 0x4049], // 1, 3.140625
    ...['u64', 2n ** 64n - 7n],
  );
  const { tensors, metadata } = read(header, data);
  assert.equal(metadata, { format: 'pt' });
  assert.equal([...tensors.keys()], ['a', 'h', 'b', 's', 'z']);
  assert.equal(tensors.get('a'), {
    shape: [2, 2],
    dtype: 'float32',
    data: new Float32Array([1, -2.5, 0, 1e10]),
  });
  assert.equal(tensors.get('h')!.data, new Float32Array([1, -2.5, 2 ** -24]));
  assert.equal(tensors.get('b')!.data, new Float32Array([1, 3.140625]));
  assert.equal(tensors.get('s')!.data, new BigInt64Array([-7n]));
  assert.equal(tensors.get('s')!.shape, []);
  assert.equal(tensors.get('z'), { shape: [0, 5], dtype: 'bool', data: new Uint8Array() });
});

test('every dtype survives a round trip, bytes aligned and nothing left behind', () => {
  const next = random(1);
  const reals = Array.from({ length: 12 }, () => next() * 8 - 4);
  const tensors: Record<string, Tensor> = {
    i8: { shape: [12], dtype: 'int8', data: Int8Array.from(reals) },
    u8: { shape: [12], dtype: 'uint8', data: Uint8Array.from(reals.map(Math.abs)) },
    flag: { shape: [3], dtype: 'bool', data: Uint8Array.of(1, 0, 1) },
    f64: { shape: [3, 4], dtype: 'float64', data: Float64Array.from(reals) },
    f32: { shape: [12], dtype: 'float32', data: Float32Array.of(...reals) },
    f16: { shape: [4], dtype: 'float16', data: Float32Array.of(0.5, -65504, 2 ** -24, Infinity) },
    bf16: { shape: [2], dtype: 'bfloat16', data: Float32Array.of(-0.5, 2 ** 100) },
    i64: { shape: [2], dtype: 'int64', data: BigInt64Array.of(-(2n ** 63n), 5n) },
    i32: { shape: [1], dtype: 'int32', data: Int32Array.of(-5) },
    i16: { shape: [1], dtype: 'int16', data: Int16Array.of(-6) },
  };
  const path = join(scratch, 'round.safetensors');
  writeSafetensors(path, tensors, { mdlab: '{"Å":1}' });
  assert.not(readdirSync(scratch).some((f) => f.endsWith('.part')));
  const back = readSafetensors(path);
  assert.equal(back.metadata, { mdlab: '{"Å":1}' });
  assert.equal(Object.fromEntries(back.tensors), tensors);
  const raw = readFileSync(path);
  const header = JSON.parse(raw.subarray(8, 8 + Number(raw.readBigUInt64LE())).toString());
  const aligned = { F64: 8, I64: 8, F32: 4, I32: 4 } as Record<string, number>;
  for (const [name, t] of Object.entries(header) as [string, { dtype: string; data_offsets: number[] }][]) {
    if (name === '__metadata__') continue;
    assert.is((8 + Number(raw.readBigUInt64LE()) + t.data_offsets[0]!) % (aligned[t.dtype] ?? 1), 0, name);
  }
});

test('NaN passes through tensors of every float type', () => {
  const path = join(scratch, 'nan.safetensors');
  const nan = { shape: [1], data: Float32Array.of(Number.NaN) };
  writeSafetensors(path, {
    a: { ...nan, dtype: 'float32' },
    b: { ...nan, dtype: 'float16' },
    c: { ...nan, dtype: 'bfloat16' },
  });
  for (const [name, t] of readSafetensors(path).tensors) assert.ok(Number.isNaN(t.data[0]), name);
});

test('16-bit floats round to nearest even', () => {
  // Halfway cases: 1 + 2^-11 -> 1; 1 + 3·2^-11 -> 1 + 2^-9; 2^-25 -> 0; 1.5·2^-24 -> 2^-23; 65520 -> infinity.
  const given = Float32Array.of(
    1 + 2 ** -11,
    1 + 3 * 2 ** -11,
    2 ** -25,
    1.5 * 2 ** -24,
    65519,
    65520,
    -(2 ** -14),
  );
  const want = Float32Array.of(1, 1 + 2 ** -9, 0, 2 ** -23, 65504, Infinity, -(2 ** -14));
  const path = join(scratch, 'half.safetensors');
  writeSafetensors(path, {
    h: { shape: [7], dtype: 'float16', data: given },
    b: { shape: [2], dtype: 'bfloat16', data: Float32Array.of(1 + 2 ** -8, 1 + 3 * 2 ** -8) },
  });
  const { tensors } = readSafetensors(path);
  assert.equal(tensors.get('h')!.data, want);
  assert.equal(tensors.get('b')!.data, Float32Array.of(1, 1 + 2 ** -6));
});

test('every half is itself after widening and narrowing', () => {
  const all = Uint16Array.from({ length: 65536 }, (_, i) => i).filter((h) => (h & 0x7c00) !== 0x7c00);
  const header = `{"h":{"dtype":"F16","shape":[${all.length}],"data_offsets":[0,${2 * all.length}]}}`;
  const { tensors } = read(header, new Uint8Array(all.buffer));
  const path = join(scratch, 'all.safetensors');
  writeSafetensors(path, tensors);
  const raw = readFileSync(path);
  assert.equal(raw.subarray(raw.length - 2 * all.length), Buffer.from(all.buffer));
});

test('broken files are refused with file, field and place', () => {
  const ok = '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}';
  const four = new Uint8Array(4);
  const cases: [() => unknown, RegExp][] = [
    [
      () => readSafetensors(file('e.safetensors', '')),
      /e\.safetensors: header length at byte 0: needs 8 bytes/,
    ],
    [
      () => readSafetensors(file('l.safetensors', bytes('u64', 2n ** 60n, 'text', '{}'))),
      /header length at byte 0: must be within 0\.\.2, received 1152921504606847000/,
    ],
    [() => read('[1]'), /header at byte 8: must be a JSON object/],
    [() => read('{"a":'), /header at byte 8: must be JSON/],
    [() => read('['.repeat(200000)), /header at byte 8: must be JSON/],
    [() => read(ok.replace('F32', 'F7'), four), /tensor 'a' dtype: must be one of F64.*received "F7"/],
    [() => read(ok.replace('F32', 'constructor'), four), /tensor 'a' dtype/],
    [() => read(ok.replace('[1]', '[2]'), four), /tensor 'a' data_offsets: must span 8 bytes/],
    [() => read(ok.replace('[1]', '[-1]'), four), /tensor 'a' shape: must be a whole number/],
    [() => read(ok.replace('[1]', '[1.5]'), four), /tensor 'a' shape: must be a whole number/],
    [() => read(ok, new Uint8Array(3)), /tensor 'a' data_offsets\[1\].*received 4/],
    [() => read(ok, new Uint8Array(5)), /must be the end of the file, received 67/],
    [() => read(ok.replace('[0,4]', '[4,8]'), new Uint8Array(8)), /must begin at 0.*no gaps, no overlaps/],
    [
      () =>
        read(`${ok.slice(0, -1)},"b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}}`, new Uint8Array(6)),
      /tensor 'b' data_offsets: must begin at 4/,
    ],
    [() => read('{"__metadata__":{"n":5}}'), /__metadata__\.n: must be a string, received 5/],
    [
      () => readSafetensors(join(scratch, 'none.safetensors')),
      /none\.safetensors: cannot be opened: no such file/,
    ],
  ];
  for (const [body, message] of cases) assert.match(refusal(body), message);
});

test('a tensor whose data does not fit its shape or dtype is not written, and an old file stays', () => {
  const path = join(scratch, 'kept.safetensors');
  writeFileSync(path, 'old');
  const wrong = (t: unknown) => refusal(() => writeSafetensors(path, { w: t as Tensor }));
  assert.match(
    wrong({ shape: [3], dtype: 'float32', data: new Float32Array(2) }),
    /w\.shape: must hold 2 elements/,
  );
  assert.match(
    wrong({ shape: [2], dtype: 'float64', data: new Float32Array(2) }),
    /w\.data: must be a Float64Array/,
  );
  assert.is(readFileSync(path, 'utf8'), 'old');
});

test.run();
