import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  harmonicWell,
  langevin,
  MdlabError,
  minimize,
  resume,
  Structure,
  simulate,
  tempering,
  velocityVerlet,
} from '../../lib/index.js';
import { atOrigin, cloud } from './shared.js';

const well = harmonicWell({ k: 1 });
const integrator = langevin({ temperature: 300, timestep: 2 });

test('a run that explodes names step, replica and atom and keeps the last good step', async () => {
  // One atom of replica 1 sits in a well too stiff for the time step.
  const k = Float64Array.of(1, 1, 1e6, 1);
  const sim = simulate(cloud(4), harmonicWell({ k }), {
    integrator: velocityVerlet({ timestep: 5 }),
    steps: 1000,
    every: 1,
    replicas: 2,
  });
  const error = await sim.run().catch((e: unknown) => e);
  assert.ok(error instanceof MdlabError);
  const { code, message } = error as MdlabError;
  assert.is(code, 'ENUMERIC');
  assert.match(
    message,
    /^dynamics: diverged at step \d+ in replica 0: atom 2 moved [\d.e+]+ Å in one step \(limit 10 Å\); use a smaller timestep or minimise first\. The state of step \d+ is kept$/,
  );
  const { state } = sim;
  assert.is(state.step, Number(/at step (\d+)/.exec(message)![1]) - 1);
  assert.ok(state.positions.every((x) => Number.isFinite(x)));
});

test('the replica is named by its own number', async () => {
  const hot = cloud(3).with({ velocities: Float64Array.of(0, 0, 0, 0, 9, 0, 0, 0, 0) });
  const sim = simulate([cloud(3).with({ velocities: new Float64Array(9) }), hot], well, {
    integrator: velocityVerlet({ timestep: 2 }),
    steps: 10,
    firstReplica: 5,
  });
  const error = await sim.run().catch((e: unknown) => e);
  assert.match(String(error), /diverged at step 1 in replica 6: atom 1 moved 18/);
});

test('masses come from the structure, else from symbols, else are asked for', () => {
  const unknown = new Structure({ positions: new Float64Array(3), symbols: ['Xx'] });
  assert.throws(
    () => simulate(unknown, well, { integrator, steps: 1 }),
    /simulate.masses\[0\]: is unknown for this symbol, received "Xx"; give structure.masses in amu/,
  );
  for (const bad of [0, -1, Number.NaN]) {
    assert.throws(
      () => simulate(unknown.with({ masses: Float64Array.of(bad) }), well, { integrator, steps: 1 }),
      /simulate.masses\[0\]: must be positive \(amu\), received/,
    );
  }
  const sim = simulate(unknown.with({ masses: Float64Array.of(40) }), well, { integrator, steps: 1 });
  assert.equal([...sim.system.masses], [40]);
});

test('options out of range are refused, each by name', () => {
  const refuse = (options: object, message: RegExp): void => {
    assert.throws(() => simulate(cloud(2), well, { integrator, steps: 1, ...options }), message);
  };
  refuse({ steps: -1 }, /simulate.steps: must be a whole number of at least 0, received -1/);
  refuse({ every: 0 }, /simulate.every: must be a whole number of at least 1, received 0/);
  refuse({ replicas: 2.5 }, /simulate.replicas/);
  refuse({ skin: -1 }, /simulate.skin: must be at least 0, received -1; give it in Å/);
  refuse({ displacementLimit: 0 }, /simulate.displacementLimit: must be positive/);
  refuse({ integrator: {} }, /simulate.integrator: must be langevin/);
  refuse({ integrator: { ...integrator, timestep: -4 } }, /langevin.timestep: must be positive, received -4/);
  refuse({ integrator: langevin({ timestep: 2 }) }, /simulate.integrator.temperature: must be given/);
  refuse(
    { integrator: langevin({ timestep: 2, temperature: [300, 310] }), replicas: 3 },
    /must be one number or 3, one per replica, received 2/,
  );
  refuse(
    { velocities: new Float64Array(5) },
    /simulate.velocities: must hold 6 numbers, or 6 for each replica/,
  );
  refuse({ velocities: new Float64Array(6).fill(Number.NaN) }, /simulate.velocities\[0\]: must be finite/);
  assert.throws(
    () => simulate(cloud(0), well, { integrator, steps: 1 }),
    /must have at least 1 particles, received 0/,
  );
  assert.throws(
    () => simulate([], well, { integrator, steps: 1 }),
    /simulate.structures: must be at least one/,
  );
  assert.throws(
    () => simulate(atOrigin(1), well, { integrator, steps: 1, removeCenterOfMass: true }),
    /must have at least 2 particles when the centre of mass is kept at rest, received 1/,
  );
  assert.throws(
    () => langevin({ temperature: 300, timestep: 0 }),
    /langevin.timestep: must be positive, received 0/,
  );
  assert.throws(() => langevin({ temperature: -3, timestep: 1 }), /langevin.temperature: must be positive/);
  assert.throws(
    () => langevin({ temperature: 3, timestep: 1, friction: -1 }),
    /langevin.friction: must be at least 0/,
  );
  assert.throws(
    () => langevin({ temperature: 3, timestep: 1, seed: 0.5 }),
    /langevin.seed: must be a whole number/,
  );
});

test('a misspelt option is refused, also in an object held by a variable', async () => {
  const warm = { temperature: 300, timestep: 4, fricton: 5 };
  assert.throws(
    () => langevin(warm),
    /^langevin option: must be one of 'temperature', 'friction', 'timestep', 'seed', received "fricton"$/,
  );
  assert.throws(
    () => velocityVerlet({ timestep: 1, ...{ friction: 1 } }),
    /velocityVerlet option.*"friction"/,
  );
  const ladder = { temperatures: [300, 310], every: 10, evry: 20 };
  assert.throws(() => tempering(ladder), /tempering option: .*"evry"/);
  const run = { integrator, steps: 10, chekpoint: 'q.ckpt' };
  assert.throws(() => simulate(cloud(2), well, run), /simulate option: .*'checkpoint'.*"chekpoint"/);
  const checkpoint = { file: 'q.ckpt', evry: 5 };
  assert.throws(
    () => simulate(cloud(2), well, { integrator, steps: 10, checkpoint }),
    /simulate.checkpoint option: must be one of 'file', 'every', received "evry"/,
  );
  const refused = async (made: Promise<unknown>): Promise<string> => String(await made.catch((e) => e));
  assert.match(
    await refused(minimize(cloud(2), well, { ...{ skin: 1, maxStep: 3 } })),
    /minimize option: .*'maxSteps'.*"maxStep"/,
  );
  // Before the file, which is not there.
  assert.match(
    await refused(resume('q.ckpt', well, { ...{ steps: 9, trajectry: 'q.dcd' } })),
    /resume option: .*'trajectory'.*"trajectry"/,
  );
});

test('a known option may be undefined', () => {
  const none = { checkpoint: undefined, every: undefined } as object;
  assert.is(simulate(cloud(2), well, { integrator, steps: 10, ...none }).options.every, 10);
});

test('zero steps are no error', async () => {
  const summary = await simulate(cloud(3), well, { integrator, steps: 0 }).run();
  assert.is(summary.steps, 0);
  assert.is(summary.frames.step.length, 0);
});

test.run();
