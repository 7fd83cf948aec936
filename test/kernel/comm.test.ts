// Comms: channels between cells and the front end, with binary buffers, and what happens to them when cells run, stop or die.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Client, type Received } from './client.js';
import { sleep } from './tools.js';

let c: Client;
test.before(async () => {
  c = await Client.start();
});
test.after(() => Client.closeAll());

const state = (id: string, s: string) => (m: Received) =>
  m.parent === id && m.type === 'status' && m.content['execution_state'] === (s as never);

/** Opens a comm from a cell. */
async function opened(code: string): Promise<{ cell: string; comm: string; open: Received }> {
  const { reply } = await c.execute(code);
  assert.is(reply.content['status'], 'ok', JSON.stringify(reply.content));
  const open = await c.wait((m) => m.parent === reply.parent && m.type === 'comm_open');
  return { cell: reply.parent, comm: open.content['comm_id'], open };
}

const comms = async (content = {}): Promise<Record<string, unknown>> => {
  const r = await c.request('comm_info_request', content);
  assert.is(r.content['status'], 'ok');
  return r.content['comms'] as Record<string, unknown>;
};

test('a cell opens one: data, metadata and buffers both ways, bytes as they were', async () => {
  const { cell, comm, open } = await opened(`
    const echo = openComm('echo', { a: 1 }, { metadata: { m: 2 }, buffers: [new Float64Array([1.5, 2]), new Uint8Array([7])] });
    echo.onMessage(({ data, buffers }) => {
      console.log('got', data.x, buffers.length, buffers[0]!.length);
      echo.send({ twice: Number(data.x) * 2 }, { buffers: [buffers[0]!.map((b) => b ^ 255)] });
    });`);
  assert.equal([open.content['target_name'], open.content['data']], ['echo', { a: 1 }] as never);
  assert.equal(open.metadata, { m: 2 });
  const [first, second] = open.buffers;
  assert.equal(new Float64Array(new Uint8Array(first!).buffer), new Float64Array([1.5, 2]));
  assert.equal([...second!], [7]);

  const bytes = Uint8Array.from({ length: 1_000_003 }, (_, i) => i * 31);
  const id = c.send('comm_msg', { comm_id: comm, data: { x: 21 } }, 'shell', { buffers: [bytes, bytes] });
  const back = await c.wait((m) => m.type === 'comm_msg' && m.content['comm_id'] === (comm as never));
  assert.equal(back.content['data'], { twice: 42 } as never);
  assert.ok(back.buffers[0]!.equals(bytes.map((b) => b ^ 255)));
  await c.wait(state(id, 'idle'));
  assert.ok(c.received.some(state(id, 'busy')));
  // What the handler prints belongs to the cell that opened the comm.
  const text = await c.wait((m) => m.type === 'stream' && m.parent === cell);
  assert.is(text.content['text'], 'got 21 2 1000003\n');
});

test('the front end opens one; what is known of both sides is told', async () => {
  const { reply } = await c.execute(`
    let heard = 0;
    registerCommTarget('counter', (comm, { data }) => {
      comm.send({ hello: data.name });
      comm.onMessage(() => { heard++; display(heard); });
      comm.onClose(({ data }) => console.log('closed', data.why));
    });`);
  c.send('comm_open', { comm_id: 'own', target_name: 'counter', data: { name: 'N' } });
  const hello = await c.wait((m) => m.type === 'comm_msg' && m.content['comm_id'] === ('own' as never));
  assert.equal(hello.content['data'], { hello: 'N' } as never);
  assert.equal((await comms())['own'], { target_name: 'counter' });
  assert.equal(await comms({ target_name: 'counter' }), { own: { target_name: 'counter' } });
  assert.equal(await comms({ target_name: 'nobody' }), {});
  c.send('comm_msg', { comm_id: 'own', data: {} });
  await c.wait((m) => m.type === 'display_data' && m.parent === reply.parent);
  assert.is(await c.value('heard'), '1');
  c.send('comm_close', { comm_id: 'own', data: { why: 'done' } });
  const bye = await c.wait((m) => m.type === 'stream' && m.parent === reply.parent);
  assert.is(bye.content['text'], 'closed done\n');
  assert.equal(await comms({ target_name: 'counter' }), {});
});

test('what nobody registered is closed, as the protocol says', async () => {
  const id = c.send('comm_open', { comm_id: 'q', target_name: 't', data: {} });
  const close = await c.wait((m) => m.type === 'comm_close' && m.parent === id);
  assert.equal(close.content, { comm_id: 'q', data: {} });
  await c.wait(state(id, 'idle'));
  // A message to a comm that is not there harms nothing.
  const lost = c.send('comm_msg', { comm_id: 'q', data: {} });
  await c.wait(state(lost, 'idle'));
});

