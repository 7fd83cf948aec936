// What the CUDA backend is judged by, in one run on one GPU beside the PyTorch peer: a table of what must be, what is aimed
// at, and what was measured. Times of forces are by the device's clock with positions and list there; PyTorch's by CUDA events
// with the list given; steps by the caller's clock over whole stretches.
// Options: --output FILE (JSON lines, appended), --python python3, --no-peers, --repeats N (30), --steps N (2000),
// --backend cuda|cpu, --smoke (small, for a machine without a GPU).
import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { environment } from '../../lib/environment.js';
import { jsonLines } from '../../lib/io/tables.js';
import { langevin, simulate } from '../../lib/md/index.js';
import { placeOf } from '../../lib/models/place.js';
import { evaluate, sum } from '../../lib/models/potential.js';
import { backbonePriors } from '../../lib/models/priors-backbone.js';
import type { SchnetOptions } from '../../lib/models/schnet.js';
import type { SchnetConfig } from '../../lib/models/schnet-config.js';
import { defaultSchnetConfig, randomSchnet } from '../../lib/models/schnet-random.js';
import { native } from '../../lib/native.js';
import { beadsFromSequence, sequences } from '../../lib/structure/index.js';
import { stepStudy } from '../../lib/studies/steps.js';
import { spread } from '../../lib/studies/timing.js';
import { globule, jittered } from '../models/schnet-cases.js';
import { random, root } from '../tools.js';
import {
  attempt,
  columnsOf,
  fastest,
  forcesTime,
  type Measured,
  measure,
  milliseconds,
  Sheet,
} from './judging.js';
import { type Peer, runPeers, writeCase } from './peers.js';
import { type Row, report } from './tools.js';

const { values } = parseArgs({
  options: {
    output: { type: 'string' },
    python: { type: 'string', default: 'python3' },
    'no-peers': { type: 'boolean', default: false },
    repeats: { type: 'string', default: '30' },
    steps: { type: 'string', default: '2000' },
    backend: { type: 'string', default: 'cuda' },
    smoke: { type: 'boolean', default: false },
  },
});
const { smoke } = values;
const cuda = values.backend === 'cuda';
const on = { backend: values.backend } as SchnetOptions;
const repeats = smoke ? 3 : Number(values.repeats);
const count = smoke ? 2 : 64;
const beads = smoke ? 60 : 269;
const published: SchnetConfig = {
  ...defaultSchnetConfig,
  rbf: { type: 'gaussian', count: 64 },
  ...(smoke ? { hidden: 32, filters: 32, blocks: 2 } : {}),
};
const wide: SchnetConfig = {
  ...published,
  blocks: smoke ? 2 : 5,
  rbf: { type: 'gaussian', count: 128 },
  cutoff: { lower: 0, upper: 20 },
};
const systems = jittered(globule(beads, 14 * Math.cbrt(beads / 269), 1), count, 0.1, 2);
const size = `${count} x ${beads} beads`;
const sheet = new Sheet();
const more: Row[] = [];
const note = (part: string, list: ReadonlyMap<string, Measured>): void => {
  for (const [what, m] of list) more.push({ part, what, replicas: count, atoms: beads, ...columnsOf(m) });
};

// ---- forces ----

const exactOf = (config: SchnetConfig): Float64Array =>
  evaluate(randomSchnet(config, { backend: 'cpu', pipeline: 'flash', precision: 'float64' }), systems[0]!)
    .forces;

