/** What readers and writers of many frames share. */
import type { Structure, TrajectoryFrame } from '../structure/index.js';

/** A frame as a file holds it: formats that name their particles give a structure with each frame. */
export interface StoredFrame extends TrajectoryFrame {
  /** Present for extxyz, xyz and PDB. */
  structure?: Structure;
  /** (n,3) Å/fs. */
  velocities?: Float64Array;
  /** (n,3) eV/Å. */
  forces?: Float64Array;
}

/** Frames of an open file, one after the other. */
export interface FrameReader {
  /** The next whole frame, or undefined after the last whole one. @throws EFORMAT where a frame breaks its format */
  next(): StoredFrame | undefined;
  /** Passes over a frame without reading it, where the format can; false at the end. */
  skip?(): boolean;
  /** Byte behind the frame that `next` gave last; what a writer that appends cuts the file to. */
  readonly end: number;
  /** True, once `next` gave undefined, when the file ends inside a frame (a writer that was killed, a full disk). */
  readonly truncated: boolean;
}

/** Turns frames into a format's bytes. */
export interface FrameEncoder {
  /** Bytes of frame `index`, with whatever the file needs in front of it. */
  encode(frame: StoredFrame, index: number): Uint8Array;
  /** A part of the file to rewrite after frame `index` is written (DCD keeps a count in its header). */
  patch?(frame: StoredFrame, index: number): { at: number; bytes: Uint8Array };
  /** A part of the file to rewrite before it is continued behind `count` frames. */
  resume?(count: number): { at: number; bytes: Uint8Array };
}

/**
 * Writes frames one by one. Every frame goes out whole in one write, so a process that is killed leaves a file
 * whose frames so far are readable; the next reader drops at most the one that was being written.
 */
export interface TrajectoryWriter {
  readonly path: string;
  /** Frames in the file, those kept from before included. */
  readonly count: number;
  /** @throws EINVALID when the frame has another number of particles, or a number the format cannot hold */
  write(frame: TrajectoryFrame): void;
  /** Asks the system to put what was written on the disk (fsync). */
  flush(): void;
  /** Flushes and closes; writing later is an error, closing again is not. */
  close(): void;
}
