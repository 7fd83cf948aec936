// A new run loses nothing of an unfinished one of the same names: its files are set aside, whatever kills the process.
import { cpSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { Worker } from 'node:worker_threads';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  harmonicWell,
  langevin,
  MdlabError,
  resume,
  type SimulateOptions,
  type Simulation,
  simulate,
  tempering,
} from '../../lib/index.js';
import { cloud, finish, hash } from './shared.js';

const well = harmonicWell({ k: 1 });
const steps = 100;
const fresh = (): string => mkdtempSync(join(tmpdir(), 'mdlab-aside-'));
const listing = (folder: string): string[] => readdirSync(folder).sort();
const bytes = (folder: string, name: string): string => readFileSync(join(folder, name), 'latin1');

/** A run that writes `run.checkpoint` and a trajectory into a folder. */
function run(folder: string, seed: number, more: Partial<SimulateOptions> = {}, trajectory = 'run.dcd') {
  return simulate(cloud(6), well, {
    integrator: langevin({ temperature: 300, timestep: 2, seed }),
    steps,
    every: 10,
    trajectory: join(folder, trajectory),
    checkpoint: { file: join(folder, 'run.checkpoint'), every: 20 },
    ...more,
  });
}

/** Leaves a run behind its checkpoint, as a kill does. */
async function leave(sim: Simulation, step = 50): Promise<void> {
  for await (const frame of sim) if (frame.step === step) break;
  sim.close();
}

async function end(sim: Simulation): Promise<string> {
  const state = hash(await finish(sim));
  sim.close();
  return state;
}

/** What a body says on stderr. */
async function said(body: () => Promise<unknown>): Promise<string> {
  const { write } = process.stderr;
  let all = '';
  process.stderr.write = ((part: string) => {
    all += part;
    return true;
  }) as typeof write;
  try {
    await body();
  } finally {
    process.stderr.write = write;
  }
  return all;
}

async function refusal(body: () => Promise<unknown>): Promise<string> {
  try {
    await body();
  } catch (error) {
    return error instanceof MdlabError ? `${error.code} ${error.message}` : `no MdlabError: ${error}`;
  }
  return 'nothing was thrown';
}

/** The last state and the files of a run that nothing disturbed. */
async function undisturbed(seed: number, more?: Partial<SimulateOptions>, trajectory?: string) {
  const folder = fresh();
  const state = await end(run(folder, seed, more, trajectory));
  return { state, file: (name: string) => bytes(folder, name) };
}

const ladder: Partial<SimulateOptions> = {
  integrator: langevin({ timestep: 2, seed: 3 }),
  tempering: tempering({ temperatures: [300, 310, 330], every: 7 }),
};
const cases: [string, string, Partial<SimulateOptions>, string[]][] = [
  ['one system in dcd', 'run.dcd', {}, ['run@.dcd']],
  ['one system in extxyz', 'run.extxyz', {}, ['run@.extxyz']],
  ['replicas in xtc', 'run.xtc', { replicas: 2 }, ['run@.0.xtc', 'run@.1.xtc']],
  ['tempering, numbered elsewhere', 'r{replica}.pdb', ladder, ['r0@.pdb', 'r1@.pdb', 'r2@.pdb']],
];

for (const [what, trajectory, more, files] of cases)
  test(`an unfinished run is set aside and goes on to the same bits: ${what}`, async () => {
    const folder = fresh();
    const first = await undisturbed(3, more, trajectory);
    await leave(run(folder, 3, more, trajectory));
    const second = run(folder, 4, { replicas: files.length }, trajectory);
    const remark = await said(() => leave(second));
    const to = join(folder, 'run-aside-1.checkpoint');
    assert.is(
      remark,
      `simulate: ${join(folder, 'run.checkpoint')} of an unfinished run (step 40 of 100) is now ${to}, ` +
        `its trajectory ${join(folder, trajectory)} is ${join(folder, trajectory.replace('.', '-aside-1.'))}; ` +
        `go on with it by resume('${to}', potential)\n`,
    );
    const named = (by: string): string[] =>
      ['run@.checkpoint', ...files].map((name) => name.replace('@', by));
    assert.equal(listing(folder), [...named(''), ...named('-aside-1')].sort());

    const others = named('').map((name) => bytes(folder, name));
    const sim = await resume(to, well);
    assert.is(sim.step, 40);
    assert.is(await end(sim), first.state);
    for (const name of files)
      assert.is(bytes(folder, name.replace('@', '-aside-1')), first.file(name.replace('@', '')), name);
    assert.equal(
      named('').map((name) => bytes(folder, name)),
      others,
      'the new run’s files are left alone',
    );
    const again = await end(await resume(join(folder, 'run.checkpoint'), well));
    assert.is(again, (await undisturbed(4, { replicas: files.length }, trajectory)).state);
  });

