/** What fewer bits cost: forces, energy drift, distributions; and what they bring: time and memory. */
import { checkOptionNames } from '../errors.js';
import { tableOfRows } from '../io/tables.js';
import { checkCount } from '../md/integrators.js';
import { deviceOf, memoryMeter, placeOf } from '../models/place.js';
import { evaluate, type Potential, sum } from '../models/potential.js';
import type { Schnet, SchnetOptions } from '../models/schnet.js';
import { checkTolerance, operandNames, type SchnetEntries } from '../models/schnet-options.js';
import { replicas, type Structure } from '../structure/index.js';
import type { Table } from '../tables/index.js';
import { collectGarbage } from './collect.js';
import { printsOf } from './inputs.js';
import { forceErrors } from './models.js';
import { timeOnDevice } from './place.js';
import {
  checkDrift,
  checkSampling,
  type DriftOptions,
  energyDriftOf,
  type SamplingOptions,
  sampleProtein,
} from './sampling.js';
import { pass } from './steps.js';
import { checkMakers, keptOptionNames, type MeasureContext, once, studyOf } from './study.js';
import { spread, timed } from './timing.js';

/**
 * The formats that a backend computes in, by name: the filter network exact to float64, float32 and below, then tables of 16 bits
 * a coefficient and of float32, at several numbers of intervals, which follow from tolerances. Forces of float16 tables are exact to
 * some 3e-4 and those of int16 to 2e-5: finer tables of theirs are left out. Doubles are the CPU's; `float64 table`, whose forces are the network's to about 1e-9, is
 * fast enough to simulate with, so that there are an energy drift and distributions to compare with.
 * @throws EINVALID for a tolerance that tables cannot have
 */
export function quantisedFormats(
  model: Schnet,
  backend: 'cpu' | 'cuda',
  tolerances: readonly number[] = [1e-3, 1e-4, 1e-5, 1e-6],
): Record<string, () => Schnet> {
  for (const [i, tolerance] of tolerances.entries())
    checkTolerance(`quantisedFormats.tolerances[${i}]`, tolerance);
  const made = (options: SchnetOptions) => (): Schnet =>
    model.with({ backend, precision: 'float32', ...options });
  const double = (): Schnet => model.with({ backend: 'cpu', pipeline: 'flash', precision: 'float64' });
  const doubleTable = (): Schnet =>
    model.with({
      backend: 'cpu',
      pipeline: 'table',
      entries: 'float32',
      precision: 'float64',
      tolerance: 1e-8,
    });
  const tablesOf = (entries: SchnetEntries, least: number): [string, () => Schnet][] =>
    tolerances
      .filter((t) => t >= least)
      .map((tolerance) => [
        `table ${entries === 'float32' ? '' : `${entries} `}${tolerance.toExponential()}`,
        made({ pipeline: 'table', entries, tolerance }),
      ]);
  const tables = [...tablesOf('float16', 1e-4), ...tablesOf('int16', 1e-5), ...tablesOf('float32', 0)];
  if (backend === 'cpu') {
    const techniques = { radialBasis: true, messagePassing: true, aggregation: true, weights16: true };
    return {
      float64: double,
      'float64 table': doubleTable,
      float32: made({ pipeline: 'flash' }),
      'float16 per channel': made({ pipeline: 'baseline', techniques }),
      ...Object.fromEntries(tables),
    };
  }
  return {
    float64: double,
    'float64 table': doubleTable,
    ...Object.fromEntries(
      operandNames.map((o) => [o.replace('-', ' per '), made({ pipeline: 'flash', operands: o })]),
    ),
    ...Object.fromEntries(tables),
  };
}

