/** Studies of potentials: how fast, how much memory, how exact, and where the time goes. */
import { checkOptionNames, invalid } from '../errors.js';
import { checkCount } from '../md/integrators.js';
import { deviceOf, memoryMeter, placeOf } from '../models/place.js';
import { type EvaluateResult, evaluate, type Potential } from '../models/potential.js';
import type { StageTime } from '../models/schnet.js';
import { neighborList } from '../neighbors/neighbor-list.js';
import { randomGlobule, replicas, type Structure } from '../structure/index.js';
import type { Table } from '../tables/index.js';
import { collectGarbage } from './collect.js';
import { printsOf } from './inputs.js';
import { timeOnDevice } from './place.js';
import { pass } from './steps.js';
import { checkMakers, keptOptionNames, type MeasureContext, type Measured, once, studyOf } from './study.js';
import { fewest, spread, type TimingOptions, timed, timingOptionNames } from './timing.js';

export interface ModelStudyOptions extends Omit<TimingOptions, 'signal'> {
  /** What is compared, by the name it has in the table; a function is called when its first row is due. */
  models: Readonly<Record<string, Potential | (() => Potential)>>;
  /** How many copies are evaluated at once. Default [1]. */
  replicas?: readonly number[];
  /** Particles per copy; sizes given to `structure`. Default [269], or the structure's own. */
  atoms?: readonly number[];
  /** What is evaluated; default a globule of random beads at constant density (269 beads in 14 Å). */
  structure?: Structure | ((atoms: number) => Structure);
  /** Å by which replicas differ. Default 0.1. */
  jitter?: number;
  /** Of structure and jitter. Default 1. */
  seed?: number;
  /** Of the study, in its rows and progress line; default says what is measured. */
  name?: string;
  /**
   * Keeps rows, and goes on from there: rows of the same models (weights and options), structures and settings are not measured
   * again. Models that functions give are made to be compared.
   */
  file?: string;
  version?: string;
  signal?: AbortSignal;
  progress?: boolean;
}

export const modelStudyOptionNames: Readonly<Record<keyof ModelStudyOptions, true>> = {
  ...timingOptionNames,
  ...keptOptionNames,
  ...{ models: true, replicas: true, atoms: true, structure: true, jitter: true, seed: true, name: true },
};

/** Where a row is measured. */
type Point = { model: string; replicas: number; atoms: number };

/**
 * Energy and forces per second against replicas and atoms.
 * Columns: seconds (median of one evaluation of all replicas), seconds_p5, seconds_p95, rate (replica-evaluations/s), edges,
 * nsPerDay (of all replicas together) where `timestep` is given, and clock: on a CPU the time is the caller's, neighbour list
 * included (its part in listSeconds); on a GPU it is the device's, positions and list being there as they are within a run.
 * @param options timestep: fs, of the molecular dynamics that the rate would drive
 */
export function throughputStudy(options: ModelStudyOptions & { timestep?: number }): Promise<Table> {
  checkOptionNames<typeof options>('throughputStudy', options, { ...modelStudyOptionNames, timestep: true });
  return modelStudy(
    'throughput',
    options,
    async (potential, systems, { signal }) => {
      const t =
        deviceOf(potential) === undefined
          ? await hostTiming(potential, systems, { ...timingOf(options), signal })
          : deviceTiming(potential, systems, options);
      const rate = systems.length / t.seconds;
      return { ...t, rate, ...(options.timestep ? { nsPerDay: rate * options.timestep * 86_400e-6 } : {}) };
    },
    { inputs: () => ({ timestep: options.timestep }) },
  );
}

const timingOf = ({ repeats, seconds, warmup }: TimingOptions): TimingOptions => ({
  repeats,
  seconds,
  warmup,
});

interface EvaluationTiming {
  seconds: number;
  seconds_p5: number;
  seconds_p95: number;
  edges: number;
  repeats: number;
  clock: string;
  listSeconds?: number;
}

async function hostTiming(
  potential: Potential,
  systems: readonly Structure[],
  options: TimingOptions,
): Promise<EvaluationTiming> {
  let edges = 0;
  const lists: number[] = [];
  const t = await timed(() => {
    const got = evaluate(potential, systems);
    lists.push(got.seconds.list);
    edges = got.edges;
  }, options);
  return {
    seconds: t.median,
    seconds_p5: t.low,
    seconds_p95: t.high,
    edges,
    listSeconds: spread(lists.slice(-t.repeats)).median,
    repeats: t.repeats,
    clock: 'caller, list included',
  };
}

