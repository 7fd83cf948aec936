// The list built on a GPU is the CPU's list, entry for entry.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { neighborList, orthorhombic, Structure } from '../../lib/index.js';
import { type NativeBatch, type NativeNeighborList, native } from '../../lib/native.js';
import { onCuda, withoutCuda } from '../cuda.js';
import { random } from '../tools.js';
import { join, type Kind, randomSystem, type System, subsets } from './systems.js';

type Exclusions = [Int32Array, Int32Array];
/** `pairsUpTo` by name: all systems look at all pairs, all use cells, or what the list itself prefers. */
const ways = { pairs: 2 ** 31 - 1, cells: 0, default: -1 };

function same(a: NativeNeighborList, b: NativeNeighborList, what: string): void {
  for (const key of ['rowStart', 'column', 'shift'] as const)
    if (Buffer.compare(Buffer.from(a[key].buffer), Buffer.from(b[key].buffer)) !== 0) {
      const at = a[key].findIndex((x, i) => x !== b[key][i]);
      assert.unreachable(`${what}: ${key} differs at ${at} of ${a[key].length} and ${b[key].length}`);
    }
}

/** Compares the backends, by default on both of the device's ways. */
function compare(
  batch: NativeBatch,
  cutoff: number,
  what: string,
  { skin = 0, exclusions, only }: { skin?: number; exclusions?: Exclusions; only?: keyof typeof ways } = {},
): number {
  const [start, column] = exclusions ?? [null, null];
  const cpu = native().neighborList(batch, cutoff, skin, start, column, false);
  for (const way of only ? [only] : (['pairs', 'cells'] as const)) {
    const cuda = native().deviceNeighborList(0, batch, cutoff, skin, start, column, ways[way], 1);
    same(cuda, cpu, `${what}, ${way}`);
  }
  return cpu.column.length;
}

function gas(seed: number, lengths: [number, number, number], atoms: number, periodic = subsets[7]!): System {
  const next = random(seed);
  return {
    positions: Array.from({ length: atoms }, () => lengths.map((l) => l * next())).flat(),
    vectors: [lengths[0], 0, 0, 0, lengths[1], 0, 0, 0, lengths[2]],
    periodic,
  };
}
const open = (positions: number[]): System => ({
  positions,
  vectors: new Array(9).fill(0),
  periodic: [false, false, false],
});

function randomExclusions(batch: NativeBatch, share: number): Exclusions {
  const next = random(3);
  const rows: number[][] = [];
  for (let s = 0; s + 1 < batch.offsets.length; s++)
    for (let i = batch.offsets[s]!; i < batch.offsets[s + 1]!; i++) {
      const row: number[] = [];
      for (let j = batch.offsets[s]!; j < batch.offsets[s + 1]!; j++)
        if (i !== j && next() < share) row.push(j);
      rows.push(row);
    }
  const start = new Int32Array(rows.length + 1);
  rows.forEach((row, i) => {
    start[i + 1] = start[i]! + row.length;
  });
  return [start, Int32Array.from(rows.flat())];
}

function systems(): void {
  for (const kind of ['orthorhombic', 'triclinic', 'sheared', 'lattice'] as Kind[])
    for (const cutoff of kind === 'lattice' ? [1, 2, 4, 5] : [0.7, 2.5, 6, 14]) {
      const all: System[] = [];
      for (const periodic of subsets)
        for (let seed = 1; seed <= 12; seed++)
          all.push(randomSystem(seed, kind, periodic, [0.99, 3, 40][seed % 3]!));
      const batch = join(all);
      compare(batch, cutoff, `${kind} ${cutoff}`, { exclusions: randomExclusions(batch, 0.2) });
      compare(batch, cutoff, `${kind} ${cutoff}`);
      for (const system of all.slice(0, 16)) compare(join([system]), cutoff, `one ${kind} ${cutoff}`);
    }
}

