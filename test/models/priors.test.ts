import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { evaluate, type MdlabError, makeBox, orthorhombic, Structure, sum } from '../../lib/index.js';
import {
  fourierDihedrals,
  harmonicAngles,
  harmonicBonds,
  pairsApart,
  priors,
  priorsOfBatch,
  restrictedAngles,
  screenedCoulomb,
  termEnergies,
} from '../../lib/models/index.js';
import { relativeError } from '../tools.js';
import { chain, each, every, n } from './priors-cases.js';
import { termEnergy } from './priors-oracle.js';

for (const term of every) {
  test(`${term.name}: energy is that of the plain equations`, () => {
    const s = chain(1);
    const got = evaluate(priors(s, [term]), s).energy[0]!;
    const want = termEnergy(term, s.positions);
    assert.ok(Math.abs(got - want) < 1e-8 * (1 + Math.abs(want)), `${got} is not ${want}`);
  });

  test(`${term.name}: forces are minus the slope of the energy`, () => {
    const s = chain(2);
    const potential = priors(s, [term]);
    const { forces } = evaluate(potential, s);
    const h = 1e-5;
    const at = (k: number, d: number): number => {
      const positions = s.positions.slice();
      positions[k]! += d;
      return evaluate(potential, s.with({ positions }), { forces: false }).energy[0]!;
    };
    const slopes = s.positions.map((_, k) => {
      const fine = (at(k, h) - at(k, -h)) / (2 * h);
      const coarse = (at(k, 2 * h) - at(k, -2 * h)) / (4 * h);
      return -(4 * fine - coarse) / 3;
    });
    assert.ok(relativeError(forces, slopes) < 1e-7, `${relativeError(forces, slopes)}`);
  });

  test(`${term.name}: the virial is minus the slope under strain, in open and periodic systems`, () => {
    const cell = makeBox([9, 0, 0, 1.5, 8, 0, -1, 0.7, 7.5]);
    for (const s of [chain(3), wrap(chain(3, cell))]) {
      const potential = priors(s, [term]);
      const { virial } = evaluate(potential, s, { virial: true });
      const h = 1e-5;
      const at = (r: number, c: number, d: number): number =>
        evaluate(potential, strained(s, r, c, d), { forces: false }).energy[0]!;
      const slopes = Array.from(virial, (_, k) => {
        const [r, c] = [Math.floor(k / 3), k % 3];
        return (
          (-4 * (at(r, c, h) - at(r, c, -h))) / (6 * h) + (at(r, c, 2 * h) - at(r, c, -2 * h)) / (12 * h)
        );
      });
      const scale = Math.hypot(...slopes) + 1e-9;
      const error = Math.hypot(...slopes.map((v, k) => v - virial[k]!)) / scale;
      assert.ok(error < 1e-7, `${error}`);
    }
  });
}

/** Puts particles back into the cell, so that terms reach across its faces. */
function wrap(s: Structure): Structure {
  const v = s.box!.vectors;
  const positions = s.positions.slice();
  for (let i = 0; i < s.count; i++) {
    for (const row of [2, 1, 0]) {
      const m = Math.floor(positions[3 * i + row]! / v[4 * row]!);
      for (let c = 0; c < 3; c++) positions[3 * i + c]! -= m * v[3 * row + c]!;
    }
  }
  return s.with({ positions });
}

/** x -> (1 + ε) x with ε_rc = d, cell included: x_c' = x_c + d x_r. */
function strained(s: Structure, r: number, c: number, d: number): Structure {
  const apply = (a: Float64Array): Float64Array => {
    const out = a.slice();
    for (let k = 0; k < a.length; k += 3) out[k + c]! += d * a[k + r]!;
    return out;
  };
  return s.with({
    positions: apply(s.positions),
    box: s.box ? makeBox(apply(s.box.vectors), s.box.periodic) : null,
  });
}

