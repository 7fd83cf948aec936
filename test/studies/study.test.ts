import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { devNull, tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { tableOfRows } from '../../lib/io/tables.js';
import {
  environment,
  paperNumbers,
  papers,
  record,
  recorded,
  StudyInterrupted,
  study,
  timed,
} from '../../lib/studies/index.js';
import { spread } from '../../lib/studies/timing.js';
import { from } from '../../lib/tables/index.js';
import { skip } from '../tools.js';

const folder = mkdtempSync(join(tmpdir(), 'mdlab-study-'));
test.after(() => rmSync(folder, { recursive: true }));
const quiet = { progress: false, version: '1' } as const;

test('every combination is a row, in the order of the grid, with the environment', async () => {
  const t = await study({
    ...quiet,
    name: 'grid',
    grid: { a: [1, 2], b: ['x', 'y'] },
    stamp: { seed: 7 },
    measure: ({ a, b }) => ({ v: `${a}${b}` }),
  });
  assert.equal(t.array('v'), ['1x', '1y', '2x', '2y']);
  for (const name of [
    'cpu',
    'cores',
    'threads',
    'device',
    'driver',
    'simd',
    'mdlab',
    'commit',
    'node',
    'date',
    'seed',
    'repeats',
  ]) {
    assert.ok(t.columnNames().includes(name), name);
    assert.ok(t.get(name, 3) !== null && t.get(name, 3) !== '', name);
  }
});

test('a file that cannot be written any more is told with its name', async () => {
  const place = join(folder, 'gone');
  const file = join(place, 'rows.jsonl');
  const measure = (): { y: number } => {
    rmSync(place, { recursive: true });
    return { y: 1 };
  };
  try {
    await study({ ...quiet, name: 'full', grid: { x: [1] }, file, measure });
    assert.unreachable();
  } catch (e) {
    assert.match(String(e), /rows\.jsonl: cannot be written: its folder does not exist/);
  }
  if (!existsSync('/dev/full')) return skip('full disk', 'no /dev/full');
  assert.throws(() => record(from([{ x: 1 }]), '/dev/full'), /\/dev\/full: cannot be written: no space left/);
});

test('rows in the file are not measured again; another version is', async () => {
  const file = join(folder, 'sub', 'resume.jsonl');
  let calls = 0;
  const run = (xs: number[], version = '1') =>
    study({
      ...quiet,
      version,
      name: 'resume',
      grid: { x: xs },
      file,
      measure: ({ x }) => ({ y: x * x, call: ++calls }),
    });
  await run([1, 2]);
  const t = await run([1, 2, 3]);
  assert.is(calls, 3);
  assert.equal(t.array('y'), [1, 4, 9]);
  assert.equal(t.array('call'), [1, 2, 3]);
  await run([1], '2');
  assert.is(calls, 4);
  assert.equal((await run([2])).array('y'), [4]);
  assert.is(calls, 4);
});

test('a line cut short by a crash costs that row only', async () => {
  const file = join(folder, 'cut.jsonl');
  let calls = 0;
  const run = () =>
    study({
      ...quiet,
      name: 'cut',
      grid: { x: [1, 2] },
      file,
      measure: ({ x }) => ({ y: x, call: ++calls }),
    });
  await run();
  const lines = readFileSync(file, 'utf8').split('\n');
  rmSync(file);
  appendFileSync(file, `${lines[0]}\n${lines[1]!.slice(0, 40)}`);
  assert.equal((await run()).array('y'), [1, 2]);
  assert.is(calls, 3);
  await run();
  assert.is(calls, 3, 'the mended file reads well');
});

test('one failing row keeps its message, the others go on, and it is tried again', async () => {
  const file = join(folder, 'fail.jsonl');
  let broken = true;
  const run = () =>
    study({
      ...quiet,
      name: 'fail',
      grid: { x: [1, 2, 3] },
      file,
      measure: ({ x }) => {
        if (x === 2 && broken) throw new Error('no memory for 2');
        return { y: x };
      },
    });
  const t = await run();
  assert.equal(t.array('error'), [null, 'no memory for 2', null]);
  assert.equal(t.array('y'), [1, null, 3]);
  broken = false;
  const again = await run();
  assert.equal(again.array('y'), [1, 2, 3]);
  assert.not.ok(again.columnNames().includes('error'));
});

test('a study whose every row fails throws what the first threw', async () => {
  const failing = study({
    ...quiet,
    name: 'all fail',
    grid: { x: [1, 2] },
    measure: ({ x }) => {
      throw new Error(`no memory for ${x}`);
    },
  });
  try {
    await failing;
    assert.unreachable();
  } catch (error) {
    assert.is((error as Error).message, 'no memory for 1');
  }
});

test('an abort ends the study between rows and keeps what is done', async () => {
  const file = join(folder, 'abort.jsonl');
  const stop = new AbortController();
  const options = {
    ...quiet,
    name: 'abort',
    grid: { x: [1, 2, 3] },
    file,
    measure: ({ x }: { x: number }) => {
      if (x === 2) stop.abort();
      return { y: x };
    },
  };
  try {
    await study({ ...options, signal: stop.signal });
    assert.unreachable();
  } catch (e) {
    assert.instance(e, StudyInterrupted);
    assert.is((e as StudyInterrupted).code, 'EINTERRUPTED');
    assert.match((e as Error).message, /stopped after 1 of 3 rows; they are kept in/);
    assert.equal((e as StudyInterrupted).table.array('y'), [1]);
  }
  assert.equal((await study(options)).array('y'), [1, 2, 3]);
});

test('an interrupt of native code is no failed row', async () => {
  const interrupted = Object.assign(new Error('stopped'), { code: 'EINTERRUPTED' });
  try {
    await study({ ...quiet, name: 'native', grid: { x: [1] }, measure: () => Promise.reject(interrupted) });
    assert.unreachable();
  } catch (e) {
    assert.instance(e, StudyInterrupted);
  }
});

test('repeats become median and percentiles; several rows may share parameters', async () => {
  const t = await study({
    ...quiet,
    name: 'r',
    grid: { x: [10] },
    repeats: 5,
    measure: ({ x }, { repeat }) => ({ y: x + repeat }),
  });
  assert.equal(
    [t.get('y', 0), t.get('y_p5', 0), t.get('y_p95', 0), t.get('repeats', 0)],
    [12, 10.2, 13.8, 5],
  );
  const file = join(folder, 'many.jsonl');
  const many = () =>
    study({
      ...quiet,
      name: 'm',
      grid: { x: [1, 2] },
      file,
      measure: ({ x }) => [
        { s: 'a', x2: x },
        { s: 'b', x2: -x },
      ],
    });
  await many();
  assert.equal((await many()).array('x2'), [1, -1, 2, -2]);
});

test('wrong calls say what is wrong, and touch no file', async () => {
  const note = join(folder, 'note.txt');
  writeFileSync(note, 'one line, not ours');
  for (const [options, message] of [
    [{ grid: {} as { x: number[] }, rows: [] }, /needs rows or a grid/],
    [{ grid: { x: [] as number[] } }, /needs rows or a grid/],
    [{ grid: { x: [1] }, repeats: 0 }, /study\.repeats/],
    [{ grid: { x: [1] }, file: devNull }, /study\.file: must be a file, received/],
    [
      { grid: { x: [1] }, file: note },
      /study\.file: must end in \.jsonl, received ".*note\.txt"; .*save\(\) writes/,
    ],
    [{ grid: { x: [1] }, file: join(folder, 'none.csv') }, /study\.file: must end in \.jsonl/],
  ] as const) {
    try {
      await study<{ x: number }>({ ...quiet, name: 'w', measure: () => ({}), ...options });
      assert.unreachable();
    } catch (e) {
      assert.match((e as Error).message, message);
    }
  }
  assert.is(readFileSync(note, 'utf8'), 'one line, not ours');
});

test('timing: warm-up is not counted, the time limit keeps three runs', async () => {
  let runs = 0;
  const t = await timed(() => void runs++, { warmup: 4, repeats: 20 });
  assert.is(t.repeats, 20);
  assert.is(runs, 24);
  const slow = await timed(() => new Promise((r) => setTimeout(r, 12)), {
    seconds: 0.001,
    repeats: 50,
    warmup: 0,
  });
  assert.is(slow.repeats, 3);
  assert.ok(slow.low <= slow.median && slow.median <= slow.high && slow.median > 0.01);
});

test('percentiles lie between values', () => {
  assert.equal(spread([3, 1, 2]), { median: 2, low: 1.1, high: 2.9 });
  assert.equal(spread([4]), { median: 4, low: 4, high: 4 });
  const even = spread([1, 2, 3, 10]);
  assert.is(even.median, 2.5);
});

test('the environment tells machine, build and versions', () => {
  const e = environment();
  assert.ok(e.cores >= 1 && e.memoryGiB > 0);
  assert.is(e.node, process.versions.node);
  assert.match(e.mdlab, /^\d+\.\d+\.\d+/);
  assert.match(e.commit, /^[0-9a-f]{10}\+?$|^unknown$/);
  assert.match(e.device, /^CPU: /);
});

test('published numbers carry unit, hardware and source; a speed-up fits its rates', () => {
  for (const id of papers()) {
    const { citation, numbers } = paperNumbers(id);
    assert.ok(citation && numbers.length > 0);
    assert.is(new Set(numbers.map((n) => n.id)).size, numbers.length);
    for (const n of numbers) {
      assert.ok(
        Number.isFinite(n.value) && n.what && n.hardware && Object.keys(n.conditions).length > 0,
        n.id,
      );
      assert.ok(['paper', 'repository', 'measured'].includes(n.source), n.id);
    }
  }
  const of = (id: string): number => paperNumbers('flashschnet').numbers.find((n) => n.id === id)!.value;
  const ratio = of('1enh-128-flashschnet-rate') / of('1enh-128-cgschnet-rate');
  assert.ok(Math.abs(ratio - of('1enh-128-speedup')) < 0.05);
  assert.throws(() => paperNumbers('nope'), /paper: must be one of .*'flashschnet'/);
});

test('recorded rows come back study by study, with the columns of all their rows', async () => {
  const file = join(folder, 'recorded.jsonl');
  const both = [
    { study: 'a', x: 1 },
    { study: 'a', z: 2 },
  ];
  record(from([{ study: 'a', x: 7 }]), file);
  record(from([{ study: 'b', y: [1, 2] }]), file);
  await new Promise((later) => setTimeout(later, 5));
  record(tableOfRows(both), file);
  const a = recorded('a', file);
  // What was recorded again counts as it was the last time.
  assert.equal(a.objects(), [
    { study: 'a', x: 1, z: null },
    { study: 'a', x: null, z: 2 },
  ]);
  assert.equal(recorded('b', file).get('y', 0), [1, 2]);
  assert.throws(() => recorded('c', file), /must be of one of a, b, received .*c/);
});

test.run();
