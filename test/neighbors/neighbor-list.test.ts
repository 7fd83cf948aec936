import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type NativeBatch, native } from '../../lib/native.js';
import { random } from '../tools.js';
import { join, type Kind, randomSystem, type System, subsets } from './systems.js';

type Rows = ReturnType<ReturnType<typeof native>['neighborList']>;

function build(
  batch: NativeBatch,
  cutoff: number,
  pairs = false,
  exclusions?: [Int32Array, Int32Array],
): Rows {
  return native().neighborList(batch, cutoff, 0, exclusions?.[0] ?? null, exclusions?.[1] ?? null, pairs);
}

function same(a: Rows, b: Rows, what: string): void {
  for (const key of ['rowStart', 'column', 'shift'] as const)
    if (Buffer.compare(Buffer.from(a[key].buffer), Buffer.from(b[key].buffer)) !== 0) {
      const at = a[key].findIndex((x, i) => x !== b[key][i]);
      assert.unreachable(`${what}: ${key} differs at ${at} of ${a[key].length} and ${b[key].length}`);
    }
}

const cube = (length: number, positions: number[]): System => ({
  positions,
  vectors: [length, 0, 0, 0, length, 0, 0, 0, length],
  periodic: [true, true, true],
});
const open = (positions: number[]): System => ({
  positions,
  vectors: new Array(9).fill(0),
  periodic: [false, false, false],
});

// Ordered shells of the simple cubic lattice: 6 at 1, 12 at √2, 8 at √3, 6 at 2.
test('one atom in a unit cube has its own images as neighbours', () => {
  const shells = [
    [1, 0],
    [1.01, 6],
    [1.42, 18],
    [1.74, 26],
    [2, 26],
    [2.01, 32],
  ] as const;
  for (const [cutoff, count] of shells)
    for (const pairs of [false, true]) {
      const list = build(join([cube(1, [0.3, 0.4, 0.5])]), cutoff, pairs);
      assert.is(list.column.length, count, `${cutoff}`);
      assert.is(list.shift.length, 3 * count);
      assert.equal([...list.rowStart], [0, count]);
    }
});

test('a pair in the open is listed in both directions, without shifts', () => {
  const list = build(join([open([0, 0, 0, 3, 0, 0])]), 3.5);
  assert.equal([...list.column], [1, 0]);
  assert.equal([...list.rowStart], [0, 1, 2]);
  assert.is(list.shift.length, 0);
});

test('the shift leads from the atom to its neighbour', () => {
  const list = build(join([cube(10, [0.5, 5, 5, 29.5, 5, 5])]), 2);
  assert.equal([...list.column], [1, 0]);
  assert.equal([...list.shift], [-3, 0, 0, 3, 0, 0]);
});

// The oracle is the double loop; every array must agree to the last bit.
for (const kind of ['orthorhombic', 'triclinic', 'sheared', 'lattice'] as Kind[])
  test(`cells give what all pairs give: ${kind}`, () => {
    let edges = 0;
    for (const periodic of subsets)
      for (let seed = 1; seed <= 12; seed++)
        for (const cutoff of kind === 'lattice' ? [1, 2, 4, 5] : [0.7, 2.5, 6, 14]) {
          const spread = [0.99, 3, 40][seed % 3]!;
          const batch = join([randomSystem(seed, kind, periodic, spread)]);
          const list = build(batch, cutoff);
          edges += list.column.length;
          same(list, build(batch, cutoff, true), `${kind} ${periodic} seed ${seed} cutoff ${cutoff}`);
        }
    assert.ok(edges > 100_000, `${edges} edges were compared`);
  });

test('larger systems, of many cells: cells give what all pairs give', () => {
  const next = random(99);
  for (const periodic of subsets)
    for (const tilt of [0, 0.4]) {
      const vectors = [31, 0, 0, tilt * 31, 23, 0, -tilt * 31, tilt * 23, 27];
      const positions = Array.from({ length: 900 }, () => [31 * next(), 23 * next(), 27 * next()]).flat();
      const batch = join([{ positions, vectors, periodic }]);
      same(build(batch, 4.5), build(batch, 4.5, true), `${periodic} tilt ${tilt}`);
    }
});

