/**
 * The Jupyter kernel: protocol 5.4 over ZeroMQ around one Session. Never runs user code, so it answers at any time.
 * One method per request; README of the protocol: jupyter-client, "Messaging in Jupyter".
 */
import * as zmq from 'zeromq';
import { MdlabError } from '../lib/errors.js';
import { painted } from './ansi.js';
import { addressOf, type Connection } from './connection.js';
import { metadataOf } from './display-metadata.js';
import { History } from './history.js';
import { kernelInfo } from './kernel-info.js';
import { Codec, type Header, type Message } from './messages.js';
import { Broadcast, Outbox } from './outbox.js';
import { type Content, flag, object, text, texts } from './requests.js';
import { type ExecuteReply, Session } from './session.js';
import { Stdin } from './stdin.js';
import { toCodePoints, toUnits } from './text-offsets.js';
import type { CommMessage } from './wire.js';

type Channel = 'shell' | 'control';
type CommInfoReply = { status: 'ok'; comms: Record<string, { target_name: string }> };
type Handler = (message: Message) => Promise<Content | undefined> | Content | undefined;

/** No completion list is longer. */
const mostMatches = 1000;

export class KernelServer {
  private readonly codec: Codec;
  private readonly sockets = {
    shell: new zmq.Router({ sendHighWaterMark: 0, receiveHighWaterMark: 0, linger: 1000 }),
    control: new zmq.Router({ sendHighWaterMark: 0, receiveHighWaterMark: 0, linger: 1000 }),
    stdin: new zmq.Router({ sendHighWaterMark: 0, receiveHighWaterMark: 0, linger: 0 }),
    iopub: new zmq.XPublisher({ sendHighWaterMark: 0, linger: 1000, verbosity: 'allSubs' }),
    // Not a Reply: that stops for good when a peer sends what is no request.
    hb: new zmq.Router({ sendHighWaterMark: 0, linger: 0 }),
  };
  private readonly replies: Record<Channel, Outbox>;
  private readonly iopub: Broadcast;
  private readonly history = new History();
  private readonly stdin: Stdin;
  private opened: Session<Message> | undefined;
  /** The cell that runs. */
  private running: Header | undefined;
  private count = 0;
  private closing: Promise<void> | undefined;
  private readonly whenClosed: Promise<void>;
  private resolveClosed!: () => void;

  constructor(
    private readonly connection: Connection,
    private readonly folder: string,
  ) {
    this.codec = new Codec(connection.key, connection.signature_scheme);
    this.replies = { shell: new Outbox(this.sockets.shell), control: new Outbox(this.sockets.control) };
    this.iopub = new Broadcast(this.sockets.iopub, this.codec);
    this.stdin = new Stdin(this.sockets.stdin, this.codec);
    this.whenClosed = new Promise((resolve) => {
      this.resolveClosed = resolve;
    });
  }

  /** Binds the sockets and answers until shut down. @throws MdlabError where an address cannot be bound */
  async serve(): Promise<void> {
    // Its processes start while the sockets open: the first cell is soon to come.
    void this.session;
    for (const name of ['shell', 'control', 'stdin', 'iopub', 'hb'] as const) await this.bind(name);
    this.iopub.send('status', { execution_state: 'starting' }, {});
    void this.receive('shell', (m) => this.dispatch(m, 'shell'));
    void this.receive('control', (m) => this.dispatch(m, 'control'));
    void this.receive('stdin', (m) => this.stdin.receive(m));
    void this.each('iopub', (frames) => this.welcome(frames));
    // Heartbeat: whatever comes goes back.
    void this.each('hb', (frames) => this.sockets.hb.send(frames));
    await this.whenClosed;
  }

  interrupt(): void {
    this.opened?.interrupt();
  }

  /** Ends the session and closes the sockets once everything said has gone out. */
  close(): Promise<void> {
    this.closing ??= (async () => {
      await this.opened?.close();
      await Promise.all([this.iopub.flushed(), this.replies.shell.flushed(), this.replies.control.flushed()]);
      for (const s of Object.values(this.sockets)) s.close();
      this.resolveClosed();
    })();
    return this.closing;
  }

  private get session(): Session<Message> {
    this.opened ??= new Session<Message>(
      this.folder,
      ({ header, content }, output) => {
        // A silent cell broadcasts nothing; its comms are no output.
        if (content['silent'] !== true || 'comm' in output) this.iopub.output(output, header);
      },
      (request, question, signal) => this.stdin.ask(request, question, signal),
    );
    return this.opened;
  }

