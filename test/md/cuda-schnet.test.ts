// Whole steps on a GPU with a model that reads a neighbour list.
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  backbonePriors,
  beadsFromSequence,
  evaluate,
  langevin,
  makeBox,
  minimize,
  type Potential,
  randomSchnet,
  resume,
  type SimulateOptions,
  type Simulation,
  Structure,
  sequences,
  simulate,
  sum,
} from '../../lib/index.js';
import { harmonicBonds, priors, priorsOfBatch } from '../../lib/models/index.js';
import { onCuda } from '../cuda.js';
import { relativeError } from '../tools.js';
import { finish, hash } from './shared.js';

const start = beadsFromSequence(sequences.CLN025);
const small = { hidden: 32, filters: 32, blocks: 2, cutoff: { lower: 0, upper: 9 } };
const pipelines = ['flash', 'table'] as const;
type Pipeline = (typeof pipelines)[number];
const model = (pipeline: Pipeline, backend: 'cuda' | 'cpu' = 'cuda'): Potential =>
  sum(randomSchnet(small, { backend, pipeline, scale: 0.05 }), backbonePriors(start));
const options = (more: Partial<SimulateOptions> = {}): SimulateOptions => ({
  integrator: langevin({ temperature: 300, timestep: 2, friction: 5, seed: 3 }),
  steps: 300,
  every: 300,
  skin: 0.4,
  progress: false,
  ...more,
});
const run = (potential: Potential, more?: Partial<SimulateOptions>): Simulation =>
  simulate(start, potential, options(more));

