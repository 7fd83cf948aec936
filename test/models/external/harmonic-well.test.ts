import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { evaluate, harmonicWell, Structure } from '../../../lib/index.js';

const positions = Float64Array.of(1, 0, 0, 0, 2, 0, 1, 1, 1);
const three = new Structure({ positions, symbols: ['C', 'C', 'C'] });

test('energy and forces by hand', () => {
  const { energy, forces } = evaluate(harmonicWell({ k: [1, 2, 3], center: [1, 1, 1] }), three);
  // ½·1·(0+1+1) + ½·2·(1+1+1) + 0
  assert.is(energy[0], 1 + 3);
  assert.equal([...forces], [-0, 1, 1, 2, -2, 2, -0, -0, -0]);
});

test('forces and virial are the derivatives of the energy', () => {
  const well = harmonicWell({ k: [1, 2, 3], center: [0.1, 0, 0, 0, 0.2, 0, 0.3, 0.3, 0] });
  const { forces, virial } = evaluate(well, three, { virial: true });
  const at = (x: Float64Array): number => evaluate(well, three.with({ positions: x })).energy[0]!;
  const h = 1e-4;
  positions.forEach((_, j) => {
    const [up, down] = [h, -h].map((d) => at(positions.map((x, i) => (i === j ? x + d : x))));
    assert.ok(Math.abs(forces[j]! + (up! - down!) / (2 * h)) < 1e-9);
  });
  for (let a = 0; a < 3; a++) {
    for (let b = 0; b < 3; b++) {
      const [up, down] = [h, -h].map((d) =>
        // rows times (1 + ε): component b gains ε_ab of component a
        at(positions.map((x, i) => (i % 3 === b ? x + d * positions[i - b + a]! : x))),
      );
      assert.ok(Math.abs(virial[3 * a + b]! + (up! - down!) / (2 * h)) < 1e-9, `virial ${a}${b}`);
    }
  }
});

test('shapes that do not fit are refused', () => {
  assert.throws(() => harmonicWell({ k: -1 }), /harmonicWell.k\[0\]: must be at least 0, received -1/);
  assert.throws(
    () => harmonicWell({ k: 1, center: [1, 2] }),
    /harmonicWell.center: must hold three numbers per point/,
  );
  assert.throws(
    () => harmonicWell({ k: [1, 2], center: new Float64Array(9) }),
    /must hold one point, or 2 as k does/,
  );
  assert.throws(
    () => evaluate(harmonicWell({ k: [1, 2] }), three),
    /made for 2 atoms, received system 0 of 3/,
  );
});

test.run();
