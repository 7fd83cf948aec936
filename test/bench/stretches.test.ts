// A long run in stretches is the run without a stop: aborted, killed at any moment, or diverged.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { backbonePriors, beadsFromSequence, type Frame, langevin, sequences } from '../../lib/index.js';
import { hash } from '../md/shared.js';
import { type Taken, takeStretch } from './stretches.js';

const folder = mkdtempSync(join(tmpdir(), 'mdlab-stretches-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
const at = (name: string): string => join(folder, name);
const start = beadsFromSequence(sequences.CLN025);
const potential = backbonePriors(start);

interface Sample {
  step: number;
  energy: number[];
}

interface Told {
  /** Called with every frame. */
  seen?: (step: number) => void;
  signal?: AbortSignal;
  timestep?: number;
}

function stretch(name: string, { seen, signal, timestep = 4 }: Told = {}): Promise<Taken<Sample>> {
  return takeStretch({
    folder: at(name),
    settings: { protein: 'CLN025', timestep },
    ...{ start, potential },
    options: {
      integrator: langevin({ temperature: 300, timestep, seed: 3 }),
      velocities: 'maxwell-boltzmann',
      ...{ steps: 300, every: 10, replicas: 2, progress: false, ...(signal ? { signal } : {}) },
    },
    sample: (frame: Frame) => {
      seen?.(frame.step);
      return { step: frame.step, energy: [...frame.potential] };
    },
  });
}

const straight = await stretch('straight', {
  // What a kill leaves: between a checkpoint and its sample, and some samples after one.
  seen: (step) => {
    if (step === 100 || step === 230) cpSync(at('straight'), at(`killed-${step}`), { recursive: true });
  },
});

function same(name: string, got: Taken<Sample>): void {
  assert.is(hash(got.sim.state), hash(straight.sim.state));
  assert.equal(got.samples, straight.samples);
  const file = (folderOf: string): string => readFileSync(join(at(folderOf), 'samples.jsonl'), 'utf8');
  assert.is(file(name), file('straight'));
}

test('a run that is aborted goes on where it was', async () => {
  for (const until of [0, 40, 100, 170]) {
    const stop = new AbortController();
    if (until === 0) stop.abort();
    const seen = (step: number): void => (step === until ? stop.abort() : undefined);
    const part = await stretch('aborted', { seen, signal: stop.signal });
    assert.is(part.sim.step, until);
    assert.is(part.diverged, undefined);
  }
  const got = await stretch('aborted');
  same('aborted', got);
  assert.equal(
    got.stretches.map((s) => [s.from, s.to]),
    [0, 40, 100, 170].map((from, k) => [from, [40, 100, 170, 300][k]]),
  );
  same('aborted', await stretch('aborted'));
});

test('a run that is killed goes on from its checkpoint, with every sample once', async () => {
  for (const [step, from] of [
    [100, 100],
    [230, 200],
  ] as const) {
    const name = `killed-${step}`;
    const steps: number[] = [];
    const got = await stretch(name, { seen: (s) => steps.push(s) });
    assert.is(steps[0], step === from ? from : from + 10);
    same(name, got);
  }
});

test('a run that diverges says so, again too', async () => {
  for (let k = 0; k < 2; k++) {
    const got = await stretch('diverged', { timestep: 30 });
    assert.match(got.diverged!, /diverged at step \d+ in replica/);
    assert.ok(got.sim.step < 300);
  }
});

test('a folder of another run is refused', async () => {
  const error = await stretch('straight', { timestep: 2 }).catch((e: unknown) => e);
  assert.match(String(error), /run\.json: timestep: must be 2, received 4; give another folder/);
});

test('two processes do not share a folder; one that is gone leaves it free', async () => {
  const lock = join(at('straight'), 'pid');
  assert.not(existsSync(lock));
  writeFileSync(lock, `${process.ppid}\n`);
  try {
    await stretch('straight');
    assert.unreachable();
  } catch (error) {
    assert.match(String(error), /must be used by one process at a time, received "process \d+"/);
  }
  const gone = spawnSync(process.execPath, ['-e', '']).pid;
  writeFileSync(lock, `${gone}\n`);
  same('straight', await stretch('straight'));
  assert.not(existsSync(lock));
});

test.run();