for (const pipeline of pipelines) {
  onCuda(`${pipeline}: the first steps are those of the host, priors included`, async () => {
    const [gpu, cpu] = (['cuda', 'cpu'] as const).map((backend) =>
      run(model(pipeline, backend), { replicas: 3, steps: 30, every: 10 }),
    ) as [Simulation, Simulation];
    assert.is(gpu.summary().environment['steps'], 'cuda');
    assert.ok(gpu.summary().environment['device']);
    const frames = cpu.frames();
    for await (const frame of gpu) {
      const wanted = (await frames.next()).value!;
      const from = (x: Float64Array): Float64Array =>
        x.map((v, i) => v - start.positions[i % start.positions.length]!);
      const error = relativeError(from(frame.positions), from(wanted.positions));
      assert.ok(error < 1e-4, `step ${frame.step}: ${error}`);
      assert.ok(relativeError(frame.potential, wanted.potential) < 1e-4);
    }
  });

  onCuda(`${pipeline}: same bits whatever the chunks, the stops and the batch`, async () => {
    const potential = model(pipeline);
    const wanted = await finish(run(potential, { replicas: 4 }));
    const pieces = run(potential, { replicas: 4, every: 7 });
    assert.is(hash(await finish(pieces)), hash(wanted));
    const file = join(mkdtempSync(join(tmpdir(), 'mdlab-cuda-')), 'a.checkpoint');
    const sim = run(potential, { replicas: 4, steps: 131 });
    await sim.run();
    // Another use of the model in between takes its workspaces.
    evaluate(potential, Array(9).fill(start));
    sim.save(file);
    const again = await resume(file, potential, { steps: 300, progress: false });
    assert.is(hash(await finish(again)), hash(wanted), 'resumed');
    sim.extend(169);
    assert.is(hash(await finish(sim)), hash(wanted), 'extended');
    const alone = await finish(run(potential, { firstReplica: 2 }));
    assert.equal(alone.positions, wanted.structure(2).positions);
  });

  onCuda(
    `${pipeline}: different molecules side by side, one of them in a box, move as on the host`,
    async () => {
      const box = makeBox([30, 0, 0, 3, 29, 0, 0, -2, 31]);
      const other = beadsFromSequence('GSWFKL');
      const systems = [start, other.with({ box }), beadsFromSequence('AC'), start.with({ box })];
      const molecules = systems.map((s) => backbonePriors(s));
      const made = (backend: 'cuda' | 'cpu'): Simulation =>
        simulate(
          systems,
          sum(randomSchnet(small, { backend, pipeline, scale: 0.05 }), priorsOfBatch(molecules)),
          options({ steps: 30, every: 10 }),
        );
      const [gpu, cpu] = [made('cuda'), made('cpu')];
      const origin = systems.flatMap((s) => [...s.positions]);
      const frames = cpu.frames();
      for await (const frame of gpu) {
        const wanted = (await frames.next()).value!;
        const moved = (x: Float64Array): Float64Array => x.map((v, i) => v - origin[i]!);
        const error = relativeError(moved(frame.positions), moved(wanted.positions));
        assert.ok(error < 1e-4, `step ${frame.step}: ${error}`);
        assert.ok(relativeError(frame.potential, wanted.potential) < 1e-4);
        const pressures = [frame.pressure!, wanted.pressure!].map((p) => p.filter(Number.isFinite));
        assert.is(pressures[1]!.length, 2, 'of those in a box');
        assert.ok(relativeError(pressures[0]!, pressures[1]!) < 1e-4);
      }
      assert.is(gpu.summary().environment['steps'], 'cuda');
      assert.is(hash(await finish(made('cuda'))), hash(gpu.state));
    },
  );

  onCuda(`${pipeline}: two runs and evaluations share a model at once`, async () => {
    const potential = model(pipeline);
    const [a, b] = [run(potential, { replicas: 2 }), run(potential, { replicas: 11 })];
    const energy = evaluate(potential, start).energy[0];
    const both = Promise.all([a.run(), b.run()]);
    await both;
    assert.is(evaluate(potential, start).energy[0], energy);
    assert.is(hash(a.state), hash(await finish(run(model(pipeline), { replicas: 2 }))));
    assert.is(hash(b.state), hash(await finish(run(model(pipeline), { replicas: 11 }))));
  });

  onCuda(
    `${pipeline}: a list that outgrows its room in mid-run loses no step and changes no bit`,
    async () => {
      // A stretched rope that springs together: pairs grow from a few hundred to all there are.
      const count = 150;
      const rope = new Structure({
        positions: Float64Array.from({ length: 3 * count }, (_, k) =>
          k % 3 === 0 ? 4 * (k / 3) : Math.sin(k * k),
        ),
        symbols: Array(count).fill('C'),
        types: Int32Array.from({ length: count }, (_, i) => 1 + (i % 20)),
      });
      const tuples = Array.from({ length: count - 1 }, (_, i) => [i, i + 1]).flat();
      const far = Array.from({ length: count - 10 }, (_, i) => [i, i + 10]).flat();
      const pull = priors(rope, [
        harmonicBonds({ tuples, x0: 3, k: 2 }),
        harmonicBonds({ tuples: far, x0: 5, k: 0.02 }),
      ]);
      const both = sum(randomSchnet(small, { backend: 'cuda', pipeline, scale: 0.02 }), pull);
      const more = {
        replicas: 3,
        steps: 800,
        skin: 0.3,
        integrator: langevin({ temperature: 10, timestep: 2, friction: 2, seed: 1 }),
      };
      const edges = (positions: Float64Array): number => evaluate(both, rope.with({ positions })).edges;
      const whole = await finish(simulate(rope, both, options({ ...more, every: 800 })));
      const single = await finish(simulate(rope, both, options({ ...more, every: 1 })));
      assert.is(hash(whole), hash(single));
      if (pipeline === 'flash') {
        const [first, last] = [edges(rope.positions), edges(whole.structure(0).positions)];
        assert.ok(3 * last > 1.25 * 3 * first + 1100, `${first} pairs, then ${last}`);
      }
    },
  );
}

onCuda('minimisation goes downhill with a model on a GPU', async () => {
  const potential = model('flash');
  const before = evaluate(potential, start).energy[0]!;
  const { energy, converged } = await minimize(start, potential, { maxSteps: 2000, forceTolerance: 0.05 });
  assert.ok(energy[0]! < before);
  assert.ok(converged);
});

test.run();