test('each unfinished run has a number of its own; a finished run and one without a step are replaced', async () => {
  const folder = fresh();
  const aborted = { signal: AbortSignal.abort() };
  const remarks = await said(async () => {
    for (const seed of [1, 2, 3]) await leave(run(folder, seed));
    await end(run(folder, 4));
    for (const seed of [5, 6])
      assert.match(await refusal(() => run(folder, seed, aborted).run()), /after step 0/);
    await end(run(folder, 7));
  });
  assert.is(remarks.split('\n').length - 1, 3);
  const numbered = ['', '-aside-1', '-aside-2', '-aside-3'];
  assert.equal(listing(folder), numbered.flatMap((n) => [`run${n}.checkpoint`, `run${n}.dcd`]).sort());
  for (const seed of [1, 2, 3]) {
    const sim = await resume(join(folder, `run-aside-${seed}.checkpoint`), well);
    assert.is(sim.options.integrator.seed, seed);
    const whole = await undisturbed(seed);
    assert.is(await end(sim), whole.state);
    assert.is(bytes(folder, `run-aside-${seed}.dcd`), whole.file('run.dcd'));
  }
  assert.is(bytes(folder, 'run.dcd'), (await undisturbed(7)).file('run.dcd'));
});

test('a run of more replicas does not take the name of one that was set aside', async () => {
  const folder = fresh();
  await leave(run(folder, 1));
  await said(() => end(run(folder, 2, { replicas: 3 })));
  assert.is(
    await end(await resume(join(folder, 'run-aside-1.checkpoint'), well)),
    (await undisturbed(1)).state,
  );
  assert.is(listing(folder).length, 6);
});

test('a run of this process goes on in the files that were set aside, also while the new one runs', async () => {
  const folder = fresh();
  const [one, two] = [run(folder, 1), run(folder, 2)];
  let second: Promise<string> | undefined;
  const remark = await said(async () => {
    for await (const frame of one) if (frame.step === 50) second ??= end(two);
    one.close();
    await second;
  });
  assert.match(remark, /step 40 of 100/);
  for (const [sim, name] of [
    [one, 'run-aside-1'],
    [two, 'run'],
  ] as const) {
    const whole = await undisturbed(sim.options.integrator.seed);
    assert.is(bytes(folder, `${name}.dcd`), whole.file('run.dcd'), name);
    const stored = await resume(join(folder, `${name}.checkpoint`), well);
    assert.is(stored.step, steps);
    assert.is(hash(stored.state), whole.state);
  }
});

test('runs that were left and are iterated again go on in their own files', async () => {
  const folder = fresh();
  const [one, two] = [run(folder, 1), run(folder, 2)];
  const remarks = await said(async () => {
    for (const sim of [one, two]) await leave(sim, 30);
    for (const sim of [two, one, two]) await leave(sim, sim.step + 20);
    for (const sim of [one, two]) await end(sim);
  });
  assert.is(remarks.split('\n').length - 1, 1, 'only the second run’s first step moved files');
  assert.is(listing(folder).length, 4);
  assert.is(bytes(folder, 'run-aside-1.dcd'), (await undisturbed(1)).file('run.dcd'));
  assert.is(bytes(folder, 'run.dcd'), (await undisturbed(2)).file('run.dcd'));
});

test('without a checkpoint trajectories are replaced; resuming in place moves nothing; a saved state is set aside', async () => {
  const folder = fresh();
  assert.is(
    await said(async () => {
      await leave(run(folder, 1, { checkpoint: undefined } as object));
      await end(run(folder, 2, { checkpoint: undefined } as object));
      assert.equal(listing(folder), ['run.dcd']);
      await leave(run(folder, 3));
      await leave(await resume(join(folder, 'run.checkpoint'), well), 70);
      await end(await resume(join(folder, 'run.checkpoint'), well));
      assert.equal(listing(folder), ['run.checkpoint', 'run.dcd']);
    }),
    '',
  );
  assert.is(bytes(folder, 'run.dcd'), (await undisturbed(3)).file('run.dcd'));
  const saved = run(folder, 4, { checkpoint: undefined, trajectory: undefined } as object);
  await leave(saved);
  saved.save(join(folder, 'run.checkpoint'));
  const kept = bytes(folder, 'run.checkpoint');
  assert.match(await said(() => end(run(folder, 5))), /\(step 50 of 100\) is now \S+; go on/);
  assert.is(bytes(folder, 'run-aside-1.checkpoint'), kept);
});

