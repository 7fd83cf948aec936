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

/** Stands in `slot.running` while no cell runs but handlers of comms do. */
export const handlersRun = -1;

/** Mime type -> content; strings, or JSON values for JSON types. */
export type MimeBundle = Record<string, unknown>;

export interface CellError {
  ename: string;
  evalue: string;
  traceback: string[];
}

/** A cell to run. */
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

/** A message of a comm, in either direction. */
export interface CommMessage {
  type: 'comm_open' | 'comm_msg' | 'comm_close';
  comm: string;
  /** Of comm_open: who is to answer. */
  target?: string;
  data: Record<string, unknown>;
  metadata: Record<string, unknown>;
  buffers: Uint8Array[];
}

/** Parent to executor. */
export type ExecutorCommand =
  | ({ type: 'run' } & RunCommand)
  /** A comm's message from the front end; `handled` answers it. */
  | { type: 'comm'; delivery: number; message: CommMessage }
  /** What a person typed, or why nobody did. */
  | { type: 'input'; question: number; answer: Answer };

export type Answer = { value: string } | { refused: string };

/** What a cell asks a person. */
export interface Question {
  prompt: string;
  password: boolean;
}

/** What a cell puts out, in the words of the Jupyter protocol. */
export type Output =
  | CommMessage
  | { type: 'stream'; name: 'stdout' | 'stderr'; text: string }
  | { type: 'display_data' | 'update_display_data'; data: MimeBundle; metadata: object; id?: string }
  | { type: 'clear_output'; wait: boolean };

/** Executor to parent. */
export type ExecutorEvent =
  | { type: 'ready' }
  /** A negative run is the delivery of a comm's message. */
  | { type: 'output'; run: number; output: Output }
  | { type: 'question'; run: number; question: number; ask: Question }
  | { type: 'handled'; delivery: number }
  /** A cell wants a fresh process. */
  | { type: 'restart' }
  | { type: 'done'; run: number; error?: CellError; result?: MimeBundle; completed: number };

/** Bytes on stdout and stderr that say: everything a run wrote there by file descriptor came before this. */
export function endMarker(run: number): string {
  return `\0mdlab:${run}\0`;
}

/** Writes one event, whole, before returning; waits while the pipe is full. Bytes of buffers follow the JSON as they are. */
export function sendEvent(event: ExecutorEvent): void {
  const buffers = buffersOf(event);
  const sizes = buffers.map((b) => b.byteLength);
  const json = Buffer.from(
    JSON.stringify(
      buffers.length
        ? { ...event, output: { ...(event as { output: object }).output, buffers: sizes } }
        : event,
    ),
  );
  const head = Buffer.allocUnsafe(8);
  head.writeUInt32LE(json.length, 0);
  head.writeUInt32LE(
    sizes.reduce((a, n) => a + n, 0),
    4,
  );
  writeAll(eventsFd, Buffer.concat([head, json, ...buffers]));
}

function buffersOf(event: ExecutorEvent): Uint8Array[] {
  return event.type === 'output' && 'buffers' in event.output ? event.output.buffers : [];
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
    while (this.size >= 8) {
      if (this.chunks[0]!.length < 8) this.chunks = [Buffer.concat(this.chunks)];
      const [json, bytes] = [this.chunks[0]!.readUInt32LE(0), this.chunks[0]!.readUInt32LE(4)];
      const end = 8 + json + bytes;
      if (this.size < end) return;
      const all = this.chunks.length === 1 ? this.chunks[0]! : Buffer.concat(this.chunks);
      const rest = all.subarray(end);
      this.chunks = rest.length ? [rest] : [];
      this.size = rest.length;
      const event = JSON.parse(all.toString('utf8', 8, 8 + json)) as ExecutorEvent;
      if (bytes) giveBuffers(event, all.subarray(8 + json, end));
      this.handle(event);
    }
  }
}

/** Puts the bytes where the JSON has their lengths. */
function giveBuffers(event: ExecutorEvent, bytes: Buffer): void {
  const output = (event as { output: { buffers: unknown[] } }).output;
  let at = 0;
  output.buffers = (output.buffers as number[]).map((n) => {
    at += n;
    return bytes.subarray(at - n, at);
  });
}
