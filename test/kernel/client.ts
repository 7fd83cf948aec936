// A Jupyter client in Node: starts a kernel as Jupyter does and speaks the protocol with it, for tests.
import { type ChildProcess, spawn } from 'node:child_process';
import { createHmac, randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import * as zmq from 'zeromq';
import { addressOf, type Connection } from '../../kernel/connection.js';
import { root } from '../tools.js';
import { sleep, temporaryFolder } from './tools.js';

export interface Received {
  type: string;
  id: string;
  parent: string;
  content: Record<string, never>;
  metadata: Record<string, unknown>;
  buffers: Buffer[];
  header: Record<string, string>;
  identities: Buffer[];
  at: number;
}

export interface Execution {
  reply: Received;
  /** iopub messages of the request, from busy to idle. */
  iopub: Received[];
  stdout: string;
  stderr: string;
}

export const cli: string = join(root, 'dist', 'kernel', 'cli.js');

/** For an answer, s: the first cell of a kernel takes many on a machine that does other things too. */
const patience = 60;

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const s = createServer().listen(0, '127.0.0.1', () => {
      const { port } = s.address() as { port: number };
      s.close(() => resolve(port));
    });
  });
}

export async function connection(key: string = randomUUID()): Promise<Connection> {
  const [shell_port, iopub_port, stdin_port, control_port, hb_port] = await Promise.all(
    [1, 2, 3, 4, 5].map(freePort),
  );
  const ports = { shell_port, iopub_port, stdin_port, control_port, hb_port } as Record<string, number>;
  return { transport: 'tcp', ip: '127.0.0.1', key, signature_scheme: 'hmac-sha256', ...ports } as Connection;
}

export class Client {
  readonly received: Received[] = [];
  readonly folder: string;
  readonly process: ChildProcess;
  errors = '';
  private readonly session = randomUUID();
  /** A front end goes by one name on all channels: so it is found for questions. */
  private readonly shell = new zmq.Dealer({ linger: 0, routingId: this.session });
  private readonly stdin = new zmq.Dealer({ linger: 0, routingId: this.session });
  private readonly control = new zmq.Dealer({ linger: 0 });
  private readonly iopub = new zmq.Subscriber({ receiveHighWaterMark: 0, linger: 0 });
  private readonly hb = new zmq.Request({ linger: 0 });
  private waiting: { test: (m: Received) => boolean; resolve: (m: Received) => void }[] = [];
  private sending = Promise.resolve();
  private lastSent: () => Promise<void> = () => Promise.resolve();

