// A long run in stretches: the library's checkpoint, the samples so far and the stretches' times lie in a folder, and the next
// call goes on from there, after an abort, a kill or a whole stretch alike.
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { invalid, MdlabError } from '../../lib/errors.js';
import { jsonLines, parseJsonLines } from '../../lib/io/tables.js';
import { readText } from '../../lib/io/text.js';
import { append, writeWhole } from '../../lib/io/write-whole.js';
import { type Frame, resume, type SimulateOptions, type Simulation, simulate } from '../../lib/md/index.js';
import type { Potential } from '../../lib/models/potential.js';
import type { Structure } from '../../lib/structure/index.js';
import { alive } from '../tools.js';

/** Steps without a stop; seconds of wall time, samples and checkpoints included. */
export interface Stretch {
  from: number;
  to: number;
  seconds: number;
}

export interface LongRun<S extends { step: number }> {
  folder: string;
  /** Names and numbers that make the run: the folder keeps them, and refuses others. */
  settings: Readonly<Record<string, string | number>>;
  start: Structure;
  potential: Potential;
  /** `checkpoint` is this function's own. */
  options: SimulateOptions & { every: number };
  /** What is kept of a frame. */
  sample: (frame: Frame) => S;
}

export interface Taken<S> {
  sim: Simulation;
  /** Of the whole run so far. */
  samples: S[];
  stretches: Stretch[];
  /** The library's message, where the run diverged. */
  diverged: string | undefined;
}

/**
 * Takes steps until the run is whole, diverges or is aborted, which the simulation's step tells; each leaves a checkpoint.
 * @throws EINVALID where the folder holds another run, lacks samples, or is in use
 */
export async function takeStretch<S extends { step: number }>(run: LongRun<S>): Promise<Taken<S>> {
  mkdirSync(run.folder, { recursive: true });
  const lock = join(run.folder, 'pid');
  claim(lock);
  try {
    return await stretch(run);
  } finally {
    rmSync(lock, { force: true });
  }
}

/** One process at a time: the file holds its number, and counts as long as there is such a process. */
function claim(lock: string): void {
  const holder = existsSync(lock) ? Number(readText(lock)) : 0;
  if (holder > 0 && holder !== process.pid && alive(holder))
    invalid(
      dirname(lock),
      'must be used by one process at a time',
      `process ${holder}`,
      `end it, or remove ${lock}`,
    );
  writeWhole(lock, [`${process.pid}\n`]);
}

async function stretch<S extends { step: number }>(run: LongRun<S>): Promise<Taken<S>> {
  const { folder, potential, settings } = run;
  const { every, signal, steps } = run.options;
  const [file, runFile, samplesFile] = ['checkpoint', 'run.json', 'samples.jsonl'].map((f) =>
    join(folder, f),
  ) as [string, string, string];
  const before = existsSync(file) ? stretchesOf(runFile, settings) : [];
  const checkpoint = { file, every: 10 * every };
  const sim = existsSync(file)
    ? await resume(file, potential, { steps, ...(signal ? { signal } : {}) })
    : simulate(run.start, potential, { ...run.options, checkpoint });
  const samples = samplesUpTo(sim.state, samplesFile, every, run.sample);

  const [from, began] = [sim.step, performance.now()];
  const stretches = (): Stretch[] => {
    const own = { from, to: sim.step, seconds: (performance.now() - began) / 1000 };
    return sim.step > from ? [...before, own] : before;
  };
  const note = (): void => writeWhole(runFile, [`${JSON.stringify({ settings, stretches: stretches() })}\n`]);
  let diverged: string | undefined;
  note();
  try {
    for await (const frame of sim) {
      const sample = run.sample(frame);
      samples.push(sample);
      append(samplesFile, jsonLines([sample]));
      if (frame.step % checkpoint.every === 0) note();
    }
  } catch (error) {
    const code = error instanceof MdlabError ? error.code : undefined;
    if (code === 'ENUMERIC') diverged = (error as Error).message;
    else if (code !== 'EINTERRUPTED') throw error;
  }
  note();
  return { sim, samples, stretches: stretches(), diverged };
}

function stretchesOf(runFile: string, settings: LongRun<never>['settings']): Stretch[] {
  const stored = JSON.parse(readText(runFile)) as { settings: typeof settings; stretches: Stretch[] };
  for (const [key, value] of Object.entries(settings))
    if (stored.settings[key] !== value)
      invalid(`${runFile}: ${key}`, `must be ${value}`, stored.settings[key], 'give another folder');
  return stored.stretches;
}

/**
 * Leaves out what a killed call sampled after its last checkpoint, and takes the sample of the checkpoint's own step where the
 * kill came between the two.
 */
function samplesUpTo<S extends { step: number }>(
  now: Frame,
  file: string,
  every: number,
  sample: (frame: Frame) => S,
): S[] {
  const stored = (existsSync(file) ? parseJsonLines(readText(file), file) : []) as unknown as S[];
  const kept = stored.filter((s) => s.step <= now.step);
  const due = Math.floor(now.step / every);
  if (kept.length === due - 1 && now.step === due * every) kept.push(sample(now));
  if (kept.length !== due)
    invalid(file, `must hold ${due} samples up to step ${now.step}`, kept.length, 'begin in another folder');
  writeWhole(file, [jsonLines(kept)]);
  return kept;
}
