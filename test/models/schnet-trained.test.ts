// The trained model that comes with mdlab: the same numbers as in PyTorch, and near the teacher it learned from.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { dataFile } from '../../lib/io/data-file.js';
import { langevin, simulate } from '../../lib/md/index.js';
import { priors } from '../../lib/models/index.js';
import { loadModel } from '../../lib/models/load.js';
import { evaluate, sum } from '../../lib/models/potential.js';
import { backbonePriors } from '../../lib/models/priors-backbone.js';
import { defaultSchnetConfig } from '../../lib/models/schnet-random.js';
import { residueInteractions, teacher } from '../../lib/models/teacher.js';
import { beadsFromSequence, sequences } from '../../lib/structure/index.js';
import { energyUnits } from '../../lib/units.js';
import { relativeError } from '../tools.js';

const kcal = energyUnits['kcal/mol'];
const file = dataFile('models/schnet-1enh.safetensors');

/** kcal/mol and Å, of the builder's structures: test/bench/peers/cgschnet.py in float64, torch 2.15. */
const torch = {
  '1ENH': {
    energy: 99.50306871007811,
    norm: 217.518941693844,
    cb: [0.14897377255712635, -0.9217675882080074, 0.12146941061954221],
  },
  CLN025: {
    energy: -14.516997466880344,
    norm: 8.486060920495278,
    cb: [0.35366133597100063, -1.627738182945518, 0.37414110835703795],
  },
} as const;

for (const name of ['1ENH', 'CLN025'] as const) {
  const s = beadsFromSequence(sequences[name]);
  const { cb, energy, norm } = torch[name];
  for (const [options, tolerance] of [
    [{ backend: 'reference' }, 1e-12],
    [{ pipeline: 'flash' }, 1e-5],
    [{ pipeline: 'baseline' }, 1e-5],
    [{ pipeline: 'table' }, 1e-5],
  ] as const) {
    test(`${name}: ${Object.values(options)[0]} gives PyTorch's energy and forces`, () => {
      const got = evaluate(loadModel(file, options), s);
      assert.ok(
        Math.abs(got.energy[0]! / kcal / energy - 1) < tolerance,
        `${got.energy[0]! / kcal} ${energy}`,
      );
      assert.ok(Math.abs(Math.hypot(...got.forces) / kcal / norm - 1) < tolerance);
      // The CB of the first residue is its third bead.
      const force = got.forces.slice(6, 9).map((v) => v / kcal);
      assert.ok(relativeError(force, cb) < 10 * tolerance, `${force} is not ${cb}`);
    });
  }

  test(`${name}: near the teacher's own configurations its forces are the teacher's to 3 %`, async () => {
    const truth = teacher(sequences[name]);
    const sim = simulate(s, truth, {
      integrator: langevin({ temperature: 300, timestep: 4, friction: 10, seed: 7 }),
      replicas: 8,
      steps: 1000,
      velocities: 'maxwell-boltzmann',
      progress: false,
    });
    await sim.run();
    const frames = Array.from({ length: 8 }, (_, k) => sim.state.structure(k));
    const exact = evaluate(priors(s, residueInteractions(s)), frames);
    const got = evaluate(loadModel(file), frames);
    const error = relativeError(got.forces, exact.forces);
    assert.ok(error < 0.03, `${error}`);
    const off = got.energy.map((e, k) => Math.abs(e - exact.energy[k]!) / kcal);
    assert.ok(Math.max(...off) < 1.5, `${off} kcal/mol`);
  });
}

test('with the priors it moves a protein at 300 K and stays with the teacher', async () => {
  const s = beadsFromSequence(sequences.CLN025);
  const model = loadModel(file);
  assert.equal(model.config, defaultSchnetConfig);
  assert.match(model.provenance!, /teacher/);
  const prior = backbonePriors(s, { secondaryStructure: sequences.CLN025.secondaryStructure });
  const sim = simulate(s, sum(model, prior), {
    integrator: langevin({ temperature: 300, timestep: 4, friction: 10, seed: 2 }),
    replicas: 4,
    steps: 1000,
    velocities: 'maxwell-boltzmann',
    progress: false,
  });
  await sim.run();
  const frames = Array.from({ length: 4 }, (_, k) => sim.state.structure(k));
  const exact = evaluate(priors(s, residueInteractions(s)), frames);
  assert.ok(relativeError(evaluate(model, frames).forces, exact.forces) < 0.04);
});

test.run();