test('a kill within the move leaves checkpoints that go on or name what is missing; the next run completes it', async () => {
  const more = { replicas: 2 };
  // One folder for all, since checkpoints name their files.
  const [folder, left] = [fresh(), fresh()];
  await leave(run(folder, 1, more));
  cpSync(folder, left, { recursive: true });
  const put = (from: string): void => {
    rmSync(folder, { recursive: true });
    cpSync(from, folder, { recursive: true });
  };
  await said(() => leave(run(folder, 2, more), 10));
  const moved = bytes(folder, 'run-aside-1.checkpoint');
  const whole = await undisturbed(1, more);
  const old = join(folder, 'run.checkpoint');
  const aside = join(folder, 'run-aside-1.checkpoint');
  const missing = (name: string): RegExp =>
    new RegExp(`^EINVALID resume.trajectory: must have the run's first 4 frames, received "no .*/${name}"`);

  for (const renamed of [0, 1, 2]) {
    const state = (): void => {
      put(left);
      writeFileSync(aside, moved, 'latin1');
      for (let k = 0; k < renamed; k++)
        renameSync(join(folder, `run.${k}.dcd`), join(folder, `run-aside-1.${k}.dcd`));
    };
    for (const [file, works, absent] of [
      [old, renamed === 0, 'run.0.dcd'],
      [aside, renamed === 2, `run-aside-1.${renamed}.dcd`],
    ] as const) {
      state();
      const names = listing(folder);
      const sim = await resume(file, well);
      if (works) assert.is(await end(sim), whole.state, `${renamed} renamed`);
      else assert.match(await refusal(() => sim.run()), missing(absent), `${renamed} renamed`);
      assert.equal(listing(folder), names);
    }
    state();
    await said(() => end(run(folder, 2, more)));
    const all = ['', '-aside-1'].flatMap((n) => ['checkpoint', '0.dcd', '1.dcd'].map((e) => `run${n}.${e}`));
    assert.equal(listing(folder), all.sort(), `${renamed} renamed`);
    assert.is(await end(await resume(aside, well)), whole.state);
    for (const k of [0, 1]) assert.is(bytes(folder, `run-aside-1.${k}.dcd`), whole.file(`run.${k}.dcd`));
  }
});

test('a file of the checkpoint’s name that is none is neither replaced nor moved', async () => {
  const folder = fresh();
  const file = join(folder, 'run.checkpoint');
  await leave(run(folder, 1));
  const good = readFileSync(file);
  const damaged = Buffer.from(good);
  damaged[damaged.length - 1]! ^= 1;
  for (const content of [Buffer.from('notes of a year\n'), damaged, good.subarray(0, 200), Buffer.of()]) {
    writeFileSync(file, content);
    const names = listing(folder);
    const trajectory = bytes(folder, 'run.dcd');
    const sim = run(folder, 2);
    assert.match(
      await refusal(() => sim.run()),
      /^EINVALID simulate.checkpoint: must be a new file or a run's checkpoint, for it is replaced, received ".*run.checkpoint"; name another, or remove it \(.+\)$/,
    );
    assert.is(sim.step, 0);
    assert.ok(readFileSync(file).equals(content));
    assert.is(bytes(folder, 'run.dcd'), trajectory);
    assert.equal(listing(folder), names);
  }
  rmSync(file);
  assert.is(await said(() => end(run(folder, 2))), '');
});

test('a run on a worker thread sets files aside too', async () => {
  const folder = fresh();
  await leave(run(folder, 1));
  const script = `
    import { harmonicWell, langevin, simulate, Structure } from ${JSON.stringify(new URL('../../lib/index.js', import.meta.url).href)};
    const structure = new Structure({ positions: new Float64Array(9), symbols: ['C', 'C', 'C'] });
    await simulate(structure, harmonicWell({ k: 1 }), {
      integrator: langevin({ temperature: 300, timestep: 2 }), steps: 20,
      checkpoint: ${JSON.stringify(join(folder, 'run.checkpoint'))}, trajectory: ${JSON.stringify(join(folder, 'run.dcd'))},
    }).run();`;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(script)}`), { stderr: true });
  assert.match(await text(worker.stderr), /run-aside-1.dcd; go on with it by resume/);
  assert.is(
    await end(await resume(join(folder, 'run-aside-1.checkpoint'), well)),
    (await undisturbed(1)).state,
  );
  assert.is((await resume(join(folder, 'run.checkpoint'), well)).step, 20);
});

test.run();
