// An evaluation or a run that fails leaves nothing behind: what follows has the bits that it has without.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  type Backend,
  backbonePriors,
  beadsFromSequence,
  evaluate,
  langevin,
  lennardJones,
  type Potential,
  randomSchnet,
  type SchnetOptions,
  type Structure,
  sequences,
  simulate,
  sum,
  teacher,
} from '../../lib/index.js';
import { native } from '../../lib/native.js';
import { onCuda } from '../cuda.js';
import { finish, hash } from '../md/shared.js';
import { code, jittered, smallConfigs } from './schnet-cases.js';

const protein = beadsFromSequence(sequences.CLN025);
const good = jittered(protein, 3, 0.05, 1);
const moved = (change: (positions: Float64Array) => void): Structure => {
  const s = protein.with({ positions: Float64Array.from(protein.positions) });
  change(s.positions);
  return s;
};
const coinciding = moved((x) => x.copyWithin(90, 3, 6));
const bad: Structure[][] = [
  [coinciding],
  [...good, coinciding, ...good],
  [good[0]!, moved((x) => x.fill(Number.NaN, 60, 61))],
  [...good, moved((x) => x.fill(1e300, 60, 61)), good[0]!],
  [moved((x) => x.fill(0))],
];

/** Of the models and priors that a backend has. */
function potentials(backend: Exclude<Backend, 'reference'>): Record<string, Potential> {
  const schnet = (options: SchnetOptions): Potential =>
    randomSchnet(smallConfigs['gaussian tanh']!, { backend, ...options });
  const known = sequences.CLN025;
  const priors = backbonePriors(protein, { secondaryStructure: known.secondaryStructure, backend });
  return {
    table: schnet({ pipeline: 'table' }),
    'int16 table': schnet({ pipeline: 'table', entries: 'int16' }),
    flash: schnet({ pipeline: 'flash' }),
    // Sums in the order of the rows: others are no promise of the same bits.
    baseline: schnet({ pipeline: 'baseline', techniques: { radialBasis: true, aggregation: true } }),
    priors,
    teacher: teacher(known, { backend }),
    'table and priors': sum(schnet({ pipeline: 'table' }), priors),
    ...(backend === 'cpu' ? { 'Lennard-Jones': lennardJones({ epsilon: 0.001, sigma: 1.2 }) } : {}),
  };
}

const bits = (potential: Potential): number[] => {
  const { energy, forces, virial } = evaluate(potential, good, { virial: true });
  return [...energy, ...forces, ...virial!];
};

async function leaveNothing(backend: 'cpu' | 'cuda'): Promise<void> {
  const all = potentials(backend);
  const run = (potential: Potential, timestep: number) =>
    simulate(good[0]!, potential, {
      integrator: langevin({ temperature: 300, timestep, seed: 1 }),
      replicas: 2,
      steps: 20,
      progress: false,
    });
  const alone = new Map<string, number[]>();
  const ran = new Map<string, string>();
  for (const [name, potential] of Object.entries(all)) {
    alone.set(name, bits(potential));
    ran.set(name, hash(await finish(run(potential, 1))));
  }
  let failed = 0;
  for (const [breaking, potential] of Object.entries(all))
    for (const [k, systems] of bad.entries()) {
      const message = code(() => evaluate(potential, systems));
      if (message !== 'nothing was thrown') failed++;
      // Threads that failed serve all models.
      for (const [name, other] of Object.entries(all))
        assert.equal(bits(other), alone.get(name), `${name} after ${breaking}, bad batch ${k}: ${message}`);
    }
  assert.ok(failed >= 4 * Object.keys(all).length, `${failed} evaluations failed`);
  for (const [name, potential] of Object.entries(all)) {
    await run(potential, 1e5)
      .run()
      .then(
        () => assert.unreachable(`${name} must diverge`),
        (error: { code: string }) => assert.is(error.code, 'ENUMERIC', name),
      );
    assert.equal(bits(potential), alone.get(name), `${name} after a run that diverged`);
    assert.is(hash(await finish(run(potential, 1))), ran.get(name), name);
  }
}

for (const threads of [1, 4])
  test(`on a CPU with ${threads} threads`, async () => {
    const before = native().threads();
    native().setThreads(threads);
    await leaveNothing('cpu');
    native().setThreads(before);
  });

onCuda('on a GPU', () => leaveNothing('cuda'));

test.run();
