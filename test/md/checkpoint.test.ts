import { mkdtempSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  harmonicWell,
  langevin,
  load,
  loadModel,
  loadStructure,
  loadTrajectory,
  MdlabError,
  makeBox,
  type Potential,
  readSafetensors,
  readTorch,
  resume,
  type SimulateOptions,
  type Structure,
  simulate,
  tempering,
  writeSafetensors,
} from '../../lib/index.js';
import { cloud, finish, hash } from './shared.js';

const folder = mkdtempSync(join(tmpdir(), 'mdlab-checkpoint-'));
const path = (name: string): string => join(folder, name);
const well = harmonicWell({ k: 1.5, center: [0.2, 0.1, 0] });
const options = (more: Partial<SimulateOptions> = {}): SimulateOptions => ({
  integrator: langevin({ temperature: 300, timestep: 2, seed: 6 }),
  steps: 100,
  every: 10,
  replicas: 3,
  removeCenterOfMass: true,
  ...more,
});

async function message(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => 'nothing was thrown',
    (e: unknown) => e,
  );
  return error instanceof MdlabError ? `${error.code} ${error.message}` : `no MdlabError: ${error}`;
}

test('a resumed run has the bits of one that never stopped', async () => {
  const straight = await finish(simulate(cloud(40), well, options()));
  for (const stop of [10, 37]) {
    const sim = simulate(cloud(40), well, options({ steps: stop }));
    await sim.run();
    sim.save(path('a.checkpoint'));
    const again = await resume(path('a.checkpoint'), well, { steps: 100 });
    assert.is(again.step, stop);
    assert.is(hash(again.state), hash(sim.state));
    assert.is(hash(await finish(again)), hash(straight));
    assert.is(again.summary().steps, 100 - stop);
  }
});

test('a run stored before its first step goes on as if it had not been', async () => {
  const straight = await finish(simulate(cloud(40), well, options()));
  simulate(cloud(40), well, options()).save(path('saved.checkpoint'));
  const signal = AbortSignal.abort();
  const aborted = simulate(cloud(40), well, options({ signal, checkpoint: path('aborted.checkpoint') }));
  assert.match(await message(aborted.run()), /EINTERRUPTED .* after step 0/);
  for (const name of ['saved', 'aborted']) {
    const again = await resume(path(`${name}.checkpoint`), well);
    assert.is(again.step, 0);
    assert.is(hash(await finish(again)), hash(straight), name);
  }
});

test('box, residues, bonds, types, names, masses and several structures come back', async () => {
  const box = makeBox([20, 0, 0, 3, 20, 0, 0, 0, 20], [true, true, true]);
  const rich = cloud(4).with({
    box,
    name: 'rich',
    info: { note: 'yes', n: 3 },
    types: Int32Array.of(3, 1, 4, 1),
    masses: Float64Array.of(1, 2, 3, 4),
    bonds: Int32Array.of(0, 1, 1, 2),
    residues: {
      atomNames: ['N', 'CA', 'C', 'O'],
      names: ['GLY', 'GLY', 'GLY', 'GLY'],
      ids: Int32Array.of(1, 1, 1, 1),
      chains: ['A', 'A', 'A', 'A'],
    },
  });
  const sim = simulate([rich, cloud(7, 3)], well, options({ replicas: 2, steps: 50 }));
  await sim.run();
  assert.ok(Number.isFinite(sim.state.pressure![0]!) && Number.isNaN(sim.state.pressure![2]!));
  sim.save(path('rich.checkpoint'));
  const again = await resume(path('rich.checkpoint'), well);
  assert.equal(again.state.pressure!.slice(0, 2), sim.state.pressure!.slice(0, 2));
  const back: Structure = again.system.structures[0]!;
  for (const key of ['box', 'name', 'info', 'types', 'masses', 'bonds', 'residues', 'symbols'] as const) {
    assert.equal(back[key], rich[key], key);
  }
});

test('tempering goes on with its permutation and its counts', async () => {
  const ladder = (steps: number): SimulateOptions =>
    options({
      integrator: langevin({ timestep: 2, seed: 3 }),
      tempering: tempering({ temperatures: [300, 310, 330], every: 7 }),
      steps,
      replicas: 6,
    });
  const straight = simulate(cloud(3), well, ladder(200));
  const wanted = await finish(straight);
  const sim = simulate(cloud(3), well, ladder(90));
  await sim.run();
  assert.not.equal([...sim.state.temperatureIndex!], [0, 1, 2, 0, 1, 2], 'something was exchanged');
  sim.save(path('t.checkpoint'));
  const again = await resume(path('t.checkpoint'), well, { steps: 200 });
  const state = await finish(again);
  assert.is(hash(state), hash(wanted));
  assert.equal(state.temperatureIndex, wanted.temperatureIndex);
  assert.equal(again.summary().exchange, straight.summary().exchange);
});

