// Output: all of it, in order, with the cell that caused it, before that cell is over.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Client } from './client.js';
import { sleep } from './tools.js';

let c: Client;
test.before(async () => {
  c = await Client.start();
  await c.execute(
    "import fs from 'node:fs'; import { execFileSync, spawn } from 'node:child_process'; const pause = (ms: number) => new Promise((r) => setTimeout(r, ms))",
  );
});
test.after(() => Client.closeAll());

const lines = (n: number): string => Array.from({ length: n }, (_, i) => `${i}\n`).join('');

test('100,000 lines arrive whole, in order, before idle', async () => {
  const e = await c.execute('for (let i = 0; i < 100_000; i++) console.log(i)');
  assert.is(e.stdout, lines(100_000));
  assert.is(e.iopub.at(-1)!.type, 'status');
  assert.ok(e.iopub.length < 300, `${e.iopub.length} messages`);
});

test('200 tiny cells: each has its output, result and idle', async () => {
  const ids = Array.from({ length: 200 }, (_, i) => c.sendExecute(`console.log(${i}); ${i} * 2`));
  for (const [i, id] of ids.entries()) {
    const e = await c.finished(id, 60);
    assert.is(e.stdout, `${i}\n`);
    const result = e.iopub.find((m) => m.type === 'execute_result')!;
    assert.equal((result.content as Record<string, unknown>)['data'], { 'text/plain': String(i * 2) });
  }
});

test('output is seen while the cell keeps its process busy', async () => {
  const id = c.sendExecute(
    'for (let k = 0; k < 3; k++) { console.log(k); const end = Date.now() + 300; while (Date.now() < end); }',
  );
  const first = await c.wait((m) => m.parent === id && m.type === 'stream');
  const e = await c.finished(id);
  assert.ok(e.reply.at - first.at > 400, `${e.reply.at - first.at} ms`);
  assert.is(e.stdout, '0\n1\n2\n');
});

test('what is written by file descriptor is shown, before idle', async () => {
  const e = await c.execute(
    "fs.writeSync(1, 'direct\\n'); fs.writeSync(2, 'wrong\\n'); execFileSync('sh', ['-c', 'echo from a child'], { stdio: 'inherit' }); 1",
  );
  assert.is(e.stdout, 'direct\nfrom a child\n');
  assert.is(e.stderr, 'wrong\n');
  const big = await c.execute("fs.writeSync(1, 'é'.repeat(200_000)); fs.writeSync(1, '\\0end')");
  assert.is(big.stdout, `${'é'.repeat(200_000)}\0end`);
});

test('lines of both streams and displays keep their order in a flood', async () => {
  const e = await c.execute(
    "for (let i = 0; i < 3000; i++) { console.log(i); if (i % 10 === 0) console.error('e' + i); if (i % 100 === 0) display({ 'text/plain': String(i) }, { raw: true }); }",
  );
  const seen = e.iopub.flatMap((m) => {
    if (m.type === 'stream') return String(m.content['text']).trim().split('\n');
    return m.type === 'display_data'
      ? [`d${(m.content['data'] as Record<string, string>)['text/plain']}`]
      : [];
  });
  const expected = Array.from({ length: 3000 }, (_, i) => [
    `${i}`,
    ...(i % 10 === 0 ? [`e${i}`] : []),
    ...(i % 100 === 0 ? [`d${i}`] : []),
  ]).flat();
  assert.is(seen.join(), expected.join());
});

test('what native code prints is shown, though it flushes nothing', async () => {
  // V8 itself prints about its garbage collections with printf.
  await c.execute("import v8 from 'node:v8'; const made: unknown[] = [];");
  const collect = 'for (let i = 0; i < 3e6; i++) made[i % 1000] = { i };';
  const e = await c.execute(
    `v8.setFlagsFromString('--trace-gc'); ${collect} v8.setFlagsFromString('--no-trace-gc')`,
  );
  assert.match(e.stdout, /\d+ ms: Scavenge /);
  const id = c.sendExecute(
    `v8.setFlagsFromString('--trace-gc'); ${collect} v8.setFlagsFromString('--no-trace-gc'); { const end = Date.now() + 1000; while (Date.now() < end); }`,
  );
  const first = await c.wait((m) => m.parent === id && m.type === 'stream');
  const { reply } = await c.finished(id);
  assert.ok(reply.at - first.at > 500, 'a line is shown while the cell still runs');
});

