/** Lossless sending. A zeromq.js socket takes one message at a time and throws away what comes meanwhile: so each has a queue. */
import type { Codec, Header, Outgoing } from './messages.js';
import { StreamLimit } from './stream-limit.js';
import type { Output } from './wire.js';

interface Writable {
  send(frames: (Uint8Array | string)[]): Promise<void>;
}

/** Messages of one socket, sent one after another in the order given. */
export class Outbox {
  private queue: (Uint8Array | string)[][] = [];
  private sending: Promise<void> | undefined;

  constructor(private readonly socket: Writable) {}

  send(frames: (Uint8Array | string)[]): void {
    this.queue.push(frames);
    this.sending ??= this.drain();
  }

  /** Resolves when everything given so far is with ZeroMQ. */
  async flushed(): Promise<void> {
    while (this.sending) await this.sending;
  }

  private async drain(): Promise<void> {
    await null;
    while (this.queue.length) {
      const batch = this.queue;
      this.queue = [];
      for (const frames of batch) {
        try {
          await this.socket.send(frames);
        } catch (e) {
          process.stderr.write(`mdlab kernel: a message was not sent: ${(e as Error).message}\n`);
        }
      }
    }
    this.sending = undefined;
  }
}

/** Text of one stream is gathered this long before it goes out, ms … */
const gatherFor = 20;
/** … this long while more keeps coming, since front ends draw all of a cell's text again for each message … */
const gatherMore = 150;
/** … or until there is this much of it. */
const gatherUpTo = 1024 * 1024;
/** The broadcast channel: every output in order, small pieces of text joined, nothing before the text it follows. */
export class Broadcast {
  private readonly outbox: Outbox;
  private pending:
    | { name: string; text: string[]; size: number; parent: Header; timer: NodeJS.Timeout }
    | undefined;
  private lastText = Number.NEGATIVE_INFINITY;
  private readonly limits = new WeakMap<Header, StreamLimit>();

  constructor(
    socket: Writable,
    private readonly codec: Codec,
  ) {
    this.outbox = new Outbox(socket);
  }

  send(
    type: string,
    content: object,
    parent: Partial<Header>,
    more: Pick<Outgoing, 'identities' | 'metadata' | 'buffers'> = {},
  ): void {
    this.flush();
    this.outbox.send(this.codec.encode({ type, content, parent, ...more }));
  }

  output(output: Output, parent: Header): void {
    if (output.type === 'stream') this.stream(output.name, this.limited(output.text, parent), parent);
    else if (output.type === 'clear_output') this.send('clear_output', { wait: output.wait }, parent);
    else if ('comm' in output) {
      const { type, comm: comm_id, target: target_name, data, metadata, buffers } = output;
      this.send(type, { comm_id, target_name, data }, parent, { metadata, buffers });
    } else {
      const { data, metadata, id } = output;
      this.send(output.type, { data, metadata, transient: id ? { display_id: id } : {} }, parent);
    }
  }

  /** To be called when a cell is over: says how much of its text was left out, and shows the end of it. */
  finish(parent: Header): void {
    this.stream('stdout', this.limits.get(parent)?.rest() ?? '', parent);
    this.limits.delete(parent);
  }

  async flushed(): Promise<void> {
    this.flush();
    await this.outbox.flushed();
  }

  private stream(name: 'stdout' | 'stderr', text: string, parent: Header): void {
    if (!text) return;
    if (this.pending?.name !== name || this.pending.parent !== parent) {
      this.flush();
      const flowing = performance.now() - this.lastText < 2 * gatherMore;
      const timer = setTimeout(() => this.flush(), flowing ? gatherMore : gatherFor);
      this.pending = { name, text: [], size: 0, parent, timer };
    }
    this.pending.text.push(text);
    this.pending.size += text.length;
    if (this.pending.size > gatherUpTo) this.flush();
  }

  private limited(text: string, parent: Header): string {
    const limit = this.limits.get(parent) ?? new StreamLimit();
    this.limits.set(parent, limit);
    return limit.pass(text);
  }

  private flush(): void {
    const p = this.pending;
    if (!p) return;
    this.pending = undefined;
    this.lastText = performance.now();
    clearTimeout(p.timer);
    const content = { name: p.name, text: p.text.join('') };
    this.outbox.send(this.codec.encode({ type: 'stream', content, parent: p.parent }));
  }
}
