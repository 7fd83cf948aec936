import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type LoadedTrajectory, loadTrajectory, save } from '../../lib/io/index.js';
import { BitReader, BitWriter, bitLength, tripleBits } from '../../lib/io/xdr-bits.js';
import { decodeCoordinates, encodeCoordinates } from '../../lib/io/xtc-coordinates.js';
import { makeBox, Structure, Trajectory } from '../../lib/structure/index.js';
import { random } from '../tools.js';
import { smallNm, smallXtc, waterNm, waterXtc, wideNm, wideXtc } from './golden.js';
import { bigEndian, file, refusal, scratch } from './tools.js';

const atoms = (n: number): Structure =>
  new Structure({ positions: new Float64Array(3 * n), symbols: Array.from({ length: n }, () => 'C') });
const read = (data: Uint8Array, n: number): LoadedTrajectory =>
  loadTrajectory(file('x.xtc', data), { topology: atoms(n) });
const golden = {
  water: Buffer.from(waterXtc, 'base64'),
  small: Buffer.from(smallXtc, 'base64'),
  wide: Buffer.from(wideXtc, 'base64'),
};

function close(got: ArrayLike<number>, nm: number[]): void {
  assert.is(got.length, nm.length);
  nm.forEach((x, i) => {
    assert.ok(Math.abs(got[i]! - 10 * x) <= 3e-7 * Math.abs(10 * x), `${i}: ${got[i]} and ${10 * x}`);
  });
}

test("files of GROMACS' library: compressed, at most nine atoms, ranges beyond 24 bits", () => {
  const water = read(golden.water, 12);
  close(
    water.frames.flatMap((f) => [...f.positions]),
    waterNm,
  );
  assert.equal(
    water.frames.map((f) => [f.step, f.time]),
    [
      [10, 500],
      [20, 2250],
    ],
  );
  assert.equal([...water.frames[0]!.box!.vectors], [30, 0, 0, 5, 25, 0, 2.5, 5, 20]);
  close(
    read(golden.small, 5).frames.flatMap((f) => [...f.positions]),
    smallNm,
  );
  assert.is(read(golden.small, 5).frames[0]!.box, null);
  close(read(golden.wide, 12).frames[0]!.positions, wideNm);
});

test("what is written is, byte for byte, what GROMACS' library wrote", () => {
  const path = `${scratch}/water.xtc`;
  const run = read(golden.water, 12);
  save(path, new Trajectory(atoms(12), run.frames));
  assert.equal(readFileSync(path), golden.water);
});

test('the compression gives back any whole numbers', () => {
  const next = random(11);
  for (let round = 0; round < 300; round++) {
    const count = 10 + Math.floor(next() * 200);
    const spread = 2 ** (1 + next() * 28);
    const jump = 2 ** (next() * 20);
    const values = new Int32Array(3 * count);
    for (let i = 0; i < count; i++) {
      const fresh = i === 0 || next() < 0.2;
      for (let d = 0; d < 3; d++) {
        const x = fresh ? (next() - 0.5) * spread : values[3 * (i - 1) + d]! + (next() - 0.5) * jump;
        values[3 * i + d] = Math.round(Math.max(-(2 ** 30), Math.min(2 ** 30, x)));
      }
    }
    const { header, bytes } = encodeCoordinates(values);
    const out = new Float32Array(3 * count);
    assert.is(decodeCoordinates(bytes, header, count, 1, out), undefined, `round ${round}`);
    assert.equal(out, Float32Array.from(values), `round ${round}`);
  }
});

test('all atoms at one place, and two alternating far points', () => {
  for (const values of [
    new Int32Array(60),
    Int32Array.from({ length: 60 }, (_, i) => (i % 6 < 3 ? -(2 ** 29) : 2 ** 29)),
  ]) {
    const { header, bytes } = encodeCoordinates(values);
    const out = new Float32Array(60);
    assert.is(decodeCoordinates(bytes, header, 20, 1, out), undefined);
    assert.equal(out, Float32Array.from(values));
  }
});

test('bits and triples', () => {
  assert.equal([1, 2, 7, 8, 2 ** 24, 2 ** 32 - 1, 2 ** 32].map(bitLength), [1, 2, 3, 4, 25, 32, 33]);
  assert.is(tripleBits([2, 2, 2]), 4);
  const writer = new BitWriter();
  writer.bits(3, 5);
  writer.bits(32, 0xdeadbeef);
  writer.triple(72, [16777216, 16777216, 16777216], 16777215, 1, 12345);
  writer.triple(20, [100, 100, 100], 99, 0, 42);
  const reader = new BitReader(writer.finish());
  const out = [0, 0, 0];
  assert.is(reader.bits(3), 5);
  assert.is(reader.bits(32), 0xdeadbeef);
  reader.triple(72, [16777216, 16777216, 16777216], out);
  assert.equal(out, [16777215, 1, 12345]);
  reader.triple(20, [100, 100, 100], out);
  assert.equal(out, [99, 0, 42]);
  assert.not(reader.overrun);
  reader.bits(32);
  assert.ok(reader.overrun);
});

