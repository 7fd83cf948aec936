/** Trajectory writers: one frame, one write. */
import { closeSync, existsSync, fsyncSync, ftruncateSync, writeSync } from 'node:fs';
import { basename } from 'node:path';
import { checkOptionNames, invalid, MdlabError, unknownChoice } from '../errors.js';
import type { Structure, TrajectoryFrame } from '../structure/index.js';
import { DcdReader } from './dcd.js';
import { DcdEncoder } from './dcd-write.js';
import { formatExtxyz } from './extxyz.js';
import { openReader, type TrajectoryFormat, trajectoryFormatOf, trajectoryFormats } from './formats.js';
import type { FrameEncoder, FrameReader, StoredFrame, TrajectoryWriter } from './frames.js';
import { formatAtoms, formatBonds, formatCell } from './pdb-write.js';
import { withSource } from './source.js';
import { checkWritable, openToWrite } from './write-whole.js';
import { formatXtc } from './xtc.js';

export interface TrajectoryWriterOptions {
  /** Default: by the file's extension. */
  format?: TrajectoryFormat;
  /** Continue a file of the same system instead of replacing it. A frame cut short at its end is removed. Default false. */
  append?: boolean;
  /** With `append`: keep only the first so many frames, as when a run resumes from an older checkpoint. Default: all. */
  keep?: number;
  /** XTC only: steps per nm that positions are rounded to. Default 1000, that is 0.01 Å. */
  precision?: number;
}

/**
 * Opens a trajectory file for writing.
 * @param topology names the particles; its box is used for frames without one
 * @throws EINVALID for an unknown format, or with `append` for a file of another number of particles; EIO where it cannot be written
 * @example const out = openTrajectory('run.xtc', structure); out.write({ positions, time: 0, step: 0 }); out.close()
 */
export function openTrajectory(
  path: string,
  topology: Structure,
  options: TrajectoryWriterOptions = {},
): TrajectoryWriter {
  checkOptionNames<TrajectoryWriterOptions>('openTrajectory', options, {
    format: true,
    append: true,
    keep: true,
    precision: true,
  });
  const format = options.format ?? formatToWrite(path);
  if (topology.count === 0) invalid('topology', 'must have particles', 0);
  const kept =
    options.append && existsSync(path) ? keptFrames(path, format, topology, options.keep) : undefined;
  const encoder = encoderOf(format, topology, options, kept?.reader);
  const fd = openToWrite(path, kept ? 'r+' : 'w');
  if (kept) ftruncateSync(fd, kept.end);
  const patch = kept && kept.count > 0 ? encoder.resume?.(kept.count) : undefined;
  if (patch) writeSync(fd, patch.bytes, 0, patch.bytes.length, patch.at);
  return new FileWriter(path, fd, encoder, topology, kept?.count ?? 0, kept?.end ?? 0);
}

/** Finds out, before there is a frame, whether `openTrajectory` would take the file. @throws what that would */
export function checkTrajectory(path: string): void {
  formatToWrite(path);
  checkWritable(path, 'in place');
}

function formatToWrite(path: string): TrajectoryFormat {
  const known = trajectoryFormats.map((f) => `.${f}`);
  return trajectoryFormatOf(path) ?? unknownChoice('trajectory format', path, known);
}

/** How many whole frames of a file to keep, and where they end. */
function keptFrames(
  path: string,
  format: TrajectoryFormat,
  topology: Structure,
  keep: number = Number.POSITIVE_INFINITY,
): { count: number; end: number; reader?: FrameReader } {
  if (!(keep >= 0)) invalid('keep', 'must be a number of frames', keep);
  return withSource(path, (source) => {
    if (source.size === 0 || keep === 0) return { count: 0, end: 0 };
    const reader = openReader(format, source);
    let count = 0;
    let end = 0;
    for (let frame: StoredFrame | undefined; count < keep; count++, end = reader.end) {
      frame = reader.next();
      if (!frame) break;
      if (frame.positions.length !== 3 * topology.count) {
        const atoms = frame.positions.length / 3;
        invalid(
          `${basename(path)} frame ${count}`,
          `must have ${topology.count} particles to append to`,
          atoms,
        );
      }
    }
    if (Number.isFinite(keep) && count < keep) {
      invalid('keep', `must be within the ${count} frames of ${basename(path)}`, keep);
    }
    return count === 0 ? { count, end: 0 } : { count, end, reader };
  });
}

