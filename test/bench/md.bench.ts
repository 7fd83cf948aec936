// What a step of dynamics costs beside its forces: 64 replicas × 269 beads in harmonic wells, whose forces cost next
// to nothing and are measured apart; and on a GPU, where there is one, beside a model's. `npm run bench md`.

import { usableGpu } from '../../lib/cuda.js';
import {
  backbonePriors,
  beadsFromSequence,
  evaluate,
  harmonicWell,
  type Integrator,
  langevin,
  randomSchnet,
  Structure,
  sequences,
  simulate,
  sum,
  velocityVerlet,
} from '../../lib/index.js';
import { timeOnDevice } from '../../lib/studies/place.js';
import { stepStudy } from '../../lib/studies/steps.js';
import { random } from '../tools.js';
import { type Row, report } from './tools.js';

const beads = 269;
const replicas = 64;
const steps = 500;
const repeats = 9;

const next = random(1);
const globule = new Structure({
  positions: Float64Array.from({ length: 3 * beads }, () => 20 * next() - 10),
  symbols: Array(beads).fill('CA'),
});
const well = harmonicWell({ k: 0.1 });

/** µs: median and 5–95 %. */
function row(what: string, microseconds: number[]): Row {
  const sorted = [...microseconds].sort((a, b) => a - b);
  const at = (q: number): number => sorted[Math.round(q * (sorted.length - 1))]!;
  const sizes = { beads, replicas, repeats: microseconds.length };
  return { what, 'median µs': at(0.5), 'p5 µs': at(0.05), 'p95 µs': at(0.95), ...sizes };
}

async function step(integrator: Integrator, removeCenterOfMass: boolean): Promise<number[]> {
  const times: number[] = [];
  const sim = simulate(globule, well, {
    integrator,
    replicas,
    steps: 0,
    every: steps,
    removeCenterOfMass,
    progress: false,
  });
  for (let k = 0; k <= repeats; k++) {
    sim.extend(steps);
    const before = performance.now();
    await sim.run();
    if (k > 0) times.push(((performance.now() - before) * 1000) / steps);
  }
  return times;
}

/** One particle, a frame at every step: what a chunk and a frame cost. */
async function frame(): Promise<number[]> {
  const times: number[] = [];
  const one = new Structure({ positions: new Float64Array(3), symbols: ['C'] });
  const integrator = velocityVerlet({ timestep: 1 });
  for (let k = 0; k <= repeats; k++) {
    const sim = simulate(one, well, { integrator, steps, every: 1, progress: false });
    const before = performance.now();
    await sim.run();
    if (k > 0) times.push(((performance.now() - before) * 1000) / steps);
  }
  return times;
}

/** The homeodomain with the published model's shape and priors on a GPU: whole steps, and their forces alone. */
async function onGpu(count: number): Promise<Row[]> {
  const protein = beadsFromSequence(sequences['1ENH']!);
  const model = sum(randomSchnet({}, { backend: 'cuda', scale: 0.03 }), backbonePriors(protein));
  const table = await stepStudy({
    models: { 'SchNet and priors': model },
    structure: protein,
    replicas: [count],
    repeats,
    progress: false,
  });
  const [whole] = table.objects() as { seconds: number; seconds_p5: number; seconds_p95: number }[];
  const { seconds } = timeOnDevice(model, Array(count).fill(protein), 30);
  const sizes = { beads: protein.count, replicas: count };
  return [
    {
      what: 'GPU: whole step of SchNet and priors',
      'median µs': 1e6 * whole!.seconds,
      'p5 µs': 1e6 * whole!.seconds_p5,
      'p95 µs': 1e6 * whole!.seconds_p95,
      ...sizes,
      repeats,
    },
    {
      ...row(
        'GPU: its forces alone',
        [...seconds].map((t) => 1e6 * t),
      ),
      ...sizes,
    },
  ];
}

const gpu = usableGpu() ? [...(await onGpu(1)), ...(await onGpu(64)), ...(await onGpu(128))] : [];
const all = Array(replicas).fill(globule);
const forces = Array.from({ length: 50 }, () => evaluate(well, all).seconds.evaluate * 1e6).slice(10);
const verlet = velocityVerlet({ timestep: 4, temperature: 300 });
const warm = langevin({ temperature: 300, timestep: 4 });
report(
  'md',
  [
    row('forces of the wells alone', forces),
    row('velocity Verlet, a step', await step(verlet, false)),
    row('Langevin (BAOAB), a step', await step(warm, false)),
    row('Langevin, drift removed, a step', await step(warm, true)),
    row('one particle, a chunk of one step and its frame', await frame()),
    ...gpu,
  ],
  ['what', 'median µs', 'p5 µs', 'p95 µs', 'beads', 'replicas', 'repeats'],
);
