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
import { root } from '../tools.js';
import { measure } from './judging.js';
import { runPeers, writeCase } from './peers.js';
import { type Row, report } from './tools.js';

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
const ours: Record<'cuda' | 'cpu', Record<string, SchnetOptions>> = {
  cuda: {
    'table, tolerance 1e-4': { pipeline: 'table', tolerance: 1e-4 },
    table: { pipeline: 'table' },
    flash: { pipeline: 'flash' },
    'flash, W16A16': { pipeline: 'flash', operands: 'float16-channel' },
    baseline: { pipeline: 'baseline' },
  },
  cpu: {
    table: { pipeline: 'table' },
    flash: { pipeline: 'flash' },
    baseline: { pipeline: 'baseline' },
  },
};

/** The GPU where there is one. */
function backendHere(): 'cuda' | 'cpu' {
  if (values.backend !== undefined) return values.backend as 'cuda' | 'cpu';
  try {
    return native().cudaDevices().length > 0 ? 'cuda' : 'cpu';
  } catch {
    return 'cpu';
  }
}
const backend = backendHere();

async function ourRow(name: string, options: SchnetOptions, c: Case, exact: Float64Array): Promise<Row> {
  const who = `mdlab ${name}`;
  try {
    const m = await measure(c.config, { backend, ...options }, c.systems, exact, repeats);
    return { who, ms: m.ms, p5: m.p5, p95: m.p95, 'peak GB': m.peakGB, 'force error': m.error, note: '' };
  } catch (error) {
    return { who, note: (error as Error).message };
  }
}

// ---- theirs ----

function peerRows(path: string, variants: string): Row[] {
  try {
    const peers = runPeers(path, { python: values.python, variants, repeats, device: backend });
    return peers.map((p) => ({
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
const rows: Row[] = [];
for (const c of cases) {
  const double: SchnetOptions = { backend: 'cpu', pipeline: 'flash', precision: 'float64' };
  const exact = evaluate(randomSchnet(c.config, double), c.systems[0]!).forces;
  const path = join(folder, `${c.name.replaceAll(/[ ,]+/g, '-')}.safetensors`);
  writeCase(path, c, exact);
  if (values.export) continue;
  const mine: Row[] = [];
  for (const [name, options] of Object.entries(ours[backend]))
    mine.push(await ourRow(name, options, c, exact));
  const theirs = peerRows(path, values.variants ?? c.variants);
  const msOf = (who: string): number =>
    (theirs.find((r) => r['who'] === who)?.['ms'] as number) ?? Number.NaN;
  for (const r of [...mine, ...theirs]) {
    const times = (who: string): number | null => {
      const ratio = msOf(who) / (r['ms'] as number);
      return Number.isFinite(ratio) ? ratio : null;
    };
    rows.push({
      case: c.name,
      ...r,
      'eager / it': times('PyTorch eager'),
      'compile / it': times('PyTorch compile'),
    });
  }
}
if (!values.export)
  report('peers', rows, [
    ...['case', 'who', 'ms', 'p5', 'p95', 'peak GB', 'force error', 'eager / it', 'compile / it', 'note'],
  ]);