test('rows of a batch are the rows of its systems alone', () => {
  const systems = Array.from({ length: 24 }, (_, s) =>
    randomSystem(
      s + 1,
      (['orthorhombic', 'triclinic', 'sheared'] as const)[s % 3]!,
      subsets[s % 8]!,
      s % 5 ? 2 : 30,
    ),
  );
  const batch = join(systems);
  const all = build(batch, 6);
  same(all, build(batch, 6, true), 'batch');
  systems.forEach((system, s) => {
    const one = build(join([system]), 6);
    const first = batch.offsets[s]!;
    const start = all.rowStart[first]!;
    const stop = all.rowStart[batch.offsets[s + 1]!]!;
    assert.is(stop - start, one.column.length);
    assert.equal(
      [...all.column.subarray(start, stop)].map((j) => j - first),
      [...one.column],
    );
    if (one.shift.length > 0) assert.equal(all.shift.subarray(3 * start, 3 * stop), one.shift);
    else assert.ok(all.shift.subarray(3 * start, 3 * stop).every((x) => x === 0));
  });
});

test('every pair appears in both directions, with opposite shifts', () => {
  const batch = join([randomSystem(5, 'triclinic', [true, true, true], 8)]);
  const list = build(batch, 7);
  const seen = new Set<string>();
  const name = (i: number, j: number, s: number[]): string => `${i} ${j} ${s.map((x) => x + 0)}`;
  const rows = batch.offsets[1]!;
  for (let i = 0; i < rows; i++)
    for (let e = list.rowStart[i]!; e < list.rowStart[i + 1]!; e++)
      seen.add(name(i, list.column[e]!, [...list.shift.subarray(3 * e, 3 * e + 3)]));
  assert.is(seen.size, list.column.length);
  for (const key of seen) {
    const [i, j, s] = key.split(' ');
    const back = s!.split(',').map((x) => 0 - Number(x));
    assert.ok(seen.has(name(Number(j), Number(i), back)), key);
  }
});

test('excluded pairs are left out in every image', () => {
  const next = random(3);
  for (const periodic of subsets) {
    const batch = join([0, 1, 2].map((s) => randomSystem(40 + s, 'triclinic', periodic, 2)));
    const atoms = batch.offsets.at(-1)!;
    const rows: number[][] = Array.from({ length: atoms }, () => []);
    for (let s = 0; s < 3; s++)
      for (let i = batch.offsets[s]!; i < batch.offsets[s + 1]!; i++)
        for (let j = batch.offsets[s]!; j < batch.offsets[s + 1]!; j++)
          if (i !== j && next() < 0.2) rows[i]!.push(j);
    const start = new Int32Array(atoms + 1);
    for (let i = 0; i < atoms; i++) start[i + 1] = start[i]! + rows[i]!.length;
    const list = build(batch, 8, false, [start, Int32Array.from(rows.flat())]);
    same(list, build(batch, 8, true, [start, Int32Array.from(rows.flat())]), `exclusions ${periodic}`);
    const full = build(batch, 8);
    let kept = 0;
    for (let i = 0; i < atoms; i++)
      for (let e = full.rowStart[i]!; e < full.rowStart[i + 1]!; e++)
        if (!rows[i]!.includes(full.column[e]!)) kept++;
    assert.is(list.column.length, kept);
    assert.ok(kept < full.column.length);
  }
});

test('the list does not depend on the number of threads', () => {
  const before = native().threads();
  const next = random(8);
  const batch = join([
    cube(
      40,
      Array.from({ length: 9000 }, () => 40 * next()),
    ),
  ]);
  const lists = [1, 2, 5].map((n) => {
    native().setThreads(n);
    return build(batch, 5);
  });
  native().setThreads(before);
  same(lists[0]!, lists[1]!, '2 threads');
  same(lists[0]!, lists[2]!, '5 threads');
});

test('no systems, no atoms, one atom', () => {
  for (const pairs of [false, true]) {
    assert.equal([...build(join([]), 3, pairs).rowStart], [0]);
    assert.equal([...build(join([open([]), cube(5, [])]), 3, pairs).rowStart], [0]);
    assert.equal([...build(join([open([]), open([1, 2, 3]), open([])]), 3, pairs).rowStart], [0, 0]);
  }
});

