import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { harmonicWell, langevin, simulate } from '../../lib/index.js';
import { accelerationPerForce, atOrigin, boltzmann, meanError, stiffness } from './shared.js';

const mass = 12.011;

/** Per particle means of x² and v² over the frames of a run. */
async function squares(
  sim: ReturnType<typeof simulate>,
  from: number,
): Promise<{ x: Float64Array; v: Float64Array; v4: Float64Array; frames: number }> {
  const n = sim.state.positions.length;
  const [x, v, v4] = [new Float64Array(n), new Float64Array(n), new Float64Array(n)];
  let frames = 0;
  for await (const frame of sim) {
    if (frame.step <= from) continue;
    frames++;
    for (let j = 0; j < n; j++) {
      x[j]! += frame.positions[j]! ** 2;
      v[j]! += frame.velocities[j]! ** 2;
      v4[j]! += frame.velocities[j]! ** 4;
    }
  }
  for (const a of [x, v, v4]) for (let j = 0; j < n; j++) a[j]! /= frames;
  return { x, v, v4, frames };
}

/** Asserts that `values` average to `wanted` within `sigmas` standard errors, and that this is a sharp statement. */
function agrees(values: Float64Array, wanted: number, sharp: number, what: string): void {
  const { mean, error } = meanError(values);
  assert.ok(error < sharp * wanted, `${what}: error ${error / wanted} is no sharp test`);
  const off = (mean - wanted) / error;
  assert.ok(Math.abs(off) < 4, `${what}: ${mean}, wanted ${wanted}, ${off.toFixed(2)} standard errors off`);
}

// 1000 particles, 2000 steps: 2·10^6 bead-steps. ω dt = 1 is half of where Verlet falls apart, and far beyond what a
// first-order scheme survives unbiased.
test('an oscillator’s configurations are exact at a large time step, its velocities as BAOAB has them', async () => {
  const temperature = 300;
  const timestep = 4;
  const omega = 1 / timestep;
  const k = stiffness(omega);
  const kT = boltzmann * temperature;
  const sim = simulate(atOrigin(1000), harmonicWell({ k }), {
    integrator: langevin({ temperature, friction: 250, timestep, seed: 11 }),
    steps: 2200,
    every: 4,
  });
  const { x, v } = await squares(sim, 200);
  agrees(x, kT / k, 0.002, '<x²>');
  // Leimkuhler and Matthews 2013: <v²> = kT/m (1 − (ω dt)²/4).
  agrees(v, ((kT * accelerationPerForce) / mass) * (1 - (omega * timestep) ** 2 / 4), 0.002, '<v²>');
});

test('a gas has the temperature and the normal velocities it should have', async () => {
  const temperature = 350;
  const sim = simulate(atOrigin(1000), harmonicWell({ k: 0 }), {
    integrator: langevin({ temperature, friction: 50, timestep: 2, seed: 5 }),
    steps: 1000,
    every: 10,
  });
  const { v, v4 } = await squares(sim, 0);
  const variance = (boltzmann * temperature * accelerationPerForce) / mass;
  agrees(v, variance, 0.01, '<v²>');
  agrees(v4, 3 * variance ** 2, 0.02, '<v⁴> of a normal distribution');
});

test('starting velocities are Maxwell-Boltzmann', () => {
  const sim = simulate(atOrigin(20000), harmonicWell({ k: 0 }), {
    integrator: langevin({ temperature: 300, timestep: 2, seed: 3 }),
    steps: 1,
  });
  const v = sim.state.velocities;
  const variance = (boltzmann * 300 * accelerationPerForce) / mass;
  agrees(
    v.map((u) => u * u),
    variance,
    0.01,
    '<v²>',
  );
  agrees(
    v.map((u) => u ** 4),
    3 * variance ** 2,
    0.02,
    '<v⁴>',
  );
  const { error, mean } = meanError(v);
  assert.ok(Math.abs(mean) < 4 * error, 'no direction is preferred');
});

test('a free particle diffuses as Langevin says', async () => {
  const temperature = 300;
  const friction = 20; // 1/ps
  const steps = 1000;
  const timestep = 2;
  const sim = simulate(atOrigin(4000), harmonicWell({ k: 0 }), {
    integrator: langevin({ temperature, friction, timestep, seed: 8 }),
    steps,
  });
  await sim.run();
  const gamma = friction / 1000;
  const t = steps * timestep;
  const D = (boltzmann * temperature * accelerationPerForce) / (mass * gamma);
  // <x²> = 2D (t − (1 − e^{−γt})/γ) for a particle that starts with a thermal velocity
  const wanted = 2 * D * (t - (1 - Math.exp(-gamma * t)) / gamma);
  agrees(
    sim.state.positions.map((x) => x * x),
    wanted,
    0.015,
    '<x²>',
  );
});

test('every replica has its own temperature, degrees of freedom counted right', async () => {
  const temperatures = [100, 300, 900];
  for (const removeCenterOfMass of [false, true]) {
    const sim = simulate(atOrigin(4), harmonicWell({ k: 0 }), {
      integrator: langevin({
        temperature: Array.from({ length: 600 }, (_, r) => temperatures[r % 3]!),
        friction: 100,
        timestep: 2,
        seed: 2,
      }),
      replicas: 600,
      steps: 1500,
      every: 15,
      removeCenterOfMass,
    });
    const { frames } = await sim.run();
    temperatures.forEach((wanted, k) => {
      const perReplica = new Float64Array(200);
      frames.temperature.forEach((t, row) => {
        const r = frames.replica[row]!;
        if (r % 3 === k) perReplica[(r - k) / 3]! += t / 100;
      });
      // Three missing degrees of freedom would show as 25 %.
      agrees(
        perReplica,
        wanted,
        0.01,
        `${wanted} K, centre of mass ${removeCenterOfMass ? 'at rest' : 'free'}`,
      );
    });
  }
});

test('without friction Langevin is velocity Verlet', async () => {
  const sim = simulate(atOrigin(5), harmonicWell({ k: 1, center: [1, 1, 1] }), {
    integrator: langevin({ temperature: 300, friction: 0, timestep: 1 }),
    velocities: 'zero',
    steps: 5000,
    every: 10,
  });
  const { frames } = await sim.run();
  const start = 0.5 * 3 * 5;
  assert.ok(
    frames.total.every((e) => Math.abs(e - start) < 1e-3 * start),
    'conserves energy',
  );
});

test.run();
