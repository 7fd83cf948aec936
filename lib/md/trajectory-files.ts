/** The trajectory files of a run: one per system. */
import { existsSync } from 'node:fs';
import { extname } from 'node:path';
import { invalid } from '../errors.js';
import { openTrajectory, type StoredFrame, type TrajectoryWriter } from '../io/index.js';
import { checkTrajectory } from '../io/writer.js';
import type { Frame } from './frame.js';
import type { System } from './system.js';

/**
 * File of one system: the name as given for a single system, else numbered before the extension, `run.dcd` →
 * `run.07.dcd`; `{replica}` in the name marks another place for the number.
 */
export function trajectoryFile(pattern: string, system: number, systems: number): string {
  const number = String(system).padStart(String(systems - 1).length, '0');
  if (pattern.includes('{replica}')) return pattern.replaceAll('{replica}', number);
  if (systems === 1) return pattern;
  const extension = extname(pattern);
  return `${pattern.slice(0, pattern.length - extension.length)}.${number}${extension}`;
}

/** The files of all systems. */
export function trajectoryFiles(pattern: string, systems: number): string[] {
  return Array.from({ length: systems }, (_, k) => trajectoryFile(pattern, k, systems));
}

/** Opened at the first frame, so that a run that never moves leaves files alone. */
export class TrajectoryFiles {
  /** May change while files are open, which then were renamed. */
  pattern: string;
  private readonly system: System;
  /** Frames that a stored run left, which must be there to be continued. */
  private stored: number;
  private kept: number | undefined;
  private writers: TrajectoryWriter[] | undefined;

  /** @param kept frames to keep of existing files, which are then continued; undefined: new files */
  constructor(pattern: string, system: System, kept?: number) {
    this.pattern = pattern;
    this.system = system;
    this.kept = kept;
    this.stored = kept ?? 0;
  }

  /** Frames in each file. */
  get count(): number {
    return this.writers?.[0]?.count ?? this.kept ?? 0;
  }

  /**
   * Whether the first frame will be taken.
   * @throws EINVALID for an unknown extension or where frames to go on from are gone, EIO where a file cannot be written
   */
  check(): void {
    if (this.writers) return;
    for (const file of this.names()) {
      checkTrajectory(file);
      if (this.stored > 0 && !existsSync(file)) {
        const remedy = 'put it back, or resume with another trajectory or with false';
        invalid('resume.trajectory', `must have the run's first ${this.stored} frames`, `no ${file}`, remedy);
      }
    }
  }

  write(frame: Frame): void {
    const { offsets } = frame;
    this.open().forEach((writer, s) => {
      const [from, to] = [3 * offsets[s]!, 3 * offsets[s + 1]!];
      const { box } = this.system.systems[s]!;
      const stored: StoredFrame = {
        positions: frame.positions.subarray(from, to),
        velocities: frame.velocities.subarray(from, to),
        step: frame.step,
        time: frame.time,
        energy: frame.potential[s]!,
        box,
      };
      writer.write(stored);
    });
  }

  flush(): void {
    for (const writer of this.writers ?? []) writer.flush();
  }

  /** The next frame opens them again and goes on behind what is there. */
  close(): void {
    this.kept = this.count;
    this.stored = 0;
    for (const writer of this.writers ?? []) writer.close();
    this.writers = undefined;
  }

  private open(): TrajectoryWriter[] {
    this.writers ??= this.names().map((file, k) => {
      const append = this.kept !== undefined;
      const keep = this.kept === undefined ? {} : { keep: this.kept };
      return openTrajectory(file, this.system.systems[k]!, { append, ...keep });
    });
    return this.writers;
  }

  private names(): string[] {
    return trajectoryFiles(this.pattern, this.system.systems.length);
  }
}