function peersOf(
  name: string,
  config: SchnetConfig,
  exact: Float64Array,
  variants: string,
): Map<string, Peer> {
  const folder = join(root, 'build', 'bench', 'judge');
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${name}.safetensors`);
  writeCase(path, { config, systems }, exact);
  const device = cuda ? 'cuda' : 'cpu';
  const rows = runPeers(path, { python: values.python, variants, repeats: Math.min(repeats, 20), device });
  for (const { force_error, ms, name: what, p5, p95, peak_bytes, torch } of rows)
    more.push({
      part: `PyTorch ${config.cutoff.upper} A`,
      what,
      replicas: count,
      atoms: beads,
      torch: torch ?? '',
      ...columnsOf({
        ...(ms === undefined ? {} : { ms, p5, p95, error: force_error }),
        peakGB: (peak_bytes ?? 0) / 1e9,
      } as Measured),
    });
  return new Map(rows.map((p) => [p.name, p]));
}
const told = (p: Peer | undefined): string =>
  p
    ? (p.failed ??
      `PyTorch ${p.torch} ${p.name} ${p.ms!.toFixed(1)} ms, ${((p.peak_bytes ?? 0) / 1e9).toFixed(1)} GB`)
    : '';

/** Tables by tolerance, in every way of keeping their numbers that the backend has. */
async function tables(config: SchnetConfig, exact: Float64Array): Promise<Map<string, Measured>> {
  const out = new Map<string, Measured>();
  const kept: Record<string, object> = {
    float32: {},
    float16: { entries: 'float16' },
    int16: { entries: 'int16' },
  };
  for (const [format, options] of Object.entries(kept))
    for (const tolerance of [1e-3, 1e-4, 3e-5, 1e-5, 3e-6]) {
      const name = `${format}, tolerance ${tolerance.toExponential(0)}`;
      const all: SchnetOptions = { ...on, pipeline: 'table', tolerance, ...options };
      const m = await attempt(`table ${name}`, () => measure(config, all, systems, exact, repeats));
      if (m) out.set(name, m);
    }
  note(`tables ${config.cutoff.upper} A`, out);
  return out;
}

const exact = exactOf(published);
const peers = values['no-peers']
  ? undefined
  : await attempt('PyTorch', () => peersOf('narrow', published, exact, 'eager,compile'));
const eager = peers?.get('eager');
const narrow = await tables(published, exact);
const [loose, tight] = [fastest(narrow, 1e-4), fastest(narrow, 1e-5)];
const shape = `${size}, 15 A, ${published.blocks} blocks, K 64`;
sheet.judge(
  `table, force error <= 1e-4: ${shape}`,
  { must: 2.2, goal: 1, unit: 'ms' },
  loose?.[1].ms,
  loose?.[0],
  columnsOf(loose?.[1]),
);
const faster = eager?.ms !== undefined && loose ? eager.ms / loose[1].ms : undefined;
sheet.judge(
  'PyTorch eager / that',
  { must: 40, unit: 'times', better: 'above' },
  faster,
  [eager, peers?.get('compile')].map(told).filter(Boolean).join('; '),
);
sheet.judge(
  `table, force error <= 1e-5: ${shape}`,
  { must: 4, goal: 1.8, unit: 'ms' },
  tight?.[1].ms,
  tight?.[0],
  columnsOf(tight?.[1]),
);
sheet.judge('peak memory of that', { must: 0.4, goal: 0.2, unit: 'GB' }, tight?.[1].peakGB, tight?.[0]);

const exactWide = exactOf(wide);
const far = fastest(await tables(wide, exactWide), 1e-4);
const farPeers = values['no-peers']
  ? undefined
  : await attempt('PyTorch', () => peersOf('wide', wide, exactWide, 'eager'));
const shapeWide = `${size}, 20 A, ${wide.blocks} blocks, K 128`;
sheet.judge(
  `table, force error <= 1e-4: ${shapeWide}`,
  { must: 4, goal: 2.2, unit: 'ms' },
  far?.[1].ms,
  [far?.[0], told(farPeers?.get('eager'))].filter(Boolean).join('; '),
  columnsOf(far?.[1]),
);

const pipelines = new Map<string, Measured>();
const halves = cuda
  ? { pipeline: 'flash', operands: 'float16-channel' }
  : { pipeline: 'baseline', techniques: { weights16: true } };
for (const [name, options] of Object.entries({
  'flash float32': { pipeline: 'flash' },
  W16A16: halves,
  baseline: { pipeline: 'baseline' },
})) {
  const all = { ...on, ...options } as SchnetOptions;
  const m = await attempt(name, () => measure(published, all, systems, exact, repeats));
  if (m) pipelines.set(name, m);
}
note('pipelines 15 A', pipelines);
const flash = fastest(new Map([...pipelines].filter(([name]) => name !== 'baseline')), 2e-3);
sheet.judge(
  `flash without table, exact forces: ${shape}`,
  { must: 25, goal: 12, unit: 'ms' },
  flash?.[1].ms,
  flash?.[0],
  columnsOf(flash?.[1]),
);
const base = pipelines.get('baseline');
const relative = base && eager?.ms !== undefined ? base.ms / eager.ms : undefined;
sheet.judge(
  'baseline / PyTorch eager, at most',
  { must: 1.3, unit: 'times' },
  relative,
  base && `baseline ${base.ms.toFixed(1)} ms`,
  columnsOf(base),
);
sheet.judge('baseline / PyTorch eager, at least', { must: 0.7, unit: 'times', better: 'above' }, relative);

// ---- whole steps: 1ENH as built, published shape, priors, 2 fs ----

const protein = beadsFromSequence(sequences['1ENH']!);
const model = randomSchnet(smoke ? published : {}, { ...on, ...loose?.[1].options, scale: 0.03 });
const whole = sum(model, backbonePriors(protein, on as object));
const [one, some, many] = smoke ? [1, 2, 3] : [1, 64, 128];
const steps = Math.max(10, smoke ? 10 : Number(values.steps) / 10);
const stepped = await stepStudy({
  models: { whole },
  structure: protein,
  replicas: [one, some, many],
  steps,
  repeats: smoke ? 3 : 10,
  progress: false,
});
const rowsOfSteps = stepped.objects() as ({ replicas: number; error: string | null } & Record<
  string,
  number
>)[];
const stepOf = (replicas: number) => rowsOfSteps.find((r) => r.replicas === replicas);
const columnsOfSteps = (replicas: number): Row => {
  const r = stepOf(replicas);
  if (!r || r.error) return { replicas };
  const { listRebuilds = 0, rate = 0, seconds = 0, seconds_p5 = 0, seconds_p95 = 0, temperature = 0 } = r;
  return {
    ...columnsOf({ ms: 1e3 * seconds, p5: 1e3 * seconds_p5, p95: 1e3 * seconds_p95 }),
    ...{
      replicas,
      atoms: protein.count,
      'replica-steps/s': rate,
      temperature,
      'rebuilds per 1000 steps': listRebuilds,
      steps,
    },
  };
};
for (const n of [one, some, many])
  more.push({ part: 'steps', what: '1ENH, table + priors', ...columnsOfSteps(n) });
const how = (n: number): string => stepOf(n)?.error ?? `1ENH, ${loose?.[0]}, priors, Langevin 2 fs`;
const stepMs = (n: number): number | undefined =>
  stepOf(n)?.error ? undefined : 1e3 * stepOf(n)!['seconds']!;
sheet.judge(
  `${one} replica, whole MD step`,
  { must: 0.2, goal: 0.1, unit: 'ms' },
  stepMs(one),
  how(one),
  columnsOfSteps(one),
);
sheet.judge(
  `${many} replicas, whole MD steps`,
  { must: 40_000, goal: 80_000, unit: 'replica-steps/s', better: 'above' },
  stepMs(many) && many / (1e-3 * stepMs(many)!),
  how(many),
  columnsOfSteps(many),
);
// The same structures for both: forces are timed where each timed stretch of steps ends.
await attempt('forces of a step', async () => {
  const stretch = Math.max(10, steps / 2);
  const sim = simulate(protein, whole, {
    integrator: langevin({ temperature: 300, timestep: 2, seed: 1 }),
    steps,
    every: 100_000,
    replicas: some,
    progress: false,
  });
  await sim.run();
  const stretches: { step: number; all: number; alone: number }[] = [];
  for (let k = 0; k < (smoke ? 2 : 7); ++k) {
    // Forces timed in between leave the graphs of steps to be recorded anew.
    sim.extend(3);
    const before = (await sim.run()).seconds;
    sim.extend(stretch);
    const step = (1e3 * ((await sim.run()).seconds - before)) / stretch;
    const copies = Array.from({ length: some }, (_, s) => sim.state.structure(s));
    const [all, alone] = [whole, model].map((p) => forcesTime(p, copies, repeats).ms) as [number, number];
    stretches.push({ step, all, alone });
  }
  const middle = (of: (s: (typeof stretches)[number]) => number): number => spread(stretches.map(of)).median;
  const told = (of: (s: (typeof stretches)[number]) => number): string => middle(of).toFixed(3);
  sheet.judge(
    `whole step / its forces, ${some} replicas`,
    { must: 1.2, goal: 1.08, unit: 'times' },
    middle((s) => s.step / s.all),
    `step ${told((s) => s.step)} ms; forces of model and priors ${told((s) => s.all)}, of the model alone ${told((s) => s.alone)} ms, where the steps led`,
    { 'step / model alone': middle((s) => s.step / s.alone) },
  );
});

// ---- neighbour list ----

await attempt('neighbour list', () => {
  const atoms = smoke ? 10_000 : 1_000_000;
  const length = Math.cbrt(atoms / 0.1);
  const next = random(1);
  const batch = {
    offsets: Int32Array.of(0, atoms),
    positions: Float64Array.from({ length: 3 * atoms }, () => length * next()),
    types: new Int32Array(atoms),
    boxes: Float64Array.of(length, 0, 0, 0, length, 0, 0, 0, length),
    periodic: Uint8Array.of(1, 1, 1),
  };
  const onHost = (): { seconds: number[]; edges: number } => {
    let edges = 0;
    const seconds = Array.from({ length: 3 }, () => {
      const begin = performance.now();
      edges = native().neighborList(batch, 5.5, 0, null, null, false).column.length;
      return (performance.now() - begin) / 1e3;
    });
    return { seconds, edges };
  };
  const onDevice = (): { seconds: Float64Array; edges: number } => {
    const list = native().deviceNeighborList(0, batch, 5, 0.5, null, null, -1, repeats);
    return { seconds: list.seconds, edges: list.column.length };
  };
  const got = cuda ? onDevice() : onHost();
  const m = { ...milliseconds(got.seconds), edges: got.edges, repeats };
  sheet.judge(
    `neighbour list, ${atoms} atoms, 0.1/A^3, 5 + 0.5 A`,
    { must: 6, goal: 3, unit: 'ms' },
    m.ms,
    `${(got.edges / atoms).toFixed(1)} pairs per atom`,
    { atoms, ...columnsOf(m) },
  );
});

// ---- errors ----

const least = (format: string): number | undefined => {
  const errors = [...narrow].filter(([name]) => name.startsWith(format)).map(([, m]) => m.error);
  return errors.length ? Math.min(...errors) : undefined;
};
sheet.judge('force error, float32 table', { must: 1e-5 }, least('float32'), 'tightest tolerance');
sheet.judge('force error, 16-bit table', { must: 1e-4 }, least('int16'), 'tightest tolerance');
sheet.judge('force error, W16A16', { must: 2e-3 }, pipelines.get('W16A16')?.error);

report('judge', sheet.rows, ['what', 'must', 'goal', 'measured', 'verdict', 'how']);
if (values.output) {
  const judged = sheet.rows.map((r) => ({ part: 'judged', ...r }));
  const stamp = { ...environment(), ...placeOf(model), date: new Date().toISOString() };
  appendFileSync(
    values.output,
    jsonLines([...judged, ...more].map((r) => ({ bench: 'judge', ...r, ...stamp }))),
  );
}
