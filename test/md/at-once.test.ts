// What several users of one potential are promised: each gets its own right numbers, and none waits long for another.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  backbonePriors,
  beadsFromSequence,
  evaluate,
  langevin,
  minimize,
  type Potential,
  randomSchnet,
  type Schnet,
  type Simulation,
  sequences,
  simulate,
  sum,
  termEnergies,
} from '../../lib/index.js';
import { native } from '../../lib/native.js';
import { finish, hash } from './shared.js';

const protein = beadsFromSequence(sequences.CLN025);
const make = (potential: Potential, steps: number, replicas = 1): Simulation =>
  simulate(protein, potential, {
    integrator: langevin({ temperature: 100, timestep: 0.5, seed: 7 }),
    replicas,
    steps,
    every: 1e9,
    progress: false,
  });

/** Calls `ask` again and again until the run is over or `most` calls are done. @returns how many calls there were */
async function during(running: Promise<unknown>, most: number, ask: () => void): Promise<number> {
  let over = false;
  const ended = running.finally(() => {
    over = true;
  });
  let asked = 0;
  for (; !over && asked < most; asked++) {
    ask();
    if (asked % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await ended;
  return asked;
}

test('term energies asked of a prior that a run uses are right, and the run keeps its bits', async () => {
  const prior = backbonePriors(protein);
  const other = protein.with({ positions: protein.positions.map((x) => 1.01 * x) });
  const wanted = termEnergies(prior, other);
  const alone = hash(await finish(make(prior, 1500)));
  const sim = make(prior, 1500);
  const asked = await during(sim.run(), Number.POSITIVE_INFINITY, () =>
    assert.equal(termEnergies(prior, other), wanted),
  );
  assert.ok(asked > 20, `asked ${asked} times`);
  assert.is(hash(sim.state), alone);
});

test('a model asked during a run tells the stages of whole evaluations', async () => {
  for (const pipeline of ['table', 'flash', 'baseline'] as const) {
    const model = randomSchnet(
      { hidden: 16, filters: 16, blocks: 2, head: [16] },
      { backend: 'cpu', pipeline, scale: 0.01 },
    ) as Schnet;
    await make(model, 1).run();
    const [names, table] = [Object.keys(model.stages), model.table];
    assert.ok(names.length > 3);
    const asked = await during(make(model, 60).run(), 3000, () => {
      assert.equal(Object.keys(model.stages), names);
      assert.equal(model.table, table);
    });
    assert.ok(asked > 20, `asked ${asked} times`);
  }
});

test('runs, minimisations and evaluations of one potential at once are what each is alone, on any threads', async () => {
  const before = native().threads();
  const prior = backbonePriors(protein);
  for (const pipeline of ['table', 'flash', 'baseline'] as const) {
    const model = randomSchnet(
      { hidden: 16, filters: 16, blocks: 2, head: [16] },
      { backend: 'cpu', pipeline, scale: 0.01 },
    );
    const [one, two] = [sum(model, prior), sum(prior, model)];
    const jobs = [
      () => finish(make(one, 8, 5)).then(hash),
      () => finish(make(two, 12, 2)).then(hash),
      () => finish(make(model, 15)).then(hash),
      () => finish(make(prior, 60, 9)).then(hash),
      () => minimize(protein, two, { maxSteps: 10, progress: false }).then((m) => String(m.energy)),
    ];
    const energy = evaluate(one, protein).energy[0];
    const alone: string[] = [];
    for (const job of jobs) alone.push(await job());
    const running = Promise.all(jobs.map((job) => job()));
    let threads = 0;
    await during(running, 10, () => {
      native().setThreads(1 + (threads++ % 16));
      assert.is(evaluate(one, protein).energy[0], energy);
    });
    assert.equal(await running, alone);
  }
  native().setThreads(before);
});

test.run();
