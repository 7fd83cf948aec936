/** A run: an async iterable of frames that can be stopped, saved and gone on with. */
import { checkOptionNames, MdlabError } from '../errors.js';
import { formatNumber } from '../format.js';
import { checkWritable } from '../io/write-whole.js';
import { type Potential, Schnet } from '../models/index.js';
import { memoryMeter } from '../models/place.js';
import { wayFields } from '../models/potential.js';
import { type NativeDynamics, type NativeDynamicsState, native } from '../native.js';
import { boltzmann } from '../units.js';
import { type Place, setAside, wroteCheckpoint } from './aside.js';
import { type CheckpointOptions, type PotentialRecord, writeCheckpoint } from './checkpoint.js';
import { Frame } from './frame.js';
import { checkCount } from './integrators.js';
import type { Outputs, RunOptions, StartVelocities } from './options.js';
import { FrameRecord } from './record.js';
import { chunk, interrupted, StepProgress } from './run.js';
import { startVelocities } from './start.js';
import { type Summary, summarize } from './summary.js';
import { inverseMasses, type System } from './system.js';
import { TrajectoryFiles } from './trajectory-files.js';

export interface IterateOptions {
  /** Stops this iteration. */
  signal?: AbortSignal;
}

/**
 * A run of molecular dynamics.
 *
 * `for await (const frame of sim)` yields a frame every `every` steps until `steps` are done; `await sim.run()` does
 * the same and returns a summary. Between frames a whole chunk of steps runs in native code on a thread of its own,
 * so timers, progress and other cells go on. Nothing runs while the loop's body does.
 *
 * Stopping: leaving the loop stops the run at the frame last seen. When the signal aborts, or the kernel interrupts,
 * the iteration ends within 100 ms by throwing an `MdlabError` with code `EINTERRUPTED`, and `state` is that after the
 * last whole step. Either way, iterating or `run()` again goes on from there to the same bits as without the stop; an
 * aborted signal counts once, so a new one is needed only to stop again.
 */
export class Simulation implements AsyncIterable<Frame> {
  readonly potential: Potential;
  readonly system: System;
  readonly options: RunOptions;
  private outputs: Outputs;
  private readonly handle: NativeDynamics;
  private readonly record = new FrameRecord();
  private readonly files: TrajectoryFiles | undefined;
  private readonly spent = new WeakSet<AbortSignal>();
  private target: number;
  private firstStep = 0;
  private seconds = 0;
  private peakBytes = 0;
  private active = false;
  /** Made by `simulate` and not iterated yet. */
  private fresh = false;

  /** Use `simulate` or `resume`. */
  constructor(
    system: System,
    potential: Potential,
    options: RunOptions,
    outputs: Outputs,
    framesKept?: number,
  ) {
    this.system = system;
    this.potential = potential;
    this.options = options;
    this.outputs = outputs;
    this.target = options.steps;
    this.handle = createHandle(system, potential, options);
    if (outputs.trajectory !== undefined) {
      this.files = new TrajectoryFiles(outputs.trajectory, system, framesKept);
    }
  }

  /** Steps taken; may be asked while the run goes on. */
  get step(): number {
    return native().dynamicsStep(this.handle);
  }

  /** fs since the run began. */
  get time(): number {
    return this.step * this.options.integrator.timestep;
  }

  /** The state after the last whole step, as a frame. @throws EINVALID while a chunk of steps is running */
  get state(): Frame {
    return new Frame(this.read(), this.system, this.options.integrator.timestep);
  }

  [Symbol.asyncIterator](): AsyncIterator<Frame> {
    return this.frames();
  }

  /**
   * Goes on from where the run stands and yields a frame every `every` steps.
   * @throws EINTERRUPTED when stopped, ENUMERIC when the run diverged (the state before that step is kept); EIO or EINVALID
   * before the first step where its files cannot be written, or the checkpoint would replace another kind of file
   */
  async *frames(options: IterateOptions = {}): AsyncGenerator<Frame, void, undefined> {
    checkOptionNames<IterateOptions>('simulation', options, { signal: true });
    const signal = this.freshSignal(options.signal ?? this.outputs.signal);
    this.checkOutputs();
    this.enter();
    const memory = memoryMeter(this.potential);
    const progress = this.progress();
    let note: string | undefined = 'stopped';
    try {
      memory.reset();
      while (this.step < this.target) {
        await this.advanceTo(this.nextStop(), signal);
        this.peakBytes = Math.max(this.peakBytes, memory.peak());
        progress.update();
        const frame = this.arrive();
        if (this.step === this.target) note = undefined;
        if (frame) yield frame;
      }
      note = undefined;
    } catch (error) {
      note = error instanceof MdlabError && error.code === 'EINTERRUPTED' ? 'interrupted' : 'failed';
      this.checkpoint();
      throw error;
    } finally {
      progress.finish(note);
      this.files?.flush();
      this.active = false;
    }
  }

