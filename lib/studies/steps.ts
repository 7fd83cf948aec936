/** Studies of molecular dynamics: how many steps a second, whole steps as a run takes them. */
import { checkOptionNames } from '../errors.js';
import { langevin, simulate } from '../md/index.js';
import { checkCount, checkPositive } from '../md/integrators.js';
import { placeOf } from '../models/place.js';
import type { Potential } from '../models/potential.js';
import type { Structure } from '../structure/index.js';
import type { Table } from '../tables/index.js';
import { printsOf } from './inputs.js';
import { average } from './sampling.js';
import { type KeptOptions, keptOptionNames, type MeasureContext, studyOf } from './study.js';
import { type TimingOptions, timed, timingOptionNames } from './timing.js';

export interface StepStudyOptions extends Omit<TimingOptions, 'signal'> {
  /** What is compared, by the name it has in the table; a function is called for every row. */
  models: Readonly<Record<string, Potential | (() => Potential)>>;
  structure: Structure;
  /** Default [1]. */
  replicas?: readonly number[];
  /** Steps of one timed stretch. Default: as many as last about `stretch` seconds. */
  steps?: number;
  /** s. Default 0.25. */
  stretch?: number;
  /** fs. Default 2. */
  timestep?: number;
  /** K. Default 300. */
  temperature?: number;
  /** Of velocities and noise. Default 1. */
  seed?: number;
  /** Of the study, in its rows and progress line. */
  name?: string;
  /** Keeps rows, and goes on from there, as in `throughputStudy`. */
  file?: string;
  version?: string;
  signal?: AbortSignal;
  progress?: boolean;
}

/**
 * Langevin (BAOAB) steps per second: list, forces, noise and motion, by the caller's clock.
 * Columns: seconds (of one step of all replicas, median over stretches), seconds_p5, seconds_p95, rate (replica-steps/s),
 * nsPerDay (all replicas together), listRebuilds (per 1000 steps), temperature (K, at the end), peakBytes (of all that the process
 * held where the model computes).
 * @throws EINVALID for replicas or steps that are no positive whole numbers, a stretch that is not positive
 */
export function stepStudy(options: StepStudyOptions): Promise<Table> {
  checkOptionNames<StepStudyOptions>('stepStudy', options, {
    ...timingOptionNames,
    ...keptOptionNames,
    ...{ models: true, structure: true, replicas: true, steps: true, stretch: true },
    ...{ timestep: true, temperature: true, seed: true, name: true },
  });
  const {
    repeats = 10,
    seed = 1,
    stretch = 0.25,
    structure,
    temperature = 300,
    timestep = 2,
    warmup = 1,
  } = options;
  for (const count of options.replicas ?? []) checkCount('stepStudy.replicas', count);
  if (options.steps !== undefined) checkCount('stepStudy.steps', options.steps);
  checkPositive('stepStudy.stretch', stretch, 's');
  const prints = printsOf(options.models);
  const rows = {
    name: options.name ?? 'md steps',
    grid: { model: Object.keys(options.models), replicas: options.replicas ?? [1] },
    measure: async (point: Point, { signal }: MeasureContext) => {
      const given = options.models[point.model]!;
      const potential = typeof given === 'function' ? given() : given;
      const sim = simulate(structure, potential, {
        integrator: langevin({ temperature, timestep, seed }),
        steps: fewSteps,
        every: longest,
        replicas: point.replicas,
        progress: false,
      });
      await sim.run();
      // The first steps compile and allocate; the next ones tell how long a stretch is.
      sim.extend(fewSteps);
      const first = sim.summary().seconds;
      const few = (await sim.run()).seconds - first;
      const steps =
        options.steps ?? Math.min(longest, Math.max(fewSteps, Math.round((fewSteps * stretch) / few)));
      const before = sim.summary();
      const t = await timed(
        () => {
          sim.extend(steps);
          return sim.run();
        },
        { repeats, warmup, seconds: options.seconds, signal },
      );
      const after = sim.summary();
      const seconds = t.median / steps;
      return {
        atoms: structure.count,
        seconds,
        seconds_p5: t.low / steps,
        seconds_p95: t.high / steps,
        rate: point.replicas / seconds,
        nsPerDay: (point.replicas / seconds) * timestep * 86_400e-6,
        listRebuilds: (1000 * (after.listRebuilds - before.listRebuilds)) / (after.steps - before.steps),
        temperature: average(sim.state.temperature),
        peakBytes: after.peakBytes,
        repeats: t.repeats,
        stepsPerRepeat: steps,
        timestep,
        seed,
        ...placeOf(potential),
      };
    },
    ...pass(options),
  };
  return studyOf<Point>(rows, async ({ model }) => {
    const settings = { steps: options.steps, stretch, timestep, temperature, seed };
    return ['md steps', structure, settings, await prints(model, structure)];
  });
}

/** Where a row is measured. */
type Point = { model: string; replicas: number };

/** Steps that warm up, and the most of one stretch. */
const [fewSteps, longest] = [3, 100_000];

/** What every study hands on as it is. */
export function pass(options: KeptOptions): KeptOptions {
  const { file, progress, signal, version } = options;
  return {
    ...(file === undefined ? {} : { file }),
    ...(version === undefined ? {} : { version }),
    ...(signal === undefined ? {} : { signal }),
    ...(progress === undefined ? {} : { progress }),
  };
}
