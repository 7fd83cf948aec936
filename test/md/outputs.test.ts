// What a run shows and writes on its way: progress, numbered trajectory files, its summary.
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  harmonicWell,
  langevin,
  loadTrajectory,
  resume,
  type SimulateOptions,
  simulate,
  velocityVerlet,
} from '../../lib/index.js';
import { trajectoryFile } from '../../lib/md/trajectory-files.js';
import { type ProgressState, progressSink } from '../../lib/progress.js';
import { cloud } from './shared.js';

const well = harmonicWell({ k: 1 });
const options = (more: Partial<SimulateOptions> = {}): SimulateOptions => ({
  integrator: langevin({ temperature: 300, timestep: 2 }),
  steps: 40,
  every: 10,
  ...more,
});

/** Runs `body` with a front end that collects what progress shows. */
async function watched(body: () => Promise<unknown>): Promise<ProgressState[]> {
  const states: ProgressState[] = [];
  const place = globalThis as { [progressSink]?: unknown };
  place[progressSink] = { show: (state: ProgressState) => states.push(state) };
  try {
    await body();
  } finally {
    delete place[progressSink];
  }
  return states;
}

test('progress counts steps, also within a chunk, and says ns/day', async () => {
  const sim = simulate(cloud(3000), well, options({ steps: 4000, every: 4000 }));
  const states = await watched(() => sim.run());
  const end = states.at(-1)!;
  assert.ok(end.finished);
  assert.is(end.done, 4000);
  assert.is(end.total, 4000);
  assert.is(end.unit, 'steps');
  assert.is(end.note, '');
  assert.match(end.rates, /^[\d.\u202f]+ ns\/day$/);
  const three = await watched(() => simulate(cloud(3), well, options({ replicas: 3 })).run());
  assert.match(three.at(-1)!.rates, /^[\d.\u202f]+ ns\/day \(3 × [\d.\u202f]+\)$/);
  const within = states.filter((s) => s.done > 0 && s.done < 4000);
  assert.ok(within.length >= 2, `${within.length} states within the one chunk`);
});

test('a line of progress ends by saying how: stopped, interrupted, failed', async () => {
  const note = async (body: () => Promise<unknown>): Promise<string> => (await watched(body)).at(-1)!.note;
  assert.is(
    await note(async () => {
      for await (const _ of simulate(cloud(3), well, options())) break;
    }),
    'stopped',
  );
  assert.is(
    await note(() =>
      simulate(cloud(3), well, options({ signal: AbortSignal.abort() }))
        .run()
        .catch(() => {}),
    ),
    'interrupted',
  );
  const wild = options({ integrator: velocityVerlet({ timestep: 1000 }) });
  assert.is(
    await note(() =>
      simulate(cloud(3), well, wild)
        .run()
        .catch(() => {}),
    ),
    'failed',
  );
});

test('nothing is shown when it is turned off, and a string names the line', async () => {
  assert.is((await watched(() => simulate(cloud(3), well, options({ progress: false })).run())).length, 0);
  const states = await watched(() => simulate(cloud(3), well, options({ progress: 'heating' })).run());
  assert.is(states.at(-1)!.label, 'heating');
});

test('trajectory files are numbered where there are several systems', async () => {
  assert.is(trajectoryFile('a/run.dcd', 0, 1), 'a/run.dcd');
  assert.is(trajectoryFile('a/run.dcd', 7, 64), 'a/run.07.dcd');
  assert.is(trajectoryFile('a/{replica}/run.dcd', 3, 10), 'a/3/run.dcd');

  const folder = mkdtempSync(join(tmpdir(), 'mdlab-outputs-'));
  const sim = simulate(
    [cloud(3), cloud(5)],
    well,
    options({ replicas: 2, trajectory: join(folder, 'run.extxyz') }),
  );
  assert.equal(readdirSync(folder), [], 'nothing is written before the run');
  const seen: Float64Array[] = [];
  for await (const frame of sim) seen.push(frame.structure(3).positions);
  sim.close();
  assert.equal(
    readdirSync(folder).sort(),
    [0, 1, 2, 3].map((k) => `run.${k}.extxyz`),
  );
  const last = loadTrajectory(join(folder, 'run.3.extxyz'));
  assert.is(last.length, 4);
  last.frames.forEach((frame, i) => {
    frame.positions.forEach((x, j) => {
      assert.ok(Math.abs(x - seen[i]![j]!) < 1e-6, `frame ${i}`);
    });
  });
});

test('a resumed run drops the frames after its checkpoint, or writes none where told', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mdlab-outputs-'));
  const trajectory = join(folder, 'run.dcd');
  const file = join(folder, 'half.checkpoint');
  const running = join(folder, 'run.checkpoint');
  const sim = simulate(
    cloud(4),
    well,
    options({ steps: 100, trajectory, checkpoint: { file: running, every: 50 } }),
  );
  for await (const frame of sim) if (frame.step === 60) copyFileSync(running, file);
  sim.close();
  const count = (): number => loadTrajectory(trajectory, { topology: cloud(4) }).length;
  assert.is(count(), 10);
  const quiet = await resume(file, well, { trajectory: false, checkpoint: false });
  await quiet.run();
  assert.is(count(), 10);
  copyFileSync(file, running);
  const again = await resume(running, well, { steps: 70 });
  await again.run();
  again.close();
  assert.is(count(), 7);
  assert.is((await resume(running, well)).step, 70, 'its checkpoint is written on');
  assert.is((await resume(file, well)).step, 50, 'where told not to, it is left alone');
  const other = await resume(file, well, { trajectory: join(folder, 'other.dcd'), checkpoint: false });
  await other.run();
  other.close();
  assert.is(count(), 7);
  assert.is(loadTrajectory(join(folder, 'other.dcd'), { topology: cloud(4) }).length, 5);
});

