import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { evaluate, harmonicWell, Potential, randomSchnet } from '../../lib/models/index.js';
import { native } from '../../lib/native.js';
import { randomGlobule, replicas } from '../../lib/structure/index.js';
import {
  accuracyStudy,
  batchStudy,
  memoryStudy,
  stageStudy,
  throughputStudy,
} from '../../lib/studies/index.js';

const quiet = { progress: false, version: '1' } as const;
const well = (k: number): Potential => harmonicWell({ k });

test('accuracy: a well 1 % too stiff has a force error of 1 %, in the right units', async () => {
  const t = await accuracyStudy({
    ...quiet,
    models: { exact: well(2), stiff: () => well(2.02) },
    reference: well(2),
    replicas: [1, 3],
    atoms: [20],
  });
  assert.equal(t.array('model'), ['exact', 'exact', 'stiff', 'stiff']);
  assert.equal(t.array('replicas'), [1, 3, 1, 3]);
  assert.equal([t.get('forceError', 0), t.get('energyError', 1)], [0, 0]);
  const s = randomGlobule({ beads: 20, radius: 14 * Math.cbrt(20 / 269) });
  const [system] = replicas(s, 1, { jitter: 0.1, seed: 1 });
  const squares = system!.positions.reduce((a, x) => a + x * x, 0);
  for (const row of [2, 3])
    assert.ok(Math.abs(t.get('forceError', row) - 0.01) < 1e-9, t.get('forceError', row));
  assert.ok(Math.abs(t.get('energyError', 2) - (1000 * 0.5 * 0.02 * squares) / 20) < 1e-6);
  assert.ok(Math.abs(t.get('forceNorm', 2) - Math.sqrt((4 * squares) / 60)) < 1e-9);
});

test('throughput: rate, spread and simulated time belong together', async () => {
  const t = await throughputStudy({
    ...quiet,
    models: { well: well(1) },
    replicas: [2],
    atoms: [50],
    timestep: 4,
    repeats: 5,
  });
  const [row] = t.objects() as Record<string, number>[];
  assert.ok(row!['seconds_p5']! <= row!['seconds']! && row!['seconds']! <= row!['seconds_p95']!);
  assert.ok(Math.abs(row!['rate']! * row!['seconds']! - 2) < 1e-9);
  // 4 fs a step: rate × 4 fs × 86 400 s/day = 0.3456 ns/day per (1/s)
  assert.ok(Math.abs(row!['nsPerDay']! / row!['rate']! - 0.3456) < 1e-9);
  assert.is(row!['repeats'], 5);
  assert.is(row!['backend'], 'reference');
  assert.is(row!['precision'], 'float64');
});

test('counts that are none are refused before anything is measured', () => {
  const model = (): Potential => assert.unreachable('built') as never;
  for (const [wrong, message] of [
    [{ replicas: [2, 0] }, /study\.replicas: must be a whole number of at least 1, received 0/],
    [{ replicas: [-1] }, /study\.replicas: .*received -1/],
    [{ atoms: [1.5] }, /study\.atoms: .*received 1\.5/],
    [{ models: {} }, /models: must name at least one potential/],
  ] as const)
    assert.throws(() => throughputStudy({ models: { model }, progress: false, ...wrong }), message);
  for (const [wrong, message] of [
    [{ limit: 0 }, /batchStudy\.limit: .*received 0/],
    [{ bytes: -1 }, /batchStudy\.bytes: must be positive, received -1/],
    [{ models: { model: 3 as never } }, /batchStudy\.models\.model: must be a function/],
  ] as const)
    assert.throws(() => batchStudy({ models: { model }, progress: false, ...wrong }), message);
});

test('memory: what native code holds at its peak, of new models only', async () => {
  const t = await memoryStudy({ ...quiet, models: { well: () => well(1) }, replicas: [1], atoms: [100] });
  const [s] = replicas(randomGlobule({ beads: 100, radius: 14 * Math.cbrt(100 / 269) }), 1);
  const before = native().memory().bytes;
  native().resetPeak();
  evaluate(well(1), s!);
  assert.is(t.get('peakBytes', 0), native().memory().peak - before);
  assert.throws(
    () => memoryStudy({ ...quiet, models: { well: well(1) as never } }),
    /memoryStudy\.models\.well: must be a function/,
  );
});

test('memory: what dead models held is released before the next is measured', async () => {
  const t = await memoryStudy({
    ...quiet,
    models: {
      schnet: () => randomSchnet({ hidden: 16, filters: 16, blocks: 1, head: [8] }, { pipeline: 'baseline' }),
    },
    replicas: [4, 2, 1],
    atoms: [100],
  });
  const [four, two, one] = t.array('peakBytes') as number[];
  assert.ok(four! > 1.5 * two! && two! > 1.5 * one!, `${four}, ${two}, ${one} bytes`);
  const held = t.array('heldBytes') as number[];
  assert.ok(held[2]! < 0.1 * four!, `${held[2]} bytes held before the last row`);
});

/** A potential that claims fixed times for its stages. */
class Staged extends Potential {
  get stages(): Record<string, number> {
    return { list: 1, filter: 3 };
  }
}

test('stages: a row each, shares add up; a potential that does not tell is a failed row', async () => {
  const plain = well(1);
  const t = await stageStudy({
    ...quiet,
    models: { staged: new Staged(plain.handle, plain.info), mute: plain },
    atoms: [5],
    repeats: 3,
  });
  assert.equal(t.array('stage'), ['list', 'filter', null]);
  assert.equal(t.array('share'), [0.25, 0.75, null]);
  assert.match(t.get('error', 2), /stageStudy\.models: must tell their stages/);
});

test('an aborted study of models stops between timed runs', async () => {
  const stop = new AbortController();
  setTimeout(() => stop.abort(), 20);
  const started = performance.now();
  try {
    await throughputStudy({
      ...quiet,
      models: { well: well(1) },
      atoms: [2000],
      repeats: 1_000_000,
      seconds: 30,
      signal: stop.signal,
    });
    assert.unreachable();
  } catch (e) {
    assert.is((e as { code: string }).code, 'EINTERRUPTED');
  }
  assert.ok(performance.now() - started < 5000);
});

test.run();
