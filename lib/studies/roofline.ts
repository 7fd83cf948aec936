/** How near each kernel of a model comes to what the machine can do: counted work over measured peaks. */

import { checkOptionNames, invalid } from '../errors.js';
import { tableOfRows } from '../io/tables.js';
import { type KernelWork, kernelWork, type Work, workOfStage } from '../models/kernel-work.js';
import { deviceOf } from '../models/place.js';
import type { Potential } from '../models/potential.js';
import { Schnet } from '../models/schnet.js';
import { areFlash } from '../models/schnet-options.js';
import { schnetWork } from '../models/schnet-work.js';
import { native } from '../native.js';
import type { Table } from '../tables/index.js';
import { type ModelStudyOptions, modelStudyOptionNames, timesStudy } from './models.js';

/** Work a second at most, of each kind. */
export type Ceilings = Readonly<Work>;

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
  const { operands, techniques = {} } = potential instanceof Schnet ? potential.options : {};
  if (techniques.weights16) return 'float16';
  return backend !== ('cuda' as string) || (pipeline === 'baseline' && !areFlash(techniques))
    ? 'none'
    : (operands ?? 'float32');
}

/**
 * Time of each kernel, on a CPU of each stage, against its floor: the largest of its counted work over the measured peaks.
 * Columns beside `stageStudy`'s: kernel, launches, floor (s), bound (what sets it), reached (floor/seconds), operations, bytes (of
 * device memory), intensity (operations/byte), rate (operations/s), bandwidth (bytes/s), peakProducts, peakArithmetic (operations/s),
 * peakBytes (bytes/s). What is not counted has null.
 */
export async function rooflineStudy(
  options: ModelStudyOptions & { models: Readonly<Record<string, Schnet>> },
): Promise<Table> {
  checkOptionNames<ModelStudyOptions>('rooflineStudy', options, modelStudyOptionNames);
  const times = await timesStudy('roofline', options, (potential) => (potential as Schnet).times);
  const rows = times.objects() as Record<string, unknown>[];
  /** What the evaluations of a row launched. */
  const kernelsOf = (row: Record<string, unknown>): string[] =>
    rows
      .filter((r) => ['model', 'atoms', 'replicas'].every((key) => r[key] === row[key]))
      .map((r) => String(r['kernel']));
  return tableOfRows(
    rows.map((row) => {
      const model = options.models[String(row['model'])];
      const edges = Number(row['edges']);
      if (!model || row['error'] || !(edges > 0)) return row;
      const atoms = Number(row['atoms']) * Number(row['replicas']);
      const counted = workOf(model, edges, atoms, kernelsOf(row));
      const work =
        row['kernel'] == null
          ? workOfStage(counted, String(row['stage']))
          : counted.find((w) => w.stage === row['stage'] && w.kernel === row['kernel']);
      const c = ceilingsOf(model, String(row['stage']));
      const peaks = { peakProducts: c.products, peakArithmetic: c.arithmetic, peakBytes: c.bytes };
      const { kernel = null, launches = null } = row;
      return { ...row, kernel, launches, ...against(work, c, Number(row['seconds'])), ...peaks };
    }),
  );
}

/** @param kernels those launched: a batch's size decides between some */
function workOf(model: Schnet, edges: number, atoms: number, kernels: readonly string[]): KernelWork[] {
  const host = deviceOf(model) === undefined;
  const { pipeline = 'table', config } = model;
  if (host && pipeline === 'table') return hostTableWork(model, edges, atoms);
  // Counted for a GPU; a CPU divides the baseline otherwise, and all but the messages of flash.
  if (host && pipeline === 'baseline') return [];
  const all = schnetWork(config, edges, atoms, {
    pipeline,
    listed: !kernels.includes('tournamentBegin'),
    headApart: kernels.includes('nodeTopReverse'),
    entries: model.options.entries ?? 'float32',
    // A CPU multiplies in single precision, once.
    operands: host ? 'tf32' : (model.options.operands ?? 'float32'),
    techniques: model.options.techniques ?? {},
  });
  return host ? all.filter(({ stage }) => stage.startsWith('message')) : all;
}

/** Filters looked up as cubics on a CPU, each pair once: four coefficients and both atoms' rows read, sums written back. */
function hostTableWork({ config }: Schnet, edges: number, atoms: number): KernelWork[] {
  const { blocks: L, filters: F } = config;
  const pairs = edges / 2;
  const row = 4 * F;
  return [
    kernelWork('message', 'table', {
      arithmetic: L * pairs * 10 * F,
      gathered: L * pairs * 7 * row,
      bytes: L * (4 * pairs + 2 * atoms * row),
    }),
    kernelWork('message reverse', 'table', {
      arithmetic: pairs * F * (19 * (L - 1) + 9),
      gathered: pairs * row * (8 * (L - 1) + 5),
      bytes: L * (8 * pairs + 3 * atoms * row),
    }),
  ];
}

/** Columns of one kernel or stage; null where nothing is counted. */
function against(work: Work | undefined, ceilings: Ceilings, seconds: number): Record<string, unknown> {
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