export interface QuantisationOptions {
  /** What is compared, by name; built anew for every row. A `teacher` may stand here too. */
  formats: Readonly<Record<string, () => Potential>>;
  /** Forces are judged by it. */
  reference: () => Potential;
  /** Added to every format in simulations, not in the comparison of forces. */
  priors?: Potential | undefined;
  /** A protein of five beads per residue, as folded. */
  structure: Structure;
  /** How many copies are simulated. Default 16. */
  replicas?: number;
  /** How many copies are timed. Default 64. */
  timedReplicas?: number;
  /** Equilibration by `equilibrator` (default: the last format); where it ends, all formats begin. */
  equilibration: SamplingOptions;
  equilibrator?: () => Potential;
  /** Canonical sampling; the function tells it for each format. Undefined: none. */
  sampling?: SamplingOptions | ((format: string) => SamplingOptions | undefined);
  /** Microcanonical runs from there. */
  drift?: DriftOptions | ((format: string) => DriftOptions | undefined);
  /** Keeps rows, and goes on from there, as in `throughputStudy`. */
  file?: string;
  version?: string;
  signal?: AbortSignal;
  progress?: boolean;
}

/**
 * One row per format. Columns: forceError, maxForceError (eV/Å), energyError (meV per particle; a constant offset left in);
 * seconds (of one evaluation of `timedReplicas`), rate, peakBytes; drift (meV/particle/ns), driftError, driftKT
 * (kT/degree of freedom/ns), driftKTError; rg (Å), rgError, native, nativeError, contactShift (root mean square over residue
 * pairs of the contact probability's difference to `comparedTo`'s, the most exact that ran as long), contactNoise (what chance would
 * give runs that are independent);
 * radii (histogram, bins of 0.1 Å from `from` on) and contacts (probability per pair of residues); intervals, tableBytes and tableError
 * (the filters' own, relative) of tables.
 * @throws EINVALID for counts that are no positive whole numbers or leave no sample, a format that is no function
 */
export async function quantisationStudy(options: QuantisationOptions): Promise<Table> {
  checkOptionNames<QuantisationOptions>('quantisationStudy', options, {
    ...keptOptionNames,
    ...{ formats: true, reference: true, priors: true, structure: true, replicas: true, timedReplicas: true },
    ...{ equilibration: true, equilibrator: true, sampling: true, drift: true },
  });
  const { structure } = options;
  const { replicas: count = 16, timedReplicas = 64 } = options;
  const names = Object.keys(options.formats);
  const whole = (p: Potential): Potential => (options.priors ? sum(p, options.priors) : p);
  const equilibrator = options.equilibrator ?? options.formats[names.at(-1)!]!;
  const settings = <T>(o: T | ((format: string) => T), format: string): T =>
    typeof o === 'function' ? (o as (format: string) => T)(format) : o;
  checkOptions(options, (format) => [settings(options.sampling, format), settings(options.drift, format)]);
  const settled = once(async () => {
    const start = Array.from({ length: count }, () => structure);
    const got = await sampleProtein(whole(equilibrator()), start, {
      ...options.equilibration,
      signal: options.signal,
    });
    return { start: got.last, truth: evaluate(options.reference(), got.last) };
  });
  const study = {
    name: 'quantisation',
    grid: { format: names },
    measure: async ({ format }: { format: string }, { signal }: MeasureContext) => {
      const { start, truth } = await settled();
      await collectGarbage();
      const potential = options.formats[format]!();
      const cost = await costs(potential, structure, timedReplicas);
      const got = evaluate(potential, start);
      const off = start.map((s, k) => (1000 * (got.energy[k]! - truth.energy[k]!)) / s.count);
      const [sampling, drift] = [settings(options.sampling, format), settings(options.drift, format)];
      const sampled = sampling && (await sampleProtein(whole(potential), start, { ...sampling, signal }));
      const kept = drift && (await energyDriftOf(whole(potential), start, { ...drift, signal }));
      return {
        atoms: structure.count,
        replicas: count,
        ...forceErrors(got.forces, truth.forces),
        energyError: Math.sqrt(off.reduce((a, e) => a + e * e, 0) / off.length),
        ...cost,
        ...(sampled
          ? {
              rg: sampled.radiusOfGyration.mean,
              rgError: sampled.radiusOfGyration.error,
              native: sampled.nativeContacts.mean,
              nativeError: sampled.nativeContacts.error,
              contactError: sampled.contactError,
              temperature: sampled.temperature.mean,
              samples: sampled.samples,
              sampledSteps: sampling!.steps,
              radii: sampled.radii,
              contacts: sampled.contacts.map((c) => Math.round(1000 * c) / 1000),
            }
          : {}),
        ...(kept
          ? {
              drift: kept.perParticle.mean,
              driftError: kept.perParticle.error,
              driftKT: kept.perDegree.mean,
              driftKTError: kept.perDegree.error,
              fluctuation: kept.fluctuation,
              driftSteps: drift!.steps,
              driftTimestep: drift!.timestep ?? 1,
            }
          : {}),
        ...placeOf(potential),
      };
    },
    ...pass(options),
  };
  const formats = printsOf(options.formats);
  const { priors, reference } = options;
  const beside = printsOf({ reference, equilibrator, ...(priors ? { priors } : {}) });
  // A format that equilibrates is made for its digest already.
  const last = options.equilibrator ? undefined : names.at(-1)!;
  const rows = await studyOf(study, async ({ format }) => ({
    structure,
    count,
    timedReplicas,
    equilibration: options.equilibration,
    sampling: settings(options.sampling, format),
    drift: settings(options.drift, format),
    format: await formats(format, structure),
    reference: await beside('reference', structure),
    equilibrator: await (last === undefined ? beside('equilibrator', structure) : formats(last, structure)),
    priors: priors && (await beside('priors', structure)),
  }));
  return withContactShift(rows);
}