/** As many evaluations as fit the time, by the rate of the first few. */
function deviceTiming(
  potential: Potential,
  systems: readonly Structure[],
  { repeats = 20, seconds = 60 }: Omit<TimingOptions, 'signal'>,
): EvaluationTiming {
  const first = timeOnDevice(potential, systems, fewest);
  const affordable = Math.floor(seconds / spread(first.seconds).median);
  const count = Math.min(repeats, Math.max(fewest, affordable));
  const got = count > fewest ? timeOnDevice(potential, systems, count) : first;
  const { high, low, median } = spread(got.seconds);
  return {
    seconds: median,
    seconds_p5: low,
    seconds_p95: high,
    edges: got.edges,
    repeats: count,
    clock: 'device, list given',
  };
}

/**
 * The most memory native code holds where the model computes (host, or GPU) during the first evaluation with forces of a new
 * model, its workspace included. Columns: peakBytes (above what was held before), heldBytes (before: weights, tables), edges.
 * @param options models: functions, because a model that has evaluated before still holds its workspace
 * @throws EINVALID for a model that is no function
 */
export function memoryStudy(
  options: ModelStudyOptions & { models: Readonly<Record<string, () => Potential>> },
): Promise<Table> {
  checkOptionNames<ModelStudyOptions>('memoryStudy', options, modelStudyOptionNames);
  checkMakers('memoryStudy.models', options.models);
  const measure: ModelMeasure = async (potential, systems) => {
    await collectGarbage();
    const meter = memoryMeter(potential);
    const before = meter.held();
    meter.reset();
    const { edges } = evaluate(potential, systems);
    return { peakBytes: meter.peak() - before, heldBytes: before, edges };
  };
  return modelStudy('peak memory', options, measure, { afresh: true });
}

/**
 * Forces and energies against a reference potential, the same weights in double precision.
 * Columns: forceError (‖F−F*‖/‖F*‖), maxForceError (eV/Å, largest component), forceNorm (eV/Å, root mean square of F*),
 * energyError (meV per particle, root mean square over replicas).
 */
export function accuracyStudy(
  options: ModelStudyOptions & { reference: Potential | (() => Potential) },
): Promise<Table> {
  checkOptionNames<typeof options>('accuracyStudy', options, { ...modelStudyOptionNames, reference: true });
  const reference = makerOf(options.reference);
  const prints = printsOf({ reference });
  const known = new Map<string, EvaluateResult>();
  return modelStudy(
    'accuracy',
    options,
    (potential, systems) => {
      const key = `${systems.length} ${systems[0]!.count}`;
      const truth = known.get(key) ?? evaluate(reference(), systems);
      known.set(key, truth);
      const got = evaluate(potential, systems);
      return { ...forceErrors(got.forces, truth.forces), ...energyErrors(got, truth, systems) };
    },
    { inputs: (at) => prints('reference', at) },
  );
}

/** How far forces are off: relative over all components, the largest component (eV/Å), and the size of `truth` (eV/Å). */
export function forceErrors(
  got: Float64Array,
  truth: Float64Array,
): { forceError: number; maxForceError: number; forceNorm: number } {
  let [difference, size, worst] = [0, 0, 0];
  for (let i = 0; i < truth.length; i++) {
    const d = got[i]! - truth[i]!;
    difference += d * d;
    size += truth[i]! ** 2;
    worst = Math.max(worst, Math.abs(d));
  }
  return {
    forceError: Math.sqrt(difference / size),
    maxForceError: worst,
    forceNorm: Math.sqrt(size / Math.max(1, truth.length)),
  };
}

function energyErrors(got: EvaluateResult, truth: EvaluateResult, systems: readonly Structure[]): Measured {
  const each = systems.map((s, i) => (1000 * (got.energy[i]! - truth.energy[i]!)) / s.count);
  return { energyError: Math.sqrt(each.reduce((a, e) => a + e * e, 0) / each.length) };
}

/** A potential that tells where its last evaluation spent its time. */
export interface Staged {
  /** s */
  readonly stages: Readonly<Record<string, number>>;
}

/**
 * Time of each stage of an evaluation: several rows per model.
 * Columns: stage, seconds, seconds_p5, seconds_p95, share (of all stages together), edges (directed pairs inside the cutoff).
 * @throws into the row's `error` for a potential that does not tell its stages
 */
