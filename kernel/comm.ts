/**
 * Comms in the executor: channels between code of a notebook and code in the front end, with binary buffers. What a handler prints
 * or shows goes to the cell that opened the comm (or registered its target). Messages of one comm are handled one after another.
 */
import { randomUUID } from 'node:crypto';
import { invalid } from '../lib/errors.js';
import type { Comm, CommData, CommEvent, CommOptions } from './globals.js';
import type { CommMessage } from './wire.js';

type Handler = (event: CommEvent) => unknown;
export type TargetHandler = (comm: Comm, event: CommEvent) => unknown;
/** Does some work as part of a cell; never rejects. */
type Scope = (work: () => unknown) => Promise<void>;

/** What comms need of the process they live in. */
interface Host {
  /** @param delivery the message that this answers, where no cell is behind it */
  send(message: CommMessage, delivery?: number): void;
  /** The cell whose code is running. */
  scope(): Scope;
}

class LiveComm implements Comm {
  private readonly message: Handler[] = [];
  private readonly closing: Handler[] = [];
  private last: Promise<void> = Promise.resolve();
  closed = false;

  constructor(
    readonly id: string,
    readonly target: string,
    private readonly scope: Scope,
    private readonly put: (message: CommMessage) => void,
  ) {}

  send(data: CommData = {}, options: CommOptions = {}): void {
    if (this.closed) invalid('comm.send', 'must be open', `a closed comm of ${this.target}`);
    this.put({ type: 'comm_msg', comm: this.id, ...content(data, options) });
  }

  close(data: CommData = {}, options: CommOptions = {}): void {
    if (this.closed) return;
    this.put({ type: 'comm_close', comm: this.id, ...content(data, options) });
    this.closed = true;
  }

  onMessage(handler: Handler): void {
    this.message.push(handler);
  }

  onClose(handler: Handler): void {
    this.closing.push(handler);
  }

  /** Hands a message to the handlers once those before it are done. */
  take(message: CommMessage, first?: TargetHandler): Promise<void> {
    const event = { data: message.data, metadata: message.metadata, buffers: message.buffers };
    this.last = this.last.then(async () => {
      if (first) await this.scope(() => first(this, event));
      else if (message.type === 'comm_close') for (const h of this.closing) await this.scope(() => h(event));
      else if (!this.closed) for (const h of this.message) await this.scope(() => h(event));
    });
    return this.last;
  }
}

export class Comms {
  private readonly open = new Map<string, LiveComm>();
  private readonly targets = new Map<string, { handler: TargetHandler; scope: Scope }>();

  constructor(private readonly host: Host) {}

  readonly openComm = (target: string, data: CommData = {}, options: CommOptions = {}): Comm => {
    if (typeof target !== 'string' || !target) invalid('openComm.target', 'must be a name', target);
    const comm = this.add(randomUUID(), target, this.host.scope());
    this.host.send({ type: 'comm_open', comm: comm.id, target, ...content(data, options) });
    return comm;
  };

  readonly registerCommTarget = (name: string, handler: TargetHandler): void => {
    if (typeof name !== 'string' || !name) invalid('registerCommTarget.name', 'must be a name', name);
    this.targets.set(name, { handler, scope: this.host.scope() });
  };

  /** A message from the front end. Resolves when its handlers are done. */
  async deliver(delivery: number, message: CommMessage): Promise<void> {
    if (message.type === 'comm_open') return this.opened(delivery, message);
    const comm = this.open.get(message.comm);
    if (!comm) return;
    if (message.type === 'comm_close') {
      this.open.delete(comm.id);
      comm.closed = true;
    }
    await comm.take(message);
  }

  private async opened(delivery: number, message: CommMessage): Promise<void> {
    const target = this.targets.get(message.target ?? '');
    if (!target || this.open.has(message.comm)) {
      const refusal = { data: {}, metadata: {}, buffers: [] };
      return this.host.send({ type: 'comm_close', comm: message.comm, ...refusal }, delivery);
    }
    await this.add(message.comm, message.target!, target.scope).take(message, target.handler);
  }

  private add(id: string, target: string, scope: Scope): LiveComm {
    const comm = new LiveComm(id, target, scope, (message) => {
      if (message.type === 'comm_close') this.open.delete(id);
      this.host.send(message);
    });
    this.open.set(id, comm);
    return comm;
  }
}

function content(data: CommData, options: CommOptions): Pick<CommMessage, 'data' | 'metadata' | 'buffers'> {
  const buffers = (options.buffers ?? []).map((b) => {
    if (ArrayBuffer.isView(b)) return new Uint8Array(b.buffer, b.byteOffset, b.byteLength);
    if (b instanceof ArrayBuffer || b instanceof SharedArrayBuffer) return new Uint8Array(b);
    return invalid('comm buffers', 'must be typed arrays or array buffers', b);
  });
  return { data, metadata: { ...options.metadata }, buffers };
}
