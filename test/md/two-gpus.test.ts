// Two GPUs in one process: each computes what the other does, in turn and at once, and neither knows of the other. What the
// driver is asked meanwhile is checked by native/fake-cuda.test.ts, which needs none.
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { gpus } from '../../lib/cuda.js';
import {
  backbonePriors,
  beadsFromSequence,
  evaluate,
  type Frame,
  langevin,
  neighborList,
  type Potential,
  randomSchnet,
  resume,
  type SchnetOptions,
  type Simulation,
  sequences,
  simulate,
  sum,
  tempering,
} from '../../lib/index.js';
import { native } from '../../lib/native.js';
import { replicas } from '../../lib/structure/index.js';
import { timeOnDevice } from '../../lib/studies/place.js';
import { onTwoGpus } from '../cuda.js';
import { relativeError } from '../tools.js';
import { finish, hash } from './shared.js';

const start = beadsFromSequence(sequences['1ENH']);
const many = replicas(start, 24, { jitter: 0.1, seed: 2 });
const ways: SchnetOptions[] = [
  { pipeline: 'table' },
  { pipeline: 'table', entries: 'int16' },
  { pipeline: 'flash', operands: 'float16-channel' },
  { pipeline: 'baseline', techniques: { aggregation: true } },
];
const label = (way: SchnetOptions): string => `${way.pipeline} ${way.entries ?? way.operands ?? ''}`.trim();
const protein = (device: number, way: SchnetOptions): Potential =>
  sum(randomSchnet({ blocks: 2 }, { ...way, backend: 'cuda', device, scale: 0.1 }), backbonePriors(start));
/** GPUs of one kind give the same bits; others sum in other pieces. */
const sameKind = (): boolean => gpus()[0]!.name === gpus()[1]!.name;

function sameBits(a: ArrayBufferView, b: ArrayBufferView, what: string): void {
  const bytes = (v: ArrayBufferView): Buffer => Buffer.from(v.buffer, v.byteOffset, v.byteLength);
  assert.is(Buffer.compare(bytes(a), bytes(b)), 0, what);
}

const run = (potential: Potential, steps = 200): Simulation =>
  simulate(start, potential, {
    integrator: langevin({ timestep: 2, friction: 5, seed: 3 }),
    tempering: tempering({ temperatures: [300, 320], every: 25 }),
    replicas: 4,
    steps,
    every: 50,
    progress: false,
  });

for (const way of ways) {
  onTwoGpus(`${label(way)}: two GPUs in turn give the same forces`, () => {
    const [a, b] = [protein(0, way), protein(1, way)];
    assert.equal([a.info.device, b.info.device], [0, 1]);
    for (const systems of [[start], many, [start, many[3]!]]) {
      const [x, y, again] = [a, b, a].map((p) => evaluate(p, systems, { virial: true }));
      sameBits(again!.forces, x!.forces, 'again');
      for (const key of ['energy', 'forces', 'virial'] as const) {
        if (sameKind()) sameBits(y![key], x![key], key);
        else assert.ok(relativeError(y![key], x![key]) < 1e-5, key);
      }
    }
    for (const p of [b, a]) assert.ok(timeOnDevice(p, many, 3).seconds.every((s) => s > 0));
  });
}

onTwoGpus('runs on two GPUs at once have the bits of runs alone', async () => {
  const [a, b] = [protein(0, ways[0]!), protein(1, ways[0]!)];
  const alone = [await finish(run(a)), await finish(run(b))];
  const both = await Promise.all([run(a), run(b), run(a), run(b)].map(finish));
  both.forEach((frame: Frame, k) => {
    assert.is(hash(frame), hash(alone[k % 2]!), `run ${k}`);
  });
  if (!sameKind()) return;
  assert.is(hash(alone[1]!), hash(alone[0]!));
  const file = join(mkdtempSync(join(tmpdir(), 'mdlab-two-')), 'a.checkpoint');
  const part = run(a, 90);
  await part.run();
  part.save(file);
  const moved = await resume(file, b, { steps: 200, progress: false });
  assert.is(hash(await finish(moved)), hash(alone[0]!), 'begun on one, ended on the other');
});

onTwoGpus('memory is counted where it is, and a sum over two GPUs is that of its terms', async () => {
  const model = (device: number): Potential =>
    randomSchnet({ blocks: 2 }, { backend: 'cuda', device, pipeline: 'flash', scale: 0.1 });
  const [a, b] = [model(0), model(1)];
  const bytes = (): number[] => [0, 1].map((k) => native().cudaMemory(k).bytes);
  const [zero, one] = bytes();
  const parts = evaluate(b, many);
  assert.is(bytes()[0], zero);
  assert.ok(bytes()[1]! > one!);
  const other = evaluate(a, many);
  const whole = evaluate(sum(a, b), many);
  const added = other.forces.map((f, k) => f + parts.forces[k]!);
  sameBits(whole.forces, added, 'forces');
  const sim = run(sum(a, b, backbonePriors(start)), 3);
  const { environment } = await sim.run();
  assert.match(String(environment['steps']), /^cpu, because its terms compute on several GPUs/);
});

onTwoGpus('both GPUs make the host’s list', () => {
  const host = neighborList(many, { cutoff: 9 });
  for (const device of [1, 0, gpus()[1]!.name]) {
    const list = neighborList(many, { cutoff: 9, backend: 'cuda', device });
    sameBits(list.column, host.column, 'column');
    sameBits(list.rowStart, host.rowStart, 'rowStart');
  }
});

test.run();
