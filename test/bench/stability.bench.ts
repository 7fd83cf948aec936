// Whether the trained model is stable over a long run: Langevin dynamics at 300 K from the fold, sampled all along; means with
// standard errors, extremes, and each tenth of the run by itself. After an interrupt, a kill or --seconds the same command goes on.
// Options: --backend cpu|cuda (cpu), --potential model|teacher (model), --protein 1ENH, --replicas N (1), --steps N of each replica
// (10000000), --every steps between samples (1000), --timestep fs (4), --seed N (1), --seconds of this call, start included (no
// limit), --folder DIR of checkpoint and samples (build/bench/stability-POTENTIAL), --output FILE (JSON lines; appended when the run is whole
// or has diverged), --smoke (CLN025, 400 steps, a folder of its own that begins empty).
import { appendFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { environment } from '../../lib/environment.js';
import { invalid, unknownChoice } from '../../lib/errors.js';
import { jsonLines } from '../../lib/io/tables.js';
import { type Frame, langevin } from '../../lib/md/index.js';
import { placeOf } from '../../lib/models/place.js';
import { beadsFromSequence, sequences } from '../../lib/structure/index.js';
import { foldOf } from '../../lib/studies/fold.js';
import { average, type Estimate, estimate, histogram } from '../../lib/studies/sampling.js';
import { root } from '../tools.js';
import { trained } from './potentials.js';
import { takeStretch } from './stretches.js';
import { type Row, report } from './tools.js';

const { values } = parseArgs({
  options: {
    backend: { type: 'string', default: 'cpu' },
    potential: { type: 'string', default: 'model' },
    protein: { type: 'string' },
    replicas: { type: 'string', default: '1' },
    steps: { type: 'string' },
    every: { type: 'string' },
    timestep: { type: 'string', default: '4' },
    seed: { type: 'string', default: '1' },
    seconds: { type: 'string' },
    folder: { type: 'string' },
    output: { type: 'string' },
    smoke: { type: 'boolean', default: false },
  },
});
const { smoke } = values;
const temperature = 300;
const tolerance = 1e-4;
const name = values.protein ?? (smoke ? 'CLN025' : '1ENH');
const steps = Number(values.steps ?? (smoke ? 400 : 10_000_000));
const every = Number(values.every ?? (smoke ? 20 : 1000));
const replicas = Number(values.replicas);
const timestep = Number(values.timestep);
const seed = Number(values.seed);
const limit = Number(values.seconds ?? Number.POSITIVE_INFINITY);
if (!(limit > 0)) invalid('--seconds', 'must be positive', values.seconds);
if (steps < every) invalid('--steps', `must be at least ${every}, the steps between samples`, steps);
const usual = `stability-${values.potential}${smoke ? '-smoke' : ''}`;
const folder = values.folder ?? join(root, 'build', 'bench', usual);
if (smoke && values.folder === undefined) rmSync(folder, { recursive: true, force: true });

function chosen<T>(option: string, from: Readonly<Record<string, T>>, key: string): T {
  return Object.hasOwn(from, key) ? from[key]! : unknownChoice(option, key, Object.keys(from));
}
const protein = chosen('--protein', sequences, name);
const potentials = trained(protein, { backend: values.backend as 'cpu' | 'cuda', tolerance });

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort(signal));
// performance.now() counts from the start of the process; a timer cannot wait longer than 2^31 ms.
const left = Math.max(0, 1000 * limit - performance.now());
if (Number.isFinite(left)) setTimeout(() => stop.abort('--seconds'), Math.min(left, 2 ** 31 - 1)).unref();

const start = beadsFromSequence(protein);
const fold = foldOf(start);
const potential = chosen('--potential', potentials, values.potential)();
const accuracy: Record<string, number> = values.potential === 'model' ? { tolerance } : {};
const made = { potential: values.potential, protein: name, replicas, timestep, every, temperature, seed };
const { diverged, samples, sim, stretches } = await takeStretch({
  ...{ folder, start, potential, sample },
  settings: { ...made, ...accuracy, backend: potential.info.backend },
  options: {
    integrator: langevin({ temperature, timestep, seed }),
    velocities: 'maxwell-boltzmann',
    ...{ steps, every, replicas, signal: stop.signal },
  },
});

/** Of each replica: radius of gyration (Å), native contacts, K, eV, and how far its fastest bead goes in a step (Å; |v| Δt). */
interface Sample {
  step: number;
  Rg: number[];
  Q: number[];
  T: number[];
  E: number[];
  moved: number[];
}
type Series = Exclude<keyof Sample, 'step'>;

