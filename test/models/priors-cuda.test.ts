// Priors on a GPU against the same terms on the host.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  backbonePriors,
  beadsFromSequence,
  evaluate,
  type MdlabError,
  makeBox,
  minimize,
  type Potential,
  type Structure,
  sequences,
  sum,
  teacher,
} from '../../lib/index.js';
import {
  harmonicBonds,
  type PriorOptions,
  type PriorPotential,
  pairsApart,
  priors,
  priorsOfBatch,
  repulsion,
  termEnergies,
} from '../../lib/models/index.js';
import { onCuda } from '../cuda.js';
import { random, relativeError } from '../tools.js';
import { chain, every } from './priors-cases.js';

const cuda: PriorOptions = { backend: 'cuda' };

function jittered(s: Structure, seed: number, by = 0.1): Structure {
  const next = random(seed);
  return s.with({ positions: s.positions.map((x) => x + by * (2 * next() - 1)) });
}

/** Largest relative error of energies, forces and virials. */
function errors(one: Potential, other: Potential, systems: Structure[]): number {
  const [a, b] = [one, other].map((p) => evaluate(p, systems, { virial: true })) as [
    ReturnType<typeof evaluate>,
    ReturnType<typeof evaluate>,
  ];
  return Math.max(
    relativeError(a.energy, b.energy),
    relativeError(a.forces, b.forces),
    relativeError(a.virial, b.virial),
  );
}

const both = (make: (options: PriorOptions) => PriorPotential): [Potential, Potential] => [
  make(cuda),
  make({}),
];

onCuda('every form, open and periodic, is that of the host', () => {
  const cell = makeBox([9, 0, 0, 1.5, 8, 0, -1, 0.7, 7.5]);
  for (const term of every) {
    const [gpu, cpu] = both((o) => priors(chain(1), [term], o));
    // Repulsion is computed with differences of single precision.
    const limit = term.form === 'repulsion' ? 1e-6 : 1e-11;
    for (const box of [undefined, cell]) {
      const error = errors(
        gpu,
        cpu,
        [1, 2, 3].map((k) => chain(k, box)),
      );
      assert.ok(error < limit, `${term.name} ${box ? 'periodic' : 'open'}: ${error}`);
    }
  }
});

onCuda('a protein’s teacher is that of the host to 1e-6, in any batch the same bits', () => {
  const start = beadsFromSequence(sequences['1ENH']);
  const [gpu, cpu] = both((o) => teacher(start, o));
  const systems = Array.from({ length: 33 }, (_, k) => jittered(start, k));
  const error = errors(gpu, cpu, systems);
  assert.ok(error < 1e-6, `${error}`);
  const all = evaluate(gpu, systems, { virial: true });
  const again = evaluate(gpu, systems, { virial: true });
  for (const key of ['energy', 'forces', 'virial'] as const)
    assert.equal(again[key], all[key], `${key} twice`);
  const one = evaluate(gpu, systems[7]!, { virial: true });
  assert.is(one.energy[0], all.energy[7]);
  assert.equal(one.virial, all.virial.slice(63, 72));
  assert.equal(one.forces, all.forces.slice(7 * one.forces.length, 8 * one.forces.length));
});

onCuda('molecules of different sizes side by side, small ones and one too large for shared memory', () => {
  const long = 1500;
  const rope = (count: number): Structure => {
    const next = random(count);
    const positions = Float64Array.from({ length: 3 * count }, (_, k) =>
      k % 3 === 0 ? 0.5 * k : 3 * next(),
    );
    return chain(1).with({ positions, symbols: Array(count).fill('C') });
  };
  for (const sizes of [
    [5, 40, 17, 40],
    [5, long],
  ]) {
    const systems = sizes.map(rope);
    const molecules = systems.map((s) => {
      const tuples = Array.from({ length: s.count - 1 }, (_, i) => [i, i + 1]).flat();
      const near = [...Array(s.count - 3).keys()].flatMap((i) => [i, i + 2, i, i + 3]);
      return priors(s, [
        harmonicBonds({ tuples, x0: 1.5, k: 4 }),
        repulsion({ tuples: s.count > 100 ? near : pairsApart(s.count, tuples, 3), sigma: 2, epsilon: 0.2 }),
      ]);
    });
    const [gpu, cpu] = both((o) => priorsOfBatch(molecules, undefined, o));
    const error = errors(gpu, cpu, systems);
    assert.ok(error < 1e-6, `${sizes}: ${error}`);
    assert.throws(() => evaluate(gpu, systems.slice(1)), /must get \d+ systems/);
  }
});

onCuda('energies by term, sums and minimisation work with priors on a GPU', async () => {
  const start = jittered(beadsFromSequence(sequences.CLN025), 3, 0.05);
  const [gpu, cpu] = both((o) => backbonePriors(start, o));
  assert.equal(
    [...termEnergies(gpu as PriorPotential, start)],
    [...termEnergies(cpu as PriorPotential, start)],
  );
  const mixed = evaluate(sum(gpu, cpu), start).energy[0]!;
  const twice = 2 * evaluate(cpu, start).energy[0]!;
  assert.ok(Math.abs(mixed - twice) < 1e-6 * Math.abs(twice));
  const down = await minimize(start, gpu, { maxSteps: 3000 });
  assert.ok(down.converged);
  assert.ok(down.energy[0]! < 0.1 * twice);
});

onCuda('coincident particles that repel are named in an error', () => {
  const s = chain(1);
  const positions = s.positions.slice();
  positions.copyWithin(12, 0, 3);
  const gpu = priors(s, [repulsion({ tuples: [0, 4], sigma: 2 })], cuda);
  assert.throws(
    () => evaluate(gpu, s.with({ positions })),
    (e: MdlabError) => e.code === 'ENUMERIC' && /bonded\.repulsion.*particles 0, 4/.test(e.message),
  );
});

onCuda('a GPU that is not there is an error', () => {
  assert.throws(() => priors(2, [], { backend: 'cuda', device: 99 }), /device: must be one of 0/);
  assert.throws(() => priors(2, [], { backend: 'cuda', device: 'abacus' }), /abacus/);
  assert.throws(() => priors(2, [], { backend: 'gpu' as 'cuda' }), /priors\.backend/);
});

test.run();
