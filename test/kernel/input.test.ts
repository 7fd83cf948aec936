// input(): cells ask the person at the notebook.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { runNotebook } from '../../kernel/runner.js';
import { Client, type Received } from './client.js';
import { sleep, temporaryFolder } from './tools.js';

let c: Client;
test.before(async () => {
  c = await Client.start();
});
test.after(() => Client.closeAll());

const run = (code: string): string => c.sendExecute(code, { allow_stdin: true });
const asked = (id: string, n = 1): Promise<Received> =>
  c.wait(
    (m) =>
      m.type === 'input_request' &&
      m.parent === id &&
      c.received.filter((o) => o.type === 'input_request' && o.parent === id).indexOf(m) === n - 1,
  );
const answer = (value: unknown, to?: Received): string =>
  c.send('input_reply', { value, status: 'ok' }, 'stdin', { parent: to ? { ...to.header } : {} });

async function result(id: string): Promise<string> {
  const e = await c.finished(id);
  assert.is(e.reply.content['status'], 'ok', JSON.stringify(e.reply.content));
  const found = e.iopub.find((m) => m.type === 'execute_result');
  return String((found?.content['data'] as unknown as Record<string, string>)?.['text/plain']);
}

test('asks on the stdin channel and takes what was typed', async () => {
  const id = run(
    "const name = await input('Name: '); const key = await input('Key: ', { password: true }); [name, key]",
  );
  const first = await asked(id);
  assert.equal(first.content, { prompt: 'Name: ', password: false });
  answer('Añjali 😀', first);
  const second = await asked(id, 2);
  assert.equal(second.content, { prompt: 'Key: ', password: true });
  answer('sésame'); // clients may leave out what they answer
  assert.is(await result(id), "[ 'Añjali 😀', 'sésame' ]");
});

test('several at once are asked one after another', async () => {
  const id = run("await Promise.all(['a', 'b', 'c'].map((p) => input(p)))");
  for (const n of [1, 2, 3]) {
    const q = await asked(id, n);
    assert.is(c.received.filter((m) => m.type === 'input_request' && m.parent === id).length, n);
    answer(`${q.content['prompt']}${n}`, q);
  }
  assert.is(await result(id), "[ 'a1', 'b2', 'c3' ]");
});

test('an interrupt while waiting ends the cell; the late answer is for nobody', async () => {
  const id = run("await input('never')");
  const q = await asked(id);
  await c.request('interrupt_request', {}, 'control');
  assert.is((await c.finished(id, 3)).reply.content['ename'], 'KeyboardInterrupt');
  answer('too late', q);
  const next = run("await input('again')");
  const again = await asked(next);
  answer('not this one', q);
  await sleep(50);
  answer('this one', again);
  assert.is(await result(next), "'this one'");
});

test('an answer that is no text, and a refusal, are errors of the cell', async () => {
  for (const [content, rule] of [
    [{ value: 5 }, /sent no text/],
    [{ status: 'error', evalue: 'not today' }, /input: not today/],
  ] as const) {
    const id = run("await input('x')");
    await asked(id);
    c.send('input_reply', content, 'stdin');
    assert.match(String((await c.finished(id)).reply.content['evalue']), rule);
  }
});

test('a front end that takes no input gets no question', async () => {
  const e = await c.execute("await input('x')", { allow_stdin: false });
  assert.equal([e.reply.content['ename'], e.reply.content['evalue']], [
    'MdlabError',
    'input: the front end takes no input (allow_stdin); run the cell where a person can answer',
  ] as never);
});

test('who has not been asked cannot answer', async () => {
  const id = run("await input('x')");
  await asked(id);
  c.send('input_reply', { value: 'forged' }, 'stdin', { key: 'not the key' });
  await sleep(50);
  answer('mine');
  assert.is(await result(id), "'mine'");
});

test('an executor that dies while it asks does not block the next question', async () => {
  const id = run("setTimeout(() => process.kill(process.pid, 'SIGKILL'), 100); await input('x')");
  await asked(id);
  assert.is((await c.finished(id)).reply.content['ename'], 'ExecutorDied');
  const next = run("await input('y')");
  answer('fine', await asked(next));
  assert.is(await result(next), "'fine'");
});

test('mdlab run has nobody to ask and says so', async () => {
  const file = join(temporaryFolder(), 'n.ipynb');
  const cell = {
    cell_type: 'code',
    metadata: {},
    source: "await input('Name: ')",
    outputs: [],
    execution_count: null,
  };
  writeFileSync(file, JSON.stringify({ nbformat: 4, nbformat_minor: 5, metadata: {}, cells: [cell] }));
  const { error } = await runNotebook(file);
  assert.is(error?.ename, 'MdlabError');
  assert.match(error!.evalue, /^input: there is nobody to ask.*parameter$/);
});

test.run();