test('output after the end of a cell belongs to that cell', async () => {
  const a = await c.execute(
    "const handle = display('begun'); setTimeout(() => { console.log('late'); handle.update('late too') }, 150); 0",
  );
  const b = await c.execute('await pause(300); console.log("mine")');
  assert.is(b.stdout, 'mine\n');
  const late = await c.wait((m) => m.parent === a.reply.parent && m.type === 'stream');
  assert.is(late.content['text'], 'late\n');
  await c.wait((m) => m.parent === a.reply.parent && m.type === 'update_display_data');
});

test('an error nobody catches is told and harms nothing', async () => {
  const e = await c.execute(
    "void Promise.reject(new Error('unheard')); setTimeout(() => { throw new Error('thrown later') }, 1); await pause(50)",
  );
  assert.match(e.stderr, /Unhandled rejection: Error: unheard/);
  assert.match(e.stderr, /Error: thrown later/);
  assert.is(await c.value('5'), '5');
});

test('characters split between writes come out whole', async () => {
  const e = await c.execute(
    "const bytes = Buffer.from('x😀y'); fs.writeSync(1, bytes.subarray(0, 3)); await pause(30); fs.writeSync(1, bytes.subarray(3))",
  );
  assert.is(e.stdout, 'x😀y');
});

test('a flood beyond the limit keeps its beginning and its end and says so', async () => {
  const e = await c.execute(
    "const line = 'x'.repeat(99); for (let i = 0; i < 250_000; i++) console.log(line); console.log('the end')",
  );
  assert.ok(e.stdout.length > 16e6 && e.stdout.length < 17e6, `${e.stdout.length}`);
  assert.match(
    e.stdout.slice(-70_000),
    /… the cell has written 16 million characters[^\n]*\n… \d+ characters were left out; the output ends with:\n/,
  );
  assert.ok(e.stdout.endsWith('the end\n'));
});

test('a limit reached is said while the cell runs', async () => {
  const id = c.sendExecute(
    "console.log('x'.repeat(17_000_000)); { const end = Date.now() + 1500; while (Date.now() < end); }",
  );
  const notice = await c.wait(
    (m) => m.parent === id && m.type === 'stream' && String(m.content['text']).includes('is not shown until'),
  );
  assert.ok((await c.finished(id)).reply.at - notice.at > 700);
});

test('large displays and results arrive whole', async () => {
  const e = await c.execute(
    "display({ 'text/plain': 'y'.repeat(8_000_000) }, { raw: true }); 'z'.repeat(50_000).length",
  );
  const shown = e.iopub.find((m) => m.type === 'display_data')!.content as Record<
    string,
    Record<string, string>
  >;
  assert.is(shown['data']!['text/plain']!.length, 8_000_000);
});

test('stack traces printed by the cell itself name typed lines', async () => {
  const e = await c.execute('\n\nconsole.error(new Error("here").stack)');
  assert.match(e.stderr, /^Error: here\n {4}at In\[\d+\]:3:15\n$/);
});

test('progress of the library is one display that is updated', async () => {
  const e = await c.execute(
    "const sink = (globalThis as Record<symbol, any>)[Symbol.for('mdlab.progress')]; const state = { id: 'p1', label: 'steps', unit: 'steps', done: 1, total: 2, fraction: 0.5, recentRate: 1, meanRate: 1, rates: '', elapsed: 1, remaining: 1, finished: false, note: '' }; sink.show(state); sink.show({ ...state, done: 2, fraction: 1, finished: true })",
  );
  assert.equal(
    e.iopub.map((m) => m.type),
    ['status', 'execute_input', 'display_data', 'update_display_data', 'status'],
  );
  await sleep(0);
});

test.run();
