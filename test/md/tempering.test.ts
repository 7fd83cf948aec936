import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { harmonicWell, langevin, simulate, tempering, velocityVerlet } from '../../lib/index.js';
import { atOrigin, boltzmann, meanError, stiffness } from './shared.js';

const temperatures = [300, 360, 450];
const atoms = 4;
const dof = 3 * atoms;
const ladders = 200;

function gas(steps: number, every: number): ReturnType<typeof simulate> {
  return simulate(atOrigin(atoms), harmonicWell({ k: stiffness(0.1) }), {
    integrator: langevin({ friction: 100, timestep: 2, seed: 21 }),
    tempering: tempering({ temperatures, every: 20 }),
    replicas: temperatures.length * ladders,
    steps,
    every,
  });
}

/** Probability that two Gamma-distributed energies exchange, by quadrature of the Metropolis rule. */
function acceptance(low: number, high: number): number {
  // U/kT of d oscillator coordinates has density u^(d/2−1) e^(−u) / Γ(d/2).
  const shape = dof / 2;
  const gammaOfShape = Array.from({ length: shape - 1 }, (_, i) => i + 1).reduce((a, b) => a * b, 1);
  const density = (u: number): number => (u ** (shape - 1) * Math.exp(-u)) / gammaOfShape;
  const du = 0.02;
  let sum = 0;
  for (let a = du / 2; a < 40; a += du) {
    for (let b = du / 2; b < 40; b += du) {
      const gain = (1 / low - 1 / high) * (a * low - b * high);
      sum += density(a) * density(b) * Math.min(1, Math.exp(gain));
    }
  }
  return sum * du * du;
}

test('exchanges keep every temperature’s energies, and happen as often as theory says', async () => {
  const sim = gas(3000, 20);
  const { exchange, frames } = await sim.run();
  const per = temperatures.map(() => [] as number[]);
  const perKinetic = temperatures.map(() => [] as number[]);
  // One mean per ladder: ladders are independent of each other.
  for (let l = 0; l < ladders; l++) {
    const [u, k, n] = [
      [0, 0, 0],
      [0, 0, 0],
      [0, 0, 0],
    ];
    for (let row = 0; row < frames.step.length; row += 3 * ladders) {
      if (frames.step[row]! <= 600) continue;
      const seen = new Set<number>();
      for (let s = 3 * l; s < 3 * l + 3; s++) {
        const rung = frames.temperatureIndex![row + s]!;
        seen.add(rung);
        u[rung]! += frames.potential[row + s]!;
        k[rung]! += frames.kinetic[row + s]!;
        n[rung]!++;
      }
      assert.is(seen.size, 3, 'each temperature is taken once');
    }
    for (const t of [0, 1, 2]) {
      per[t]!.push(u[t]! / n[t]!);
      perKinetic[t]!.push(k[t]! / n[t]!);
    }
  }
  temperatures.forEach((T, t) => {
    for (const [what, values, wanted] of [
      ['potential', per[t]!, 0.5 * dof * boltzmann * T],
      // BAOAB's kinetic energy of oscillators: (ω dt)²/4 = 1 % too low.
      ['kinetic', perKinetic[t]!, 0.5 * dof * boltzmann * T * (1 - 0.2 ** 2 / 4)],
    ] as const) {
      const { error, mean } = meanError(values);
      assert.ok(error < 0.01 * wanted, `${what}: sharp`);
      const off = (mean - wanted) / error;
      assert.ok(Math.abs(off) < 4, `${what} at ${T} K: ${mean} eV, wanted ${wanted}, ${off.toFixed(1)} σ`);
    }
  });
  assert.equal([...exchange!.attempted], [75 * ladders, 75 * ladders]);
  exchange!.rate.forEach((rate, i) => {
    const wanted = acceptance(temperatures[i]!, temperatures[i + 1]!);
    // Successive attempts of a ladder are correlated; three times the binomial error covers it.
    const error = 3 * Math.sqrt((wanted * (1 - wanted)) / exchange!.attempted[i]!);
    assert.ok(error < 0.02, 'sharp');
    assert.ok(Math.abs(rate - wanted) < 3 * error, `rate ${rate}, theory ${wanted} ± ${error}`);
  });
});

test('the energies of one temperature have the canonical spread', async () => {
  const sim = gas(2000, 100);
  const squares: number[] = [];
  for await (const frame of sim) {
    if (frame.step <= 500) continue;
    frame.potential.forEach((u, s) => {
      if (frame.temperatureIndex![s] === 1) squares.push((u / (boltzmann * temperatures[1]!) - dof / 2) ** 2);
    });
  }
  const { error, mean } = meanError(squares);
  assert.ok(error < 0.06 * (dof / 2), 'sharp');
  // var U = (kT)² d/2
  assert.ok(Math.abs(mean - dof / 2) < 5 * error, `variance ${mean}, wanted ${dof / 2} ± ${error}`);
});

test('equal temperatures always exchange, and replicas wander over all of them', async () => {
  const sim = simulate(atOrigin(2), harmonicWell({ k: 1 }), {
    integrator: langevin({ timestep: 2 }),
    tempering: tempering({ temperatures: [300, 300, 300, 300], every: 5 }),
    steps: 200,
    every: 5,
  });
  const visited = new Set<number>();
  for await (const frame of sim) visited.add(frame.temperatureIndex![0]!);
  const { exchange } = sim.summary();
  assert.equal([...exchange!.rate], [1, 1, 1]);
  // 40 attempts: pairs (0,1) and (2,3) at even ones, (1,2) at odd ones.
  assert.equal([...exchange!.attempted], [20, 20, 20]);
  assert.equal([...visited].sort(), [0, 1, 2, 3]);
});

test('options that contradict tempering are refused', () => {
  const t = tempering({ temperatures, every: 10 });
  const well = harmonicWell({ k: 1 });
  const run = (more: object): void => {
    simulate(atOrigin(2), well, { integrator: langevin({ timestep: 2 }), steps: 1, tempering: t, ...more });
  };
  assert.throws(
    () => run({ replicas: 4 }),
    /simulate.replicas: must be a multiple of 3 temperatures, received 4/,
  );
  assert.throws(
    () => run({ integrator: langevin({ timestep: 2, temperature: 300 }) }),
    /must be left out with tempering/,
  );
  assert.throws(() => run({ integrator: velocityVerlet({ timestep: 2 }) }), /needs a Langevin integrator/);
  // A plain object is looked at too.
  assert.throws(
    () => run({ tempering: { temperatures: [300, 350], every: 0 } }),
    /tempering\.every: must be a whole number of at least 1, received 0/,
  );
  assert.throws(
    () => run({ tempering: { temperatures: [300, Number.NaN], every: 5 } }),
    /tempering\.temperature.*NaN/,
  );
  assert.throws(() => tempering({ temperatures: [300], every: 5 }), /must be at least two, received 1/);
  assert.throws(() => tempering({ temperatures: [300, -1], every: 5 }), /temperature\[1\]: must be positive/);
});

test.run();
