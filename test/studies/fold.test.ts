// How near a protein is to its fold.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { radiusOfGyration } from '../../lib/analysis/index.js';
import { beadsFromSequence, sequences } from '../../lib/structure/index.js';
import { foldOf } from '../../lib/studies/fold.js';

const protein = beadsFromSequence(sequences.CLN025);
const fold = foldOf(protein);

test('the fold has all its contacts and its radius', () => {
  const { native, radius, touching } = fold.measure(protein.positions);
  assert.is(native, 1);
  assert.is(radius, radiusOfGyration(protein.positions));
  // Residues 0 to 9, at least 3 apart: 7 + 6 + … + 1.
  assert.is(fold.pairs, 28);
  assert.is(touching.length, 28);
  const near = touching.reduce((sum, t) => sum + t, 0);
  assert.ok(near > 0 && near < 28, `${near}`);
});

test('twice as wide it loses the contacts beyond 8 Å; all in one place it keeps them', () => {
  const wide = fold.measure(protein.positions.map((x) => 2 * x));
  assert.ok(Math.abs(wide.radius - 2 * radiusOfGyration(protein.positions)) < 1e-12);
  assert.ok(wide.native < 1);
  const point = fold.measure(protein.positions.map((_, k) => k % 3));
  assert.is(point.native, 1);
  assert.ok(point.touching.every((t) => t === 1));
  assert.is(point.radius, 0);
});

test.run();
