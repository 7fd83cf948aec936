// History: what was run in this session and in earlier ones, also after kernels were restarted or killed.
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { globOf, History } from '../../kernel/history.js';
import { Client } from './client.js';
import { temporaryFolder } from './tools.js';

type Row = [session: number, line: number, source: string | [string, string | null]];

async function ask(c: Client, request: object): Promise<Row[]> {
  const r = await c.request('history_request', { raw: true, output: false, ...request });
  assert.is(r.content['status'], 'ok', JSON.stringify(r.content));
  return r.content['history'] as Row[];
}

test('tail, range, search, unique, outputs', async () => {
  const c = await Client.start();
  for (const code of ['const hist1 = 1', 'hist1 + 1', 'const hist1 = 1']) await c.execute(code);
  await c.execute('"not kept"', { store_history: false });
  await c.execute('"nor this"', { silent: true });
  assert.equal(await ask(c, { hist_access_type: 'tail', n: 2 }), [
    [1, 2, 'hist1 + 1'],
    [1, 3, 'const hist1 = 1'],
  ]);
  assert.equal(await ask(c, { hist_access_type: 'range', session: 0, start: 2, stop: 3, output: true }), [
    [1, 2, ['hist1 + 1', '2']],
  ]);
  assert.is((await ask(c, { hist_access_type: 'range', session: 0, start: 1, stop: null })).length, 3);
  assert.equal(await ask(c, { hist_access_type: 'range', session: 7, start: 0, stop: 100 }), []);
  const search = { hist_access_type: 'search', pattern: 'const hist?*' };
  assert.is((await ask(c, search)).length, 2);
  assert.equal(await ask(c, { ...search, unique: true }), [[1, 3, 'const hist1 = 1']]);
  assert.equal(await ask(c, { hist_access_type: 'search', pattern: '*hist*', n: 1 }), [
    [1, 3, 'const hist1 = 1'],
  ]);
  await c.close();
});

test('a restarted kernel knows what was run before; a killed one loses nothing', async () => {
  const state = temporaryFolder();
  const first = await Client.start({ state });
  await first.execute('"first"');
  first.sendExecute('"running when killed"; while (true) {}');
  await first.wait((m) => m.type === 'execute_input' && String(m.content['code']).includes('killed'));
  first.process.kill('SIGKILL');
  await first.close();
  const second = await Client.start({ state });
  await second.execute('"second"');
  assert.equal(await ask(second, { hist_access_type: 'tail', n: 10, output: true }), [
    [1, 1, ['"first"', "'first'"]],
    [1, 2, ['"running when killed"; while (true) {}', null]],
    [2, 1, ['"second"', "'second'"]],
  ]);
  for (const session of [1, -1])
    assert.equal(await ask(second, { hist_access_type: 'range', session, start: 1, stop: 2 }), [
      [1, 1, '"first"'],
    ]);
  assert.is((await ask(second, { hist_access_type: 'search', pattern: '*s?c*' })).length, 1);
  await second.close();
  const folder = join(state, 'mdlab', 'history');
  assert.is(statSync(folder).mode & 0o777, 0o700);
  for (const file of readdirSync(folder)) assert.is(statSync(join(folder, file)).mode & 0o777, 0o600);
});

test('kernels side by side write files of their own and see each other', () => {
  const folder = join(temporaryFolder(), 'history');
  const [a, b] = [new History(folder), new History(folder)];
  a.add(1, 'a')('from a');
  b.add(1, 'b');
  a.add(2, 'c');
  assert.equal(a.find({ hist_access_type: 'tail' }), [
    [2, 1, 'b'],
    [1, 1, 'a'],
    [1, 2, 'c'],
  ]);
  assert.equal(b.find({ hist_access_type: 'range', session: 1, output: true, start: 1, stop: 2 }), [
    [1, 1, ['a', 'from a']],
  ]);
});

test('damaged files and lines are passed over', () => {
  const folder = join(temporaryFolder(), 'history');
  const h = new History(folder);
  h.add(1, 'good');
  appendFileSync(join(folder, '1.jsonl'), '{"line":2,"inp');
  writeFileSync(
    join(folder, '2.jsonl'),
    '\0\xff{]\nnull\n5\n{"line":"x"}\n{"line":3,"output":"of nothing"}\n',
  );
  mkdirSync(join(folder, '3.jsonl'));
  writeFileSync(join(folder, 'notes.txt'), 'of the user');
  const next = new History(folder);
  next.add(1, 'next');
  assert.equal(next.find({}), [
    [1, 1, 'good'],
    [4, 1, 'next'],
  ]);
  assert.ok(existsSync(join(folder, 'notes.txt')));
});

test('the oldest sessions go when there are too many; one session has its bound', () => {
  const folder = temporaryFolder();
  for (let n = 1; n <= 600; n++) writeFileSync(join(folder, `${n}.jsonl`), `{"line":1,"input":"${n}"}\n`);
  const h = new History(folder);
  for (let line = 1; line <= 100; line++) h.add(line, 'x'.repeat(100_000));
  const left = readdirSync(folder).map((f) => Number.parseInt(f, 10));
  assert.is(left.length, 500);
  assert.is(Math.min(...left), 102);
  assert.ok(statSync(join(folder, '601.jsonl')).size <= 4 * 1024 * 1024);
  assert.is(h.find({ hist_access_type: 'range', session: 0 }).length, 100);
});

test('where nothing can be written, history lasts as long as the kernel', () => {
  const file = join(temporaryFolder(), 'file');
  writeFileSync(file, '');
  const h = new History(join(file, 'history'));
  h.add(1, 'kept')('here');
  assert.equal(h.find({ output: true }), [[1, 1, ['kept', 'here']]]);
  if (process.getuid?.() !== 0) chmodSync(file, 0);
});

test('globs', () => {
  for (const [text, pattern, expected] of [
    ['abc', 'abc', true],
    ['abc', 'ab', false],
    ['abc', 'a*', true],
    ['abc', '*c', true],
    ['a\nb', 'a*b', true],
    ['a😀b', 'a?b', true],
    ['a.b', 'a[.]b', true],
    ['axb', 'a.b', false],
    ['a7', 'a[0-9]', true],
    ['a7', 'a[^0-9]', false],
    ['a]', 'a[]]', true],
    ['a[', 'a[', true],
    ['a-', 'a[x-]', true],
    ['😀', '[😀-😂]', true],
    ['aXbXc', '*X*c', true],
    ['aXb', '*X*c', false],
    ['abab', '*ab', true],
    ['', '*', true],
    ['', '?', false],
  ] as const)
    assert.is(globOf(pattern)(text), expected, `${text} ${pattern}`);
  const t = Date.now();
  assert.not(globOf(`${'*a'.repeat(40)}*?b`)(`${'a'.repeat(20_000)}bc`));
  assert.ok(Date.now() - t < 1000, `${Date.now() - t} ms`);
});

test.after(() => Client.closeAll());
test.run();
