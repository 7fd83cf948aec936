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

type Part = readonly [variance: number, a: number];

/** The sum of independent AR(1) processes, and the exact standard error of its mean. */
function sumOf(length: number, parts: readonly Part[], seed: number): Float64Array {
  const all = parts.map(([variance, a], p) =>
    autoregressive(length, a, 1000 * seed + p).map((x) => x * Math.sqrt(variance)),
  );
  return all[0]!.map((_, i) => all.reduce((sum, x) => sum + x[i]!, 0));
}

const exactError = (n: number, parts: readonly Part[]): number =>
  Math.sqrt(
    parts.reduce(
      (sum, [v, a]) => sum + (v * ((1 + a) / (1 - a) - (2 * a * (1 - a ** n)) / (n * (1 - a) ** 2))) / n,
      0,
    ),
  );

/** Over many series: error / exact one on average, shares of means within two errors and of converged ones. */
function trial(length: number, parts: readonly Part[], series = 100) {
  const exact = exactError(length, parts);
  const found = Array.from({ length: series }, (_, s) => blockAverage(sumOf(length, parts, s + 1)));
  const share = (of: (b: (typeof found)[number]) => boolean): number => found.filter(of).length / series;
  return {
    ratio: found.reduce((sum, b) => sum + b.error / exact, 0) / series,
    scatter: Math.sqrt(found.reduce((sum, b) => sum + (b.error / exact - 1) ** 2, 0) / series),
    covered: share((b) => Math.abs(b.mean) < 1.96 * b.error),
    converged: share((b) => b.converged),
    misleading: share((b) => b.converged && b.error < 0.7 * exact),
  };
}

const memory = (time: number): number => Math.exp(-1 / time);

for (const [name, length, parts] of [
  ['independent', 10000, [[1, 0]]],
  ['few independent', 40, [[1, 0]]],
  ['correlated', 10000, [[1, memory(10)]]],
  ['strongly correlated', 32768, [[1, 0.98]]],
  ['anticorrelated', 10000, [[1, -0.5]]],
  [
    'slow ones under noise',
    10000,
    [
      [0.99, 0],
      [0.01, memory(50)],
    ],
  ],
] as [string, number, Part[]][])
  test(`blocking finds the error of a mean of values: ${name}`, () => {
    const got = trial(length, parts);
    const said = JSON.stringify(got);
    assert.ok(Math.abs(got.ratio - 1) < 0.08 && got.scatter < 0.25, said);
    assert.ok(got.covered > 0.88 && got.converged > 0.85 && got.misleading < 0.05, said);
  });

// A correlation time of 2 or 3 % of the length, seen only in blocks that average the noise away: some 25 and 16 independent
// values. The smallest blocks that pass for independent beside the noise give 0.54 and 0.38 of the error.
for (const [share, time] of [
  [0.01, 200],
  [0.03, 300],
] as const)
  test(`a slow motion (${time} of 10000 values) under noise is not overlooked`, () => {
    const got = trial(10000, [
      [1 - share, 0],
      [share, memory(time)],
    ]);
    const said = JSON.stringify(got);
    assert.ok(got.ratio > 0.8 && got.ratio < 1.1, said);
    assert.ok(got.covered > 0.78 && got.misleading < 0.3, said);
    assert.ok(got.converged < 0.75, said);
  });

test('a series of ten memories is called too short', () => {
  assert.ok(trial(10000, [[1, memory(1000)]]).converged < 0.05);
  assert.ok(
    trial(10000, [
      [0.98, 0],
      [0.02, memory(1000)],
    ]).converged < 0.1,
  );
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
  // Too few to see a correlation.
  for (const length of [2, 3, 5, 7])
    assert.not(blockAverage(ramp.slice(0, length)).converged, `of ${length} values`);
});

test('a constant series has no error, a large offset costs none', () => {
  assert.equal(blockAverage([7, 7, 7]).error, 0);
  assert.ok(blockAverage([7, 7, 7]).converged);
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
