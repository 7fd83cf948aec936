import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
} from '../../lib/index.js';
import { native } from '../../lib/native.js';
import { cloud, finish, hash, stopsSoon, stopwatch } from './shared.js';

const well = harmonicWell({ k: 1 });
const make = (steps: number, more: Partial<SimulateOptions> = {}, atoms = 2000): Simulation =>
  simulate(cloud(atoms), well, {
    integrator: langevin({ temperature: 300, timestep: 2 }),
    steps,
    every: 1_000_000,
    ...more,
  });

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function interruptedIn(running: Promise<unknown>, stop: () => void): Promise<number> {
  await sleep(100);
  const since = stopwatch();
  stop();
  const error = await running.then(
    () => undefined,
    (e: unknown) => e,
  );
  const took = since();
  assert.ok(error instanceof MdlabError, `ends by an MdlabError, got ${error}`);
  assert.is((error as MdlabError).code, 'EINTERRUPTED');
  assert.match((error as MdlabError).message, /simulate: interrupted after step \d+; the state is kept/);
  return took;
}

test('an aborted run stops within 100 ms and goes on to the same bits', async () => {
  const stop = new AbortController();
  const sim = make(100_000_000, { signal: stop.signal });
  const took = await interruptedIn(sim.run(), () => stop.abort());
  const reached = sim.step;
  assert.ok(reached > 0, 'some steps were taken');
  const state = sim.state;
  assert.is(state.step, reached);
  assert.is(hash(state), hash(await finish(make(reached))), 'the state is that of the last whole step');

  // The same signal counts once: going on needs no new one, stopping again does.
  const again = new AbortController();
  const tookAgain = await interruptedIn(sim.run({ signal: again.signal }), () => again.abort());
  const third = new AbortController();
  stopsSoon([took, tookAgain, await interruptedIn(sim.run({ signal: third.signal }), () => third.abort())]);
  const total = sim.step;
  assert.ok(total > reached);
  assert.is(hash(sim.state), hash(await finish(make(total))), 'interrupted twice, same bits as never');
});

test('a signal that is aborted before the start stops the run before its first step', async () => {
  const sim = make(10, { signal: AbortSignal.abort() });
  let error: unknown;
  try {
    for await (const _ of sim) assert.unreachable('no frame is seen');
  } catch (e) {
    error = e;
  }
  assert.is((error as MdlabError).code, 'EINTERRUPTED');
  assert.is(sim.step, 0);
  await sim.run();
  assert.is(sim.step, 10);
});

test('the process-wide flag stops a run too', async () => {
  const sim = make(100_000_000);
  const took: number[] = [];
  for (let k = 0; k < 3; k++) {
    native().clearCancel();
    took.push(await interruptedIn(sim.run(), () => native().requestCancel()));
  }
  stopsSoon(took);
  let error: unknown;
  await sim.run().catch((e: unknown) => {
    error = e;
  });
  assert.is((error as MdlabError).code, 'EINTERRUPTED', 'until it is cleared');
  native().clearCancel();
  const again = new AbortController();
  const before = sim.step;
  await interruptedIn(sim.run({ signal: again.signal }), () => again.abort());
  assert.ok(sim.step > before);
});

test('a run of many atoms that the process-wide flag stops can be read and leaves its checkpoint', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mdlab-interrupt-'));
  const file = join(folder, 'run.checkpoint');
  const sim = make(100_000_000, { checkpoint: file });
  await interruptedIn(sim.run(), () => native().requestCancel());
  const { step } = sim.state;
  native().clearCancel();
  assert.ok(step > 0);
  assert.is((await resume(file, well)).step, step);
  rmSync(folder, { recursive: true });
});

test('leaving the loop stops the run at the frame last seen; a new loop goes on', async () => {
  const sim = make(100, { every: 10 }, 50);
  const steps: number[] = [];
  for await (const frame of sim) {
    steps.push(frame.step);
    if (frame.step === 30) break;
  }
  assert.is(sim.step, 30);
  for await (const frame of sim) steps.push(frame.step);
  assert.equal(steps, [10, 20, 30, 40, 50, 60, 70, 80, 90, 100]);
  assert.is(hash(sim.state), hash(await finish(make(100, {}, 50))));
  for await (const _ of sim) assert.unreachable('the run is over');
  sim.extend(25);
  for await (const frame of sim) steps.push(frame.step);
  assert.is(sim.step, 125);
  assert.is(steps.at(-1), 120, 'frames are at multiples of `every`');
});

test('the event loop stays alive while a chunk runs', async () => {
  const stop = new AbortController();
  const sim = make(100_000_000, { signal: stop.signal });
  let ticks = 0;
  const seen = new Set<number>();
  const timer = setInterval(() => {
    ticks++;
    seen.add(sim.step);
  }, 10);
  setTimeout(() => stop.abort(), 400);
  await sim.run().catch(() => {});
  clearInterval(timer);
  assert.ok(ticks >= 10, `${ticks} ticks`);
  assert.ok(seen.size >= 5, 'the step can be watched');
});

test('a run that is going on refuses a second loop and a look at its state', async () => {
  const stop = new AbortController();
  const sim = make(100_000_000, { signal: stop.signal });
  const running = sim.run().catch(() => 'stopped');
  let error: unknown;
  await sim.run().catch((e: unknown) => {
    error = e;
  });
  assert.match(String(error), /must not be iterated twice at once/);
  await sleep(20);
  assert.throws(() => sim.state, /must not be running while it is read/);
  stop.abort();
  assert.is(await running, 'stopped');
  assert.ok(sim.state.step > 0);
});

test('two runs share one potential', async () => {
  const [a, b] = [make(300, {}, 800), make(300, {}, 800)];
  await Promise.all([a.run(), b.run()]);
  assert.is(hash(a.state), hash(b.state));
});

test.run();