function sample(frame: Frame): Sample {
  const each = Array.from(frame.potential.keys());
  const part = (all: Float64Array, s: number): Float64Array =>
    all.subarray(3 * frame.offsets[s]!, 3 * frame.offsets[s + 1]!);
  const shapes = each.map((s) => fold.measure(part(frame.positions, s)));
  return {
    step: frame.step,
    Rg: shapes.map((f) => f.radius),
    Q: shapes.map((f) => f.native),
    T: [...frame.temperature],
    E: [...frame.potential],
    moved: each.map((s) => timestep * fastest(part(frame.velocities, s))),
  };
}

function fastest(v: Float64Array): number {
  let most = 0;
  for (let i = 0; i < v.length; i += 3) most = Math.max(most, Math.hypot(v[i]!, v[i + 1]!, v[i + 2]!));
  return most;
}

/** The samples after the first tenth. */
const settled = samples.slice(Math.floor(samples.length / 10));

/**
 * Of several replicas by how their means scatter. Of a single one by how the means of its tenths do: the globule opens and closes
 * within nanoseconds, of which a run has too few for `blockAverage` to find its own size of block.
 */
function meanOf(key: Series): Estimate {
  if (replicas === 1) return estimate(tenths(key).slice(1).filter(Number.isFinite));
  return estimate(Array.from({ length: replicas }, (_, r) => average(settled.map((s) => s[key][r]!))));
}

/** Nothing where there is no sample. */
const known = (x: number): number | null => (Number.isFinite(x) ? x : null);

/** Columns of a quantity: mean, standard error, and the extremes over all samples. */
function columns(key: Series, label: string): Row {
  const { error, mean } = meanOf(key);
  const least = samples.reduce((low, s) => Math.min(low, ...s[key]), Number.POSITIVE_INFINITY);
  const most = samples.reduce((high, s) => Math.max(high, ...s[key]), Number.NEGATIVE_INFINITY);
  return {
    [label]: known(mean),
    [`± ${key}`]: known(error),
    [`least ${key}`]: known(least),
    [`most ${key}`]: known(most),
  };
}

/** Means over each tenth of the run. */
const tenths = (key: Series): number[] =>
  Array.from({ length: 10 }, (_, k) => {
    const [from, to] = [k, k + 1].map((t) => Math.floor((t * samples.length) / 10));
    return average(samples.slice(from, to).flatMap((s) => s[key]));
  });

function tell(): void {
  const taken = stretches.reduce((sum, s) => sum + s.to - s.from, 0);
  const seconds = stretches.reduce((sum, s) => sum + s.seconds, 0);
  const row: Row = {
    ...{ what: values.potential, protein: name, replicas, steps: sim.step, ns: sim.time / 1e6 },
    ...{ s: seconds, 'ms/step': (1000 * seconds) / taken, stretches: stretches.length },
    ...{ ...columns('Rg', 'Rg'), ...columns('Q', 'Q'), ...columns('T', 'T (K)'), ...columns('E', 'E (eV)') },
    'most moved (Å)': columns('moved', 'moved')['most moved']!,
    diverged: diverged !== undefined,
    ...(diverged === undefined ? {} : { 'diverged at': sim.step + 1, failed: diverged }),
  };
  report(
    'stability',
    [row],
    [
      ...['what', 'protein', 'replicas', 'steps', 'ns', 's', 'ms/step', 'stretches'],
      ...['Rg', '± Rg', 'least Rg', 'most Rg', 'Q', '± Q', 'T (K)', '± T', 'least T', 'most T'],
      ...['E (eV)', '± E', 'least E', 'most E', 'most moved (Å)', 'diverged', 'failed'],
    ],
  );
  const drift = { Rg: tenths('Rg'), Q: tenths('Q'), E: tenths('E'), T: tenths('T') };
  for (const [key, means] of Object.entries(drift))
    console.log(`${key.padEnd(2)} of each tenth  ${means.map((m) => m.toPrecision(4)).join('  ')}`);
  const radii = histogram(
    settled.flatMap((s) => s.Rg),
    0.1,
  );
  const line = { bench: 'stability', ...row, ...{ timestep, every, temperature, seed }, ...accuracy };
  const stamp = { ...environment(), ...placeOf(potential), date: new Date().toISOString() };
  const whole = { ...line, samples: samples.length, tenths: drift, radii, taken: stretches, ...stamp };
  if (values.output) appendFileSync(values.output, jsonLines([whole]));
}

if (diverged !== undefined || sim.step === steps) tell();
else
  console.log(
    `stopped by ${stop.signal.reason} after ${sim.step} of ${steps} steps; the same command goes on`,
  );
if (diverged !== undefined) process.exitCode = 1;
else if (sim.step < steps && stop.signal.reason !== '--seconds') process.exitCode = 130;
