import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  backbonePriors,
  beadsFromSequence,
  beadTopology,
  evaluate,
  harmonicBonds,
  langevin,
  type PriorPotential,
  priors,
  type Structure,
  sequences,
  simulate,
  termEnergies,
} from '../../lib/index.js';
import { dihedralDegrees, type Point } from '../../lib/structure/beads-geometry.js';
import { boltzmann } from '../../lib/units.js';
import { relativeError } from '../tools.js';

const homeodomain = beadsFromSequence(sequences['1ENH']);
const helices = { secondaryStructure: sequences['1ENH'].secondaryStructure };

test('at ideal geometry every term but the excluded volume is zero, for all twenty residues', () => {
  for (const s of [
    homeodomain,
    beadsFromSequence('ACDEFGHIKLMNPQRSTVWYGPGPPA', { conformation: 'strand' }),
    beadsFromSequence('GGPP', { conformation: 'helix' }),
    beadsFromSequence('W'),
  ]) {
    for (const [name, energy] of termEnergies(backbonePriors(s), s))
      if (name !== 'excluded volume') assert.ok(Math.abs(energy[0]!) < 1e-7, `${name} ${energy[0]}`);
  }
  const helix = beadsFromSequence('A'.repeat(12), { conformation: 'helix' });
  const held = termEnergies(backbonePriors(helix, { secondaryStructure: 'H'.repeat(12) }), helix);
  assert.ok(Math.abs(held.get('phi')![0]!) < 1e-7 && Math.abs(held.get('psi')![0]!) < 1e-7);
});

test('1ENH: as many terms as its topology, every pair five bonds apart, no clash at the start', () => {
  const prior = backbonePriors(homeodomain, helices);
  const count = Object.fromEntries(
    prior.topologies[0]!.terms.map((t) => [
      t.name,
      t.tuples.length / { distance: 2, cosine: 3, angle: 3, dihedral: 4 }[t.coordinate],
    ]),
  );
  assert.is(count['bonds'], 268);
  assert.is(count['omega'], 53);
  assert.is(count['handedness'], 53);
  assert.is(count['planarity'], 53);
  assert.is(count['phi'], 39);
  assert.is(count['psi'], 38);
  const contacts = termEnergies(prior, homeodomain).get('excluded volume')![0]!;
  assert.ok(contacts > 0 && contacts / (boltzmann * 300) < 3 * 269, `${contacts} eV`);
});

test('the mirror image is far up in energy: D residues are not L', () => {
  const s = beadsFromSequence('AKLV', { conformation: 'helix' });
  const mirror = s.with({ positions: s.positions.map((x, k) => (k % 3 === 2 ? -x : x)) });
  const e = termEnergies(backbonePriors(s), [s, mirror]).get('handedness')!;
  assert.ok(e[1]! > 4 * 2, `${e[1]} eV`);
});

test('forces of the whole prior are slopes of its energy', () => {
  const s = homeodomain.with({ positions: homeodomain.positions.map((x, k) => x + 0.05 * Math.sin(7 * k)) });
  const prior = backbonePriors(s, helices);
  const { forces } = evaluate(prior, s);
  const h = 1e-5;
  const some = Array.from({ length: 60 }, (_, k) => (k * 31) % s.positions.length);
  const slopes = some.map((k) => {
    const at = (d: number): number => {
      const positions = s.positions.slice();
      positions[k]! += d;
      return evaluate(prior, s.with({ positions }), { forces: false }).energy[0]!;
    };
    return -(8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h);
  });
  assert.ok(
    relativeError(
      some.map((k) => forces[k]!),
      slopes,
    ) < 1e-7,
  );
});

test('what does not fit is refused', () => {
  assert.throws(
    () => backbonePriors(homeodomain, { secondaryStructure: 'HH' }),
    /must have one letter per residue \(54\), received 2/,
  );
  assert.throws(
    () => backbonePriors(homeodomain, { torsionStrength: -1 }),
    /torsionStrength: must be an energy/,
  );
  assert.throws(
    () => backbonePriors(homeodomain.with({ residues: undefined })),
    /structure.residues: must name/,
  );
});

/** Mean over replicas and frames of a measure of each structure. */
async function sample(
  prior: PriorPotential,
  start: Structure,
  measures: ((x: Float64Array) => number)[],
  steps: number,
  timestep = 4,
): Promise<number[]> {
  const replicas = 8;
  const sim = simulate(start, prior, {
    integrator: langevin({ temperature: 300, timestep, friction: 5, seed: 11 }),
    replicas,
    steps,
    every: 50,
    progress: false,
  });
  const sums = measures.map(() => 0);
  let samples = 0;
  for await (const frame of sim) {
    if (frame.step < steps / 5) continue;
    for (let r = 0; r < replicas; r++) {
      const x = frame.positions.subarray(3 * start.count * r, 3 * start.count * (r + 1));
      measures.forEach((f, m) => {
        sums[m]! += f(x);
      });
      samples++;
    }
  }
  return sums.map((s) => s / samples);
}

