/** How near each stage of a model comes to what the machine can do: counted work over measured peaks. */

import { checkOptionNames, invalid } from '../errors.js';
import { deviceOf } from '../models/place.js';
import type { Potential } from '../models/potential.js';
import { Schnet } from '../models/schnet.js';
import { type StageWork, schnetWork } from '../models/schnet-work.js';
import { native } from '../native.js';
import { tableOfRows } from '../tables/files.js';
import type { Table } from '../tables/index.js';
import { type ModelStudyOptions, modelStudyOptionNames, stageStudy } from './models.js';

/** Work a second at most, of each kind that `StageWork` counts. */
export type Ceilings = Readonly<
  Record<'products' | 'arithmetic' | 'special' | 'bytes' | 'gathered' | 'shared', number>
>;

const units: Readonly<Record<keyof Ceilings, string>> = {
  products: 'products',
  arithmetic: 'arithmetic',
  special: 'special functions',
  bytes: 'memory',
  gathered: 'L2',
  shared: 'shared memory',
};

const known = new Map<string, Ceilings>();

/**
 * Measured peaks of the device a model computes on, tensor cores as its operands use them. Measured once per process.
 * @param stage on a GPU the layers of atoms multiply halves, whatever the pipeline. Default `message`
 */
export function ceilingsOf(potential: Potential, stage: string = 'message'): Ceilings {
  const device = deviceOf(potential);
  const ofAtoms = device !== undefined && (stage.startsWith('node') || stage === 'head');
  const operands = ofAtoms ? 'float16' : operandsOf(potential);
  const key = `${device} ${operands}`;
  let found = known.get(key);
  if (!found) {
    found = device === undefined ? hostCeilings() : deviceCeilings(device, operands);
    known.set(key, found);
  }
  return found;
}

function deviceCeilings(device: number, operands: string): Ceilings {
  const p = native().devicePeaks(device);
  // float32 operands are pairs of halves (schnetWork counts their three products); `none`: no tensor cores.
  const products = {
    none: p.float32,
    float32: p.float16,
    tf32: p.tf32,
    bfloat16: p.bfloat16,
    float16: p.float16,
    int8: p.int8,
  }[operands.split('-')[0]!];
  return {
    products: products ?? invalid('roofline.operands', 'must be known', operands),
    arithmetic: p.float32,
    // A multiprocessor has 16 units for special functions and 128 for multiply-adds, which are two operations.
    special: p.float32 / 16,
    bytes: p.memory,
    gathered: p.l2,
    shared: p.shared,
  };
}

/** A core's own cache serves what a GPU has L2 and shared memory for; a special function is about 20 operations. */
function hostCeilings(): Ceilings {
  const p = native().machinePeaks(2 ** 20, 2 ** 27);
  return {
    products: p.float32,
    arithmetic: p.float32,
    special: p.float32 / 20,
    bytes: p.memory,
    gathered: p.cache,
    shared: p.cache,
  };
}

function operandsOf(potential: Potential): string {
  const { backend, pipeline } = potential.info;
  const { operands, techniques } = potential instanceof Schnet ? potential.options : {};
  if (backend !== ('cuda' as string) || pipeline === 'baseline')
    return techniques?.weights16 ? 'float16' : 'none';
  return operands ?? 'float32';
}

/**
 * Time of each stage against its floor: the largest of its counted work over the measured peaks.
 * Columns beside `stageStudy`'s: floor (s), bound (what sets it), reached (floor/seconds), operations, bytes (of device
 * memory), intensity (operations/byte), rate (operations/s), bandwidth (bytes/s), peakProducts, peakArithmetic (operations/s), peakBytes (bytes/s). Stages whose work is not counted have null.
 */
export async function rooflineStudy(
  options: ModelStudyOptions & { models: Readonly<Record<string, Schnet>> },
): Promise<Table> {
  checkOptionNames<ModelStudyOptions>('rooflineStudy', options, modelStudyOptionNames);
  const rows = (await stageStudy({ name: 'roofline', ...options })).objects() as Record<string, unknown>[];
  // A model that looks at all pairs counts none; another's list tells.
  const edgesOf = ({ atoms, replicas }: Record<string, unknown>): number =>
    Math.max(
      ...rows.map((r) => (r['atoms'] === atoms && r['replicas'] === replicas ? Number(r['edges']) : 0)),
    );
  return tableOfRows(
    rows.map((row) => {
      const model = options.models[String(row['model'])];
      const edges = edgesOf(row);
      if (!model || row['error'] || !(edges > 0)) return row;
      const atoms = Number(row['atoms']) * Number(row['replicas']);
      // Where a GPU made no list, teams met each other.
      const work = workOf(model, edges, atoms, Number(row['edges']) > 0).find(
        (w) => w.stage === row['stage'],
      );
      const c = ceilingsOf(model, String(row['stage']));
      const peaks = { peakProducts: c.products, peakArithmetic: c.arithmetic, peakBytes: c.bytes };
      return { ...row, ...against(work, c, Number(row['seconds'])), ...peaks };
    }),
  );
}

function workOf(model: Schnet, edges: number, atoms: number, listed: boolean): StageWork[] {
  const host = deviceOf(model) === undefined;
  const { pipeline = 'table', config } = model;
  if (host && pipeline === 'table') return hostTableWork(model, edges, atoms);
  // Counted for the GPU's stages; a CPU divides the baseline otherwise, and all but the messages of flash.
  if (host && pipeline === 'baseline') return [];
  const all = schnetWork(config, edges, atoms, {
    pipeline,
    entries: model.options.entries ?? 'float32',
    listed,
    // A CPU multiplies in single precision, once.
    operands: host ? 'tf32' : (model.options.operands ?? 'float32'),
    element: model.options.techniques?.weights16 ? 2 : 4,
  });
  return host ? all.filter(({ stage }) => stage.startsWith('message')) : all;
}

/** Filters looked up as cubics on a CPU, each pair once: four coefficients and both atoms' rows read, sums written back. */
function hostTableWork({ config }: Schnet, edges: number, atoms: number): StageWork[] {
  const { blocks: L, filters: F } = config;
  const pairs = edges / 2;
  const row = 4 * F;
  const none = { products: 0, special: 0, shared: 0 };
  return [
    {
      ...none,
      stage: 'message',
      arithmetic: L * pairs * 10 * F,
      gathered: L * pairs * 7 * row,
      bytes: L * (4 * pairs + 2 * atoms * row),
    },
    {
      ...none,
      stage: 'message reverse',
      arithmetic: pairs * F * (19 * (L - 1) + 9),
      gathered: pairs * row * (8 * (L - 1) + 5),
      bytes: L * (8 * pairs + 3 * atoms * row),
    },
  ];
}

/** Columns of one stage; null where nothing is counted. */
function against(work: StageWork | undefined, ceilings: Ceilings, seconds: number): Record<string, unknown> {
  if (!work) return { floor: null, bound: null, reached: null };
  const times = (Object.keys(units) as (keyof Ceilings)[]).map((kind) => ({
    kind,
    time: work[kind] / ceilings[kind],
  }));
  const slowest = times.reduce((a, b) => (b.time > a.time ? b : a));
  const operations = work.products + work.arithmetic + work.special;
  return {
    floor: slowest.time,
    bound: units[slowest.kind],
    reached: slowest.time / seconds,
    operations,
    bytes: work.bytes,
    intensity: operations / work.bytes,
    rate: operations / seconds,
    bandwidth: work.bytes / seconds,
  };
}
