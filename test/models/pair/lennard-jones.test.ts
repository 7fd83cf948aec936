import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { evaluate, lennardJones, makeBox, type Potential, Structure } from '../../../lib/index.js';
import { random } from '../../tools.js';

const epsilon = 0.0104;
const sigma = 3.4;
const argon = lennardJones({ epsilon, sigma });

const pair = (r: number): Structure =>
  new Structure({ positions: Float64Array.of(1, 2, 3, 1 + 0.6 * r, 2, 3 + 0.8 * r), symbols: ['Ar', 'Ar'] });
const energyAt = (r: number): number => evaluate(argon, pair(r)).energy[0]!;

/** `count` atoms in a triclinic box, no two closer than 0.85 σ. */
function fluid(count: number, edge: number, seed: number): Structure {
  const next = random(seed);
  const box = makeBox([edge, 0, 0, 0.2 * edge, edge, 0, -0.1 * edge, 0.15 * edge, edge]);
  const v = box.vectors;
  const points: number[][] = [];
  const far = (a: number[], b: number[]): boolean => {
    for (let x = -1; x <= 1; x++)
      for (let y = -1; y <= 1; y++)
        for (let z = -1; z <= 1; z++) {
          const d = [0, 1, 2].map((k) => a[k]! - b[k]! + x * v[k]! + y * v[3 + k]! + z * v[6 + k]!);
          if (Math.hypot(...d) < 0.85 * sigma) return false;
        }
    return true;
  };
  while (points.length < count) {
    const [a, b, c] = [next(), next(), next()];
    const p = [0, 1, 2].map((k) => a * v[k]! + b * v[3 + k]! + c * v[6 + k]!);
    if (points.every((q) => far(p, q))) points.push(p);
  }
  return new Structure({
    positions: Float64Array.from(points.flat()),
    symbols: Array(count).fill('Ar'),
    box,
  });
}

test('a pair has the energies of the formula', () => {
  assert.ok(Math.abs(energyAt(2 ** (1 / 6) * sigma) + epsilon) < 1e-15, 'the bottom is −ε');
  assert.ok(Math.abs(energyAt(sigma)) < 1e-15, 'zero at σ');
  assert.ok(Math.abs(energyAt(0.9 * sigma) / epsilon - 4 * (0.9 ** -12 - 0.9 ** -6)) < 1e-12);
  // Half-way through the switch it is halved.
  const r = 0.95 * 2.5;
  assert.ok(Math.abs(energyAt(r * sigma) / epsilon - 2 * (r ** -12 - r ** -6)) < 1e-12);
  assert.is(energyAt(2.5 * sigma), 0);
  assert.is(energyAt(3 * sigma), 0);
});

test('energy and force are continuous at both ends of the switch', () => {
  for (const r of [0.9 * 2.5 * sigma, 2.5 * sigma]) {
    const [below, above] = [evaluate(argon, pair(r - 1e-9)), evaluate(argon, pair(r + 1e-9))];
    assert.ok(Math.abs(below.energy[0]! - above.energy[0]!) < 1e-11);
    assert.ok(Math.abs(below.forces[0]! - above.forces[0]!) < 1e-11);
  }
});

test('forces and virial are the derivatives of the energy', () => {
  // A box of 9 Å: the cutoff of 8.5 Å reaches images of images.
  const structure = fluid(12, 9, 3);
  const { forces, virial } = evaluate(argon, structure, { virial: true });
  const at = (positions: Float64Array, vectors?: Float64Array): number => {
    const box = vectors ? makeBox(vectors) : structure.box;
    return evaluate(argon, structure.with({ positions, box })).energy[0]!;
  };
  const h = 1e-5;
  const scale = Math.max(...forces.map(Math.abs));
  structure.positions.forEach((_, j) => {
    const slope = [h, -h].map((d) => at(structure.positions.map((x, i) => (i === j ? x + d : x))));
    const wanted = -(slope[0]! - slope[1]!) / (2 * h);
    assert.ok(Math.abs(forces[j]! - wanted) < 1e-7 * scale, `force ${j}: ${forces[j]}, wanted ${wanted}`);
  });
  const strain = (x: Float64Array, a: number, b: number, d: number): Float64Array =>
    x.map((value, i) => (i % 3 === a ? value + d * x[i - a + b]! : value));
  for (let a = 0; a < 3; a++) {
    for (let b = 0; b < 3; b++) {
      const [up, down] = [h, -h].map((d) =>
        at(strain(structure.positions, a, b, d), strain(structure.box!.vectors, a, b, d)),
      );
      const wanted = -(up! - down!) / (2 * h);
      assert.ok(Math.abs(virial[3 * a + b]! - wanted) < 1e-7 * Math.abs(virial[0]!), `virial ${a}${b}`);
    }
  }
  for (let k = 0; k < 3; k++) {
    const total = forces.reduce((sum, f, j) => (j % 3 === k ? sum + f : sum), 0);
    assert.ok(Math.abs(total) < 1e-12 * scale, 'no net force');
  }
});

test('a batch is its singles, bit for bit', () => {
  const all = [fluid(20, 14, 1), pair(3.6), fluid(100, 22, 2)];
  const together = evaluate(argon, all, { virial: true });
  all.forEach((s, k) => {
    const alone = evaluate(argon, s, { virial: true });
    assert.is(together.energy[k], alone.energy[0]);
    assert.equal([...together.virial.slice(9 * k, 9 * k + 9)], [...alone.virial]);
    const [from, to] = [3 * together.offsets[k]!, 3 * together.offsets[k + 1]!];
    assert.equal([...together.forces.slice(from, to)], [...alone.forces]);
  });
});

test('atoms on top of each other, one atom and none have a clear answer', () => {
  assert.throws(
    () => evaluate(argon, [pair(4), pair(0)]),
    /lennardJones: the energy of system 1 is not finite/,
  );
  const one = new Structure({ positions: new Float64Array(3), symbols: ['Ar'] });
  assert.is(evaluate(argon, one).energy[0], 0);
  const none = new Structure({ positions: new Float64Array(0), symbols: [] });
  assert.is(evaluate(argon, none).energy[0], 0);
});

test('parameters out of range are refused', () => {
  const make = (more: object): Potential => lennardJones({ epsilon, sigma, ...more });
  assert.throws(() => make({ epsilon: 0 }), /lennardJones.epsilon: must be positive, received 0/);
  assert.throws(() => make({ sigma: Number.NaN }), /lennardJones.sigma: must be positive, received NaN/);
  assert.throws(
    () => make({ switchFrom: 9 }),
    /lennardJones.switchFrom: must be below the cutoff of 8.5 Å, received 9/,
  );
});

test.run();
