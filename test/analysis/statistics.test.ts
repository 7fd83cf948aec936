import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { blockAverage, driftFit } from '../../lib/index.js';
import { normals } from './configurations.js';

/** x_t = a x_{t-1} + ξ, stationary, of unit variance. */
function autoregressive(length: number, a: number, seed: number): Float64Array {
  const next = normals(seed);
  let x = next();
  return Float64Array.from({ length }, () => {
    x = a * x + Math.sqrt(1 - a * a) * next();
    return x;
  });
}

// The exact error of the mean of an AR(1) process is √((1 + a) / (1 − a) / n) for n much longer than its memory.
for (const a of [0, 0.5, 0.9, 0.98])
  test(`blocking finds the error of a correlated series (a = ${a})`, () => {
    const length = 1 << 15;
    const exact = Math.sqrt((1 + a) / (1 - a) / length);
    let sum = 0;
    for (let seed = 1; seed <= 10; seed++) {
      const found = blockAverage(autoregressive(length, a, 100 * seed));
      assert.ok(found.converged);
      assert.ok(Math.abs(found.mean) < 5 * exact);
      assert.ok(
        Math.abs(found.error - exact) < 6 * found.uncertainty + 0.15 * exact,
        `${found.error} ${exact}`,
      );
      sum += found.error / 10;
    }
    assert.ok(Math.abs(sum / exact - 1) < 0.12, `mean of ten: ${sum}, exact ${exact}`);
  });

test('the first level is the textbook error', () => {
  const { levels, mean } = blockAverage([1, 2, 3, 4, 5]);
  assert.is(mean, 3);
  assert.ok(Math.abs(levels[0]!.error - Math.sqrt(2.5 / 5)) < 1e-15);
  assert.equal(
    levels.map((l) => [l.size, l.blocks]),
    [
      [1, 5],
      [2, 2],
    ],
  );
});

test('a series shorter than its memory says so', () => {
  const ramp = Array.from({ length: 64 }, (_, i) => i);
  assert.not(blockAverage(ramp).converged);
  assert.ok(blockAverage(ramp).error > 5);
});

test('a constant series has no error, a large offset costs none', () => {
  assert.equal(blockAverage([7, 7, 7]).error, 0);
  const x = autoregressive(4096, 0.8, 3);
  const far = blockAverage(x.map((v) => v + 1e9));
  assert.ok(Math.abs(far.error / blockAverage(x).error - 1) < 1e-5);
  assert.throws(() => blockAverage([1]), /must have at least two values, received 1/);
  assert.throws(() => blockAverage([1, Number.NaN]), /blockAverage\[1\]: must be finite/);
});

test('a drift fit gives back a line, in its units', () => {
  const time = Array.from({ length: 101 }, (_, i) => 5 + 10 * i);
  const fit = driftFit(
    time,
    time.map((t) => -4000 + 3e-9 * t),
    { degreesOfFreedom: 30, temperature: 300 },
  );
  assert.ok(Math.abs(fit.slope / 3e-9 - 1) < 1e-4);
  assert.ok(Math.abs(fit.perDegreeOfFreedom / 1e-4 - 1) < 1e-4);
  // 1e-4 eV over kT(300 K) = 0.025852 eV
  assert.ok(Math.abs(fit.kT / 3.868e-3 - 1) < 1e-3);
  assert.ok(Math.abs(fit.mean - (-4000 + 3e-9 * 505)) < 1e-9);
  assert.ok(fit.fluctuation < 1e-11);
});

// The spread of fitted slopes over many series is what each fit's error estimates.
test('the error of the slope is right for white and for correlated noise', () => {
  for (const a of [0, 0.9]) {
    const time = Array.from({ length: 2048 }, (_, i) => i);
    const fits = Array.from({ length: 120 }, (_, s) =>
      driftFit(
        time,
        autoregressive(2048, a, 7 + 31 * s).map((x, i) => x + 1e-3 * i),
        { degreesOfFreedom: 3 },
      ),
    );
    const mean = fits.reduce((s, f) => s + f.slope, 0) / fits.length;
    const spread = Math.sqrt(fits.reduce((s, f) => s + (f.slope - mean) ** 2, 0) / (fits.length - 1));
    const claimed = fits.reduce((s, f) => s + f.error, 0) / fits.length;
    assert.ok(Math.abs(mean - 1e-3) < (4 * spread) / Math.sqrt(120), `${mean}`);
    assert.ok(Math.abs(claimed / spread - 1) < 0.25, `a = ${a}: claimed ${claimed}, spread ${spread}`);
  }
});

test('wrong input is refused with a reason', () => {
  const options = { degreesOfFreedom: 3 };
  assert.throws(() => driftFit([1, 2], [1, 2], options), /at least three points, received 2/);
  assert.throws(() => driftFit([1, 2, 3], [1, 2], options), /driftFit.energy: must have 3 values/);
  assert.throws(() => driftFit([1, 1, 1], [1, 2, 3], options), /must hold different times/);
  assert.throws(
    () => driftFit([1, 2, 3], [1, 2, Number.NaN], options),
    /driftFit.energy\[2\]: must be finite/,
  );
  assert.throws(() => driftFit([1, 2, 3], [1, 2, 3], { degreesOfFreedom: 0 }), /degreesOfFreedom/);
});

test.run();
