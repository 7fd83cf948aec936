/** DCD as CHARMM and NAMD read it: little-endian, unit cells with cosines, no fixed atoms. */
import { invalid } from '../errors.js';
import type { Structure } from '../structure/index.js';
import { cellOfBox } from './cell.js';
import { type DcdReader, femtosecondsPerAkma } from './dcd.js';
import type { FrameEncoder, StoredFrame } from './frames.js';

const title = 'WRITTEN BY MDLAB';
const titleBytes = 80;
const controlBytes = 84;
/** Where the header's fields stand: the first record's mark and 'CORD' come before. */
const fields = { frames: 8, start: 12, every: 16, steps: 20, delta: 44, cell: 48, version: 84 } as const;

/**
 * Encodes frames; whether the file has unit cells is decided by its first frame. The header's frame count, step
 * interval and time step are filled in as frames arrive; readers take the count from the file's size.
 */
export class DcdEncoder implements FrameEncoder {
  private cell: boolean | undefined;
  private first: { step: number; time: number | undefined } | undefined;

  /** @param existing a file to append to */
  constructor(
    private readonly topology: Structure,
    existing?: DcdReader,
  ) {
    if (!existing) return;
    const { little, mark, fourth, cell } = existing.layout;
    if (!little || mark !== 4 || fourth) {
      invalid(
        'append',
        'needs a little-endian DCD with three dimensions',
        'another kind',
        'write a new file',
      );
    }
    this.cell = cell;
    this.first = { step: existing.layout.start, time: undefined };
  }

  /** The header's count for a file that is continued with `count` frames. */
  resume(count: number): { at: number; bytes: Uint8Array } {
    return { at: fields.frames, bytes: new Uint8Array(Int32Array.of(count).buffer) };
  }

  encode(frame: StoredFrame, index: number): Uint8Array {
    const given = frame.box === undefined ? this.topology.box : frame.box;
    const box = given?.periodic.some(Boolean) ? given : null;
    if (this.cell === undefined || index === 0) this.cell = box !== null;
    if (box && !this.cell)
      invalid('frame.box', 'must be absent in a DCD whose first frame has none', 'a box');
    const n = this.topology.count;
    const head = index === 0 ? this.header(frame) : new Uint8Array();
    const out = new DataView(new ArrayBuffer(head.length + (this.cell ? 56 : 0) + 3 * (4 * n + 8)));
    new Uint8Array(out.buffer).set(head);
    let at = head.length;
    const record = (length: number): number => {
      out.setInt32(at, length, true);
      out.setInt32(at + 4 + length, length, true);
      at += length + 8;
      return at - length - 4;
    };
    if (this.cell) {
      const from = record(48);
      const { lengths, angles } = box ? cellOfBox(box, 'DCD') : { lengths: [0, 0, 0], angles: [90, 90, 90] };
      const [alpha, beta, gamma] = angles.map((d) => (d === 90 ? 0 : Math.cos((d * Math.PI) / 180)));
      [lengths[0]!, gamma!, lengths[1]!, beta!, alpha!, lengths[2]!].forEach((x, i) => {
        out.setFloat64(from + 8 * i, x, true);
      });
    }
    for (let axis = 0; axis < 3; axis++) {
      const from = record(4 * n);
      for (let i = 0; i < n; i++) out.setFloat32(from + 4 * i, frame.positions[3 * i + axis]!, true);
    }
    return new Uint8Array(out.buffer);
  }

  /** The frame count, and with the second frame the interval of steps and the time step. */
  patch(frame: StoredFrame, index: number): { at: number; bytes: Uint8Array } {
    const steps = this.first && index === 1 ? (frame.step ?? 1) - this.first.step : 0;
    const long = steps > 0;
    const view = new DataView(new ArrayBuffer(long ? 40 : 4));
    const put = (field: number, value: number): void => view.setInt32(field - fields.frames, value, true);
    put(fields.frames, index + 1);
    if (long && this.first) {
      put(fields.start, this.first.step);
      put(fields.every, steps);
      view.setFloat32(fields.delta - fields.frames, this.timeStep(frame, steps) / femtosecondsPerAkma, true);
    }
    return { at: fields.frames, bytes: new Uint8Array(view.buffer) };
  }

  /** fs per step from the first two frames; a continued file does not say when its first one was. */
  private timeStep(frame: StoredFrame, steps: number): number {
    const { time = 0, step = 0 } = frame;
    if (frame.time === undefined) return 0;
    if (this.first?.time !== undefined) return Math.max(0, time - this.first.time) / steps;
    return step > 0 ? Math.max(0, time) / step : 0;
  }

  private header(frame: StoredFrame): Uint8Array {
    this.first = { step: frame.step ?? 0, time: frame.time };
    const titles = 4 + titleBytes;
    const view = new DataView(new ArrayBuffer(controlBytes + 8 + titles + 8 + 12));
    const bytes = new Uint8Array(view.buffer);
    const put = (at: number, value: number): void => view.setInt32(at, value, true);
    put(0, controlBytes);
    bytes.set(Buffer.from('CORD'), 4);
    put(fields.frames, 1);
    put(fields.start, this.first.step);
    put(fields.every, 1);
    put(fields.cell, this.cell ? 1 : 0);
    put(fields.version, 24);
    const afterControl = controlBytes + 8;
    put(afterControl - 4, controlBytes);
    put(afterControl, titles);
    put(afterControl + 4, 1);
    bytes.set(Buffer.from(title.padEnd(titleBytes)), afterControl + 8);
    put(afterControl + 4 + titles, titles);
    const count = afterControl + titles + 8;
    put(count, 4);
    put(count + 4, this.topology.count);
    put(count + 8, 4);
    return bytes;
  }
}
