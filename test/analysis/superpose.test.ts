import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { radiusOfGyration, rmsd, Structure, superpose, Trajectory } from '../../lib/index.js';
import { random } from '../tools.js';
import { cloud, moved, normals, structure } from './configurations.js';

const near = (a: number, b: number, tolerance: number): void =>
  assert.ok(Math.abs(a - b) <= tolerance, `${a} is not within ${tolerance} of ${b}`);

test('a turned and shifted copy has RMSD 0, whatever the turn', () => {
  const x = cloud(40, 1);
  const next = random(2);
  for (const angle of [0, 1e-9, 0.3, Math.PI / 2, Math.PI - 1e-9, Math.PI, 5]) {
    const axis = [next() - 0.5, next() - 0.5, next() - 0.5];
    const y = moved(x, axis, angle, [100, -20, 3]);
    assert.ok(rmsd(y, x) < 1e-12, `${angle}: ${rmsd(y, x)}`);
    assert.ok(rmsd(y, x, { superpose: false }) > 50);
    const back = superpose(y, x);
    for (let k = 0; k < x.length; k++) near(back[k]!, x[k]!, 1e-11);
  }
});

test('a mirror image does not match', () => {
  const x = cloud(20, 3);
  assert.ok(
    rmsd(
      x.map((v, k) => (k % 3 === 0 ? -v : v)),
      x,
    ) > 1,
  );
});

// For two points the best superposition leaves half the difference of their distances at each end.
test('two points at distances 3 and 5 are 1 Å apart', () => {
  near(rmsd(Float64Array.of(0, 0, 0, 0, 3, 0), Float64Array.of(7, 7, 7, 12, 7, 7)), 1, 1e-14);
});

test('the superposition is the minimum: no small turn makes it better', () => {
  const next = normals(4);
  const x = cloud(30, 5);
  const y = moved(x, [1, 2, 3], 1, [4, 5, 6]).map((v) => v + next());
  const best = rmsd(y, x);
  const fitted = superpose(y, x);
  near(rmsd(fitted, x, { superpose: false }), best, 1e-13);
  for (const axis of [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
    [1, 1, 1],
  ])
    for (const angle of [-0.01, 0.01])
      assert.ok(rmsd(moved(fitted, axis, angle, [0, 0, 0]), x, { superpose: false }) > best);
});

test('particles and weights choose what counts', () => {
  const x = cloud(10, 6);
  const y = moved(x, [0, 0, 1], 2, [1, 1, 1]);
  y[0]! += 50;
  assert.ok(rmsd(y, x) > 5);
  assert.ok(rmsd(y, x, { particles: [1, 2, 3, 4, 5, 6, 7, 8, 9] }) < 1e-12);
  const weights = new Float64Array(10).fill(1);
  weights[0] = 0;
  assert.ok(rmsd(y, x, { weights }) < 1e-12);
  const masses = new Float64Array(10).fill(12);
  near(rmsd(structure(y, { masses }), x, { weights: 'mass' }), rmsd(y, x), 1e-12);
});

test('frames give numbers by frame, superpose gives back what it got', () => {
  const x = cloud(12, 7);
  const y = moved(x, [1, 0, 0], 1, [0, 0, 9]);
  const topology = structure(x, { velocities: x });
  const trajectory = new Trajectory(topology, [
    { positions: x, time: 5 },
    { positions: Float32Array.from(y) },
  ]);
  const values = rmsd(trajectory, topology);
  assert.is(values.length, 2);
  assert.ok(values[0]! < 1e-13 && values[1]! < 1e-5 && values[1]! > 1e-9);
  assert.instance(superpose(trajectory, x), Trajectory);
  assert.is(superpose(trajectory, x).frames[0]!.time, 5);
  const one = superpose(
    topology.with({ positions: y, velocities: moved(x, [1, 0, 0], 1, [0, 0, 0]) }),
    topology,
  );
  assert.instance(one, Structure);
  one.velocities!.forEach((v, k) => {
    near(v, x[k]!, 1e-11);
  });
  assert.is(superpose([x, y], x).length, 2);
  assert.is(rmsd([], x).length, 0);
});

test('one particle, particles in line and particles in one place', () => {
  assert.is(rmsd(Float64Array.of(1, 2, 3), Float64Array.of(4, 5, 6)), 0);
  const line = Float64Array.of(0, 0, 0, 1, 0, 0, 2, 0, 0);
  near(rmsd(moved(line, [1, 1, 0], 2, [3, 3, 3]), line), 0, 1e-14);
  assert.is(rmsd(new Float64Array(9), new Float64Array(9)), 0);
});

test('wrong input is refused with a reason', () => {
  const x = cloud(4, 1);
  assert.throws(
    () => rmsd(x, cloud(5, 1)),
    /rmsd.reference: must have 4 particles like the frames, received 5/,
  );
  assert.throws(() => rmsd(x, x, { particles: [4] }), /rmsd.particles: must name particles 0..3, received 4/);
  assert.throws(() => rmsd(x, x, { particles: [] }), /must name at least one particle/);
  assert.throws(() => rmsd(x, x, { weights: 'mass' }), /rmsd.weights: must be numbers where/);
  assert.throws(() => rmsd(x, x, { weights: [1, 1, 1] }), /must have one entry for each of 4/);
  assert.throws(() => rmsd(x, x, { weights: [0, 0, 0, 0] }), /positive, finite sum/);
  assert.throws(() => rmsd('x' as never, x), /rmsd.frames: must be a structure/);
  assert.throws(() => rmsd([x, cloud(5, 1)], x), /rmsd.frames\[1\]: must have 4 particles/);
  assert.throws(() => rmsd(new Float64Array(4), x), /three numbers per particle/);
});

test('radius of gyration: two points, a shell, masses', () => {
  near(radiusOfGyration(Float64Array.of(0, 0, 0, 4, 0, 0)), 2, 1e-15);
  // Two masses m1, m2 at distance d: Rg = d √(m1 m2) / (m1 + m2).
  const pair = structure(Float64Array.of(9, 9, 0, 9, 9, 4), { masses: Float64Array.of(1, 15) });
  near(radiusOfGyration(pair, { weights: 'mass' }), (4 * Math.sqrt(15)) / 16, 1e-14);
  near(radiusOfGyration(pair), 2, 1e-14);
  // A solid ball of radius R has Rg = R √(3/5).
  const next = random(11);
  const ball: number[] = [];
  while (ball.length < 60_000) {
    const p = [2 * next() - 1, 2 * next() - 1, 2 * next() - 1];
    if (Math.hypot(...p) < 1) ball.push(...p.map((v) => 10 * v + 100));
  }
  near(radiusOfGyration(Float64Array.from(ball)), 10 * Math.sqrt(0.6), 0.05);
  assert.is(radiusOfGyration(pair, { particles: [1] }), 0);
  assert.throws(() => radiusOfGyration(new Float64Array(0)), /must have at least one particle/);
});

test.run();
