// What these runs are for: coarse-grained proteins under a SchNet and priors.
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  backbonePriors,
  beadsFromSequence,
  langevin,
  minimize,
  type Potential,
  randomSchnet,
  resume,
  type SchnetOptions,
  type SimulateOptions,
  simulate,
  sum,
  velocityVerlet,
} from '../../lib/index.js';
import { native } from '../../lib/native.js';
import { finish, hash, stopsWithinSteps } from './shared.js';

const chignolin = beadsFromSequence('YYDPETGTWY');
const net = (options: SchnetOptions): Potential =>
  randomSchnet(
    {
      hidden: 16,
      filters: 16,
      blocks: 2,
      head: [16],
      rbf: { type: 'expnormal', count: 16 },
      cutoff: { lower: 0, upper: 12 },
    },
    { scale: 0.1, backend: 'cpu', ...options },
  );
const prior = backbonePriors(chignolin, { backend: 'cpu' });
const { structure: start } = await minimize(chignolin, prior, { forceTolerance: 0.5, maxSteps: 2000 });

const options = (more: Partial<SimulateOptions> = {}): SimulateOptions => ({
  integrator: langevin({ temperature: 300, timestep: 2, friction: 5, seed: 2 }),
  steps: 120,
  every: 40,
  replicas: 3,
  skin: 0.3,
  ...more,
});

for (const how of [
  { backend: 'reference' },
  { pipeline: 'baseline' },
  { pipeline: 'flash' },
  { pipeline: 'table' },
  { pipeline: 'table', precision: 'float64' },
] as SchnetOptions[]) {
  const name = `${how.pipeline ?? how.backend}${how.precision ? ` ${how.precision}` : ''}`;

  test(`${name}: threads, batches, chunks and resuming change no bit`, async () => {
    const model = sum(net(how), prior);
    const n = native();
    const before = n.threads();
    const sim = simulate(start, model, options());
    const wanted = await finish(sim);
    assert.ok(sim.summary().listRebuilds > 1, 'the list was rebuilt');
    n.setThreads(before === 1 ? 2 : 1);
    const other = await finish(simulate(start, model, options({ every: 7 })));
    n.setThreads(before);
    assert.is(hash(other), hash(wanted), 'threads, chunks');
    const alone = await finish(simulate(start, model, options({ replicas: 1, firstReplica: 1 })));
    assert.equal(alone.positions, wanted.structure(1).positions, 'alone');
    const file = join(mkdtempSync(join(tmpdir(), 'mdlab-cg-')), 'run.checkpoint');
    const part = simulate(start, model, options({ steps: 55 }));
    await part.run();
    part.save(file);
    const again = await resume(file, model, { steps: 120 });
    assert.is(hash(await finish(again)), hash(wanted), 'resumed');
    const error = await resume(file, sum(net({ ...how, seed: 7 } as SchnetOptions), prior)).catch(
      (e: unknown) => e,
    );
    assert.match(String(error), /resume.potential.terms\[0\].weights: must be/, 'other weights are noticed');
  });
}

test('a protein at 2 fs conserves energy', async () => {
  const model = sum(net({ pipeline: 'table', precision: 'float64' }), prior);
  const warm = await finish(simulate(start, model, options({ steps: 2000, replicas: 1 })));
  const spread = async (timestep: number): Promise<number> => {
    const sim = simulate(warm.structure(), model, {
      integrator: velocityVerlet({ timestep }),
      steps: 4000 / timestep,
      every: 4,
    });
    const { frames } = await sim.run();
    const mean = frames.total.reduce((a, b) => a + b, 0) / frames.total.length;
    const square = frames.total.reduce((a, e) => a + (e - mean) ** 2, 0) / frames.total.length;
    return Math.sqrt(square);
  };
  const [two, one] = [await spread(2), await spread(1)];
  const ratio = two / one;
  assert.ok(ratio > 3 && ratio < 5, `the error falls ${ratio}-fold`);
});

test('a step cut off inside the network is taken again to the same bits', async () => {
  const model = sum(net({ backend: 'reference' }), prior);
  await stopsWithinSteps(
    () => simulate(start, model, options({ replicas: 40, steps: 6, every: 1 })),
    (k) => 1.1 + 0.3 * (k % 3),
  );
});

test.run();