/** Refuses what would fail within every row, before anything is measured. */
function checkOptions(
  options: QuantisationOptions,
  runsOf: (format: string) => [SamplingOptions | undefined, DriftOptions | undefined],
): void {
  const { equilibration, formats, replicas: count = 1, timedReplicas = 1 } = options;
  checkMakers('quantisationStudy.formats', formats);
  checkCount('quantisationStudy.replicas', count);
  checkCount('quantisationStudy.timedReplicas', timedReplicas);
  checkSampling('quantisationStudy.equilibration', equilibration);
  for (const format of Object.keys(formats)) {
    const [sampling, drift] = runsOf(format);
    if (sampling) checkSampling('quantisationStudy.sampling', sampling);
    if (drift) checkDrift('quantisationStudy.drift', drift);
  }
}

/** How far a row's contact probabilities are from those of the most exact format that ran as long, and how far chance would put them. */
function withContactShift(rows: Table): Table {
  type Sampled = {
    format: string;
    forceError: number;
    contacts?: number[] | null;
    contactError: number;
    sampledSteps: number;
  };
  const all = rows.objects() as Sampled[];
  return tableOfRows(
    all.map((row) => {
      const alike = all.filter((r) => r.contacts && r.sampledSteps === row.sampledSteps);
      const [best] = alike.sort((a, b) => a.forceError - b.forceError);
      if (!row.contacts || !best?.contacts) return { ...row, comparedTo: null };
      return {
        ...row,
        comparedTo: best.format,
        contactShift: rootMeanSquare(row.contacts, best.contacts),
        contactNoise: row === best ? 0 : Math.hypot(row.contactError, best.contactError),
      };
    }),
  );
}

/** Time of an evaluation, the most memory it takes, and the size of the table where there is one. */
async function costs(
  potential: Potential,
  structure: Structure,
  count: number,
): Promise<Record<string, number>> {
  const systems = replicas(structure, count, { jitter: 0.1, seed: 1 });
  const meter = memoryMeter(potential);
  const before = meter.held();
  meter.reset();
  const { edges } = evaluate(potential, systems);
  const peakBytes = meter.peak() - before;
  const seconds =
    deviceOf(potential) === undefined
      ? (await timed(() => evaluate(potential, systems), { warmup: 0, repeats: 5, seconds: 2 })).median
      : spread(timeOnDevice(potential, systems, 10).seconds).median;
  const table = (potential as Partial<Schnet>).table ?? undefined;
  return {
    timedReplicas: count,
    edges,
    seconds,
    rate: count / seconds,
    peakBytes,
    ...(table ? { intervals: table.intervals, tableBytes: table.bytes, tableError: table.worstError } : {}),
  };
}

function rootMeanSquare(a: readonly number[], b: readonly number[]): number {
  return Math.sqrt(a.reduce((s, x, k) => s + (x - b[k]!) ** 2, 0) / Math.max(1, a.length));
}
