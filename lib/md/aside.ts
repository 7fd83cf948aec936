/**
 * Setting an unfinished run's files aside, so that a new run of the same names loses none of it. A kill between any two
 * steps leaves a checkpoint that goes on, or that says which file is missing; the next new run completes what was begun.
 */
import { existsSync } from 'node:fs';
import { extname, resolve } from 'node:path';
import { invalid, MdlabError } from '../errors.js';
import { moveFile, removeFile } from '../io/write-whole.js';
import { type Checkpoint, holdsCheckpoint, readCheckpoint, writeCheckpoint } from './checkpoint.js';
import { trajectoryFiles } from './trajectory-files.js';

/** Where a run writes. */
export interface Place {
  checkpoint: string;
  /** As the option `trajectory` names it. */
  trajectory: string | undefined;
}

interface Run {
  /** It writes here from now on; files it has open were renamed. */
  moved(to: Place): void;
}

/** Which run of this process wrote a checkpoint last, by absolute name. */
const writers = new Map<string, WeakRef<Run>>();

/** A run tells of each checkpoint, so that it goes on in the right files when a new run sets them aside. */
export function wroteCheckpoint(file: string, run: Run): void {
  writers.set(resolve(file), new WeakRef(run));
}

/**
 * Renames the checkpoint and the trajectory files of a run that took steps and was to take more, and says so on stderr.
 * Those of a finished run stay where they are, for the new one to replace.
 * @throws EINVALID where the file is no checkpoint, EIO where a file cannot be renamed
 */
export function setAside(file: string): void {
  if (!existsSync(file)) return;
  const stored = replaceable(file);
  const { step } = stored.state;
  const { steps } = stored.options;
  if (step === 0 || step >= steps) return;
  const from: Place = { checkpoint: file, trajectory: stored.options.outputs?.trajectory?.file };
  const { moved, to } = destination(from, stored);
  // In this order: the old checkpoint goes last, for where there is none a new run replaces the trajectory.
  writeCheckpoint(to.checkpoint, moved);
  const renamed = trajectoriesOf(to, stored);
  trajectoriesOf(from, stored).forEach((name, k) => {
    if (existsSync(name) && !existsSync(renamed[k]!)) moveFile(name, renamed[k]!);
  });
  removeFile(file);
  const key = resolve(file);
  writers.get(key)?.deref()?.moved(to);
  writers.delete(key);
  const frames = to.trajectory === undefined ? '' : `, its trajectory ${from.trajectory} is ${to.trajectory}`;
  process.stderr.write(
    `simulate: ${file} of an unfinished run (step ${step} of ${steps}) is now ${to.checkpoint}${frames}; ` +
      `go on with it by resume('${to.checkpoint}', potential)\n`,
  );
}

/** The first number that is free, or that holds what a killed process left of this very move. */
function destination(from: Place, stored: Checkpoint): { to: Place; moved: Checkpoint } {
  for (let n = 1; ; n++) {
    const { trajectory } = from;
    const to: Place = {
      checkpoint: numbered(from.checkpoint, n),
      trajectory: trajectory === undefined ? undefined : numbered(trajectory, n),
    };
    const moved = withTrajectory(stored, to.trajectory);
    const taken = [to.checkpoint, ...trajectoriesOf(to, stored)].some((name) => existsSync(name));
    if (!taken || holdsCheckpoint(to.checkpoint, moved)) return { to, moved };
  }
}

function trajectoriesOf({ trajectory }: Place, { options, structures }: Checkpoint): string[] {
  return trajectory === undefined ? [] : trajectoryFiles(trajectory, structures.length * options.replicas);
}

/** No name that numbering by system gives, now or in a later run: `run.1.dcd` may be a replica's. */
function numbered(name: string, n: number): string {
  const extension = extname(name);
  return `${name.slice(0, name.length - extension.length)}-aside-${n}${extension}`;
}

function withTrajectory(stored: Checkpoint, file: string | undefined): Checkpoint {
  const { outputs } = stored.options;
  if (!outputs?.trajectory || file === undefined) return stored;
  const trajectory = { ...outputs.trajectory, file };
  return { ...stored, options: { ...stored.options, outputs: { ...outputs, trajectory } } };
}

function replaceable(file: string): Checkpoint {
  try {
    return readCheckpoint(file);
  } catch (error) {
    if (!(error instanceof MdlabError)) throw error;
    const rule = "must be a new file or a run's checkpoint, for it is replaced";
    return invalid('simulate.checkpoint', rule, file, `name another, or remove it (${error.message})`);
  }
}
