// Ours beside a plain PyTorch CGSchNet (peers/cgschnet.py) on the same positions, neighbour list and weights, one after the
// other on one device: energy and forces of the protocol's globules. The force error of both is against float64 on a CPU.
// Options: --backend cuda|cpu (default: cuda where it works), --python python3, --variants eager,compile,…, --repeats N (20),
// --cases all|NAME;NAME, --smoke (tiny, for a machine without a GPU), --export (write the cases and stop).
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { evaluate } from '../../lib/models/potential.js';
import type { SchnetOptions } from '../../lib/models/schnet.js';
import type { SchnetConfig } from '../../lib/models/schnet-config.js';
import { defaultSchnetConfig, randomSchnet } from '../../lib/models/schnet-random.js';
import { native } from '../../lib/native.js';
import type { Structure } from '../../lib/structure/index.js';
import { globule, jittered } from '../models/schnet-cases.js';
import { relativeError, root } from '../tools.js';
import { runPeers, writeCase } from './peers.js';
import { type Row, report, timed } from './tools.js';

const { values } = parseArgs({
  options: {
    backend: { type: 'string' },
    python: { type: 'string', default: 'python3' },
    variants: { type: 'string' },
    cases: { type: 'string', default: 'all' },
    repeats: { type: 'string', default: '20' },
    smoke: { type: 'boolean', default: false },
    export: { type: 'boolean', default: false },
  },
});
const repeats = values.smoke ? 3 : Number(values.repeats);

interface Case {
  name: string;
  replicas: number;
  systems: Structure[];
  config: SchnetConfig;
  variants: string;
}

const published: SchnetConfig = { ...defaultSchnetConfig, rbf: { type: 'gaussian', count: 64 } };
const wide: SchnetConfig = {
  ...published,
  blocks: 5,
  rbf: { type: 'gaussian', count: 128 },
  cutoff: { lower: 0, upper: 20 },
};
const both = 'eager,compile,eager tf32,compile tf32';
const plans: (Omit<Case, 'systems'> & { atoms?: number })[] = values.smoke
  ? [{ name: 'smoke', replicas: 2, config: { ...published, blocks: 2 }, variants: 'eager', atoms: 60 }]
  : [
      { name: '64 x 269', replicas: 64, config: published, variants: both },
      { name: '1 x 269', replicas: 1, config: published, variants: `${both},compile graphs` },
      { name: '64 x 269, 20 A', replicas: 64, config: wide, variants: 'eager,compile' },
    ];
const cases = plans
  .filter(({ name }) => values.cases === 'all' || values.cases.split(';').includes(name))
  .map(({ atoms = 269, ...c }): Case => {
    const start = globule(atoms, 14 * Math.cbrt(atoms / 269), 1);
    return { ...c, systems: jittered(start, c.replicas, 0.1, 2) };
  });

// ---- ours ----

/** The pipelines that are there on a backend, each judged by its own force error. */
const ours: Record<string, [string, SchnetOptions][]> = {
  cuda: [
    ['table', { pipeline: 'table' }],
    ['table, 16 bit', { pipeline: 'table', tolerance: 1e-4 }],
    ['flash', { pipeline: 'flash' }],
    ['baseline', { pipeline: 'baseline' }],
  ],
  cpu: [
    ['table', { pipeline: 'table' }],
    ['flash', { pipeline: 'flash' }],
    ['baseline', { pipeline: 'baseline' }],
  ],
};

/** The GPU where there is one that works. */
function backendHere(): 'cuda' | 'cpu' {
  if (values.backend !== undefined) return values.backend as 'cuda' | 'cpu';
  try {
    randomSchnet({ hidden: 32, filters: 32 }, { backend: 'cuda' as 'cpu' });
    return 'cuda';
  } catch {
    return 'cpu';
  }
}

function ourRow(name: string, options: SchnetOptions, { config, systems }: Case, exact: Float64Array): Row {
  try {
    const held = native().memory().bytes;
    native().resetPeak();
    const model = randomSchnet(config, options);
    let last = evaluate(model, systems);
    const time = timed(repeats, 3, () => {
      last = evaluate(model, systems);
      return last.seconds.evaluate;
    });
    return {
      who: `mdlab ${name}`,
      ms: 1e3 * time.median,
      p5: 1e3 * time.p5,
      p95: 1e3 * time.p95,
      'peak GB': (native().memory().peak - held) / 1e9,
      'force error': relativeError(last.forces.subarray(0, exact.length), exact),
      note: '',
    };
  } catch (error) {
    return { who: `mdlab ${name}`, note: (error as Error).message };
  }
}

// ---- theirs ----

function peerRows(path: string, variants: string, backend: string): Row[] {
  try {
    const device = backend === 'cuda' ? 'cuda' : 'cpu';
    return runPeers(path, { python: values.python, variants, repeats, device }).map((p) => ({
      who: `PyTorch ${p.name}`,
      ms: p.ms ?? null,
      p5: p.p5 ?? null,
      p95: p.p95 ?? null,
      'peak GB': p.peak_bytes == null ? null : p.peak_bytes / 1e9,
      'force error': p.force_error ?? null,
      note: p.failed ?? `torch ${p.torch}, ${p.device}, first call ${p.first_s!.toFixed(1)} s`,
    }));
  } catch (error) {
    return [{ who: 'PyTorch', note: (error as Error).message }];
  }
}

const folder = join(root, 'build', 'bench', 'peers');
mkdirSync(folder, { recursive: true });
const backend = backendHere();
const rows: Row[] = [];
for (const c of cases) {
  const exact = evaluate(
    randomSchnet(c.config, { pipeline: 'flash', precision: 'float64' }),
    c.systems[0]!,
  ).forces;
  const path = join(folder, `${c.name.replaceAll(/[ ,]+/g, '-')}.safetensors`);
  writeCase(path, c, exact);
  if (values.export) continue;
  const mine = ours[backend]!.map(([name, options]) =>
    ourRow(name, { backend: backend as 'cpu', ...options }, c, exact),
  );
  const theirs = peerRows(path, values.variants ?? c.variants, backend);
  const msOf = (who: string): number =>
    (theirs.find((r) => r['who'] === who)?.['ms'] as number) ?? Number.NaN;
  for (const r of [...mine, ...theirs]) {
    const ms = r['ms'] as number;
    rows.push({
      case: c.name,
      ...r,
      'eager / it': msOf('PyTorch eager') / ms,
      'compile / it': msOf('PyTorch compile') / ms,
    });
  }
}
if (!values.export)
  report('peers', rows, [
    ...['case', 'who', 'ms', 'p5', 'p95', 'peak GB', 'force error', 'eager / it', 'compile / it', 'note'],
  ]);
