// Dynamics with a neighbour list: a Lennard-Jones fluid.
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  langevin,
  lennardJones,
  type MdlabError,
  minimize,
  orthorhombic,
  readSafetensors,
  resume,
  type SimulateOptions,
  type Simulation,
  Structure,
  simulate,
  velocityVerlet,
} from '../../lib/index.js';
import { native } from '../../lib/native.js';
import { random } from '../tools.js';
import { boltzmann, finish, hash, meanError, stopsWithinSteps } from './shared.js';

const epsilon = 0.0104;
const sigma = 3.4;
const argon = lennardJones({ epsilon, sigma });

/** n³ argon atoms on a jittered cubic lattice of a periodic box. */
function lattice(n: number, spacing: number, jitter = 0.1): Structure {
  const next = random(1);
  const positions: number[] = [];
  for (let x = 0; x < n; x++)
    for (let y = 0; y < n; y++)
      for (let z = 0; z < n; z++)
        for (const k of [x, y, z]) positions.push(k * spacing + jitter * (next() - 0.5));
  return new Structure({
    positions: Float64Array.from(positions),
    symbols: Array(n ** 3).fill('Ar'),
    box: orthorhombic([n * spacing, n * spacing, n * spacing]),
  });
}

const liquid = lattice(5, 3.75);
const warm = (more: Partial<SimulateOptions> = {}): SimulateOptions => ({
  integrator: langevin({ temperature: 130, timestep: 5, friction: 2, seed: 4 }),
  steps: 200,
  every: 50,
  skin: 0.4,
  ...more,
});

test('a liquid at 2 fs does not drift, and its energy error falls with the square of the time step', async () => {
  const melted = (await finish(simulate(liquid, argon, warm({ steps: 500 })))).structure();
  const run = async (timestep: number, picoseconds: number): Promise<{ drift: number; spread: number }> => {
    const sim = simulate(melted, argon, {
      integrator: velocityVerlet({ timestep }),
      steps: Math.round((picoseconds * 1000) / timestep),
      every: Math.round(40 / timestep),
    });
    const { drift, frames } = await sim.run();
    const mean = frames.total.reduce((a, b) => a + b, 0) / frames.total.length;
    const spread = Math.sqrt(frames.total.reduce((a, e) => a + (e - mean) ** 2, 0) / frames.total.length);
    return { drift: drift![0]!, spread };
  };
  const [coarse, fine] = [await run(16, 4), await run(8, 4)];
  const ratio = coarse.spread / fine.spread;
  assert.ok(ratio > 3.2 && ratio < 4.8, `spread ratio ${ratio}`);
  const { drift, spread } = await run(2, 10);
  assert.ok(Math.abs(drift) < 1e-4, `${drift} kT per degree of freedom per ns`);
  assert.ok(spread > 0 && spread < 1e-5 * boltzmann * 130 * 375, `fluctuates by ${spread} eV`);
});

test('pressure agrees with the virial expansion of a dilute gas', async () => {
  const temperature = 300;
  const kT = boltzmann * temperature;
  const gas = lattice(6, 9);
  const volume = (6 * 9) ** 3;
  const density = 216 / volume;
  const sim = simulate(gas, argon, {
    integrator: langevin({ temperature, timestep: 10, friction: 5, seed: 3 }),
    replicas: 6,
    steps: 4000,
    every: 20,
  });
  const sums = new Float64Array(6);
  let frames = 0;
  for await (const frame of sim) {
    if (frame.step <= 1000) continue;
    frames++;
    frame.pressure!.forEach((p, r) => {
      // The kinetic part is known: leave its noise out.
      const ideal = (2 * frame.kinetic[r]!) / (3 * volume);
      sums[r]! += (p / 1602176.634 - ideal + density * kT) / kT / density;
    });
  }
  const { error, mean } = meanError(sums.map((s) => s / frames));
  // B2 = −2π ∫ (e^(−φ/kT) − 1) r² dr, of the potential as it is, by quadrature.
  let b2 = 0;
  let b2OfPlain = 0;
  for (let r = 0.005; r < 60; r += 0.01) {
    const two = new Structure({ positions: Float64Array.of(0, 0, 0, r, 0, 0), symbols: ['Ar', 'Ar'] });
    const phi = r < 1 ? 1e3 : r < 8.5 ? energyOf(two) : 0;
    const plain = r < 1 ? 1e3 : 4 * epsilon * ((sigma / r) ** 12 - (sigma / r) ** 6);
    b2 -= 2 * Math.PI * (Math.exp(-phi / kT) - 1) * r * r * 0.01;
    b2OfPlain -= 2 * Math.PI * (Math.exp(-plain / kT) - 1) * r * r * 0.01;
  }
  // Reduced: T* = 2.486, where the tables of Hirschfelder, Curtiss and Bird have B2* = −0.3126 at 2.5, in 2πσ³/3.
  assert.ok(Math.abs(b2OfPlain / ((2 * Math.PI * sigma ** 3) / 3) + 0.32) < 0.01, 'quadrature');
  const wanted = 1 + b2 * density;
  // The third coefficient is about 0.4 (2πσ³/3)² here.
  const third = 0.4 * ((2 * Math.PI * sigma ** 3) / 3) ** 2 * density ** 2;
  assert.ok(error < 0.3 * Math.abs(b2 * density), `sharp: ${error} of ${b2 * density}`);
  const off = mean - wanted - third;
  assert.ok(Math.abs(off) < 4 * error + 0.3 * third, `p/ρkT ${mean} ± ${error}, wanted ${wanted + third}`);
});