test('rotation and translation leave the energy, and turn the forces', () => {
  const s = chain(4);
  const potential = priors(s, every);
  const a = evaluate(potential, s, { virial: true });
  // a rotation by 1 radian about z after a cyclic exchange of axes
  const turn = (x: Float64Array, shift: number): Float64Array => {
    const out = new Float64Array(x.length);
    for (let k = 0; k < x.length; k += 3) {
      const [p, q, z] = [x[k + 1]!, x[k + 2]!, x[k]!];
      out[k] = Math.cos(1) * p - Math.sin(1) * q + shift;
      out[k + 1] = Math.sin(1) * p + Math.cos(1) * q - 2 * shift;
      out[k + 2] = z + 5 * shift;
    }
    return out;
  };
  const b = evaluate(potential, s.with({ positions: turn(s.positions, 3.7) }), { virial: true });
  assert.ok(Math.abs(a.energy[0]! - b.energy[0]!) < 1e-11 * Math.abs(a.energy[0]!));
  assert.ok(relativeError(b.forces, turn(a.forces, 0)) < 1e-11);
  for (let c = 0; c < 3; c++) {
    const total = a.forces.reduce((sum, f, k) => (k % 3 === c ? sum + f : sum), 0);
    assert.ok(Math.abs(total) < 1e-10, `net force ${total}`);
  }
  const trace = (v: Float64Array): number => v[0]! + v[4]! + v[8]!;
  assert.ok(Math.abs(trace(a.virial) - trace(b.virial)) < 1e-9);
});

test('a batch gives what its systems give alone, bit for bit, whatever its size', () => {
  for (const count of [1, 7, 8, 9, 20]) {
    const list = each(count, (k) => k).map((k) =>
      chain(10 + k, k % 3 === 1 ? orthorhombic([30, 31, 32]) : null),
    );
    const potential = priors(n, every);
    const together = evaluate(potential, list, { virial: true });
    list.forEach((s, k) => {
      const alone = evaluate(potential, s, { virial: true });
      // A lane beside a periodic one takes the nearest image too, which rounds the same.
      assert.ok(Math.abs(alone.energy[0]! - together.energy[k]!) < 1e-13 * Math.abs(alone.energy[0]!));
      assert.ok(relativeError(together.forces.subarray(3 * n * k, 3 * n * (k + 1)), alone.forces) < 1e-13);
      assert.ok(relativeError(together.virial.subarray(9 * k, 9 * k + 9), alone.virial) < 1e-13);
    });
  }
});

test('different molecules share a batch', () => {
  const short = priors(3, [harmonicBonds({ tuples: [0, 1, 1, 2], x0: 1, k: 3 })]);
  const long = priors(n, every);
  const trio = new Structure({
    positions: Float64Array.of(0, 0, 0, 1, 0, 0, 1, 2, 0),
    symbols: ['C', 'C', 'C'],
  });
  const both = priorsOfBatch([short, long], [1, 0, 1]);
  const { energy } = evaluate(both, [chain(1), trio, chain(2)]);
  assert.is(energy[1], 3);
  assert.is(energy[0], evaluate(long, chain(1)).energy[0]);
  assert.is(energy[2], evaluate(long, chain(2)).energy[0]);
  assert.throws(() => evaluate(both, [chain(1)]), /must get 3 systems, received 1/);
});

test('term energies add up to the whole, and a sum of potentials to the same', () => {
  const s = chain(5);
  const potential = priors(s, every);
  const byName = termEnergies(potential, [s, chain(6)]);
  assert.equal(
    [...byName.keys()],
    every.map((t) => t.name),
  );
  const { energy } = evaluate(potential, [s, chain(6)]);
  for (const k of [0, 1]) {
    const total = [...byName.values()].reduce((a, e) => a + e[k]!, 0);
    assert.ok(Math.abs(total - energy[k]!) < 1e-12 * Math.abs(total));
  }
  const parts = sum(...every.map((t) => priors(s, [t])));
  assert.ok(Math.abs(evaluate(parts, s).energy[0]! - energy[0]!) < 1e-12 * Math.abs(energy[0]!));
});

test('a periodic bond reaches through the face of the cell', () => {
  const s = new Structure({
    positions: Float64Array.of(0.2, 5, 5, 9.7, 5, 5),
    symbols: ['C', 'C'],
    box: orthorhombic([10, 10, 10], [true, false, false]),
  });
  const bond = harmonicBonds({ tuples: [0, 1], x0: 0.4, k: 2 });
  const { energy, forces } = evaluate(priors(s, [bond]), s);
  assert.ok(Math.abs(energy[0]! - 2 * 0.1 ** 2) < 1e-14);
  assert.ok(Math.abs(forces[0]! + 0.4) < 1e-12, 'particle 0 is drawn through the left face');
  // What stands in rows that do not repeat has no influence.
  for (const rest of [
    [0, 0, 0, 0, 0, 0],
    [3, 10, 0, -4, 2, 10],
  ]) {
    const line = s.with({
      box: { vectors: Float64Array.of(10, 0, 0, ...rest), periodic: [true, false, false] },
    });
    assert.is(evaluate(priors(line, [bond]), line).energy[0], energy[0]);
  }
  const open = s.with({ box: orthorhombic([10, 10, 10], [false, true, true]) });
  assert.ok(evaluate(priors(open, [bond]), open).energy[0]! > 100);
});