function encoderOf(
  format: TrajectoryFormat,
  topology: Structure,
  options: TrajectoryWriterOptions,
  existing: FrameReader | undefined,
): FrameEncoder {
  const text = (s: string): Uint8Array => Buffer.from(s);
  const { precision = 1000 } = options;
  if (!(precision > 0 && precision <= 1e6))
    invalid('precision', 'must be within 0..1e6 steps per nm', precision);
  switch (format) {
    case 'xyz':
    case 'extxyz':
      return {
        encode: (frame) =>
          text(
            formatExtxyz(
              frame.velocities ? topology.with({ velocities: frame.velocities }) : topology,
              frame,
            ),
          ),
      };
    case 'pdb':
      return {
        encode: (frame, i) => {
          const model = `MODEL     ${String((i + 1) % 10000).padStart(4)}\n`;
          // Bonds stand in the first model: behind all of them there is no place while frames may follow.
          const bonds = i === 0 ? formatBonds(topology) : '';
          return text(
            `${formatCell(topology, frame)}${model}${formatAtoms(topology, frame)}${bonds}ENDMDL\n`,
          );
        },
      };
    case 'dcd':
      return new DcdEncoder(topology, existing instanceof DcdReader ? existing : undefined);
    case 'xtc':
      return {
        encode: (frame, i) => {
          const box = frame.box === undefined ? topology.box : frame.box;
          if (box && !box.periodic.every(Boolean)) {
            invalid(
              'box.periodic',
              'must be true in all directions for XTC',
              box.periodic.join(' '),
              'use extxyz',
            );
          }
          return formatXtc(frame, box, i, precision);
        },
      };
  }
}

class FileWriter implements TrajectoryWriter {
  private open = true;

  constructor(
    readonly path: string,
    private readonly fd: number,
    private readonly encoder: FrameEncoder,
    private readonly topology: Structure,
    private written: number,
    private at: number,
  ) {}

  get count(): number {
    return this.written;
  }

  write(frame: TrajectoryFrame): void {
    if (!this.open) invalid(`${basename(this.path)}`, 'must be open to write', 'closed');
    const { positions } = frame;
    if (positions.length !== 3 * this.topology.count) {
      invalid('frame.positions', `must hold 3 x ${this.topology.count} numbers`, positions.length);
    }
    const bad = positions.findIndex((x) => !Number.isFinite(Math.fround(x)));
    if (bad >= 0) invalid(`frame.positions[${Math.floor(bad / 3)}]`, 'must be finite', positions[bad]);
    const bytes = this.encoder.encode(frame, this.written);
    this.put(bytes, this.at);
    this.at += bytes.length;
    this.written++;
    const patch = this.encoder.patch?.(frame, this.written - 1);
    if (patch) this.put(patch.bytes, patch.at);
  }

  flush(): void {
    if (this.open) fsyncSync(this.fd);
  }

  close(): void {
    if (!this.open) return;
    this.flush();
    this.open = false;
    closeSync(this.fd);
  }

  private cutBack(): void {
    try {
      ftruncateSync(this.fd, this.at);
    } catch {
      // What cannot be cut either is a frame that the next reader leaves out.
    }
  }

  /** One write; a disk that is full takes what it took back, so that the file stays one of whole frames. */
  private put(bytes: Uint8Array, at: number): void {
    try {
      let done = 0;
      while (done < bytes.length) done += writeSync(this.fd, bytes, done, bytes.length - done, at + done);
    } catch (error) {
      if (at >= this.at) this.cutBack();
      throw new MdlabError(
        'EIO',
        `${this.path}: cannot be written: ${(error as Error).message}; free space and write again`,
      );
    }
  }
}
