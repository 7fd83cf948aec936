// Samples the teacher potential and writes what data/models/train/train.py learns from: `npm run teacher-data [-- --smoke]`.
// Langevin dynamics at several temperatures from folded and extended starts, heated first so that replicas forget them;
// frames, and for the held-out ones the learned part's energy and forces, go to build/teacher/NAME.safetensors.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { writeSafetensors } from '../lib/io/safetensors.js';
import type { Tensor } from '../lib/io/tensor.js';
import { langevin, simulate } from '../lib/md/index.js';
import { type PriorTerm, priors } from '../lib/models/index.js';
import { evaluate } from '../lib/models/potential.js';
import { residueInteractions, teacher } from '../lib/models/teacher.js';
import { beadsFromSequence, type KnownProtein, type Structure, sequences } from '../lib/structure/index.js';
import { energyUnits } from '../lib/units.js';
import { root } from './tools.js';

const { values } = parseArgs({ options: { smoke: { type: 'boolean', default: false } } });
const kcal = energyUnits['kcal/mol'];
/** K; a replica for each, most at the temperature that the model is for. */
const ladder = [300, 300, 300, 300, 330, 360, 420, 520];

interface Plan {
  replicas: number;
  /** Of 4 fs, after heating. */
  steps: number;
  every: number;
  seed: number;
}

/** Frames of one run: heated at 700 K, then at the replicas' own temperatures; the first tenth is left out. */
async function sample(
  protein: KnownProtein,
  plan: Plan,
): Promise<{ frames: Structure[]; temperatures: number[] }> {
  const truth = teacher(protein);
  const folded = beadsFromSequence(protein);
  const extended = beadsFromSequence(protein.sequence, { conformation: 'polyproline' });
  const start = Array.from({ length: plan.replicas }, (_, r) => (r % 8 === 5 ? extended : folded));
  const hot = simulate(start, truth, {
    integrator: langevin({ temperature: 700, timestep: 2, seed: plan.seed }),
    steps: Math.ceil(plan.steps / 8),
    velocities: 'maxwell-boltzmann',
  });
  await hot.run();
  const temperatures = start.map((_, r) => ladder[r % ladder.length]!);
  const sim = simulate(
    start.map((_, r) => hot.state.structure(r)),
    truth,
    {
      integrator: langevin({ temperature: temperatures, timestep: 4, seed: plan.seed + 1 }),
      steps: plan.steps,
      every: plan.every,
    },
  );
  const out = { frames: [] as Structure[], temperatures: [] as number[] };
  for await (const frame of sim) {
    if (frame.step < plan.steps / 10) continue;
    temperatures.forEach((t, r) => {
      out.frames.push(frame.structure(r));
      out.temperatures.push(t);
    });
  }
  return out;
}

const float32 = (shape: number[], data: ArrayLike<number>): Tensor => ({
  shape,
  dtype: 'float32',
  data: Float32Array.from(data),
});

/** About the centre of each frame, so that float32 loses nothing. */
function positionsOf(frames: readonly Structure[]): Tensor {
  const atoms = frames[0]!.count;
  const data = new Float32Array(3 * atoms * frames.length);
  frames.forEach((frame, f) => {
    for (let c = 0; c < 3; c++) {
      let mean = 0;
      for (let i = 0; i < atoms; i++) mean += frame.positions[3 * i + c]! / atoms;
      for (let i = 0; i < atoms; i++) data[3 * (f * atoms + i) + c] = frame.positions[3 * i + c]! - mean;
    }
  });
  return { shape: [frames.length, atoms, 3], dtype: 'float32', data };
}

/** A pair term in kcal/mol: tuples, and parameters of which the first is an energy. */
function pairTensors(term: PriorTerm, energyColumn: number): [Tensor, Tensor] {
  const count = term.tuples.length / 2;
  const width = term.parameters.length / count;
  const parameters = term.parameters.map((v, k) => (k % width === energyColumn ? v / kcal : v));
  return [
    { shape: [count, 2], dtype: 'int32', data: term.tuples },
    { shape: [count, width], dtype: 'float64', data: parameters },
  ];
}

async function write(protein: KnownProtein, train: Plan, valid: Plan): Promise<void> {
  const structure = beadsFromSequence(protein);
  const terms = residueInteractions(structure);
  const learned = await sample(protein, train);
  const held = await sample(protein, valid);
  // Labels belong to the positions as the file has them.
  const heldPositions = positionsOf(held.frames);
  const asWritten = held.frames.map((frame, f) =>
    frame.with({
      positions: Float64Array.from(
        (heldPositions.data as Float32Array).subarray(3 * f * frame.count, 3 * (f + 1) * frame.count),
      ),
    }),
  );
  const labels = evaluate(priors(structure, terms), asWritten);
  const tensors = new Map<string, Tensor>([
    ['types', { shape: [structure.count], dtype: 'int32', data: structure.types! }],
    ['train.positions', positionsOf(learned.frames)],
    ['train.temperature', float32([learned.frames.length], learned.temperatures)],
    ['valid.positions', heldPositions],
    ['valid.temperature', float32([held.frames.length], held.temperatures)],
    [
      'valid.energy',
      float32(
        [held.frames.length],
        labels.energy.map((v) => v / kcal),
      ),
    ],
    [
      'valid.forces',
      float32(
        [held.frames.length, structure.count, 3],
        labels.forces.map((v) => v / kcal),
      ),
    ],
  ]);
  for (const term of terms) {
    const [tuples, parameters] = pairTensors(term, 0);
    tensors.set(`${term.form}.tuples`, tuples);
    tensors.set(`${term.form}.parameters`, parameters);
  }
  const folder = join(root, 'build', 'teacher');
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${protein.name}.safetensors`);
  writeSafetensors(file, tensors, {
    recipe: JSON.stringify({ protein: protein.name, ladder, train, valid, units: 'kcal/mol, Å' }),
  });
  console.log(`${file}: ${learned.frames.length} frames to learn from, ${held.frames.length} held out`);
}

const small: Plan = { replicas: 8, steps: 400, every: 100, seed: 1 };
const plans: [KnownProtein, Plan, Plan][] = values.smoke
  ? [
      [sequences.CLN025, small, { ...small, seed: 11 }],
      [sequences['1ENH'], small, { ...small, seed: 11 }],
    ]
  : [
      [
        sequences.CLN025,
        { replicas: 64, steps: 80_000, every: 1000, seed: 1 },
        { replicas: 16, steps: 40_000, every: 1000, seed: 11 },
      ],
      [
        sequences['1ENH'],
        { replicas: 64, steps: 80_000, every: 1250, seed: 2 },
        { replicas: 16, steps: 60_000, every: 2000, seed: 12 },
      ],
    ];
for (const [protein, train, valid] of plans) await write(protein, train, valid);
