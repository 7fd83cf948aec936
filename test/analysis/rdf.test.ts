import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { makeBox, orthorhombic, rdf, Structure } from '../../lib/index.js';
import { random } from '../tools.js';

const box = makeBox([14, 0, 0, 5, 13, 0, -4, 3, 12]);

function gas(seed: number, count: number, where = box): Structure {
  const next = random(seed);
  const positions: number[] = [];
  for (let i = 0; i < count; i++) {
    const f = [next(), next(), next()];
    for (let c = 0; c < 3; c++) positions.push(f.reduce((s, x, k) => s + x * where.vectors[3 * k + c]!, 0));
  }
  return new Structure({
    positions: Float64Array.from(positions),
    symbols: new Array(count).fill('Ar'),
    box: where,
  });
}

// In an ideal gas each bin's count is nearly Poisson: χ² per bin is 1 within √(2/bins).
test('an ideal gas gives 1 within its statistics, beyond half a triclinic box too', () => {
  const frames = Array.from({ length: 60 }, (_, s) => gas(s + 1, 100));
  const { g, counts, r } = rdf(frames, { cutoff: 11, bins: 44 });
  assert.is(r[0], 0.125);
  let chi2 = 0;
  for (let b = 8; b < 44; b++) {
    // Ordered pairs: each unordered one is counted twice.
    const error = Math.sqrt(2 / counts[b]!);
    chi2 += ((g[b]! - 1) / error) ** 2 / 36;
  }
  assert.ok(chi2 > 0.4 && chi2 < 1.8, `χ² per bin ${chi2}`);
  const inner = counts.slice(8).reduce((a, c) => a + c, 0);
  const mean = g.slice(8).reduce((a, x, b) => a + x * counts[b + 8]!, 0) / inner;
  assert.ok(Math.abs(mean - 1) < 4 * Math.sqrt(2 / inner), `mean ${mean}`);
});

test('two particles in a small box still give 1 on average', () => {
  const small = orthorhombic([6, 6, 6]);
  const frames = Array.from({ length: 20_000 }, (_, s) => gas(s + 1, 2, small));
  const { g, counts } = rdf(frames, { cutoff: 6, bins: 6 });
  for (let b = 1; b < 6; b++)
    assert.ok(Math.abs(g[b]! - 1) < 5 * Math.sqrt(2 / counts[b]!), `bin ${b}: ${g[b]}`);
});

// Simple cubic lattice, a = 2: 6 neighbours at 2, 12 at 2.83, 8 at 3.46.
test('a lattice has its shells, and the coordination numbers sum up', () => {
  const positions: number[] = [];
  for (let i = 0; i < 64; i++)
    positions.push(2 * (i % 4), 2 * (Math.floor(i / 4) % 4), 2 * Math.floor(i / 16));
  const lattice = new Structure({
    positions: Float64Array.from(positions),
    symbols: new Array(64).fill('Na'),
    box: orthorhombic([8, 8, 8]),
  });
  const { r, g, coordination } = rdf(lattice, { cutoff: 3.8, bins: 38 });
  const at = (x: number): number => r.findIndex((m) => Math.abs(m - x) < 0.05);
  assert.is(coordination[at(1.95)], 0);
  assert.is(coordination[at(2.15)], 6);
  assert.is(coordination[at(2.95)], 18);
  assert.is(coordination[37], 26);
  const shell = ((4 * Math.PI) / 3) * (2.1 ** 3 - 2 ** 3);
  assert.ok(Math.abs(g[at(2.05)]! - 6 / (shell * (63 / 512))) < 1e-9);
});

test('partial functions count the chosen particles only', () => {
  const positions = Float64Array.of(5, 5, 5, 6, 5, 5, 5, 7, 5, 5, 5, 8);
  const four = new Structure({ positions, symbols: ['O', 'H', 'H', 'X'], box: orthorhombic([20, 20, 20]) });
  const { coordination, counts } = rdf(four, { cutoff: 4, bins: 8, particles: [0], around: [1, 2] });
  assert.equal([...counts], [0, 0, 1, 0, 1, 0, 0, 0]);
  assert.is(coordination[7], 2);
  const overlap = rdf(four, { cutoff: 4, bins: 8, particles: [0, 1], around: [1, 2] });
  assert.is(
    overlap.counts.reduce((a, b) => a + b, 0),
    3,
  );
});

test('wrong input is refused with a reason', () => {
  const open = gas(1, 5).with({ box: null });
  assert.throws(() => rdf(open, { cutoff: 3 }), /rdf: must have a box that is periodic in three directions/);
  const slab = gas(1, 5, orthorhombic([9, 9, 9], [true, true, false]));
  assert.throws(() => rdf(slab, { cutoff: 3 }), /received "an open one"/);
  assert.throws(() => rdf(gas(1, 5), { cutoff: 0 }), /rdf.cutoff: must be positive/);
  assert.throws(() => rdf(gas(1, 5), { cutoff: 3, bins: 0 }), /rdf.bins: must be a positive whole number/);
  assert.throws(() => rdf(gas(1, 5), { cutoff: 3, around: [5] }), /rdf.around.*0..4, received 5/);
});

test.run();
