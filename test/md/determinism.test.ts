import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { harmonicWell, langevin, type SimulateOptions, simulate, tempering } from '../../lib/index.js';
import { native } from '../../lib/native.js';
import { cloud, finish, hash } from './shared.js';

const well = harmonicWell({ k: 1.3, center: [0.5, 0, 0] });
const options = (more: Partial<SimulateOptions> = {}, seed = 1): SimulateOptions => ({
  integrator: langevin({ temperature: 300, timestep: 2, seed }),
  steps: 120,
  every: 120,
  ...more,
});
const run = async (more?: Partial<SimulateOptions>, seed?: number, atoms = 1500): Promise<string> =>
  hash(await finish(simulate(cloud(atoms), well, options(more, seed))));

test('same seed, same bits; another seed, others', async () => {
  const first = await run();
  assert.is(await run(), first);
  assert.is.not(await run({}, 2), first);
  // Seeds beyond 32 bits are different seeds.
  assert.is.not(await run({}, 1 + 2 ** 32), first);
});

test('the number of threads and the length of chunks change no bit', async () => {
  const n = native();
  const before = n.threads();
  const more = { replicas: 3, removeCenterOfMass: true };
  const wanted = await run(more);
  for (const threads of [1, 2, 5]) {
    n.setThreads(threads);
    assert.is(await run(more), wanted, `${threads} threads`);
  }
  n.setThreads(before);
  assert.is(await run({ ...more, every: 7 }), wanted, 'chunks of 7 steps');
});

test('a replica is the same in any batch', async () => {
  for (const removeCenterOfMass of [false, true]) {
    const all = await finish(simulate(cloud(700), well, options({ replicas: 6, removeCenterOfMass })));
    for (const r of [0, 4]) {
      const alone = simulate(cloud(700), well, options({ firstReplica: r, removeCenterOfMass }));
      const state = await finish(alone);
      assert.equal(state.positions, all.structure(r).positions, `replica ${r}`);
      assert.equal(state.velocities, all.structure(r).velocities, `replica ${r}`);
    }
    const [a, b] = [all.structure(0).positions, all.structure(1).positions];
    assert.not.equal(a, b, 'replicas differ from one another');
  }
});

test('different structures run side by side as they run alone', async () => {
  const pair = [cloud(10, 1), cloud(33, 2)];
  const both = await finish(simulate(pair, well, options({ replicas: 2 })));
  assert.is(both.count, 4);
  const second = await finish(simulate(pair[1]!, well, options({ replicas: 2, firstReplica: 2 })));
  for (const r of [0, 1]) assert.equal(both.structure(2 + r).positions, second.structure(r).positions);
});

test('tempering draws the same numbers whatever the threads', async () => {
  const n = native();
  const before = n.threads();
  const ladder = (): SimulateOptions => ({
    integrator: langevin({ timestep: 2, seed: 9 }),
    tempering: tempering({ temperatures: [300, 320, 350, 400], every: 10 }),
    replicas: 8,
    steps: 500,
    every: 10,
  });
  const sim = simulate(cloud(5), well, ladder());
  const wanted = await finish(sim);
  assert.ok(sim.summary().exchange!.accepted.some((a) => a > 0));
  n.setThreads(1);
  const serial = await finish(simulate(cloud(5), well, ladder()));
  n.setThreads(before);
  assert.is(hash(serial), hash(wanted));
  assert.equal(serial.temperatureIndex, wanted.temperatureIndex);
});

test.run();
