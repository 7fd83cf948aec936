import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { makeBox, neighborList, orthorhombic, Structure } from '../../lib/index.js';

const make = (positions: number[], box: Structure['box'] = null): Structure =>
  new Structure({
    positions: Float64Array.from(positions),
    symbols: new Array(positions.length / 3).fill('Ar'),
    box,
  });

test('a structure gives rows, edges, pairs, vectors and distances', () => {
  const list = neighborList(make([0.5, 0, 0, 9.5, 0, 0, 5, 5, 5], orthorhombic([10, 10, 10])), { cutoff: 2 });
  assert.equal([list.atoms, list.edges, list.pairs], [3, 2, 1]);
  assert.equal([...list.neighbors(0)], [1]);
  assert.equal([...list.neighbors(2)], []);
  assert.equal([...list.shift], [-1, 0, 0, 1, 0, 0]);
  assert.equal([...list.vectors()], [-1, 0, 0, 1, 0, 0]);
  assert.equal([...list.distances()], [1, 1]);
  assert.throws(() => list.neighbors(3), /neighbors: must be a particle of 0..2, received 3/);
});

test('several structures are counted through and never meet', () => {
  const box = makeBox([6, 0, 0, 3, 5, 0, 0, 0, 7], [true, true, false]);
  const list = neighborList([make([0, 0, 0, 1, 0, 0]), make([0, 0, 0, 0, 0, 1], box)], { cutoff: 1.5 });
  assert.equal([...list.rowStart], [0, 1, 2, 3, 4]);
  assert.equal([...list.column], [1, 0, 3, 2]);
  assert.equal(list.shift.length, 12);
  for (const d of list.distances()) assert.is(d, 1);
});

test('distances of a triclinic box are below the cutoff, and both algorithms agree', () => {
  const positions = Array.from({ length: 150 }, (_, i) => (i * 3.77) % 9);
  const one = make(positions, makeBox([9, 0, 0, 4, 8, 0, -3, 2, 7]));
  const cells = neighborList(one, { cutoff: 9, skin: 0.5 });
  const pairs = neighborList(one, { cutoff: 9, skin: 0.5, algorithm: 'pairs' });
  assert.equal(cells.column, pairs.column);
  assert.equal(cells.shift, pairs.shift);
  assert.ok(cells.distances().every((d) => d < 9.5));
  assert.ok(cells.distances().some((d) => d > 9));
});

test('exclusions: one list for all, or one for each', () => {
  const two = [make([0, 0, 0, 1, 0, 0, 2, 0, 0]), make([0, 0, 0, 1, 0, 0, 2, 0, 0])];
  const rows = (exclusions: number[] | number[][]): number[][] => {
    const list = neighborList(two, { cutoff: 5, exclusions });
    return Array.from({ length: 6 }, (_, i) => [...list.neighbors(i)]);
  };
  assert.equal(rows([0, 1]), [[2], [2], [0, 1], [5], [5], [3, 4]]);
  assert.equal(rows([[2, 0], []]), [[1], [0, 2], [1], [4, 5], [3, 5], [3, 4]]);
  assert.equal(rows([]), [
    [1, 2],
    [0, 2],
    [0, 1],
    [4, 5],
    [3, 5],
    [3, 4],
  ]);
  assert.equal(rows([0, 1, 1, 0, 0, 1]), rows([0, 1]));
});

test('an excluded pair is gone in every image, its self-images stay', () => {
  const pair = make([0, 0, 0, 2, 0, 0], orthorhombic([4, 4, 4]));
  const list = neighborList(pair, { cutoff: 4.5, exclusions: [0, 1] });
  assert.equal([...new Set(list.neighbors(0))], [0]);
  assert.is(list.edges, 12);
});

test('wrong options are refused with a reason', () => {
  const one = make([0, 0, 0, 1, 0, 0]);
  const refused = (options: object, message: RegExp): void => {
    assert.throws(() => neighborList(one, options as never), message);
  };
  refused({ cutoff: -1 }, /neighborList.cutoff: must be positive and finite, received -1/);
  refused({}, /neighborList.cutoff: must be positive and finite, received undefined/);
  refused({ cutoff: 1, skin: -1 }, /neighborList.skin: must be zero or positive/);
  refused({ cutoff: 1, algorithm: 'tree' }, /algorithm: must be one of 'cells', 'pairs', received "tree"/);
  refused({ cutoff: 1, exclusions: [0, 2] }, /exclusions: must name particles 0..1, received 2/);
  refused({ cutoff: 1, exclusions: [0] }, /exclusions: must hold pairs/);
  refused({ cutoff: 1, exclusions: [[], []] }, /exclusions: must hold one list for each of 1 structures/);
  const wide = make([0, 0, 0], orthorhombic([1, 1, 1]));
  assert.throws(
    () => neighborList(wide, { cutoff: 1e4 }),
    (e: Error & { code: string }) =>
      e.name === 'MdlabError' && e.code === 'EINVALID' && /at most 2147483647 edges/.test(e.message),
  );
});

test.run();