function manyCells(): void {
  for (const periodic of subsets)
    for (const tilt of [0, 0.4]) {
      const system = gas(99, [31, 23, 27], 900, periodic);
      system.vectors = [31, 0, 0, tilt * 31, 23, 0, -tilt * 31, tilt * 23, 27];
      const batch = join([system]);
      compare(batch, 4.5, `${periodic} tilt ${tilt}`, { skin: 0.25 });
      compare(batch, 4.5, `${periodic} tilt ${tilt}`, { exclusions: randomExclusions(batch, 0.05) });
    }
}

function bigSystems(): void {
  const liquid = gas(1, [46, 46, 46], 9700);
  const only = 'default';
  compare(join([liquid]), 5, 'liquid', { skin: 0.5, only });
  compare(join([{ ...liquid, periodic: [true, false, true] }]), 5, 'partly periodic', { only });
  compare(join([gas(2, [70, 70, 8], 4000)]), 11, 'thin slab: several images', { only: 'cells' });
  compare(join([gas(3, [50, 50, 50], 12500)]), 12, 'dense neighbourhoods', { only });
  compare(join([liquid, randomSystem(1, 'sheared', subsets[5]!, 3), liquid]), 5, 'mixed', { only });
  const far = [1e4, 1e8, 1e15, 1e300].map((x) => open([...liquid.positions, x, -x, 0, x, -x, 0]));
  compare(join(far), 5, 'outliers', { only });
  const apart = liquid.positions.map((x, i) => (i % 7 ? x : x + 46 * 20_000));
  compare(join([{ ...liquid, positions: apart }]), 5, 'far from the box', { only });
}

function refusals(): void {
  const cube = (length: number, positions: number[]): System => ({
    positions,
    vectors: [length, 0, 0, 0, length, 0, 0, 0, length],
    periodic: [true, true, true],
  });
  const flat: System = { ...cube(1, [0, 0, 0]), vectors: [1, 0, 0, 2, 0, 0, 0, 0, 1] };
  const cases: [System[], number][] = [
    [[open([0, 0, 0])], 0],
    [[open([0, 0, 0])], Number.NaN],
    [[open([0, 0, 0]), open([0, 0, 0, 1, Number.NaN, 2])], 3],
    [[flat], 3],
    [[cube(10, [0, 0, 0])], 1e5],
    [[cube(10, [0, 0, 0, 4e5, 0, 0])], 3],
    [[cube(10, [0, 0, 0, 1e13, 0, 0])], 3],
    [[open(new Array(3 * 60_000).fill(0))], 1],
  ];
  const message = (body: () => unknown): string => {
    try {
      body();
    } catch (error) {
      return (error as Error).message;
    }
    return assert.unreachable('nothing was thrown') as never;
  };
  for (const [all, cutoff] of cases) {
    const batch = join(all);
    assert.is(
      message(() => native().deviceNeighborList(0, batch, cutoff, 0, null, null, -1, 0)),
      message(() => native().neighborList(batch, cutoff, 0, null, null, false)),
    );
  }
  for (const empty of [join([]), join([open([]), cube(5, [])]), join([open([]), open([1, 2, 3]), open([])])])
    compare(empty, 3, 'empty');
}

/** Replays a captured update beside the CPU's list: the same rows, rebuilt at the same steps. */
function skinTest(batch: NativeBatch, cutoff: number, skin: number, periodicSystem?: number): void {
  const next = random(3);
  const cpu = native().verletList(cutoff, skin);
  const cuda = native().deviceVerletList(0, cutoff, skin, -1);
  const first = native().deviceVerletUpdate(cuda, batch, true).rebuilds;
  for (let step = 0; step < 60; step++) {
    const a = native().deviceVerletUpdate(cuda, batch, false);
    const b = native().verletUpdate(cpu, batch);
    assert.is(a.needed, 0);
    assert.is(a.rebuilds - first, b.rebuilds - 1, `step ${step}`);
    same(a, b, `step ${step}`);
    for (let i = 0; i < batch.positions.length; i++) batch.positions[i]! += 0.06 * (next() - 0.5);
    if (step === 30 && periodicSystem !== undefined) batch.boxes[9 * periodicSystem]! *= 1.001;
  }
}