  private constructor(
    readonly connection: Connection,
    state = '',
    command: (file: string) => string[] = (file) => [process.execPath, cli, 'kernel', file],
  ) {
    this.folder = temporaryFolder();
    const file = join(this.folder, 'connection.json');
    writeFileSync(file, JSON.stringify(connection), { mode: 0o600 });
    const [program, ...args] = command(file);
    this.process = spawn(program!, args, {
      cwd: this.folder,
      env: { ...process.env, XDG_STATE_HOME: state || join(this.folder, 'state') },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.process.stdout!.on('data', (d) => (this.errors += d));
    this.process.stderr!.on('data', (d) => (this.errors += d));
    const at = (port: Parameters<typeof addressOf>[1]): string => addressOf(connection, port);
    for (const s of [this.shell, this.stdin, this.control, this.iopub, this.hb])
      s.ipv6 = connection.ip.includes(':');
    this.iopub.connect(at('iopub_port'));
    this.iopub.subscribe();
    this.shell.connect(at('shell_port'));
    this.control.connect(at('control_port'));
    this.hb.connect(at('hb_port'));
    this.stdin.connect(at('stdin_port'));
    for (const s of [this.shell, this.control, this.iopub, this.stdin]) void this.listen(s);
  }

  /** A started kernel that has answered and broadcasts to this client. */
  static async start(
    options: {
      /** Where the user's history is; default: the client's own. */
      state?: string;
      /** Another kernel than ours, which may say nothing to a new subscriber. */
      command?: (file: string) => string[];
      /** Where it listens, other than on a port of 127.0.0.1. */
      to?: Partial<Connection>;
    } = {},
  ): Promise<Client> {
    const to = { ...(await connection()), ...options.to };
    const client = new Client(to, options.state, options.command);
    Client.open.add(client);
    if (options.command) await client.heard();
    else {
      await client.wait((m) => m.type === 'iopub_welcome');
      await client.request('kernel_info_request', {});
    }
    return client;
  }

  private static readonly open = new Set<Client>();

  /** For tests that failed before they closed theirs: open sockets keep a process. */
  static async closeAll(): Promise<void> {
    for (const c of Client.open) await c.close();
  }

  /** Asks for kernel_info until the answer is on both sockets. */
  private async heard(): Promise<void> {
    for (const end = Date.now() + 30_000; Date.now() < end; await sleep(20)) {
      const id = this.send('kernel_info_request', {});
      const both = (m: Received): boolean => m.parent === id;
      const reply = this.wait((m) => both(m) && m.type === 'kernel_info_reply', 30);
      const told = this.wait((m) => both(m) && m.type === 'status', 0.3).catch(() => undefined);
      await reply;
      if (await told) return;
    }
    throw new Error(`the kernel says nothing on iopub\n${this.errors}`);
  }

  private async listen(socket: zmq.Dealer | zmq.Subscriber): Promise<void> {
    try {
      for await (const frames of socket) {
        const i = frames.findIndex((f) => f.toString() === '<IDS|MSG>');
        const [header, parent, metadata, content] = frames
          .slice(i + 2, i + 6)
          .map((f) => JSON.parse(f.toString()));
        const { msg_type: type, msg_id: id } = header;
        const identities = frames.slice(0, i);
        const rest = { metadata, header, identities, buffers: frames.slice(i + 6), at: Date.now() };
        this.take({ type, id, parent: parent.msg_id, content, ...rest });
      }
    } catch {
      // closed
    }
  }

  private take(m: Received): void {
    this.received.push(m);
    this.waiting = this.waiting.filter((w) => {
      if (!w.test(m)) return true;
      w.resolve(m);
      return false;
    });
  }

  /** The first message, past or future, that passes. */
  wait(test: (m: Received) => boolean, seconds = patience): Promise<Received> {
    const past = this.received.find(test);
    if (past) return Promise.resolve(past);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        const tail = this.received
          .slice(-5)
          .map((m) => `${m.type} ${JSON.stringify(m.content).slice(0, 200)}`);
        reject(
          new Error(
            `no such message within ${seconds} s: ${test}\nlast were\n${tail.join('\n')}\n${this.errors}`,
          ),
        );
      }, seconds * 1000);
      this.waiting.push({
        test,
        resolve: (m) => {
          clearTimeout(timer);
          resolve(m);
        },
      });
    });
  }

  /** Sends without waiting. @returns the message's id */
  send(
    type: string,
    content: object,
    channel: 'shell' | 'control' | 'stdin' = 'shell',
    { key = this.connection.key, buffers = [] as Uint8Array[], parent = {} } = {},
  ): string {
    const msg_id = randomUUID();
    const date = new Date().toISOString();
    const header = { msg_id, session: this.session, username: 'test', date, msg_type: type, version: '5.4' };
    const parts = [header, parent, {}, content].map((p) => JSON.stringify(p));
    const hmac = createHmac('sha256', key);
    for (const p of parts) hmac.update(p);
    const frames = ['<IDS|MSG>', hmac.digest('hex'), ...parts, ...buffers];
    this.lastSent = () => this[channel].send(frames);
    this.sendAgain();
    return msg_id;
  }

  /** Sends the last message, as it was. */
  sendAgain(): void {
    this.sending = this.sending.then(this.lastSent);
  }

  /** Sends a request and waits for its reply. */
  async request(type: string, content: object, channel: 'shell' | 'control' = 'shell'): Promise<Received> {
    const id = this.send(type, content, channel);
    return this.wait((m) => m.parent === id && m.type === type.replace('_request', '_reply'));
  }

  sendExecute(code: string, options: object = {}): string {
    return this.send('execute_request', {
      code,
      silent: false,
      store_history: true,
      user_expressions: {},
      allow_stdin: false,
      stop_on_error: true,
      ...options,
    });
  }

  /** Waits for reply and idle of an execute_request. */
  async finished(id: string, seconds = patience): Promise<Execution> {
    const reply = await this.wait((m) => m.parent === id && m.type === 'execute_reply', seconds);
    await this.wait((m) => m.parent === id && m.type === 'status' && m.content['execution_state'] === 'idle');
    const iopub = this.received.filter((m) => m.parent === id && m.type !== 'execute_reply');
    const text = (name: string): string =>
      iopub
        .map((m) => (m.type === 'stream' && m.content['name'] === name ? String(m.content['text']) : ''))
        .join('');
    return { reply, iopub, stdout: text('stdout'), stderr: text('stderr') };
  }

  execute(code: string, options: object = {}): Promise<Execution> {
    return this.finished(this.sendExecute(code, options));
  }

  /** text/plain of the result. */
  async value(code: string): Promise<string | undefined> {
    const { iopub, reply } = await this.execute(code);
    if ((reply.content['status'] as string) !== 'ok') throw new Error(JSON.stringify(reply.content, null, 1));
    const result = iopub.find((m) => m.type === 'execute_result') as
      | { content: { data: Record<string, string> } }
      | undefined;
    return result?.content.data['text/plain'];
  }

  async heartbeat(): Promise<string> {
    await this.hb.send('ping');
    const [answer] = await this.hb.receive();
    return String(answer);
  }

  /** Exit code, waiting at most so long; undefined while it runs. */
  async exited(seconds: number): Promise<number | null | undefined> {
    const end = Date.now() + seconds * 1000;
    while (this.process.exitCode === null && this.process.signalCode === null) {
      if (Date.now() > end) return undefined;
      await sleep(20);
    }
    return this.process.exitCode;
  }

  async close(): Promise<void> {
    Client.open.delete(this);
    if (this.process.exitCode === null) {
      this.send('shutdown_request', { restart: false }, 'control');
      if ((await this.exited(5)) === undefined) this.process.kill('SIGKILL');
    }
    for (const s of [this.shell, this.control, this.stdin, this.iopub, this.hb]) s.close();
  }
}