  private async bind(name: keyof typeof this.sockets): Promise<void> {
    const address = addressOf(this.connection, `${name}_port`);
    this.sockets[name].ipv6 = this.connection.ip.includes(':');
    try {
      await this.sockets[name].bind(address);
    } catch (e) {
      throw new MdlabError(
        'EINVALID',
        `kernel: cannot listen on ${address} for ${name}, ${(e as Error).message}`,
      );
    }
  }

  /** Reads a socket until it is closed, whatever peers send. */
  private async each(
    name: keyof typeof this.sockets,
    take: (frames: Buffer[]) => Promise<void> | void,
  ): Promise<void> {
    const socket = this.sockets[name];
    while (!socket.closed) {
      try {
        await take(await socket.receive());
      } catch (e) {
        if (socket.closed) return;
        process.stderr.write(`mdlab kernel: ${name}: ${(e as Error).message}\n`);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    }
  }

  private receive(
    channel: Channel | 'stdin',
    take: (message: Message) => Promise<void> | void,
  ): Promise<void> {
    return this.each(channel, (frames) => {
      const message = this.codec.decode(frames);
      if (message) void take(message);
    });
  }

  /** Tells each subscriber that its subscription has arrived (JEP 65). */
  private welcome([frame]: Buffer[]): void {
    if (frame?.[0] !== 1) return;
    const subscription = frame.subarray(1);
    const content = { subscription: subscription.toString() };
    this.iopub.send('iopub_welcome', content, {}, { identities: [subscription] });
  }

  private async dispatch(message: Message, channel: Channel): Promise<void> {
    const { header } = message;
    const { msg_type: type } = header;
    const replyType = type.replace(/_request$/, '_reply');
    const execute = type === 'execute_request' && channel === 'shell';
    if (!execute) this.status('busy', header);
    try {
      const handle = Object.hasOwn(this.handlers, type) ? this.handlers[type] : undefined;
      const content = await (execute ? this.execute(message) : handle ? handle(message) : unknown(type));
      if (content && replyType !== type) this.reply(message, channel, replyType, content);
    } catch (e) {
      if (execute) this.status('busy', header);
      if (replyType !== type) this.reply(message, channel, replyType, failure(e));
    }
    this.status('idle', header);
    if (type === 'shutdown_request') await this.close();
  }

  /** What answers every request but execute. No value: no reply. */
  private readonly handlers: Record<string, Handler> = {
    kernel_info_request: () => kernelInfo(),
    connect_request: () => {
      const { shell_port, iopub_port, stdin_port, control_port, hb_port } = this.connection;
      return { status: 'ok', shell_port, iopub_port, stdin_port, control_port, hb_port };
    },
    complete_request: (m) => this.complete(m.content),
    inspect_request: (m) => this.inspect(m.content),
    is_complete_request: async (m) => ({ ...(await this.session.isComplete(text(m.content, 'code'))) }),
    history_request: (m) => ({ status: 'ok', history: this.history.find(m.content) }),
    comm_info_request: (m) => this.commInfo(m.content),
    comm_open: (m) => this.comm(m, 'comm_open'),
    comm_msg: (m) => this.comm(m, 'comm_msg'),
    comm_close: (m) => this.comm(m, 'comm_close'),
    interrupt_request: () => {
      this.interrupt();
      return { status: 'ok' };
    },
    debug_request: () => notSupported('the kernel has no debugger (kernel_info says so)'),
    shutdown_request: (m) => {
      const content = { status: 'ok', restart: m.content['restart'] === true };
      // Other front ends are told too.
      this.iopub.send('shutdown_reply', content, m.header);
      return content;
    },
  };

  private commInfo({ target_name }: Content): CommInfoReply {
    const comms = this.opened?.openComms(typeof target_name === 'string' ? target_name : undefined) ?? {};
    return { status: 'ok', comms };
  }

  private async comm(request: Message, type: CommMessage['type']): Promise<undefined> {
    const { content, metadata, buffers } = request;
    const target = type === 'comm_open' ? text(content, 'target_name') : undefined;
    const message = { type, comm: text(content, 'comm_id'), target, data: object(content, 'data') };
    await this.session.deliver({ ...message, metadata, buffers }, request);
    return undefined;
  }

  private async complete(content: Content): Promise<Content> {
    const code = text(content, 'code');
    const cursor = Number(content['cursor_pos'] ?? Number.POSITIVE_INFINITY);
    const { matches, start, end } = await this.session.complete(code, toUnits(code, cursor));
    const listed = matches.slice(0, mostMatches);
    const span = { start: toCodePoints(code, start), end: toCodePoints(code, end) };
    return {
      status: 'ok',
      matches: listed.map((m) => m.text),
      cursor_start: span.start,
      cursor_end: span.end,
      metadata: { _jupyter_types_experimental: listed.map((m) => ({ ...m, ...span })) },
    };
  }

  private async inspect(content: Content): Promise<Content> {
    const code = text(content, 'code');
    const help = await this.session.inspect(code, toUnits(code, Number(content['cursor_pos'] ?? 0)));
    if (!help) return { status: 'ok', found: false, data: {}, metadata: {} };
    const data = { 'text/plain': help.plain, 'text/markdown': help.markdown };
    return { status: 'ok', found: true, data, metadata: {} };
  }

  private async execute(message: Message): Promise<Content> {
    const { header, content } = message;
    const code = text(content, 'code');
    const silent = flag(content, 'silent', false);
    const stored = flag(content, 'store_history', true) && !silent;
    const place = message.metadata['cellId'];
    let number: number | undefined;
    let keep: (output: string) => void = () => {};
    const start = (): string => {
      if (stored) keep = this.history.add(++this.count, code);
      number = this.count;
      this.running = header;
      message.started = new Date().toISOString();
      this.status('busy', header);
      if (!silent) this.iopub.send('execute_input', { code, execution_count: number }, header);
      return `In[${number}]`;
    };
    const reply = await this.session.execute(code, message, {
      label: start,
      place: typeof place === 'string' ? place : undefined,
      stopOnError: flag(content, 'stop_on_error', true),
      expressions: texts(content, 'user_expressions'),
    });
    if (number === undefined) this.status('busy', header);
    else this.running = undefined;
    this.iopub.finish(header);
    if (reply.status === 'ok' && reply.result) {
      keep(String(reply.result['text/plain'] ?? ''));
      const result = { execution_count: number, data: reply.result, metadata: metadataOf(reply.result) };
      if (!silent) this.iopub.send('execute_result', result, header);
    }
    if (reply.status === 'error' && !silent) this.iopub.send('error', painted(reply.error), header);
    return { execution_count: number ?? this.count, ...replyContent(reply) };
  }

  private status(execution_state: 'busy' | 'idle', parent: Header): void {
    this.iopub.send('status', { execution_state }, parent);
    // Front ends show the last state they hear of: what was answered meanwhile has not made a running cell end.
    const { running } = this;
    if (execution_state === 'idle' && running && running !== parent) this.status('busy', running);
  }

  private reply(to: Message, channel: Channel, type: string, content: Content): void {
    const { header: parent, identities, started } = to;
    // Front ends that record times take this one.
    const metadata = started ? { started } : {};
    this.replies[channel].send(this.codec.encode({ type, content, parent, identities, metadata }));
  }
}

function replyContent(reply: ExecuteReply): Content {
  if (reply.status === 'aborted') return { status: 'aborted' };
  if (reply.status === 'error') return { status: 'error', ...painted(reply.error) };
  const payload = reply.help ? [{ source: 'page', data: reply.help, start: 0 }] : [];
  return { status: 'ok', payload, user_expressions: expressions(reply) };
}

function expressions(reply: ExecuteReply & { status: 'ok' }): Content {
  return Object.fromEntries(
    Object.entries(reply.expressions).map(([name, r]) => [
      name,
      r.status === 'ok' ? { ...r, metadata: {} } : { status: 'error', ...painted(r.error) },
    ]),
  );
}

function failure(e: unknown): Content {
  const { name, message } = e as Error;
  return { status: 'error', ename: name, evalue: message, traceback: [`${name}: ${message}`] };
}

function unknown(type: string): Content {
  const evalue = `the kernel has no answer to '${type}'`;
  return { status: 'error', ename: 'UnknownRequest', evalue, traceback: [] };
}

function notSupported(evalue: string): Content {
  return { status: 'error', ename: 'NotSupported', evalue, traceback: [] };
}