test('checkpoints are written on the way, at the end, and when a run is interrupted', async () => {
  const file = path('auto.checkpoint');
  const sim = simulate(cloud(5), well, options({ checkpoint: { file, every: 25 } }));
  const seen = new Set<number>();
  for await (const frame of sim) {
    if (frame.step < 30) continue;
    seen.add((await resume(file, well)).step);
  }
  assert.equal([...seen], [25, 50, 75, 100]);

  const stop = new AbortController();
  const long = simulate(
    cloud(500),
    well,
    options({ checkpoint: file, steps: 1e9, every: 1e8, signal: stop.signal }),
  );
  setTimeout(() => stop.abort(), 50);
  assert.match(await message(long.run()), /^EINTERRUPTED/);
  const again = await resume(file, well);
  assert.is(again.step, long.step);
  assert.ok(again.step > 0);
  assert.is(hash(again.state), hash(long.state));
  assert.is(again.steps, 1e9, 'it still knows where it was going');
});

test('another potential, other types, other particles are refused', async () => {
  const file = path('refuse.checkpoint');
  const sim = simulate(cloud(5), well, options({ steps: 10 }));
  await sim.run();
  sim.save(file);
  const as = (more: object, of: Potential = well): Potential =>
    ({ ...of, info: { ...well.info, ...more } }) as Potential;
  assert.match(
    await message(resume(file, as({ name: 'other' }))),
    /^EINVALID resume.potential.name: must be 'harmonic well' as in refuse.checkpoint, received "other"/,
  );
  assert.match(
    await message(resume(file, as({ precision: 'float32' }))),
    /resume.potential.precision: must be 'float64'/,
  );
  assert.match(
    await message(resume(file, as({ typesOf: () => Int32Array.of(0, 0, 9, 0, 0) }))),
    /^EINVALID resume.types\[2\]: must be 0 as in refuse.checkpoint, received 9/,
  );
  assert.match(
    await message(resume(file, as({}, harmonicWell({ k: 1.6, center: [0.2, 0.1, 0] })))),
    /^EINVALID resume.potential: must give [\d.]+ eV for system 0 at the positions of refuse.checkpoint/,
  );
  assert.match(
    await message(resume(file, as({}, harmonicWell({ k: [1, 2] })))),
    /^EINVALID harmonicWell: made for 2 atoms/,
  );
  assert.match(
    await message(resume(file, well, { steps: 5 })),
    /^EINVALID resume.steps: must be at least the 10 taken/,
  );
});

test('what loads other files points to resume, whatever a checkpoint is called', async () => {
  const sim = simulate(cloud(5), well, options({ steps: 10 }));
  await sim.run();
  for (const name of ['run.checkpoint', 'run.ckpt', 'run.pt', 'run.safetensors']) {
    const file = path(name);
    sim.save(file);
    const calls: [string, () => unknown][] = [
      ['a structure, a trajectory or arrays', () => load(file)],
      ['a structure, a trajectory or arrays', () => loadStructure(file)],
      ['a structure, a trajectory or arrays', () => loadTrajectory(file)],
      ['a model', () => loadModel(file)],
      ['a PyTorch file', () => readTorch(file)],
    ];
    for (const [what, call] of calls)
      assert.is(
        await message((async () => call())()),
        `EINVALID ${name}: must be ${what}, received "the checkpoint of a run"; ` +
          `go on with it by resume('${name}', potential); readSafetensors gives its arrays`,
      );
    assert.is((await resume(file, well)).step, 10);
    assert.is(readSafetensors(file).tensors.get('positions')!.data.length, 45);
  }
});

