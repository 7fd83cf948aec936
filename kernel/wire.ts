/** What the two processes of a notebook say to each other. Commands go by IPC, events come back framed on a pipe of their own. */
import { writeSync } from 'node:fs';
import type { CompiledCell } from './compiler.js';

/** Numbers of the executor's extra pipes. */
export const eventsFd = 3;
export const interruptFd = 4;

/** Slots of the Int32Array the executor's two threads share. */
export const slot = {
  /** 1: the running cell has to stop. First, because cells test it in every loop. */
  stop: 0,
  /** Number of the run going on, 0 when none is. */
  running: 1,
  /** 1 while the cell's synchronous part runs, where a SIGINT breaks JavaScript that does not look at the flag. */
  breakable: 2,
  /** Runs up to this number are to stop as soon as they start. */
  cancelled: 3,
} as const;

/** Mime type -> content; strings, or JSON values for JSON types. */
export type MimeBundle = Record<string, unknown>;

export interface CellError {
  ename: string;
  evalue: string;
  traceback: string[];
}

/** Parent to executor. */
export interface RunCommand {
  /** Counts upwards through the executor's life. */
  run: number;
  /** In[n], as stack traces name the cell. */
  label: string;
  /** A name of the cell that stays the same when it runs again, where the front end tells. */
  place?: string;
  source: string;
  compiled: CompiledCell;
}

/** What a cell puts out, in the words of the Jupyter protocol. */
export type Output =
  | { type: 'stream'; name: 'stdout' | 'stderr'; text: string }
  | { type: 'display_data' | 'update_display_data'; data: MimeBundle; metadata: object; id?: string }
  | { type: 'clear_output'; wait: boolean };

/** Executor to parent. */
export type ExecutorEvent =
  | { type: 'ready' }
  | { type: 'output'; run: number; output: Output }
  | { type: 'done'; run: number; error?: CellError; result?: MimeBundle; completed: number };

/** Bytes on stdout and stderr that say: everything a run wrote there by file descriptor came before this. */
export function endMarker(run: number): string {
  return `\0mdlab:${run}\0`;
}

/** Writes one event, whole, before returning; waits while the pipe is full. */
export function sendEvent(event: ExecutorEvent): void {
  const body = Buffer.from(JSON.stringify(event));
  const frame = Buffer.allocUnsafe(4 + body.length);
  frame.writeUInt32LE(body.length, 0);
  body.copy(frame, 4);
  writeAll(eventsFd, frame);
}

const pause = new Int32Array(new SharedArrayBuffer(4));

export function writeAll(fd: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(fd, bytes, at);
    } catch (e) {
      if ((e as NodeJS.ErrnoException).code !== 'EAGAIN') throw e;
      Atomics.wait(pause, 0, 0, 1);
    }
  }
}

/** Takes chunks of the event pipe, gives whole events. */
export class EventReader {
  private chunks: Buffer[] = [];
  private size = 0;

  constructor(private readonly handle: (event: ExecutorEvent) => void) {}

  push(chunk: Buffer): void {
    this.chunks.push(chunk);
    this.size += chunk.length;
    while (this.size >= 4) {
      const length = this.peekLength();
      if (this.size < 4 + length) return;
      const all = this.chunks.length === 1 ? this.chunks[0]! : Buffer.concat(this.chunks);
      const rest = all.subarray(4 + length);
      this.chunks = rest.length ? [rest] : [];
      this.size = rest.length;
      this.handle(JSON.parse(all.toString('utf8', 4, 4 + length)) as ExecutorEvent);
    }
  }

  private peekLength(): number {
    if (this.chunks[0]!.length < 4) this.chunks = [Buffer.concat(this.chunks)];
    return this.chunks[0]!.readUInt32LE(0);
  }
}