function overflow(batch: NativeBatch): void {
  const cuda = native().deviceVerletList(0, 5, 0.5, -1);
  const before = native().deviceVerletUpdate(cuda, batch, true);
  for (const values of [batch.positions, batch.boxes])
    values.forEach((x, i) => {
      values[i] = 0.7 * x;
    });
  const cpu = native().neighborList(batch, 5, 0.5, null, null, false);
  assert.ok(cpu.column.length > before.capacity);
  const full = native().deviceVerletUpdate(cuda, batch, false);
  assert.is(full.needed, cpu.column.length);
  assert.is(full.column.length, before.capacity);
  assert.ok(full.rowStart.every((x, i) => x === Math.min(cpu.rowStart[i]!, before.capacity)));
  assert.is(native().deviceVerletUpdate(cuda, batch, false).rebuilds, full.rebuilds, 'the flag stays');
  const rebuilt = native().deviceVerletUpdate(cuda, batch, true);
  assert.is(rebuilt.needed, 0);
  same(rebuilt, cpu, 'rebuilt');
  same(native().deviceVerletUpdate(cuda, batch, false), cpu, 'replayed');
  batch.positions[4] = Number.NaN;
  assert.throws(() => native().deviceVerletUpdate(cuda, batch, false), /atom 1 of the batch must be finite/);
  batch.positions[4] = 1;
  assert.is(native().deviceVerletUpdate(cuda, batch, true).needed, 0);
}

function face(): void {
  const { positions } = gas(4, [20, 20, 20], 500);
  const one = new Structure({
    positions: Float64Array.from(positions),
    symbols: new Array(500).fill('Ar'),
    box: orthorhombic([20, 20, 20]),
  });
  const cpu = neighborList([one, one], { cutoff: 6, exclusions: [0, 1, 5, 7] });
  for (const algorithm of [undefined, 'cells', 'pairs'] as const) {
    const options = { cutoff: 6, exclusions: [0, 1, 5, 7], backend: 'cuda' as const };
    same(neighborList([one, one], algorithm ? { ...options, algorithm } : options), cpu, `${algorithm}`);
  }
  assert.throws(() => neighborList(one, { cutoff: 6, backend: 'cuda', device: 99 }), /99/);
}

const small = (): NativeBatch => join(subsets.map((periodic, s) => gas(s, [16, 16, 16], 200, periodic)));
const large = (): NativeBatch => join([gas(7, [46, 46, 46], 9700)]);
const tests: Record<string, () => void> = {
  'systems of every kind: the GPU gives what the CPU gives': systems,
  'systems of many cells: the GPU gives what the CPU gives': manyCells,
  'big systems, thin ones, mixed ones, far outliers': bigSystems,
  'wrong input is refused with the same words': refusals,
  'small systems are rebuilt at the same steps': () => skinTest(small(), 5, 0.5, 7),
  'more small systems are rebuilt at the same steps': () =>
    skinTest(join([...Array(12).keys()].map((s) => gas(s, [30, 30, 30], 400, subsets[0]!))), 9, 1),
  'a large system is rebuilt at the same steps': () => skinTest(large(), 5, 0.5, 0),
  'overflow is flagged, stays, and is cured by a build: small systems': () => overflow(small()),
  'overflow is flagged, stays, and is cured by a build: a large system': () => overflow(large()),
  "neighborList takes backend: 'cuda'": face,
};

for (const [name, body] of Object.entries(tests)) onCuda(name, body);

test('without a GPU the reason is given', () => {
  const one = new Structure({ positions: new Float64Array(3), symbols: ['Ar'] });
  if (withoutCuda() !== undefined)
    assert.throws(
      () => neighborList(one, { cutoff: 3, backend: 'cuda' }),
      (e: Error & { code: string }) => e.name === 'MdlabError' && e.code === 'ENOTFOUND',
    );
  assert.throws(
    () => neighborList(one, { cutoff: 3, backend: 'tpu' as never }),
    /backend: must be one of 'cpu', 'cuda', received "tpu"/,
  );
  assert.throws(() => neighborList(one, { cutoff: 3, device: 0 }), /device: must go with backend 'cuda'/);
});

test.run();
