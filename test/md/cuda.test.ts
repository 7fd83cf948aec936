// Whole steps on a GPU, with potentials that need no neighbour list: a protein's priors, and those and its teacher.
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  beadsFromSequence,
  harmonicWell,
  langevin,
  MdlabError,
  type Potential,
  readSafetensors,
  resume,
  type SimulateOptions,
  type Simulation,
  type Structure,
  sequences,
  simulate,
  sum,
  teacher,
  tempering,
  velocityVerlet,
} from '../../lib/index.js';
import { native } from '../../lib/native.js';
import { onCuda } from '../cuda.js';
import { relativeError } from '../tools.js';
import { finish, hash } from './shared.js';

const start = beadsFromSequence(sequences.CLN025);
const made = new Map<string, Potential>();
const potential = (backend: 'cpu' | 'cuda'): Potential => {
  if (!made.has(backend)) made.set(backend, teacher(start, { backend }));
  return made.get(backend)!;
};
const options = (more: Partial<SimulateOptions> = {}): SimulateOptions => ({
  integrator: langevin({ temperature: 300, timestep: 2, friction: 5, seed: 3 }),
  steps: 200,
  every: 200,
  progress: false,
  ...more,
});
const onGpu = (more?: Partial<SimulateOptions>, structure: Structure = start): Simulation =>
  simulate(structure, potential('cuda'), options(more));

onCuda('the first steps are those of the host', async () => {
  for (const removeCenterOfMass of [false, true]) {
    for (const integrator of [
      options().integrator,
      velocityVerlet({ timestep: 2, temperature: 300, seed: 4 }),
    ]) {
      const more = { integrator, removeCenterOfMass, replicas: 3, steps: 40, every: 8 };
      const [gpu, cpu] = [onGpu(more), simulate(start, potential('cpu'), options(more))];
      assert.ok(gpu.summary().environment['steps'] === 'cuda');
      const frames = cpu.frames();
      for await (const frame of gpu) {
        const wanted = (await frames.next()).value!;
        const moved = wanted.positions.map((x, i) => x - start.positions[i % start.positions.length]!);
        const moves = frame.positions.map((x, i) => x - start.positions[i % start.positions.length]!);
        const error = relativeError(moves, moved);
        assert.ok(error < 1e-6, `${integrator.kind}, step ${frame.step}: ${error}`);
        assert.ok(relativeError(frame.velocities, wanted.velocities) < 1e-6);
        assert.ok(relativeError(frame.potential, wanted.potential) < 1e-6);
      }
    }
  }
});

onCuda('velocity Verlet keeps the energy', async () => {
  const sim = onGpu({
    integrator: velocityVerlet({ timestep: 1, temperature: 300, seed: 1 }),
    steps: 20_000,
    every: 500,
  });
  const { frames } = await sim.run();
  const total = frames.potential.map((u, k) => u + frames.kinetic[k]!);
  const kT = 8.617e-5 * 300 * start.count;
  assert.ok(Math.max(...total) - Math.min(...total) < 0.05 * kT, `${total}`);
});

onCuda('same seed, same bits, whatever the chunks and the batch', async () => {
  for (const removeCenterOfMass of [false, true]) {
    const more = { replicas: 5, removeCenterOfMass };
    const wanted = await finish(onGpu(more));
    assert.is(hash(await finish(onGpu(more))), hash(wanted));
    assert.is(hash(await finish(onGpu({ ...more, every: 7 }))), hash(wanted), 'chunks of 7 steps');
    const other = { integrator: langevin({ temperature: 300, timestep: 2, friction: 5, seed: 4 }) };
    assert.is.not(hash(await finish(onGpu({ ...more, ...other }))), hash(wanted));
    const alone = await finish(onGpu({ firstReplica: 3, removeCenterOfMass }));
    assert.equal(alone.positions, wanted.structure(3).positions);
    assert.equal(alone.velocities, wanted.structure(3).velocities);
  }
});

onCuda('a resumed run has the bits of one that never stopped', async () => {
  const file = join(mkdtempSync(join(tmpdir(), 'mdlab-cuda-')), 'a.checkpoint');
  const ladder = {
    integrator: langevin({ timestep: 2, friction: 5, seed: 3 }),
    tempering: tempering({ temperatures: [300, 310, 330], every: 15 }),
    replicas: 6,
  };
  for (const more of [{ replicas: 2 }, ladder]) {
    const straight = await finish(onGpu(more));
    const sim = onGpu({ ...more, steps: 77 });
    await sim.run();
    sim.save(file);
    const again = await resume(file, potential('cuda'), { steps: 200, progress: false });
    assert.is(hash(again.state), hash(sim.state));
    assert.is(hash(await finish(again)), hash(straight));
    sim.extend(123);
    assert.is(hash(await finish(sim)), hash(straight), 'extended');
    await rejects(resume(file, potential('cpu')), /backend.*must be 'cuda'/);
    onGpu(more).save(file);
    const whole = await resume(file, potential('cuda'), { steps: 200, progress: false });
    assert.is(hash(await finish(whole)), hash(straight), 'stored before its first step');
  }
});

async function rejects(promise: Promise<unknown>, pattern: RegExp): Promise<void> {
  const error = await promise.then(
    () => 'nothing was thrown',
    (e: unknown) => e,
  );
  assert.match(String(error), pattern);
}