test('damaged files are told by name and part, whatever is wrong', async () => {
  const file = path('good.checkpoint');
  const sim = simulate(cloud(5), well, options({ steps: 10 }));
  await sim.run();
  sim.save(file);
  const bad = path('bad.checkpoint');
  const bytes = readFileSync(file);
  for (const length of [0, 5, 100, bytes.length - 1]) {
    writeFileSync(bad, bytes);
    truncateSync(bad, length);
    assert.match(await message(resume(bad, well)), /^EFORMAT .*bad.checkpoint/);
  }
  const { metadata, tensors } = readSafetensors(file);
  // As a checkpoint of before, which every part is checked of all the same.
  delete metadata['sha256'];
  writeSafetensors(bad, tensors, metadata);
  assert.is((await resume(bad, well)).step, 10);
  const broken = async (change: () => void, wanted: RegExp): Promise<void> => {
    const [keptTensors, keptHeader] = [new Map(tensors), metadata['mdlab']!];
    change();
    writeSafetensors(bad, tensors, metadata);
    tensors.clear();
    for (const [k, v] of keptTensors) tensors.set(k, v);
    metadata['mdlab'] = keptHeader;
    assert.match(await message(resume(bad, well)), wanted);
  };
  const floats = (n: number, value = 0): { shape: number[]; dtype: 'float64'; data: Float64Array } => ({
    shape: [n],
    dtype: 'float64',
    data: new Float64Array(n).fill(value),
  });
  await broken(
    () => tensors.delete('velocities'),
    /^EFORMAT .*bad.checkpoint: velocities: must be an F64 tensor/,
  );
  await broken(() => tensors.set('positions', floats(6)), /positions: must hold 45 numbers, received 6/);
  await broken(
    () => tensors.set('forces', floats(45, Number.NaN)),
    /forces\[0\]: must be finite, received NaN/,
  );
  await broken(() => {
    metadata['mdlab'] = 'no';
  }, /__metadata__.mdlab: must be JSON/);
  await broken(() => {
    metadata['mdlab'] = '{"format":"other"}';
  }, /__metadata__.mdlab.format: must be 'mdlab-checkpoint', received "other"/);
  await broken(() => {
    metadata['mdlab'] = metadata['mdlab']!.replace('"version":1', '"version":99');
  }, /version: must be 1, received 99/);
  await broken(() => tensors.delete('structure.0.positions'), /structure.0.positions: must be an F64 tensor/);
  assert.match(await message(resume(path('absent.checkpoint'), well)), /^ENOTFOUND/);
  writeFileSync(path('run.csv'), 'step,energy\n0,1.5\n');
  assert.match(
    await message(resume(path('run.csv'), well)),
    /run\.csv: must be the checkpoint of a run, received another kind of file; resume takes/,
  );
  writeSafetensors(path('model.safetensors'), new Map());
  assert.match(
    await message(resume(path('model.safetensors'), well)),
    /must be the checkpoint of a run, .*resume takes/,
  );
});

test('one flipped bit of the arrays or the options is told', async () => {
  const file = path('whole.checkpoint');
  const sim = simulate(cloud(5), well, options({ steps: 10 }));
  await sim.run();
  sim.save(file);
  assert.is((await resume(file, well)).step, 10);
  const bytes = readFileSync(file);
  const bad = path('flipped.checkpoint');
  const flipped = async (at: number, bit: number): Promise<string> => {
    const copy = Buffer.from(bytes);
    copy[at] = copy[at]! ^ bit;
    writeFileSync(bad, copy);
    return message(resume(bad, well));
  };
  const length = Number(bytes.readBigUInt64LE(0));
  const { velocities } = JSON.parse(bytes.toString('utf8', 8, 8 + length));
  const damaged =
    /^EFORMAT .*flipped.checkpoint: __metadata__.sha256: must be the digest of the contents: the file is damaged/;
  for (
    let at = 8 + length + velocities.data_offsets[0];
    at < 8 + length + velocities.data_offsets[1];
    at += 97
  )
    assert.match(await flipped(at, 1), damaged);
  assert.match(await flipped(bytes.length - 1, 128), damaged, 'species indices');
  const seed = bytes.indexOf('seed');
  assert.match(await flipped(bytes.indexOf('6', seed), 1), damaged, 'the seed, 7 for 6');
  for (let at = 8; at < 8 + length; at += 7) {
    const told = await flipped(at, 4);
    if (told.startsWith('EFORMAT')) continue;
    // The name of the digest itself carries nothing.
    const name = bytes.indexOf('sha256');
    assert.ok(at >= name && at < name + 6, `byte ${at}: ${told}`);
  }
});

test('what a run writes is a file by name', () => {
  const wrong = (more: object): string => {
    try {
      simulate(cloud(5), well, options({ steps: 10, ...more }));
    } catch (error) {
      return (error as Error).message;
    }
    return 'it was taken';
  };
  for (const trajectory of ['', { file: 'a.xtc', every: 2 }])
    assert.match(wrong({ trajectory }), /^simulate.trajectory: must name a file, received/);
  for (const checkpoint of ['', { every: 5 }])
    assert.match(wrong({ checkpoint }), /^simulate.checkpoint.file: must name a file, received/);
});

test.run();