test('coincident atoms are neighbours', () => {
  const list = build(join([cube(9, [1, 1, 1, 1, 1, 1, 10, 1, 1])]), 3);
  assert.equal([...list.rowStart], [0, 2, 4, 6]);
  assert.equal([...list.column], [1, 2, 0, 2, 0, 1]);
});

test('far outliers cost neither memory nor correctness', () => {
  const next = random(4);
  const cluster = Array.from({ length: 6000 }, () => 60 * next());
  native().resetPeak();
  for (const far of [1e8, 1e15, 1e300]) {
    const batch = join([open([...cluster, far, -far, 0, far, -far, 0])]);
    same(build(batch, 5), build(batch, 5, true), `${far}`);
  }
  assert.ok(native().memory().peak < 100e6, `${native().memory().peak} bytes`);
});

test('positions that overflow when subtracted', () => {
  const most = Number.MAX_VALUE;
  const batch = join([open([most, 0, 0, -most, 0, 0, 1, 1, 1, 1, 1, 2])]);
  for (const pairs of [false, true]) assert.equal([...build(batch, 5, pairs).rowStart], [0, 0, 0, 1, 2]);
});

test('wrong input is refused with a reason, by both forms', () => {
  const flat: System = {
    positions: [0, 0, 0],
    vectors: [1, 0, 0, 2, 0, 0, 0, 0, 1],
    periodic: [true, true, true],
  };
  const cases: [System[], number, RegExp][] = [
    [[open([0, 0, 0])], 0, /cutoff: must be positive and finite, received 0/],
    [[open([0, 0, 0])], Number.NaN, /cutoff: must be positive/],
    [[open([0, 0, 0])], Number.POSITIVE_INFINITY, /cutoff: must be positive and finite/],
    [[open([0, 0, 0]), open([0, 0, 0, 1, Number.NaN, 2])], 3, /atom 1 of system 1 must be finite.*nan/],
    [[flat], 3, /box of system 0: its periodic vectors must be finite and independent/],
    [[cube(0, [0, 0, 0])], 3, /box of system 0/],
    [[cube(Number.NaN, [0, 0, 0])], 3, /box of system 0/],
    [
      [{ positions: [0, 0, 0], vectors: [1, 3e6, 0, 0, 1, 0, 0, 0, 1], periodic: [true, true, true] }],
      3,
      /box of system 0: must not be so skewed that \d+\.\d+ images/,
    ],
    [[cube(10, [0, 0, 0])], 1e5, /at most 2147483647 edges/],
    [[cube(1e-5, [0, 0, 0])], 1, /at most 2147483647 edges/],
    [[cube(10, [0, 0, 0, 4e5, 0, 0])], 3, /at most 32767 boxes apart/],
    [[cube(10, [0, 0, 0, 1e13, 0, 0])], 3, /at most 32767 boxes apart/],
    [
      [{ positions: [0, 0, 0], vectors: [1, 0, 0, 0, 0, 0, 0, 0, 0], periodic: [true, false, false] }],
      4e4,
      /at most 32767 boxes apart/,
    ],
  ];
  native().resetPeak();
  for (const [systems, cutoff, message] of cases)
    for (const pairs of [false, true]) assert.throws(() => build(join(systems), cutoff, pairs), message);
  assert.ok(native().memory().peak < native().memory().bytes + 1e6);
});

test('2^31 edges of a dense open system are refused before they are stored', () => {
  const batch = join([open(new Array(3 * 60_000).fill(0))]);
  native().resetPeak();
  const before = native().memory().bytes;
  assert.throws(() => build(batch, 1), /at most 2147483647 edges, received more for 60000 atoms/);
  assert.ok(native().memory().peak - before < 64e6);
});

test('far from the origin the shifts still fit when atoms moved together', () => {
  const batch = join([cube(10, [4e6, 1, 1, 4e6 + 2, 1, 1])]);
  same(build(batch, 3), build(batch, 3, true), 'far');
  assert.is(build(batch, 3).column.length, 2);
});

test.run();