onCuda('exchanges of temperatures are those of the host', async () => {
  const more = {
    integrator: langevin({ timestep: 2, friction: 5, seed: 9 }),
    tempering: tempering({ temperatures: [300, 301, 303, 310, 320], every: 5 }),
    replicas: 10,
    steps: 60,
    every: 5,
  };
  const [gpu, cpu] = [onGpu(more), simulate(start, potential('cpu'), options(more))];
  const frames = cpu.frames();
  for await (const frame of gpu) {
    const wanted = (await frames.next()).value!;
    assert.equal(frame.temperatureIndex, wanted.temperatureIndex, `step ${frame.step}`);
    assert.ok(relativeError(frame.velocities, wanted.velocities) < 1e-5);
  }
  const [a, b] = [gpu.summary().exchange!, cpu.summary().exchange!];
  assert.equal(a.attempted, b.attempted);
  assert.equal(a.accepted, b.accepted);
  assert.ok(a.accepted.some((n) => n > 0) && a.accepted.some((n, k) => n < a.attempted[k]!));
});

onCuda(
  'an interrupted run stops soon, with the state of a whole step, and goes on to the same bits',
  async () => {
    const stop = new AbortController();
    const sim = onGpu({ replicas: 64, steps: 100_000_000, every: 1_000_000, signal: stop.signal });
    const running = sim.run();
    setTimeout(() => stop.abort(), 500);
    const error = await running.catch((e: unknown) => e);
    assert.is((error as MdlabError).code, 'EINTERRUPTED');
    const reached = sim.step;
    assert.ok(reached > 100, `${reached} steps`);
    assert.is(sim.state.step, reached);
    assert.is(hash(sim.state), hash(await finish(onGpu({ replicas: 64, steps: reached, every: 1_000_000 }))));
    // Asked again and again, it ends within a tenth of a second.
    for (let k = 0; k < 3; k++) {
      const again = new AbortController();
      const next = sim.run({ signal: again.signal });
      await new Promise((resolve) => setTimeout(resolve, 200));
      const since = performance.now();
      again.abort();
      await next.catch(() => {});
      const took = performance.now() - since;
      assert.ok(took < 300, `stopped after ${took} ms`);
    }
  },
);

onCuda('a run that diverges names step, replica and atom, and keeps the state before', async () => {
  const wild = {
    integrator: velocityVerlet({ timestep: 1, temperature: 300, seed: 5 }),
    displacementLimit: 0.02,
  };
  const sims = [onGpu({ ...wild, steps: 4000, every: 4000, replicas: 3 })];
  sims.push(simulate(start, potential('cpu'), options({ ...wild, steps: 4000, every: 4000, replicas: 3 })));
  const told: string[] = [];
  for (const sim of sims) {
    const error = await sim.run().catch((e: unknown) => e);
    assert.ok(error instanceof MdlabError && error.code === 'ENUMERIC', String(error));
    assert.match(
      (error as Error).message,
      /^dynamics: diverged at step \d+ in replica \d: atom \d+ moved 0\.02\d* Å in one step \(limit 0.02 Å\); use a smaller timestep or minimise first. The state of step \d+ is kept$/,
    );
    told.push((error as Error).message);
    assert.is(sim.state.step, sim.step);
    assert.match((error as Error).message, `The state of step ${sim.step} is kept`);
  }
  assert.is(told[0], told[1]);
  const gpu = sims[0]!;
  const before = onGpu({ ...wild, displacementLimit: 10, steps: gpu.step, every: 1000, replicas: 3 });
  assert.is(hash(gpu.state), hash(await finish(before)));
});

onCuda('two runs share one potential, of other sizes, at once', async () => {
  const [a, b] = [onGpu({ replicas: 3, steps: 400 }), onGpu({ replicas: 40, steps: 400 })];
  await Promise.all([a.run(), b.run()]);
  assert.is(hash(a.state), hash(await finish(onGpu({ replicas: 3, steps: 400 }))));
  assert.is(hash(b.state), hash(await finish(onGpu({ replicas: 40, steps: 400 }))));
});

onCuda('a sum with a potential of the host runs there, and the summary says so', async () => {
  const mixed = sum(potential('cuda'), harmonicWell({ k: 0.01 }));
  const sim = simulate(start, mixed, options({ steps: 10 }));
  const { environment } = await sim.run();
  assert.match(String(environment['steps']), /^cpu/);
});

onCuda('a device lost in mid-run is an error; the last checkpoint and the process live on', async () => {
  const file = join(mkdtempSync(join(tmpdir(), 'mdlab-cuda-')), 'lost.checkpoint');
  const own = teacher(start, { backend: 'cuda' });
  const sim = simulate(start, own, options({ steps: 300, every: 50, checkpoint: file }));
  let error: unknown;
  try {
    for await (const frame of sim) {
      if (frame.step === 100) assert.throws(() => native().cudaSelfTest(0, true));
    }
  } catch (e) {
    error = e;
  }
  assert.is((error as MdlabError | undefined)?.code, 'EDEVICE', String(error));
  assert.is(sim.step, 100);
  assert.is(sim.state.step, 100);
  const { metadata } = readSafetensors(file);
  assert.is((JSON.parse(metadata['mdlab']!) as { step: number }).step, 100);
  await finish(simulate(start, potential('cpu'), options({ steps: 10 })));
});

test.run();
