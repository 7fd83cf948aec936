// SchNet's pipelines on the protocol's globules: energy and forces of replicas of 269 beads, 15 Å, 4 blocks, K 64,
// H = F = 128. Options: --replicas N (8), --repeats N (20; a quarter of it for flash and baseline), --smoke.
import { parseArgs } from 'node:util';
import { evaluate } from '../../lib/models/potential.js';
import type { Schnet, SchnetOptions } from '../../lib/models/schnet.js';
import type { SchnetConfig } from '../../lib/models/schnet-config.js';
import { defaultSchnetConfig, randomSchnet } from '../../lib/models/schnet-random.js';
import { native } from '../../lib/native.js';
import { globule, jittered } from '../models/schnet-cases.js';
import { relativeError } from '../tools.js';
import { type Row, report, timed } from './tools.js';

const { values } = parseArgs({
  options: {
    replicas: { type: 'string', default: '8' },
    repeats: { type: 'string', default: '20' },
    smoke: { type: 'boolean', default: false },
  },
});
const replicas = values.smoke ? 1 : Number(values.replicas);
const repeats = values.smoke ? 2 : Number(values.repeats);
const config: SchnetConfig = { ...defaultSchnetConfig, rbf: { type: 'gaussian', count: 64 } };
const [F, K, L, H] = [config.filters, config.rbf.count, config.blocks, config.hidden];
const atoms = 269 * replicas;
const systems = jittered(globule(269, 14, 1), replicas, 0.1, 2);
// The oracle judges the first replica; replicas do not interact.
const oracle = evaluate(randomSchnet(config, { backend: 'reference' }), systems[0]!);

const technique = (...names: string[]): SchnetOptions => ({
  pipeline: 'baseline',
  techniques: Object.fromEntries(names.map((n) => [n, true])),
});
const cases: [string, SchnetOptions][] = [
  ['baseline', { pipeline: 'baseline' }],
  ['1 radial basis', technique('radialBasis')],
  ['2 message passing', technique('messagePassing')],
  ['3 aggregation', technique('aggregation')],
  ['4 weights16', technique('weights16')],
  ['1+2+3 flash', { pipeline: 'flash' }],
  ['1+2+3+4', technique('radialBasis', 'messagePassing', 'aggregation', 'weights16')],
  ['baseline, no envelope gradient', { pipeline: 'baseline', envelopeGradient: false }],
  ['table', { pipeline: 'table' }],
  ['flash float64', { pipeline: 'flash', precision: 'float64' }],
  ['table float64', { pipeline: 'table', precision: 'float64' }],
];

let edges = 0;
const stages = new Map<string, Record<string, number>>();
const rows: Row[] = [];
for (const [name, options] of cases) {
  const held = native().memory().bytes;
  native().resetPeak();
  const model = randomSchnet(config, options);
  const quick = options.pipeline === 'table';
  const sums: Record<string, number> = {};
  let calls = 0;
  let last = evaluate(model, systems);
  const time = timed(quick ? repeats : Math.max(2, repeats / 4), 2, () => {
    last = evaluate(model, systems);
    calls++;
    for (const [stage, s] of Object.entries(model.stages)) sums[stage] = (sums[stage] ?? 0) + s;
    return last.seconds.evaluate;
  });
  edges = last.edges;
  stages.set(name, Object.fromEntries(Object.entries(sums).map(([k, s]) => [k, s / calls])));
  rows.push({
    pipeline: name,
    'ms median': 1e3 * time.median,
    p5: 1e3 * time.p5,
    p95: 1e3 * time.p95,
    repeats: time.repeats,
    'peak MB': (native().memory().peak - held) / 1e6,
    'force error': relativeError(last.forces.subarray(0, 3 * 269), oracle.forces),
    'list ms': 1e3 * last.seconds.list,
    replicas,
    atoms,
    edges,
    seed: 1,
  });
}
const base = rows[0]!;
for (const r of rows) {
  r['speed'] = (base['ms median'] as number) / (r['ms median'] as number);
  r['memory'] = (base['peak MB'] as number) / (r['peak MB'] as number);
}
console.log(`${replicas} x 269 beads, ${edges} directed edges, ${native().threads()} threads`);
report('schnet', rows, ['pipeline', 'ms median', 'p5', 'p95', 'peak MB', 'force error', 'speed', 'memory']);

// ---- stages against the machine ----

// A core's own cache (half of a 2 MB one), and memory far beyond any cache's share.
const peaks = native().machinePeaks(2 ** 20, values.smoke ? 2 ** 24 : 2 ** 29);
console.log(
  `\npeaks: ${(peaks.float32 / 1e9).toFixed(0)} GFLOP/s float32, ${(peaks.float64 / 1e9).toFixed(0)} float64, ` +
    `${(peaks.cache / 1e9).toFixed(0)} GB/s from own cache (1 MB), ${(peaks.memory / 1e9).toFixed(0)} GB/s memory triad`,
);