function energyOf(structure: Structure): number {
  const batch = {
    offsets: Int32Array.of(0, 2),
    positions: structure.positions,
    types: new Int32Array(2),
    boxes: new Float64Array(9),
    periodic: new Uint8Array(3),
  };
  const energy = new Float64Array(1);
  native().evaluate(argon.handle, batch, energy, undefined, undefined);
  return energy[0]!;
}

test('the list is rebuilt as needed, and the skin is no more than a matter of speed', async () => {
  const runs = await Promise.all([0, 0.4, 2].map((skin) => simulate(liquid, argon, warm({ skin })).run()));
  const [none, some, much] = runs.map((r) => r.listRebuilds);
  assert.ok(none! >= 200, `${none} rebuilds without a skin`);
  assert.ok(some! > 3 && some! < 100, `${some} rebuilds`);
  assert.ok(much! < some!, `${much} rebuilds`);
  const [a, b] = [runs[0]!.frames.potential, runs[2]!.frames.potential];
  a.forEach((u, i) => {
    assert.ok(Math.abs(u - b[i]!) < 1e-9 * Math.abs(u), `frame ${i}`);
  });
});

test('threads, batches, chunks and resuming change no bit', async () => {
  const n = native();
  const before = n.threads();
  const options = warm({ replicas: 3 });
  const sim = simulate(liquid, argon, options);
  const wanted = await finish(sim);
  assert.ok(sim.summary().listRebuilds > 3);
  for (const threads of [1, 3]) {
    n.setThreads(threads);
    assert.is(hash(await finish(simulate(liquid, argon, options))), hash(wanted), `${threads} threads`);
  }
  n.setThreads(before);
  const alone = await finish(simulate(liquid, argon, { ...options, replicas: 1, firstReplica: 2 }));
  assert.equal(alone.positions, wanted.structure(2).positions, 'alone');

  const folder = mkdtempSync(join(tmpdir(), 'mdlab-fluid-'));
  const file = join(folder, 'run.checkpoint');
  const builtAt = (run: Simulation): unknown => {
    run.save(join(folder, 'end.checkpoint'));
    return readSafetensors(join(folder, 'end.checkpoint')).tensors.get('listBuiltAt')!.data;
  };
  for (const stop of [1, 77, 199]) {
    const part = simulate(liquid, argon, { ...options, steps: stop });
    await part.run();
    part.save(file);
    const again = await resume(file, argon, { steps: 200 });
    assert.is(hash(await finish(again)), hash(wanted), `resumed at ${stop}`);
    // The list too is built at the same steps, for potentials whose sums depend on what it holds.
    assert.equal(builtAt(again), builtAt(sim), `list after resuming at ${stop}`);
  }
});

test('a step longer than 100 ms is cut off within them, and taken again to the same bits', async () => {
  // 10^5 atoms: a step takes longer than the stop may, and is cut off within.
  const big = lattice(47, 3.75);
  await stopsWithinSteps(
    () =>
      simulate(big, argon, {
        integrator: langevin({ temperature: 130, timestep: 5, seed: 1 }),
        steps: 2,
        every: 1,
        skin: 0.01,
      }),
    (k) => 0.3 + 0.2 * (k % 6),
  );
});

test('FIRE relaxes a cluster, and refuses atoms on top of each other', async () => {
  const open = lattice(3, 3.6, 1).with({ box: null });
  const found = await minimize(open, argon, { forceTolerance: 1e-5, maxSteps: 5000 });
  assert.ok(found.converged);
  assert.ok(found.energy[0]! < -60 * epsilon, `${found.energy[0]! / epsilon} ε`);
  const two = new Structure({ positions: new Float64Array(6), symbols: ['Ar', 'Ar'] });
  const error = await minimize(two, argon).catch((e: unknown) => e);
  assert.is((error as MdlabError).code, 'ENUMERIC');
});

test.run();