  /** Runs to the end. @throws what `frames` throws */
  async run(options: IterateOptions = {}): Promise<Summary> {
    const frames = this.frames(options);
    while (!(await frames.next()).done);
    return this.summary();
  }

  /** Rates, exchange counts and the numbers of all frames seen so far by this object. */
  summary(): Summary {
    return summarize({
      system: this.system,
      potential: this.potential,
      options: this.options,
      frames: this.record.columns(),
      state: this.read(),
      steps: this.step - this.firstStep,
      seconds: this.seconds,
      peakBytes: this.peakBytes,
    });
  }

  /** Adds steps to the end; iterate or `run()` again to take them. */
  extend(steps: number): void {
    checkCount('simulation.extend', steps);
    this.target += steps;
  }

  /** Steps the run ends after. */
  get steps(): number {
    return this.target;
  }

  /**
   * Writes the state as it is now, for `resume`: a place to branch from, which does not touch the run's own checkpoint
   * and trajectory files.
   * @throws EINVALID while a chunk of steps is running
   */
  save(file: string): void {
    this.write(file, undefined);
  }

  private write(file: string, outputs: CheckpointOptions['outputs']): void {
    writeCheckpoint(file, {
      options: {
        ...this.options,
        steps: this.target,
        potential: potentialRecord(this.potential),
        outputs,
      },
      structures: [...this.system.structures],
      types: this.system.batch.types,
      state: this.read(),
    });
  }

  /** Closes the trajectory files, which are whole after every frame anyway; going on opens them again. */
  close(): void {
    this.files?.close();
  }

  /** Sets starting velocities; `simulate` calls it. */
  start(velocities: StartVelocities | undefined): void {
    this.fresh = true;
    startVelocities(this.handle, this.system, this.options, velocities);
  }

  /** Puts a stored state in place and checks that the potential is the one that made it; `resume` calls it. */
  async restore(state: NativeDynamicsState, check: (energies: Float64Array) => void): Promise<void> {
    native().setPositions(this.handle, state.positions);
    await chunk(
      () => native().advanceDynamics(this.handle, 0),
      () => {},
      undefined,
    );
    const { forces, listBuiltAt, potential, virial } = this.read();
    // A run that was stored before it took a step may have had no energies and forces yet.
    const bare = state.step === 0 && [state.potential, state.forces].every((a) => a.every((x) => x === 0));
    if (!bare) check(potential);
    const computed = bare ? { forces, listBuiltAt, potential, virial } : {};
    native().restoreDynamics(this.handle, { ...state, ...computed });
    this.firstStep = state.step;
  }

  private read(): NativeDynamicsState {
    return native().readDynamics(this.handle);
  }

  private enter(): void {
    if (this.active) {
      throw new MdlabError(
        'EINVALID',
        'simulation: must not be iterated twice at once; await the first loop',
      );
    }
    this.active = true;
  }

  /** Hours of steps are no way to find out that a folder is not there. */
  private checkOutputs(): void {
    if (this.step === this.target) return;
    this.files?.check();
    const { checkpoint } = this.outputs;
    if (checkpoint) checkWritable(checkpoint.file, 'whole');
    if (checkpoint && this.fresh) setAside(checkpoint.file);
    this.fresh = false;
  }

  /** Writes on where a new run of the same names has put this run's files. */
  moved({ checkpoint, trajectory }: Place): void {
    const every = this.outputs.checkpoint!.every;
    this.outputs = { ...this.outputs, checkpoint: { file: checkpoint, every } };
    if (this.files && trajectory !== undefined) this.files.pattern = trajectory;
  }

  private freshSignal(signal: AbortSignal | undefined): AbortSignal | undefined {
    return signal && this.spent.has(signal) ? undefined : signal;
  }

