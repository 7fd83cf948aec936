// 10,000 damaged or forged messages, bytes that are no messages at all, and damaged connection files: the kernel goes on as if
// nothing had come, runs nothing, and listens nowhere else. Seeded: the same every time. Loopback only.
import { createHmac } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import * as zmq from 'zeromq';
import { type Connection, readConnection } from '../../kernel/connection.js';
import { MdlabError } from '../../lib/errors.js';
import { mutated } from '../fuzz/mutate.js';
import { random } from '../tools.js';
import { Client, connection } from './client.js';
import { addressesOf, listening, temporaryFolder } from './tools.js';

const seed = 20_240_611;
const messages = 10_000;

type Frames = (Buffer | string)[];
type Channel = 'shell' | 'control' | 'stdin';

const r = random(seed);
const below = (n: number): number => Math.floor(r() * n);
const pick = <T>(list: readonly T[]): T => list[below(list.length)]!;

let sent = 0;
const header = (msg_type: unknown): object => ({
  msg_id: `fuzz-${++sent}`,
  session: 'fuzz',
  username: 'nobody',
  date: '2024-01-01T00:00:00Z',
  msg_type,
  version: '5.4',
});

function sign(key: string, parts: Frames): string {
  const hmac = createHmac('sha256', key);
  for (const p of parts) hmac.update(p);
  return hmac.digest('hex');
}

const framed = (signature: string, parts: Frames): Frames => ['<IDS|MSG>', signature, ...parts];

/** What runs or ends something, were it believed. */
function harmful(mark: string): [type: string, content: object][] {
  const code = `require('node:fs').writeFileSync(${JSON.stringify(mark)}, 'ran')`;
  return [
    ['execute_request', { code, silent: false, allow_stdin: false, user_expressions: {} }],
    ['execute_request', { code: '1', silent: true, user_expressions: { a: code } }],
    ['shutdown_request', { restart: false }],
    ['interrupt_request', {}],
    ['comm_open', { comm_id: 'x', target_name: 'y', data: {} }],
    ['history_request', { hist_access_type: 'tail', n: 5 }],
  ];
}

/** Messages whose signature is wrong, in all ways that come to mind; `taken` are parts and signature of one that was valid. */
function forged(mark: string, taken: { signature: string; parts: Frames }): Frames {
  const [type, content] = pick(harmful(mark));
  const parts: Frames = [header(type), {}, {}, content].map((p) => JSON.stringify(p));
  const wrong = sign('another key', parts);
  switch (below(9)) {
    case 0:
      return framed(wrong, parts);
    case 1:
      return framed('', parts);
    case 2:
      return framed(taken.signature, parts);
    case 3:
      return framed(taken.signature.toUpperCase(), taken.parts);
    case 4: // valid, and again
      return framed(taken.signature, taken.parts);
    case 5:
      return framed(sign('', parts), parts);
    case 6: // fewer frames, in any order
      return framed(wrong, parts).filter(() => r() < 0.7);
    case 7: // a valid message, damaged
      return framed(taken.signature, [
        ...taken.parts.slice(0, 3),
        Buffer.from(`${mutated([Buffer.from(String(taken.parts[3]))], r)} `),
      ]);
    default:
      return [...framed(wrong, parts), ...framed(taken.signature, parts)];
  }
}

const junk = [
  null,
  true,
  -1,
  1e308,
  '',
  'text',
  [],
  [[]],
  {},
  { a: { b: [] } },
  '\u0000',
  '😀'.repeat(50),
  '../../x',
];
const requests: [type: string, content: Record<string, unknown>][] = [
  ['kernel_info_request', {}],
  ['connect_request', {}],
  ['complete_request', { code: 'Math.', cursor_pos: 5 }],
  ['inspect_request', { code: 'Math', cursor_pos: 2, detail_level: 0 }],
  ['is_complete_request', { code: 'if (' }],
  ['history_request', { hist_access_type: 'search', pattern: '*', n: 3, unique: true, output: false }],
  ['history_request', { hist_access_type: 'range', session: 0, start: 0, stop: 3 }],
  ['comm_info_request', { target_name: 'a' }],
  ['comm_open', { comm_id: 'a', target_name: 'b', data: {} }],
  ['comm_msg', { comm_id: 'a', data: {} }],
  ['comm_close', { comm_id: 'a', data: {} }],
  ['debug_request', { command: 'attach' }],
  ['input_reply', { value: 'x' }],
  ['__proto___request', {}],
  ['hasOwnProperty', {}],
];

/** Rightly signed, but not as the protocol has it. */
function malformed(key: string): Frames {
  const [type, content] = pick(requests);
  const bad = Object.fromEntries(
    Object.entries(content).flatMap(([k, v]) => (r() < 0.2 ? [] : [[k, r() < 0.6 ? pick(junk) : v]])),
  );
  const parts: Frames = [
    JSON.stringify(header(r() < 0.1 ? pick(junk) : type)),
    JSON.stringify(r() < 0.2 ? pick(junk) : {}),
    JSON.stringify(r() < 0.2 ? pick(junk) : {}),
    JSON.stringify(r() < 0.1 ? pick(junk) : bad),
  ];
  if (r() < 0.3) {
    const at = below(4);
    parts[at] = Buffer.from(mutated([Buffer.from(String(parts[at]))], r));
  }
  if (r() < 0.02) parts[3] = `${'['.repeat(50_000)}${']'.repeat(50_000)}`;
  if (r() < 0.02) parts[1] = `{"a":${'['.repeat(20_000)}${']'.repeat(20_000)}}`;
  const buffers = r() < 0.2 ? [Buffer.alloc(below(100_000), 7), Buffer.alloc(0)] : [];
  return [...framed(sign(key, parts), parts), ...buffers];
}

