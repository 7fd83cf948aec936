import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type NativeBatch, native } from '../../lib/native.js';

function batch(positions: number[], box: number[] | null): NativeBatch {
  const n = positions.length / 3;
  return {
    offsets: Int32Array.of(0, n),
    positions: Float64Array.from(positions),
    types: new Int32Array(n),
    boxes: Float64Array.from(box ?? new Array(9).fill(0)),
    periodic: Uint8Array.from(box ? [1, 1, 1] : [0, 0, 0]),
  };
}

// Ordered shells of the simple cubic lattice: 6 at 1, 12 at √2, 8 at √3, 6 at 2.
test('one atom in a unit cube has its own images as neighbours', () => {
  const cube = batch([0.3, 0.4, 0.5], [1, 0, 0, 0, 1, 0, 0, 0, 1]);
  for (const [cutoff, count] of [
    [1.01, 6],
    [1.42, 18],
    [1.74, 26],
    [2.01, 32],
  ] as const) {
    const list = native().neighborList(cube, cutoff, 0, null, null, false);
    assert.is(list.column.length, count);
    assert.is(list.shift.length, 3 * count);
    assert.equal([...list.rowStart], [0, count]);
  }
});

test('a pair in the open is listed in both directions', () => {
  const list = native().neighborList(batch([0, 0, 0, 3, 0, 0], null), 3.5, 0, null, null, false);
  assert.equal([...list.column], [1, 0]);
  assert.equal([...list.rowStart], [0, 1, 2]);
  assert.is(list.shift.length, 0);
});

test.run();