  private progress(): StepProgress {
    const { integrator } = this.options;
    const perStep = integrator.timestep * 1e-6 * 86400;
    const replicas = this.system.systems.length;
    const rates = (_done: number, perSecond: number): string => {
      const each = formatNumber(perSecond * perStep, 3);
      if (replicas === 1) return `${each} ns/day`;
      return `${formatNumber(perSecond * perStep * replicas, 3)} ns/day (${replicas} × ${each})`;
    };
    const label = integrator.kind === 'langevin' ? 'Langevin dynamics' : 'dynamics';
    return new StepProgress(this.outputs.progress, label, () => this.step, this.target, rates);
  }

  /** The next step at which something is due: a frame, a checkpoint, the end. */
  private nextStop(): number {
    const { step } = this;
    const next = (every: number): number => (Math.floor(step / every) + 1) * every;
    const checkpoint = this.outputs.checkpoint ? next(this.outputs.checkpoint.every) : this.target;
    return Math.min(this.target, next(this.options.every), checkpoint);
  }

  private async advanceTo(stop: number, signal: AbortSignal | undefined): Promise<void> {
    const started = performance.now();
    try {
      if (signal?.aborted) throw interrupted('simulate', this.step);
      await chunk(
        () => native().advanceDynamics(this.handle, stop - this.step),
        () => native().stopDynamics(this.handle),
        signal,
      );
    } catch (error) {
      if (!(error instanceof MdlabError) || error.code !== 'EINTERRUPTED') throw error;
      if (signal?.aborted) this.spent.add(signal);
      throw interrupted('simulate', this.step);
    } finally {
      this.seconds += (performance.now() - started) / 1000;
    }
  }

  /** What is due at this step, in an order that a kill at any moment leaves consistent: trajectory, then checkpoint. */
  private arrive(): Frame | undefined {
    const { step } = this;
    const due = step % this.options.every === 0;
    const frame = due ? this.state : undefined;
    if (frame) {
      this.record.add(frame);
      this.files?.write(frame);
    }
    const every = this.outputs.checkpoint?.every ?? Number.POSITIVE_INFINITY;
    if (step % every === 0 || step === this.target) this.checkpoint();
    return frame;
  }

  private checkpoint(): void {
    const { checkpoint } = this.outputs;
    if (!checkpoint) return;
    this.files?.flush();
    const trajectory = this.files && { file: this.files.pattern, frames: this.files.count };
    this.write(checkpoint.file, { checkpointEvery: checkpoint.every, trajectory });
    wroteCheckpoint(checkpoint.file, this);
  }
}

/** What a checkpoint tells of a potential. */
export function potentialRecord(potential: Potential): PotentialRecord {
  const { backend, name, pipeline, precision, ...info } = potential.info;
  const record = { name, backend, precision, pipeline };
  if (potential.terms.length > 0) return { ...record, terms: potential.terms.map(potentialRecord) };
  return {
    ...record,
    ...Object.fromEntries(wayFields.map((key) => [key, info[key] ?? null])),
    weights: potential instanceof Schnet ? potential.digest : null,
    parameters: info.parameters ?? null,
  };
}

function createHandle(system: System, potential: Potential, options: RunOptions): NativeDynamics {
  const { integrator, tempering } = options;
  const count = system.systems.length;
  const ladder = Float64Array.from(tempering?.temperatures ?? [], (t) => t * boltzmann);
  const { temperature } = integrator;
  const kT = Float64Array.from(
    { length: count },
    (_, s) => boltzmann * ((typeof temperature === 'number' ? temperature : temperature?.[s]) ?? 0),
  );
  return native().createDynamics(potential.handle, system.batch, {
    langevin: integrator.kind === 'langevin',
    timestep: integrator.timestep,
    friction: integrator.friction / 1000,
    kT,
    seedLow: integrator.seed >>> 0,
    seedHigh: Math.floor(integrator.seed / 2 ** 32),
    replica: Int32Array.from({ length: count }, (_, s) => options.firstReplica + s),
    removeDrift: options.removeCenterOfMass,
    displacementLimit: options.displacementLimit,
    skin: options.skin,
    exchangeEvery: tempering?.every ?? 0,
    ladder,
    inverseMasses: inverseMasses(system.masses),
  });
}