/** Cells no front end would send. Few: each is compiled. */
function cell(key: string): Frames {
  const content: Record<string, unknown> = {
    code: '1',
    silent: false,
    store_history: true,
    allow_stdin: true,
  };
  const field = pick(['code', 'silent', 'store_history', 'user_expressions', 'stop_on_error', 'cellId']);
  content[field] = pick(junk);
  const metadata = { cellId: pick(junk), deletedCells: pick(junk) };
  const parts = [header('execute_request'), {}, metadata, content].map((p) => JSON.stringify(p));
  return framed(sign(key, parts), parts);
}

/** Bytes straight into a port, as a scanner or a broken peer sends them. */
function raw(port: number): Promise<void> {
  const greeting = Buffer.concat([
    Buffer.from([0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 0]),
    Buffer.from('NULL'.padEnd(20, '\0')),
    Buffer.alloc(32),
    Buffer.from('\x04\x19\x05READY\x0bSocket-Type\0\0\0\x06DEALER', 'latin1'),
    Buffer.from([0, 9]),
    Buffer.from('<IDS|MSG>'),
  ]);
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.write(pick([Buffer.from('GET / HTTP/1.1\r\n\r\n'), Buffer.from(mutated([greeting], r))]));
      setTimeout(() => socket.destroy(), 5);
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve());
  });
}

test(`${messages} malformed messages: no crash, no hang, nothing run, no port opened`, async () => {
  const started = Date.now();
  const c = await Client.start();
  const executor = Number(await c.value('process.pid'));
  const mark = join(c.folder, 'ran');
  const { key } = c.connection;
  const at = (port: number): string => `tcp://127.0.0.1:${port}`;
  const { shell_port, control_port, stdin_port, iopub_port, hb_port } = c.connection;
  const channels = { shell: shell_port, control: control_port, stdin: stdin_port };
  const dealers = Object.fromEntries(
    Object.entries(channels).map(([name, port]) => {
      const socket = new zmq.Dealer({ linger: 0, sendHighWaterMark: 0, receiveHighWaterMark: 0 });
      socket.connect(at(port));
      void (async () => {
        for await (const _ of socket); // answers are of no interest
      })().catch(() => {});
      return [name, socket];
    }),
  ) as Record<Channel, zmq.Dealer>;
  const subscriber = new zmq.XSubscriber({ linger: 0 });
  subscriber.connect(at(iopub_port));
  const beat = new zmq.Dealer({ linger: 0 });
  beat.connect(at(hb_port));

  // One valid message, whose signature the forger knows.
  const parts: Frames = [header('kernel_info_request'), {}, {}, {}].map((p) => JSON.stringify(p));
  const taken = { signature: sign(key, parts), parts };
  await dealers.shell.send(framed(taken.signature, taken.parts));

  for (let n = 0; n < messages; n++) {
    const kind = r();
    const channel = pick(['shell', 'shell', 'control', 'stdin'] as const);
    if (kind < 0.6) await dealers[channel].send(forged(mark, taken));
    else if (kind < 0.92) await dealers[channel].send(malformed(key));
    else if (kind < 0.93) await dealers.shell.send(cell(key));
    else if (kind < 0.96)
      await subscriber.send(Buffer.from(mutated([Buffer.from('\x01kernel'), Buffer.from('\0')], r)));
    else if (kind < 0.98) await beat.send([Buffer.from(mutated([Buffer.from('ping')], r))]);
    else await raw(pick([shell_port, control_port, stdin_port, iopub_port, hb_port]));
    if (n % 1000 === 999) {
      await c.request('kernel_info_request', {}, 'control');
      await c.request('kernel_info_request', {});
    }
  }
  for (const s of [...Object.values(dealers), subscriber, beat]) s.close();

  // Cells that came before may still fail, and take what is queued behind them along.
  while (((await c.execute('0')).reply.content['status'] as string) === 'aborted');
  assert.is(await c.value('6 * 7'), '42');
  assert.is(Number(await c.value('process.pid')), executor, 'the process of the cells is the same');
  assert.is(await c.heartbeat(), 'ping', 'the heart beats');
  assert.not(existsSync(mark), 'nothing ran without a signature');
  assert.is(c.process.exitCode, null);
  assert.is(c.errors, '');
  if (existsSync('/proc/net/tcp'))
    assert.equal(listening([c.process.pid!, executor]), addressesOf(c.connection));
  assert.ok(Date.now() - started < 60_000, `${Date.now() - started} ms`);
  await c.close();
});

test('5,000 damaged connection files: read rightly, or refused with the fault', async () => {
  const file = join(temporaryFolder(), 'connection.json');
  const text = JSON.stringify({ ...(await connection()), kernel_name: 'mdlab' }, null, 1);
  const good = new Uint8Array(Buffer.from(text));
  let refused = 0;
  for (let n = 0; n < 5000; n++) {
    writeFileSync(file, mutated([good], r));
    let c: Connection;
    try {
      c = readConnection(file);
    } catch (e) {
      assert.instance(e, MdlabError, `${e}: ${readFileSync(file, 'utf8')}`);
      assert.ok((e as Error).message.startsWith(`${file}: `));
      refused++;
      continue;
    }
    assert.ok(['tcp', 'ipc'].includes(c.transport) && c.ip && typeof c.key === 'string');
    for (const p of ['shell_port', 'iopub_port', 'stdin_port', 'control_port', 'hb_port'] as const)
      assert.ok(Number.isInteger(c[p]) && c[p] > 0 && c[p] < 65536);
    assert.not.throws(() => createHmac(c.signature_scheme.slice(5), c.key));
  }
  assert.ok(refused > 1000 && refused < 5000, `${refused}`);
});

test.after(() => Client.closeAll());
test.run();