test('rounding is to 0.01 Å, finer on request', () => {
  const next = random(5);
  const positions = Float64Array.from({ length: 300 }, () => (next() - 0.5) * 200);
  const s = atoms(100).with({ positions, box: makeBox([50, 0, 0, 10, 50, 0, -10, 5, 50]) });
  for (const [precision, worst] of [
    [1000, 0.00501],
    [100000, 0.00006],
  ] as const) {
    save(`${scratch}/p.xtc`, s, { precision });
    const back = loadTrajectory(`${scratch}/p.xtc`, { topology: s });
    const error = Math.max(...positions.map((x, i) => Math.abs(x - back.frames[0]!.positions[i]!)));
    assert.ok(error < worst && error > worst / 10, `${precision}: ${error}`);
    assert.equal([...back.frames[0]!.box!.vectors], [...s.box!.vectors]);
  }
  const far = s.with({ positions: positions.map((x) => x * 1e6) });
  assert.match(
    refusal(() => save(`${scratch}/far.xtc`, far)),
    /positions\[\d+\]: must be within .* Å for XTC/,
  );
});

test('a cut at every byte leaves the whole frames', () => {
  const { water } = golden;
  const first = 56 + 36 + 48;
  assert.is(water.readInt32BE(first), 1995);
  for (let cut = 1; cut < water.length; cut++) {
    const data = water.subarray(0, cut);
    if (cut < first)
      assert.match(
        refusal(() => read(data, 12)),
        /^x\.xtc: frame 0/,
      );
    else {
      const run = read(data, 12);
      assert.is(run.length, 1);
      assert.is(run.truncated, cut > first);
    }
  }
});

test('the magic 2023 has 64-bit sizes', () => {
  const { water } = golden;
  const at = 56 + 32;
  const frame = Buffer.concat([
    bigEndian('i32', 2023),
    water.subarray(4, at),
    bigEndian('u64', BigInt(water.readInt32BE(at))),
    water.subarray(at + 4, 140),
  ]);
  close(read(frame, 12).frames[0]!.positions, waterNm.slice(0, 36));
});

test('broken files are refused with frame, field and byte', () => {
  const patch = (offset: number, value: number, kind: 'i32' | 'f32' = 'i32'): Uint8Array => {
    const copy = Buffer.from(golden.water);
    copy.set(bigEndian(kind, value), offset);
    return copy;
  };
  const cases: [Uint8Array, RegExp][] = [
    [patch(0, 1996), /x\.xtc: frame 0 magic at byte 0: must be 1995 or 2023, received 1996/],
    [patch(4, 0x7fffffff), /frame 0 atoms at byte 4: must be a positive count, twice the same/],
    [patch(12, Number.NaN, 'f32'), /frame 0 time at byte 12: must be finite/],
    [patch(16, Infinity, 'f32'), /frame 0 box at byte 16: must be finite/],
    [patch(16, 0, 'f32'), /frame 0 box at byte 16: must span a volume/],
    [patch(56, 0, 'f32'), /frame 0 positions at byte 56: precision must be positive/],
    [patch(60, 0x7ffffff0), /maximum must not be below minimum/],
    [patch(84, 3), /range index must be within 9\.\.72/],
    [patch(84, 100), /range index must be within/],
    [patch(88, -4), /compressed size must be positive, received -4/],
    [patch(88, 2), /12 atoms must take more bytes than, received 2/],
    [patch(88, 20), /compressed bytes end before the atoms do|run must end with the atoms|range index/],
    [patch(140, 7), /frame 1 magic at byte 140/],
  ];
  for (const [data, message] of cases)
    assert.match(
      refusal(() => read(data, 12)),
      message,
    );
  const many = Buffer.from(golden.water);
  many.set(bigEndian('i32', 0x7fffffff), 4);
  many.set(bigEndian('i32', 0x7fffffff), 52);
  assert.match(
    refusal(() => read(many, 12)),
    /2147483647 atoms must take more bytes than/,
  );
  const nan = Buffer.from(golden.small);
  nan.set(bigEndian('f32', Number.NaN), 60);
  assert.match(
    refusal(() => read(nan, 5)),
    /frame 0 atom 0: must be finite/,
  );
});

test.run();
