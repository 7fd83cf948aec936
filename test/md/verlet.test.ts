import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { harmonicWell, Structure, simulate, velocityVerlet } from '../../lib/index.js';
import { atOrigin, cloud, finish, stiffness } from './shared.js';

const one = (x: number): Structure => new Structure({ positions: Float64Array.of(x, 0, 0), symbols: ['C'] });

test('an oscillator follows the closed form of velocity Verlet', async () => {
  const omega = 0.05;
  const timestep = 2;
  const well = harmonicWell({ k: stiffness(omega) });
  const sim = simulate(one(1.5), well, { integrator: velocityVerlet({ timestep }), steps: 400, every: 1 });
  // x_n = x_0 cos(n Ω), cos Ω = 1 − (ω dt)²/2
  const phase = Math.acos(1 - (omega * timestep) ** 2 / 2);
  let frames = 0;
  for await (const frame of sim) {
    frames++;
    assert.is(frame.time, 2 * frame.step);
    const wanted = 1.5 * Math.cos(frame.step * phase);
    assert.ok(Math.abs(frame.positions[0]! - wanted) < 1e-11, `step ${frame.step}: ${frame.positions[0]}`);
  }
  assert.is(frames, 400);
});

test('the energy error falls with the square of the time step', async () => {
  const worst = async (timestep: number): Promise<number> => {
    const sim = simulate(
      cloud(20),
      harmonicWell({ k: Float64Array.from({ length: 20 }, (_, i) => 1 + i / 7) }),
      {
        integrator: velocityVerlet({ timestep, temperature: 300 }),
        steps: 1000 / timestep,
        every: 1,
      },
    );
    const start = sim.state.kinetic[0]! + potentialOf(sim.state.positions);
    let most = 0;
    for await (const frame of sim) most = Math.max(most, Math.abs(frame.total[0]! - start));
    return most;
  };
  const potentialOf = (x: Float64Array): number =>
    x.reduce((e, v, j) => e + 0.5 * (1 + Math.floor(j / 3) / 7) * v * v, 0);
  const [coarse, middle, fine] = [await worst(2), await worst(1), await worst(0.5)];
  assert.ok(coarse < 0.5, `worst ${coarse} eV`);
  assert.ok(Math.abs(coarse / middle - 4) < 0.25, `ratio ${coarse / middle}`);
  assert.ok(Math.abs(middle / fine - 4) < 0.1, `ratio ${middle / fine}`);
});

test('turned around, a run finds its way back', async () => {
  const well = harmonicWell({ k: 2, center: [0.3, 0, -0.2] });
  const options = { integrator: velocityVerlet({ timestep: 1, temperature: 400 }), steps: 2000 };
  const start = cloud(10);
  const there = await finish(simulate(start, well, options));
  const turned = there.structure().with({ velocities: there.velocities.map((v) => -v) });
  const back = await finish(simulate(turned, well, options));
  const moved = Math.max(...there.positions.map((x, i) => Math.abs(x - start.positions[i]!)));
  const off = Math.max(...back.positions.map((x, i) => Math.abs(x - start.positions[i]!)));
  assert.ok(moved > 0.5, 'the run went somewhere');
  assert.ok(off < 1e-10, `came back within ${off} Å`);
});

test('the energy of oscillators does not drift', async () => {
  const sim = simulate(
    cloud(50),
    harmonicWell({ k: Float64Array.from({ length: 50 }, (_, i) => 5 + i / 9) }),
    {
      integrator: velocityVerlet({ timestep: 2, temperature: 300 }),
      steps: 500_000,
      every: 50,
    },
  );
  const { drift } = await sim.run();
  assert.ok(Math.abs(drift![0]!) < 1e-4, `${drift![0]} kT per degree of freedom per ns`);
});

test('velocities are the structure’s, drawn, given or zero', async () => {
  const integrator = velocityVerlet({ timestep: 1 });
  const free = harmonicWell({ k: 0 });
  const velocities = Float64Array.of(0.01, 0.02, 0.03);
  const moving = one(0).with({ velocities });
  const after = await finish(simulate(moving, free, { integrator, steps: 100, replicas: 2 }));
  assert.equal([...after.velocities], [...velocities, ...velocities]);
  assert.ok(Math.abs(after.positions[5]! - 3) < 1e-12);
  assert.equal([...simulate(one(0), free, { integrator, steps: 1 }).state.velocities], [0, 0, 0]);
  assert.equal(
    [...simulate(moving, free, { integrator, steps: 1, velocities: 'zero' }).state.velocities],
    [0, 0, 0],
  );
  const given = simulate(one(0), free, { integrator, steps: 1, replicas: 3, velocities }).state.velocities;
  assert.equal([...given], [...velocities, ...velocities, ...velocities]);
  const warm = velocityVerlet({ timestep: 1, temperature: 300, seed: 4 });
  const drawn = simulate(moving, free, { integrator: warm, steps: 1, velocities: 'maxwell-boltzmann' }).state;
  assert.not.equal([...drawn.velocities], [...velocities]);
  assert.throws(
    () => simulate(one(0), free, { integrator, steps: 1, velocities: 'maxwell-boltzmann' }),
    /simulate.velocities: need a temperature to be drawn at/,
  );
  assert.throws(
    () => simulate(one(0), free, { integrator, steps: 1, velocities: 'structure' }),
    /simulate.velocities: must be in every structure/,
  );
});

test('the centre of mass stays at rest when told to', async () => {
  const sim = simulate(atOrigin(4), harmonicWell({ k: 0.1, center: [3, 0, 0] }), {
    integrator: velocityVerlet({ timestep: 2, temperature: 300 }),
    steps: 500,
    replicas: 3,
    removeCenterOfMass: true,
  });
  const end = await finish(sim);
  for (let s = 0; s < 3; s++) {
    for (let k = 0; k < 3; k++) {
      let x = 0;
      let v = 0;
      for (let i = 4 * s; i < 4 * s + 4; i++) {
        x += end.positions[3 * i + k]! / 4;
        v += end.velocities[3 * i + k]! / 4;
      }
      assert.ok(Math.abs(x) < 1e-12 && Math.abs(v) < 1e-15, `replica ${s}: ${x} Å, ${v} Å/fs`);
    }
  }
});

test.run();
