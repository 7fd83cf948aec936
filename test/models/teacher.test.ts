// The analytic potential that models learn from.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { evaluate, langevin, simulate } from '../../lib/index.js';
import { priors, termEnergies } from '../../lib/models/index.js';
import { backbonePriors } from '../../lib/models/priors-backbone.js';
import { residueInteractions, teacher } from '../../lib/models/teacher.js';
import { beadsFromSequence, sequences } from '../../lib/structure/index.js';
import { energyUnits } from '../../lib/units.js';
import { random, relativeError } from '../tools.js';

const kcal = energyUnits['kcal/mol'];
const cbOf = (s: ReturnType<typeof beadsFromSequence>): number[] =>
  s.symbols.flatMap((_, i) => (s.residues!.atomNames[i] === 'CB' ? [i] : []));

test('contacts and charges are those of the published table, worked out by hand', () => {
  const pair = beadsFromSequence('LK');
  const terms = residueInteractions(pair, { contactStrength: 1, size: 1, switch: [20, 30] });
  assert.equal(
    terms.map((t) => t.name),
    ['hydrophobic contacts'],
    'lysine alone has nobody to repel',
  );
  const [a, b] = cbOf(pair) as [number, number];
  assert.equal([...terms[0]!.tuples], [a, b]);
  const at = (r: number, list = terms): number => {
    const positions = pair.positions.slice();
    for (let c = 0; c < 3; c++) positions[3 * b + c] = positions[3 * a + c]! + (c === 0 ? r : 0);
    return evaluate(priors(pair, list), pair.with({ positions })).energy[0]! / kcal;
  };
  // σ = (6.18 + 6.36)/2, λ = (0.973 + 0.514)/2: depth λ ε at 2^(1/6) σ, and (1 − λ) ε at σ.
  assert.ok(Math.abs(at(2 ** (1 / 6) * 6.27) + 0.2 * 0.7435) < 1e-9);
  assert.ok(Math.abs(at(6.27) - 0.2 * 0.2565) < 1e-9);
  assert.ok(Math.abs(at(31)) === 0);
  const salt = beadsFromSequence('DK');
  const charges = residueInteractions(salt, { contactStrength: 0, switch: [20, 30] });
  const [d, k] = cbOf(salt) as [number, number];
  const r = Math.hypot(...[0, 1, 2].map((c) => salt.positions[3 * d + c]! - salt.positions[3 * k + c]!));
  const got = evaluate(priors(salt, charges), salt).energy[0]! / kcal;
  // 332.06 kcal Å/mol in water
  assert.ok(Math.abs(got / ((-332.0637 / 80) * (Math.exp(-r / 10) / r)) - 1) < 1e-5, `${got}`);
});

test('the teacher is the priors and the interactions, and its forces are the slope of its energy', () => {
  const protein = sequences.CLN025;
  const s = beadsFromSequence(protein);
  const positions = s.positions.map((v, i) => v + 0.1 * random(i)());
  const moved = s.with({ positions });
  const whole = teacher(protein);
  const { secondaryStructure } = protein;
  const parts = [backbonePriors(s, { secondaryStructure }), priors(s, residueInteractions(s))];
  const sum = parts.reduce((e, p) => e + evaluate(p, moved).energy[0]!, 0);
  const { energy, forces } = evaluate(whole, moved);
  assert.ok(Math.abs(sum - energy[0]!) < 1e-12 * Math.abs(sum));
  const h = 1e-4;
  const slopes = positions.map((_, i) => {
    const at = (d: number): number => {
      const x = positions.slice();
      x[i]! += d;
      return evaluate(whole, s.with({ positions: x }), { forces: false }).energy[0]!;
    };
    return -(8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h);
  });
  assert.ok(relativeError(forces, slopes) < 1e-7, `${relativeError(forces, slopes)}`);
});

test('glycine acts at its CA; every pair of residues acts once', () => {
  const s = beadsFromSequence('GAG');
  const [contacts] = residueInteractions(s);
  const sites = [...contacts!.tuples];
  assert.equal(
    sites.map((i) => s.residues!.atomNames[i]),
    ['CA', 'CB', 'CA', 'CA', 'CB', 'CA'],
  );
  assert.is(residueInteractions(beadsFromSequence(sequences['1ENH']))[0]!.tuples.length, 54 * 53);
});

test('factors out of range are refused', () => {
  const s = beadsFromSequence('AA');
  assert.throws(() => teacher(s, { size: -1 }), /teacher.size: must be at least 0/);
  assert.throws(() => teacher(s, { switch: [9, 5] }), /teacher.switch: must begin before it ends/);
});

test('a fold stays whole and attractive at 300 K', async () => {
  const truth = teacher(sequences.CLN025);
  const start = beadsFromSequence(sequences.CLN025);
  const sim = simulate(start, truth, {
    integrator: langevin({ temperature: 300, timestep: 1, seed: 3 }),
    replicas: 8,
    steps: 2000,
    every: 100,
    velocities: 'maxwell-boltzmann',
    progress: false,
  });
  let temperature = 0;
  for await (const frame of sim)
    if (frame.step > 1000) temperature += frame.temperature.reduce((a, t) => a + t / 80, 0);
  assert.ok(Math.abs(temperature - 300) < 25, `${temperature} K`);
  const contacts = termEnergies(truth, sim.state.structure(0)).get('hydrophobic contacts')![0]!;
  assert.ok(contacts < -kcal, `${contacts / kcal} kcal/mol`);
});

test.run();