/** Floating-point operations and bytes of one stage, from the algorithm; bytes move through `from`. */
interface Work {
  flop: number;
  bytes: number;
  from: 'memory' | 'cache';
}
const filter = 2 * K * F + 2 * F * F + 20 * F; // two layers and about 20 operations per tanh
const pairs = edges / 2;
const f4 = 4 * F;
const node: Work = {
  flop: L * atoms * 2 * (2 * H * F + H * H),
  bytes: L * atoms * 4 * 5 * H,
  from: 'memory',
};
const work: Record<string, Record<string, Work>> = {
  baseline: {
    filter: { flop: L * edges * filter, bytes: L * edges * (4 * K + 5 * f4), from: 'memory' },
    envelope: { flop: L * edges * F, bytes: L * edges * 2 * f4, from: 'memory' },
    gather: { flop: 0, bytes: L * edges * f4, from: 'memory' },
    message: { flop: L * edges * F, bytes: L * edges * 3 * f4, from: 'memory' },
    aggregate: { flop: L * edges * F, bytes: L * edges * f4, from: 'memory' },
    'gather reverse': { flop: 0, bytes: L * edges * f4, from: 'memory' },
    'message reverse': { flop: (2 * L - 1) * edges * F, bytes: (2 * L - 1) * edges * 3 * f4, from: 'memory' },
    'aggregate reverse': { flop: (L - 1) * edges * F, bytes: (L - 1) * edges * f4, from: 'memory' },
    'envelope reverse': { flop: L * edges * 3 * F, bytes: L * edges * 3 * f4, from: 'memory' },
    'filter reverse': { flop: L * edges * filter, bytes: L * edges * (8 * K + 6 * f4), from: 'memory' },
    node,
    'node reverse': node,
  },
  '1+2+3 flash': {
    message: { flop: L * edges * (filter + 2 * F), bytes: L * edges * f4, from: 'cache' },
    'message reverse': { flop: L * edges * (2 * filter + 7 * F), bytes: L * edges * 3 * f4, from: 'cache' },
    node,
    'node reverse': node,
  },
  table: {
    // A cubic's four coefficients, and both atoms' rows read, one written back.
    message: { flop: L * pairs * 10 * F, bytes: L * pairs * 7 * f4, from: 'cache' },
    'message reverse': {
      flop: pairs * F * (19 * (L - 1) + 9),
      bytes: pairs * f4 * (8 * (L - 1) + 5),
      from: 'cache',
    },
    node,
    'node reverse': node,
  },
};
const stageRows: Row[] = [];
for (const [pipeline, times] of stages) {
  for (const [stage, seconds] of Object.entries(times)) {
    const w = work[pipeline]?.[stage];
    if (!w) continue;
    const flops = w.flop / seconds;
    const moved = w.bytes / seconds;
    const [compute, traffic] = [flops / peaks.float32, moved / peaks[w.from]];
    stageRows.push({
      pipeline,
      stage,
      ms: 1e3 * seconds,
      'GFLOP/s': flops / 1e9,
      'of peak': compute,
      'GB/s': moved / 1e9,
      from: w.from,
      'of it': traffic,
      'bound by': Math.max(compute, traffic) < 0.25 ? 'latency' : compute > traffic ? 'arithmetic' : w.from,
    });
  }
}
report('schnet-stages', stageRows, [
  ...['pipeline', 'stage', 'ms', 'GFLOP/s', 'of peak', 'GB/s', 'from', 'of it', 'bound by'],
]);

// ---- what a table costs and reaches ----
const tableRows: Row[] = [];
for (const type of ['gaussian', 'expnormal'] as const)
  for (const precision of ['float32', 'float64'] as const)
    for (const tolerance of [1e-3, 1e-4, 1e-5, 3e-6, 1e-6, 1e-7]) {
      const shape = { ...config, rbf: { type, count: K } };
      const start = performance.now();
      const model: Schnet = randomSchnet(shape, { precision, tolerance });
      const build = performance.now() - start;
      const exact = evaluate(model.with({ pipeline: 'flash', precision: 'float64' }), systems[0]!);
      const got = evaluate(model, systems);
      const time = timed(Math.max(2, repeats / 2), 1, () => evaluate(model, systems).seconds.evaluate);
      const t = model.table!;
      tableRows.push({
        basis: type,
        precision,
        tolerance,
        intervals: t.intervals,
        MB: t.bytes / 1e6,
        'value error': t.valueError,
        'slope error': t.slopeError,
        'force error': relativeError(got.forces.subarray(0, 3 * 269), exact.forces),
        'ms median': 1e3 * time.median,
        'build ms': build,
      });
    }
report('schnet-table', tableRows, Object.keys(tableRows[0]!));