test('a state that was saved is a place to branch from: neither it nor the run’s files change', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mdlab-outputs-'));
  const trajectory = join(folder, 'run.dcd');
  const file = join(folder, 'half.checkpoint');
  const sim = simulate(
    cloud(4),
    well,
    options({ steps: 100, trajectory, checkpoint: join(folder, 'run.checkpoint') }),
  );
  for await (const frame of sim) if (frame.step === 50) sim.save(file);
  sim.close();
  const names = readdirSync(folder);
  const bytes = names.map((name) => readFileSync(join(folder, name)));
  const branch = await resume(file, well);
  assert.is(branch.step, 50);
  await branch.run();
  names.forEach((name, i) => {
    assert.ok(readFileSync(join(folder, name)).equals(bytes[i]!), name);
  });
});

test('the summary’s rates and columns fit the run', async () => {
  const sim = simulate(cloud(4), well, options({ replicas: 3 }));
  const summary = await sim.run();
  assert.is(summary.steps, 40);
  assert.is(summary.atoms, 12);
  assert.ok(Math.abs(summary.stepsPerSecond * summary.seconds - 40) < 1e-9);
  assert.ok(Math.abs(summary.nanosecondsPerDay / (summary.stepsPerSecond * 2e-6 * 86400) - 1) < 1e-12);
  assert.ok(Math.abs(summary.aggregateNanosecondsPerDay / summary.nanosecondsPerDay - 3) < 1e-12);
  const { frames } = summary;
  for (const column of Object.values(frames)) assert.is(column.length, 12);
  assert.equal([...frames.step], [10, 10, 10, 20, 20, 20, 30, 30, 30, 40, 40, 40]);
  assert.equal([...frames.replica], [0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2]);
  assert.equal(
    [...frames.time],
    [...frames.step].map((s) => 2 * s),
  );
  frames.total.forEach((e, i) => {
    assert.is(e, frames.potential[i]! + frames.kinetic[i]!);
  });
  assert.is(summary.environment['potential'], 'harmonic well');
  assert.is(summary.environment['precision'], 'float64');
  for (const key of ['device', 'commit', 'driver', 'node', 'threads', 'seed'])
    assert.ok(summary.environment[key] !== undefined, key);
  const large = await simulate(cloud(4000), well, options()).run();
  assert.ok(large.peakBytes > 4000 * 3 * 8 * 4, `${large.peakBytes} of arrays, each 96 kB`);
  const small = await simulate(cloud(4), well, options()).run();
  assert.ok(small.peakBytes > 0);
  assert.is(summary.drift, undefined);
});

test('frames are copies that later steps leave alone', async () => {
  const sim = simulate(cloud(4), well, options());
  let first: Float64Array | undefined;
  let kept: number[] = [];
  for await (const frame of sim) {
    first ??= frame.positions;
    if (kept.length === 0) kept = [...frame.positions];
    frame.velocities.fill(1e9);
  }
  assert.equal([...first!], kept);
  assert.ok(sim.state.velocities.every((v) => Math.abs(v) < 1));
});

test('files that cannot be written are named before the first step, and the run goes on once they can', async () => {
  const here = mkdtempSync(join(tmpdir(), 'mdlab-unwritable-'));
  const file = join(here, 'file');
  writeFileSync(file, '');
  const absent = join(here, 'absent');
  const cases: [Partial<SimulateOptions>, RegExp][] = [
    [
      { checkpoint: join(absent, 'x.ckpt') },
      /x\.ckpt: cannot be written: its folder does not exist; make it with mkdirSync$/,
    ],
    [{ checkpoint: join(file, 'x.ckpt') }, /x\.ckpt: cannot be written: a folder of its path is a file$/],
    [{ checkpoint: here }, /cannot be written: it is a folder$/],
    [{ trajectory: join(absent, 'x.dcd') }, /x\.dcd: cannot be written: its folder does not exist/],
    [{ trajectory: join(absent, 'x.dcd'), replicas: 2 }, /x\.0\.dcd: cannot be written/],
    [{ trajectory: join(here, 'x.csv') }, /^trajectory format: must be one of '\.extxyz'.*x\.csv"$/],
  ];
  for (const [more, message] of cases) {
    const sim = simulate(cloud(3), well, options(more));
    const error = await sim.run().catch((e: Error) => e);
    assert.match((error as Error).message, message);
    assert.is(sim.step, 0, 'nothing moved');
  }
  assert.equal(readdirSync(here), ['file'], 'nor was anything written');

  const late = simulate(
    cloud(3),
    well,
    options({ checkpoint: join(absent, 'x'), trajectory: join(absent, 'x.xtc') }),
  );
  assert.is(String(await late.run().catch((e) => e.code)), 'EIO');
  mkdirSync(absent);
  assert.is((await late.run()).steps, 40);
  late.close();
  assert.equal(readdirSync(absent).sort(), ['x', 'x.xtc']);
});

test.run();
