import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { makeBox, meanSquaredDisplacement, Trajectory, unwrap } from '../../lib/index.js';
import { cloud, normals, structure } from './configurations.js';

test('free flight: v² t²', () => {
  const v = [0.1, -0.2, 0.2];
  const start = cloud(5, 1);
  const frames = Array.from({ length: 21 }, (_, t) => ({
    positions: start.map((x, k) => x + v[k % 3]! * t * 4),
    time: 100 + 4 * t,
  }));
  const { lag, msd, origins } = meanSquaredDisplacement(new Trajectory(structure(start), frames));
  assert.equal([...lag], [0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40]);
  assert.is(msd[0], 0);
  lag.forEach((t, k) => {
    assert.ok(Math.abs(msd[k]! - 0.09 * t * t) < 1e-10);
  });
  assert.is(origins[10], 11);
});

// A walk of Gaussian steps of variance s² in each direction: msd = 3 s² n, that is D = s²/2 per step.
test('a random walk: 6 D t within its statistics', () => {
  const next = normals(2);
  const particles = 300;
  let x = new Float64Array(3 * particles);
  const frames = Array.from({ length: 200 }, () => {
    x = x.map((a) => a + 0.5 * next());
    return x;
  });
  const { msd } = meanSquaredDisplacement(frames, { lags: 20 });
  for (const n of [1, 5, 20]) assert.ok(Math.abs(msd[n]! / (0.75 * n) - 1) < 0.06, `lag ${n}: ${msd[n]}`);
  const one = meanSquaredDisplacement(frames, { lags: 20, particles: [7] }).msd;
  assert.ok(one[20] !== msd[20]);
});

test('unwrapping undoes wrapping, in a triclinic box periodic in two directions', () => {
  const next = normals(3);
  const cell = [10, 0, 0, 4, 9, 0, -3, 2, 8];
  const box = makeBox(cell, [true, true, false]);
  let x = cloud(20, 4);
  const straight = Array.from({ length: 300 }, () => {
    x = x.map((a) => a + 0.4 * next());
    return x;
  });
  const wrapped = straight.map((p, t) => {
    if (t === 0) return p;
    const out = p.slice();
    for (let i = 0; i < out.length; i += 3)
      for (let k = 0; k < 2; k++) {
        const turns =
          Math.floor(out[i + 1]! / 9) * (k === 1 ? 1 : 0) + (k === 0 ? Math.floor(out[i]! / 10) : 0);
        for (let c = 0; c < 3; c++) out[i + c]! -= turns * cell[3 * k + c]!;
      }
    return out;
  });
  const topology = structure(x, { box });
  const again = unwrap(
    new Trajectory(
      topology,
      wrapped.map((positions) => ({ positions })),
    ),
  );
  let far = 0;
  again.frames.forEach((f, t) => {
    f.positions.forEach((a, k) => {
      assert.ok(Math.abs(a - straight[t]![k]!) < 1e-9, `frame ${t}`);
      far = Math.max(far, Math.abs(wrapped[t]![k]! - straight[t]![k]!));
    });
  });
  assert.ok(far > 8);
});

test('wrong input is refused with a reason', () => {
  const x = cloud(3, 1);
  assert.throws(() => meanSquaredDisplacement([x]), /must have at least two frames, received 1/);
  assert.throws(() => meanSquaredDisplacement([x, x], { lags: 2 }), /lags: must be within 1..1, received 2/);
  assert.throws(() => meanSquaredDisplacement([x, x], { stride: 0 }), /stride/);
  const uneven = new Trajectory(
    structure(x),
    [0, 1, 3].map((time) => ({ positions: x, time })),
  );
  assert.throws(
    () => meanSquaredDisplacement(uneven),
    /frames\[2\].time: must be 2: evenly spaced, received 3/,
  );
});

test.run();