export function stageStudy(options: ModelStudyOptions): Promise<Table> {
  checkOptionNames<ModelStudyOptions>('stageStudy', options, modelStudyOptionNames);
  return timesStudy('time per stage', options, (potential) => {
    const { stages = {} } = potential as Potential & Partial<Staged>;
    const times = Object.entries(stages).map(([stage, seconds]) => ({ stage, seconds }));
    return times.length > 0 ? times : invalid('stageStudy.models', 'must tell their stages', potential.name);
  });
}

/** A row for each of the times that a potential tells of its last evaluation, always the same ones in the same order. */
export function timesStudy(
  name: string,
  options: ModelStudyOptions,
  tell: (potential: Potential) => readonly StageTime[],
): Promise<Table> {
  return modelStudy(name, options, async (potential, systems, { signal }) => {
    const runs: (readonly StageTime[])[] = [];
    let edges = 0;
    const t = await timed(
      () => {
        edges = evaluate(potential, systems).edges;
        runs.push(tell(potential));
      },
      { ...timingOf(options), signal },
    );
    const counted = runs.slice(-t.repeats);
    const times = counted[0]!.map((of, k) => ({ of, ...spread(counted.map((r) => r[k]!.seconds)) }));
    const all = times.reduce((a, s) => a + s.median, 0);
    // Where all pairs were looked at there is no list to tell.
    const { cutoff } = potential;
    if (edges === 0 && cutoff > 0) edges = neighborList(systems, { cutoff }).edges;
    return times.map(({ of, median, low, high }) => ({
      ...of,
      seconds: median,
      seconds_p5: low,
      seconds_p95: high,
      share: median / all,
      edges,
      repeats: t.repeats,
    }));
  });
}

type ModelMeasure = (
  potential: Potential,
  systems: readonly Structure[],
  context: { signal: AbortSignal | undefined },
) => Measured | Measured[] | Promise<Measured | Measured[]>;

interface ModelStudySettings {
  /** Builds the model anew for each row. */
  afresh?: boolean;
  /** What a row depends on beside the options of all these studies. */
  inputs?: (structure: Structure) => unknown;
}

/** Runs a measure for every model, size and number of replicas. */
function modelStudy(
  name: string,
  options: ModelStudyOptions,
  measure: ModelMeasure,
  { afresh = false, inputs }: ModelStudySettings = {},
): Promise<Table> {
  const { jitter = 0.1, seed = 1 } = options;
  const models = new Map(Object.entries(options.models).map(([key, model]) => [key, makerOf(model)]));
  if (models.size === 0) invalid('models', 'must name at least one potential', 'none');
  for (const count of options.replicas ?? []) checkCount('study.replicas', count);
  for (const count of options.atoms ?? []) checkCount('study.atoms', count);
  const build = (atoms: number): Structure => {
    const s = options.structure ?? defaultGlobule(seed);
    return typeof s === 'function' ? s(atoms) : s;
  };
  const own = options.structure !== undefined && typeof options.structure !== 'function';
  const sizes = own ? [(options.structure as Structure).count] : (options.atoms ?? [269]);
  const prints = printsOf(afresh ? options.models : Object.fromEntries(models));
  const rows = {
    name: options.name ?? name,
    grid: { model: [...models.keys()], atoms: sizes, replicas: options.replicas ?? [1] },
    measure: async (point: Point, context: MeasureContext) => {
      const given = options.models[point.model]!;
      const potential = afresh && typeof given === 'function' ? given() : models.get(point.model)!();
      const systems = replicas(build(point.atoms), point.replicas, { jitter, seed });
      const got = await measure(potential, systems, context);
      const who = { ...placeOf(potential), cutoff: potential.cutoff, seed };
      return Array.isArray(got) ? got.map((row) => ({ ...row, ...who })) : { ...got, ...who };
    },
    ...pass(options),
  };
  return studyOf<Point>(rows, async ({ atoms, model }) => {
    const structure = build(atoms);
    // The measure is the same text for every study of this file: the kind tells them apart.
    return [name, structure, jitter, seed, await prints(model, structure), await inputs?.(structure)];
  });
}

/** A globule as dense as 269 beads in a sphere of 14 Å. */
function defaultGlobule(seed: number): (beads: number) => Structure {
  return (beads) => randomGlobule({ beads, radius: 14 * Math.cbrt(beads / 269), seed });
}

/** The potential itself, or what a function gives when first asked. */
const makerOf = (model: Potential | (() => Potential)): (() => Potential) =>
  once(() => (typeof model === 'function' ? model() : model));
