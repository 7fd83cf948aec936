// The network primitives against plain JavaScript in double.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { native } from '../../lib/native.js';
import { random } from '../tools.js';

const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))) - Math.LN2;
const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const definitions: Record<string, [(x: number) => number, (x: number) => number]> = {
  tanh: [Math.tanh, (x) => 1 - Math.tanh(x) ** 2],
  ssp: [softplus, sigmoid],
  silu: [(x) => x * sigmoid(x), (x) => sigmoid(x) * (1 + x * (1 - sigmoid(x)))],
};

for (const [name, [value, slope]] of Object.entries(definitions)) {
  test(`${name} and its slope over the whole range`, () => {
    const points = Array.from({ length: 20001 }, (_, k) => {
      const t = (k - 10000) / 10000;
      return Math.sign(t) * 10 ** (Math.abs(t) * 6 - 4) - Math.sign(t) * 1e-4;
    });
    for (const [Kind, epsilon] of [
      [Float64Array, 2 ** -52],
      [Float32Array, 2 ** -23],
    ] as const) {
      const x = Kind.from(points);
      const got = x.slice();
      const gotSlope = new Kind(x.length);
      native().activation(name, got, gotSlope);
      x.forEach((v, k) => {
        // ssp subtracts ln 2, so it is exact in absolute terms only.
        const size = Math.abs(value(v)) + (name === 'ssp' ? 1 : 0);
        assert.ok(Math.abs(got[k]! - value(v)) <= 5 * epsilon * size + 1e-35, `${name}(${v}) = ${got[k]}`);
        assert.ok(
          Math.abs(gotSlope[k]! - slope(v)) <= 8 * epsilon * (1 + Math.abs(value(v))),
          `${name}'(${v})`,
        );
      });
    }
  });
}

test('what is not a number stays so, and infinities saturate', () => {
  const x = Float32Array.of(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0);
  const s = new Float32Array(4);
  native().activation('tanh', x, s);
  assert.equal([...x], [Number.NaN, 1, -1, -0]);
});

test('every half-precision number survives, and rounding goes to the nearest, ties to even', () => {
  const all = new Float32Array(65536);
  for (let bits = 0; bits < 65536; bits++) {
    const e = (bits >> 10) & 31;
    const m = bits & 1023;
    const magnitude = e === 0 ? m * 2 ** -24 : (1 + m / 1024) * 2 ** (e - 15);
    all[bits] = e === 31 ? 0 : bits & 0x8000 ? -magnitude : magnitude;
  }
  const same = all.slice();
  native().roundToHalf(same);
  assert.equal(same, all);
  const positive = [...all.subarray(0, 0x7c00)];
  const between = Float32Array.from(positive.slice(0, -1), (a, k) => (a + positive[k + 1]!) / 2);
  native().roundToHalf(between);
  between.forEach((v, k) => {
    assert.is(v, positive[k % 2 === 0 ? k : k + 1], `tie above ${positive[k]}`);
  });
  const large = Float32Array.of(65519, 1e6, -1e30, 1e-9);
  native().roundToHalf(large);
  assert.equal([...large], [65504, 65504, -65504, 0]);
});

test('dense layers of any shape', () => {
  const u = random(3);
  for (const [rows, inputs, outputs] of [
    [1, 1, 1],
    [5, 7, 3],
    [6, 16, 64],
    [13, 50, 100],
    [48, 128, 128],
    [97, 33, 81],
  ] as const) {
    const weight = Float64Array.from({ length: inputs * outputs }, () => 2 * u() - 1);
    const a = Float64Array.from({ length: rows * inputs }, () => 2 * u() - 1);
    const want = Array.from({ length: rows * outputs }, (_, k) => {
      const [r, o] = [Math.floor(k / outputs), k % outputs];
      let sum = 0;
      for (let q = 0; q < inputs; q++) sum += a[r * inputs + q]! * weight[o * inputs + q]!;
      return sum;
    });
    const c = new Float64Array(rows * outputs);
    native().multiply(a, weight, inputs, outputs, c, 1);
    const single = new Float32Array(rows * outputs);
    native().multiply(Float32Array.from(a), weight, inputs, outputs, single, 1);
    want.forEach((v, k) => {
      assert.ok(Math.abs(c[k]! - v) < 1e-13 * inputs);
      assert.ok(Math.abs(single[k]! - v) < 1e-6 * Math.sqrt(inputs) + 1e-6);
    });
  }
});

test.run();