test('messages are handled while a cell awaits, one after another', async () => {
  const { comm } = await opened(`
    const order: string[] = [];
    const slow = openComm('slow');
    slow.onMessage(async ({ data }) => {
      order.push('begin ' + data.n);
      await new Promise((r) => setTimeout(r, 30));
      order.push('end ' + data.n);
    });`);
  const cell = c.sendExecute('await new Promise((r) => setTimeout(r, 600)); order.join()');
  await c.wait(state(cell, 'busy'));
  const ids = [1, 2, 3].map((n) => c.send('comm_msg', { comm_id: comm, data: { n } }));
  for (const id of ids) await c.wait(state(id, 'idle'));
  assert.not(c.received.some((m) => m.parent === cell && m.type === 'execute_reply'));
  const done = await c.finished(cell);
  const result = done.iopub.find((m) => m.type === 'execute_result')!.content['data'] as {
    'text/plain': string;
  };
  assert.is(result['text/plain'], "'begin 1,end 1,begin 2,end 2,begin 3,end 3'");
});

test('a comm closed by its cell is closed for both; sending then is an error', async () => {
  const { comm } = await opened("const brief = openComm('brief'); brief.close({ bye: 1 })");
  const close = await c.wait((m) => m.type === 'comm_close' && m.content['comm_id'] === (comm as never));
  assert.equal(close.content['data'], { bye: 1 } as never);
  assert.not(comm in (await comms()));
  const { reply } = await c.execute('brief.send({})');
  assert.match(String(reply.content['evalue']), /comm\.send: must be open/);
});

test('a failing handler is told in its cell; the next message is handled', async () => {
  const { cell, comm } = await opened(
    "const frail = openComm('frail');\nfrail.onMessage(({ data }) => {\n  if (!data.ok) throw new Error('no good');\n  frail.send({ fine: 1 });\n});",
  );
  c.send('comm_msg', { comm_id: comm, data: {} });
  const text = await c.wait((m) => m.type === 'stream' && m.parent === cell);
  assert.match(String(text.content['text']), /Error: no good\n.*:3\n[\s\S]*> 3 \|/);
  c.send('comm_msg', { comm_id: comm, data: { ok: true } });
  await c.wait((m) => m.type === 'comm_msg' && m.content['comm_id'] === (comm as never));
});

for (const [how, body] of [
  ['a busy loop', 'while (true) {}'],
  ['an endless await', 'await new Promise(() => {})'],
  ['a loop of awaits', 'for (;;) await new Promise((r) => setTimeout(r, 5))'],
] as const)
  test(`a handler in ${how} is interrupted, and variables are kept`, async () => {
    const { cell, comm } = await opened(
      `const kept = 5; const stuck = openComm('stuck'); stuck.onMessage(async () => { ${body} })`,
    );
    const id = c.send('comm_msg', { comm_id: comm, data: {} });
    await c.wait(state(id, 'busy'));
    await sleep(100);
    await c.request('interrupt_request', {}, 'control');
    await c.wait(state(id, 'idle'), 3);
    const text = await c.wait((m) => m.type === 'stream' && m.parent === cell);
    assert.match(String(text.content['text']), /KeyboardInterrupt/);
    assert.is(await c.value('kept'), '5');
  });

test('a handler that looks at nothing: a hint, then an interrupt ends its process', async () => {
  const { comm } = await opened(
    "import crypto from 'node:crypto'; const deaf = openComm('deaf'); deaf.onMessage(() => { crypto.pbkdf2Sync('a', 'b', 200_000_000, 64, 'sha512'); })",
  );
  const id = c.send('comm_msg', { comm_id: comm, data: {} });
  await c.wait(state(id, 'busy'));
  await sleep(100);
  await c.request('interrupt_request', {}, 'control');
  await c.request('interrupt_request', {}, 'control'); // pressed twice: the same
  await c.wait((m) => m.type === 'stream' && String(m.content['text']).includes('Interrupt once more'), 5);
  await c.request('interrupt_request', {}, 'control');
  await c.wait(state(id, 'idle'), 5);
  await c.wait((m) => m.type === 'comm_close' && m.content['comm_id'] === (comm as never));
});

test('comms end with the process they live in, and the front end is told', async () => {
  const { comm } = await opened("const doomed = openComm('doomed')");
  await c.execute('process.kill(process.pid, "SIGKILL"); await new Promise(() => {})');
  await c.wait((m) => m.type === 'comm_close' && m.content['comm_id'] === (comm as never));
  assert.equal(await comms(), {});
});

test.run();