test('1ENH at 300 K: bonds hold kT/2 each, its helices stay, nothing breaks', async () => {
  const prior = backbonePriors(homeodomain, helices);
  const topology = beadTopology(homeodomain);
  const { tuples, parameters } = prior.topologies[0]!.terms.find((t) => t.name === 'bonds')!;
  const excess = (x: Float64Array, b: number): number => {
    const [i, j] = [tuples[2 * b]!, tuples[2 * b + 1]!];
    return Math.hypot(...[0, 1, 2].map((k) => x[3 * i + k]! - x[3 * j + k]!)) - parameters[2 * b]!;
  };
  let worst = 0;
  const bondEnergy = (x: Float64Array): number => {
    let sum = 0;
    for (let b = 0; b < 268; b++) {
      const d = excess(x, b);
      worst = Math.max(worst, Math.abs(d));
      sum += parameters[2 * b + 1]! * d * d;
    }
    return sum;
  };
  const helix = [...helices.secondaryStructure];
  const inside = topology.phi.filter((d) => helix[d.residue] === 'H' && helix[d.residue - 1] === 'H');
  const away = (x: Float64Array): number => {
    const at = (i: number): Point => [x[3 * i]!, x[3 * i + 1]!, x[3 * i + 2]!];
    const phis = inside.map((d) => dihedralDegrees(...(d.particles.map(at) as [Point, Point, Point, Point])));
    return phis.filter((phi) => Math.abs(phi + 62) > 60).length / phis.length;
  };
  const [energy, fraction] = await sample(prior, homeodomain, [bondEnergy, away], 6000);
  // The excluded volume strains the bonds a little: 1.5 % at a timestep of 1 or 2 fs, 2 % at 4 fs.
  const each = energy! / 268 / (0.5 * boltzmann * 300);
  assert.ok(each > 0.99 && each < 1.05, `a bond holds ${each} x kT/2`);
  // six standard deviations of the softest bond: sqrt(kT / 2k) = 0.036 Å
  assert.ok(worst < 6 * 0.037, `a bond was off by ${worst} Å`);
  assert.ok(fraction! < 0.05, `${fraction} of helical residues left the helix`);
});

test('equipartition: where bonds are independent of all else each holds kT/2', async () => {
  // Bonds form a tree; angles and proper dihedrals do not depend on lengths. So each bond's length is distributed on its own.
  const { terms } = backbonePriors(homeodomain, helices).topologies[0]!;
  const separable = terms.filter((t) => ['bonds', 'angles', 'omega', 'phi', 'psi'].includes(t.name));
  assert.is(separable.length, 5);
  const { tuples, parameters } = terms.find((t) => t.name === 'bonds')!;
  const energy = (x: Float64Array): number => {
    let sum = 0;
    for (let b = 0; b < 268; b++) {
      const [i, j] = [tuples[2 * b]!, tuples[2 * b + 1]!];
      const r = Math.hypot(...[0, 1, 2].map((k) => x[3 * i + k]! - x[3 * j + k]!));
      sum += parameters[2 * b + 1]! * (r - parameters[2 * b]!) ** 2;
    }
    return sum;
  };
  const [total] = await sample(priors(homeodomain, separable), homeodomain, [energy], 5000, 2);
  // 268 bonds x 8 replicas x 80 frames, correlated over a few: standard error 0.5 %; the weight r² adds 0.1 %
  const each = total! / 268 / (0.5 * boltzmann * 300);
  assert.ok(Math.abs(each - 1.001) < 0.015, `a bond holds ${each} x kT/2`);
});

test('a harmonic bond of two particles holds kT/2 and has the spread of its constant', async () => {
  const k = 2;
  const pair = beadsFromSequence('G').with({
    positions: Float64Array.of(0, 0, 0, 4, 0, 0, 0, 9, 0, 4, 9, 0),
    bonds: undefined,
  });
  const prior = priors(pair, [harmonicBonds({ tuples: [0, 1, 2, 3], x0: 4, k })]);
  const length = (x: Float64Array): number => Math.hypot(x[0]! - x[3]!, x[1]! - x[4]!, x[2]! - x[5]!);
  const [mean, square] = await sample(prior, pair, [length, (x) => length(x) ** 2], 40_000);
  // weight r² exp(−k (r − 4)² / kT): mean 4 (1 + kT / (k 4²)) + …, variance kT / 2k
  const kT = boltzmann * 300;
  assert.ok(Math.abs(mean! - 4 - kT / (k * 4)) < 0.006, `${mean}`);
  assert.ok(
    Math.abs((square! - mean! ** 2) / (kT / (2 * k)) - 1) < 0.08,
    `${(square! - mean! ** 2) / (kT / (2 * k))}`,
  );
});

test.run();