test('undefined coordinates stay finite: zero bonds, arms without length, collinear dihedrals', () => {
  const s = new Structure({
    positions: Float64Array.of(0, 0, 0, 1, 0, 0, 2, 0, 0, 3, 0, 0, 3, 0, 0),
    symbols: ['C', 'C', 'C', 'C', 'C'],
  });
  const terms = [
    harmonicBonds({ tuples: [3, 4], x0: 1, k: 2 }),
    harmonicAngles({ tuples: [2, 3, 4, 0, 1, 2], x0: 0.5, k: 1 }),
    harmonicAngles({ tuples: [2, 3, 4, 0, 1, 2], x0: 0.5, k: 1, of: 'angle' }),
    restrictedAngles({ tuples: [0, 1, 2], a: 0, b: 0, e: 0, d: 0, k: 1e-9 }),
    fourierDihedrals({ tuples: [0, 1, 2, 3, 1, 2, 3, 4], k1: [1, 1], k2: [1, 1] }),
  ];
  for (const term of terms) {
    const { energy, forces, virial } = evaluate(priors(s, [term]), s, { virial: true });
    for (const v of [...energy, ...forces, ...virial]) assert.ok(Number.isFinite(v), term.name);
  }
  assert.is(evaluate(priors(s, [terms[0]!]), s).energy[0], 2);
});

test('what cannot be answered is an error that names the particles', () => {
  const s = chain(7);
  const positions = s.positions.slice();
  positions.copyWithin(3 * 5, 0, 3);
  const clash = s.with({ positions });
  assert.throws(
    () => evaluate(priors(n, every), [s, clash]),
    (e: unknown) =>
      /bonded.repulsion: .* particles 0, 5 of system 1/.test((e as MdlabError).message) &&
      (e as MdlabError).code === 'ENUMERIC',
  );
  assert.throws(
    () => priors(n, [harmonicBonds({ tuples: [0, 9], x0: 1, k: 1 })]),
    /must name particles 0\.\.8, received 9/,
  );
  assert.throws(() => priors(n, [harmonicBonds({ tuples: [4, 4], x0: 1, k: 1 })]), /received 4 twice/);
  assert.throws(
    () => harmonicBonds({ tuples: [0, 1, 2], x0: 1, k: 1 }),
    /bonds.tuples: must hold 2 particles each/,
  );
  assert.throws(
    () => harmonicBonds({ tuples: [0, 1], x0: [1, 2], k: 1 }),
    /bonds.x0: must hold one number per tuple/,
  );
  assert.throws(
    () => harmonicBonds({ tuples: [0, 1], x0: 1, k: Number.NaN }),
    /bonds.k\[0\]: must be finite/,
  );
  assert.throws(
    () => evaluate(priors(n + 1, []), s),
    /must have the 10 particles of its topology, received 9; make its terms of this structure/,
  );
  assert.throws(
    () => priors(n, [screenedCoulomb({ tuples: [0, 1], strength: 1, kappa: 0.1, switch: [9, 9] })]),
    /bonded.charges.parameters\[0\]: the switch must begin before it ends/,
  );
  assert.throws(
    () => fourierDihedrals({ tuples: [], k1: [1], k2: [] }),
    /k2: must have as many orders as k1/,
  );
});

test('empty batches, empty terms and empty topologies are zero', () => {
  assert.is(evaluate(priors(n, []), chain(1)).energy[0], 0);
  assert.is(evaluate(priors(n, [harmonicBonds({ tuples: [], x0: 1, k: 1 })]), chain(1)).energy[0], 0);
  assert.is(evaluate(priors(n, every), []).energy.length, 0);
  const none = new Structure({ positions: new Float64Array(0), symbols: [] });
  assert.is(evaluate(priors(0, []), none).energy[0], 0);
});

test('pairs apart leave out what is connected by few bonds', () => {
  // a chain 0-1-2-3-4 and a lone 5
  const pairs = pairsApart(6, [0, 1, 1, 2, 2, 3, 3, 4], 3, [5, 0]);
  assert.equal([...pairs], [0, 3, 0, 4, 1, 4, 1, 5, 2, 5, 3, 5, 4, 5]);
  assert.is(pairsApart(4, [], 1).length, 12);
});

test.run();
