import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  harmonicWell,
  langevin,
  loadTrajectory,
  resume,
  type SimulateOptions,
  simulate,
  type Trajectory,
} from '../../lib/index.js';
import { cloud, finish, hash } from './shared.js';

const every = 50;
const steps = 4000;
const well = harmonicWell({ k: 1 });
const options = (trajectory: string, checkpoint: string): SimulateOptions => ({
  integrator: langevin({ temperature: 300, timestep: 2, seed: 12 }),
  steps,
  every,
  trajectory,
  checkpoint: { file: checkpoint, every: 4 * every },
});

const read = (file: string): Trajectory => loadTrajectory(file, { topology: cloud(30) });

/** Starts the run in a process of its own and kills it once it has told of `frames` frames. */
async function killAfter(frames: number, trajectory: string, checkpoint: string): Promise<number> {
  const child = spawn(
    process.execPath,
    ['--enable-source-maps', new URL(import.meta.url).pathname, 'child', trajectory, checkpoint],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  let told = 0;
  child.stdout.on('data', (text: Buffer) => {
    told += String(text).split('frame').length - 1;
    if (told >= frames) child.kill('SIGKILL');
  });
  await once(child, 'exit');
  assert.ok(child.signalCode === 'SIGKILL', 'it was killed, it did not end');
  return told;
}

async function child(trajectory: string, checkpoint: string): Promise<void> {
  for await (const _ of simulate(cloud(30), well, options(trajectory, checkpoint))) console.log('frame');
}

if (process.argv[2] === 'child') await child(process.argv[3]!, process.argv[4]!);
else {
  for (const extension of ['dcd', 'xtc', 'extxyz']) {
    test(`a killed run leaves a ${extension} file that reads and a checkpoint that goes on`, async () => {
      const folder = mkdtempSync(join(tmpdir(), 'mdlab-killed-'));
      const trajectory = join(folder, `run.${extension}`);
      const checkpoint = join(folder, 'run.checkpoint');
      const told = await killAfter(23, trajectory, checkpoint);
      assert.ok(existsSync(checkpoint));
      const left = read(trajectory);
      assert.ok(left.length >= told, `${left.length} frames in the file, ${told} told of`);

      const sim = await resume(checkpoint, well);
      assert.ok(sim.step >= 800 && sim.step % (4 * every) === 0, `resumes from step ${sim.step}`);
      const end = await finish(sim);
      sim.close();

      const whole = join(folder, `whole.${extension}`);
      const straight = simulate(cloud(30), well, options(whole, join(folder, 'whole.checkpoint')));
      assert.is(hash(end), hash(await finish(straight)));
      straight.close();
      const [resumed, never] = [read(trajectory), read(whole)];
      assert.is(resumed.length, steps / every);
      assert.is(never.length, steps / every);
      resumed.frames.forEach((frame, i) => {
        assert.equal(frame.positions, never.frames[i]!.positions, `frame ${i}`);
      });
    });
  }
  test.run();
}
