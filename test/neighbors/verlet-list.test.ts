import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type NativeBatch, native } from '../../lib/native.js';
import { random } from '../tools.js';
import { join, type System } from './systems.js';

const cutoff = 5;
const skin = 1;

const gas = (seed: number, length: number, atoms: number): System => {
  const next = random(seed);
  return {
    positions: Array.from({ length: 3 * atoms }, () => length * next()),
    vectors: [length, 0, 0, 0, length, 0, 0, 0, length],
    periodic: [true, true, true],
  };
};
const open = (positions: number[]): System => ({
  positions,
  vectors: new Array(9).fill(0),
  periodic: [false, false, false],
});

/** Edges as `i j x y z`. */
function edges(list: { rowStart: Float64Array; column: Int32Array; shift: Int16Array }): Set<string> {
  const out = new Set<string>();
  for (let i = 0; i + 1 < list.rowStart.length; i++)
    for (let e = list.rowStart[i]!; e < list.rowStart[i + 1]!; e++)
      out.add(`${i} ${list.column[e]} ${list.shift.subarray(3 * e, 3 * e + 3)}`);
  return out;
}

test('the kept list holds every pair within the cutoff, and is not rebuilt at each step', () => {
  const batch = join([gas(1, 14, 150), gas(2, 11, 80)]);
  const next = random(3);
  const verlet = native().verletList(cutoff, skin);
  let rebuilds = 0;
  for (let step = 0; step < 120; step++) {
    const kept = native().verletUpdate(verlet, batch);
    rebuilds = kept.rebuilds;
    const all = edges(kept);
    for (const edge of edges(native().neighborList(batch, cutoff, 0, null, null, true)))
      assert.ok(all.has(edge), `step ${step}: ${edge}`);
    for (let i = 0; i < batch.positions.length; i++) batch.positions[i]! += 0.12 * (next() - 0.5);
  }
  assert.ok(rebuilds >= 3 && rebuilds <= 30, `${rebuilds} rebuilds in 120 steps`);
});

test('it is rebuilt just when an atom has moved more than half the skin', () => {
  const batch = join([open([0, 0, 0, 4, 0, 0])]);
  const verlet = native().verletList(cutoff, skin);
  const rebuilds = (): number => native().verletUpdate(verlet, batch).rebuilds;
  assert.is(rebuilds(), 1);
  batch.positions[3] = 4.5;
  assert.is(rebuilds(), 1);
  batch.positions[4] = 0.01;
  assert.is(rebuilds(), 2);
  assert.is(rebuilds(), 2);
});

test('without a skin any move rebuilds', () => {
  const batch = join([open([0, 0, 0, 4, 0, 0])]);
  const verlet = native().verletList(cutoff, 0);
  assert.is(native().verletUpdate(verlet, batch).rebuilds, 1);
  assert.is(native().verletUpdate(verlet, batch).rebuilds, 1);
  batch.positions[0] = 1e-9;
  assert.is(native().verletUpdate(verlet, batch).rebuilds, 2);
});

test('another box, other flags or another split into systems rebuild', () => {
  const batch = join([gas(1, 12, 6), gas(2, 12, 6)]);
  const verlet = native().verletList(cutoff, skin);
  const rebuilds = (b: NativeBatch): number => native().verletUpdate(verlet, b).rebuilds;
  assert.is(rebuilds(batch), 1);
  batch.boxes[9] = 12.001;
  assert.is(rebuilds(batch), 2);
  batch.periodic[5] = 0;
  assert.is(rebuilds(batch), 3);
  assert.is(rebuilds({ ...batch, offsets: Int32Array.of(0, 5, 12) }), 4);
  assert.is(rebuilds(join([gas(1, 12, 6)])), 5);
  assert.is(rebuilds(join([])), 6);
});

test('after a position that is not finite the next good one gets a new list', () => {
  const batch = join([open([0, 0, 0, 4, 0, 0])]);
  const verlet = native().verletList(cutoff, skin);
  native().verletUpdate(verlet, batch);
  batch.positions[0] = Number.NaN;
  assert.throws(() => native().verletUpdate(verlet, batch), /atom 0 of system 0 must be finite/);
  assert.throws(() => native().verletUpdate(verlet, batch), /must be finite/);
  batch.positions[0] = 0;
  assert.is(native().verletUpdate(verlet, batch).rebuilds, 2);
  assert.is(native().verletUpdate(verlet, batch).column.length, 2);
});

test('only a list made by verletList is taken', () => {
  const batch = join([]);
  assert.throws(() => native().verletUpdate({} as never, batch), /must be given a list made by verletList/);
});

test.run();
