// Interrupts of everything a cell may be doing, and deaths of the process that runs cells.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { addonPath } from '../../lib/native.js';
import { Client, type Execution } from './client.js';
import { sleep } from './tools.js';

let c: Client;
test.before(async () => {
  c = await Client.start();
  writeFileSync(join(c.folder, 'local.ts'), 'export function spinHere(): void { for (;;) { /* busy */ } }\n');
  const library = join(c.folder, 'node_modules', 'spinner');
  mkdirSync(library, { recursive: true });
  writeFileSync(join(library, 'package.json'), '{"name":"spinner","type":"module","exports":"./index.js"}');
  writeFileSync(join(library, 'index.js'), 'export function spin() { for (;;); }\n');
  await c.execute(`const kept = 7; import { spin } from 'spinner'; import { spinHere } from './local';
    const addon = require(${JSON.stringify(addonPath())}); const crypto = require('node:crypto');
    const pause = (ms: number) => new Promise((r) => setTimeout(r, ms));
    async function* silent() { try { await new Promise(() => {}); yield 1 } finally { console.log('closed') } }
    function pairs(n: number) { return addon.neighborList({ offsets: Int32Array.of(0, n), positions: Float64Array.from({ length: 3 * n }, Math.random), types: new Int32Array(n), boxes: new Float64Array(9), periodic: new Uint8Array(3) }, 1e-4, 0, null, null, true) }`);
});
test.after(() => Client.closeAll());

const status = (e: Execution): unknown => e.reply.content['status'];

/** Runs a cell, interrupts it a little later, and times its end. */
async function interrupted(code: string, after = 150): Promise<{ e: Execution; ms: number }> {
  const id = c.sendExecute(`console.log('begun'); ${code}`);
  await c.wait((m) => m.parent === id && m.type === 'stream');
  await sleep(after);
  const t = Date.now();
  const answer = await c.request('interrupt_request', {}, 'control');
  assert.equal(answer.content, { status: 'ok' });
  const e = await c.finished(id);
  return { e, ms: Date.now() - t };
}

const rows: [name: string, code: string, limit: number][] = [
  [
    'work of the thread pool that looks at no flag',
    "await new Promise((r) => crypto.pbkdf2('a', 'b', 2_000_000, 64, 'sha512', r))",
    500,
  ],
  ['an endless loop', 'while (true) {}', 500],
  ['an await that never ends', 'await new Promise(() => {})', 500],
  ['a long timer', 'await pause(30_000)', 500],
  ['a loop after an await', 'await null; while (true) {}', 500],
  ['a busy timer callback', 'setTimeout(() => { while (true) {} }, 1); await new Promise(() => {})', 500],
  ['a loop of awaits that never leaves the microtasks', 'while (true) await null', 500],
  ['a loop that catches everything', 'while (true) { try { while (true) {} } catch {} }', 500],
  ['for await over a silent source', 'for await (const x of silent()) x', 500],
  ['a loop in a local module', 'spinHere()', 500],
  ['a loop in a package, by SIGINT', 'spin()', 1000],
  [
    'endless recursion of promises',
    'const again = async (): Promise<void> => { await null; return again() }; await again()',
    500,
  ],
  ['native code that looks at its flag', 'pairs(400_000)', 1000],
];

for (const [name, code, limit] of rows)
  test(`interrupts ${name}`, async () => {
    const { e, ms } = await interrupted(code);
    assert.is(status(e), 'error');
    assert.is(e.reply.content['ename'], 'KeyboardInterrupt');
    assert.ok(ms < limit, `${ms} ms`);
    assert.is(await c.value('kept'), '7');
  });

test('75 interrupts of every kind in a row: each stops its cell, none takes the process or a variable', async () => {
  await c.value('let rounds = 0');
  const kinds = rows.filter(([name]) => !name.includes('thread pool'));
  const times: number[] = [];
  const executor = await c.value('process.pid');
  for (let i = 0; i < 75; i++) {
    const [name, code, limit] = kinds[i % kinds.length]!;
    // As the cell begins, and further and further into it.
    const { e, ms } = await interrupted(`rounds++; ${code}`, (i * 7) % 60);
    assert.is(
      e.reply.content['ename'],
      'KeyboardInterrupt',
      `${i}, ${name}: ${JSON.stringify(e.reply.content)}`,
    );
    assert.ok(ms < 2 * limit, `${i}, ${name}: ${ms} ms`);
    times.push(ms);
  }
  assert.is(await c.value('[rounds, kept]'), '[ 75, 7 ]');
  assert.is(await c.value('process.pid'), executor);
  times.sort((p, q) => p - q);
  console.log(`interrupt to reply: median ${times[37]} ms, slowest ${times[74]} ms`);
});

test('molecular dynamics, awaited and iterated: stopped with its state, which goes on in the next cell', async () => {
  await c.value(`import { harmonicWell, langevin, simulate, Structure } from 'mdlab';
    const atoms = new Structure({ positions: new Float64Array(3000), symbols: new Array<string>(1000).fill('C') });
    const well = harmonicWell({ k: 1 });
    const make = (steps: number) => simulate(atoms, well, { integrator: langevin({ temperature: 300, timestep: 2 }), steps, every: 50, progress: false })`);
  for (const run of ['await sim.run()', 'for await (const frame of sim) seen++']) {
    const { e, ms } = await interrupted(`let seen = 0; const sim = make(100_000_000); ${run}`, 300);
    assert.is(e.reply.content['ename'], 'KeyboardInterrupt', JSON.stringify(e.reply.content));
    if (run.startsWith('await'))
      assert.match(String(e.reply.content['evalue']), /interrupted after step \d+; the state is kept/);
    assert.ok(ms < 1000, `${ms} ms`);
    const reached = Number(await c.value('sim.step'));
    assert.ok(reached > 0);
    await sleep(100);
    assert.is(Number(await c.value('sim.step')), reached, 'it stands still');
    assert.is(await c.value('const short = make(20); await short.run(); short.step'), '20');
  }
});

test('what an interrupted cell was doing stops with it', async () => {
  const { e } = await interrupted('let ticks = 0; for (;;) { console.log(ticks++); await pause(20) }', 200);
  assert.match(e.stdout, /^begun\n0\n1\n/);
  const before = Number(await c.value('ticks'));
  await sleep(200);
  assert.is(Number(await c.value('ticks')), before);
});

test('variables made before the interrupt are there', async () => {
  await interrupted('const partial: number[] = []; for (;;) { partial.push(1); await pause(5) }');
  assert.ok(Number(await c.value('partial.length')) > 3);
});

test('code may catch the interrupt and end in order', async () => {
  const { e } = await interrupted(
    "let state = 'running'; try { await new Promise(() => {}) } catch { state = 'saved' } state",
  );
  assert.is(status(e), 'ok');
  assert.is(await c.value('state'), "'saved'");
});

test('cells queued behind an interrupted one do not run', async () => {
  const first = c.sendExecute('while (true) {}');
  const second = c.sendExecute('console.log("never")');
  await sleep(300);
  await c.request('interrupt_request', {}, 'control');
  assert.is(status(await c.finished(first)), 'error');
  assert.is(status(await c.finished(second)), 'aborted');
});

test('an interrupt while nothing runs changes nothing', async () => {
  await c.request('interrupt_request', {}, 'control');
  assert.is(await c.value('kept'), '7');
});

test('a cell whose types take a minute to check is stopped before it runs', async () => {
  const letters = [...'abcdefghij'].map((l) => `'${l}'`).join('|');
  const id = c.sendExecute(
    `console.log('ran');\ntype Perm<T, U = T> = [T] extends [never] ? [] : U extends U ? [U, ...Perm<Exclude<T, U>>] : never;\nconst p = [] as unknown as Perm<${letters}>;\nconst q: Perm<${letters}> = p;`,
  );
  await c.wait((m) => m.parent === id && m.type === 'execute_input');
  await sleep(300);
  const t = Date.now();
  await c.request('interrupt_request', {}, 'control');
  const e = await c.finished(id);
  assert.ok(Date.now() - t < 4000, `${Date.now() - t} ms`);
  assert.is(e.reply.content['ename'], 'KeyboardInterrupt');
  assert.is(e.stdout, '');
  assert.is(await c.value('kept'), '7');
});

test('an interrupt at once stops the cell before or after it starts', async () => {
  for (let i = 0; i < 5; i++) {
    const id = c.sendExecute('await pause(5000)');
    await c.wait((m) => m.parent === id && m.type === 'execute_input');
    await sleep(i * 6);
    await c.request('interrupt_request', {}, 'control');
    assert.is((await c.finished(id, 3)).reply.content['ename'], 'KeyboardInterrupt');
  }
});

test('interrupts around the end of cells harm nothing', async () => {
  for (let i = 0; i < 30; i++) {
    const id = c.sendExecute(
      i % 2 ? '{ const end = Date.now() + 20; while (Date.now() < end); }' : 'await pause(15)',
    );
    await c.wait((m) => m.parent === id && m.type === 'execute_input');
    await sleep(10 + 2 * i);
    await c.request('interrupt_request', {}, 'control');
    await c.finished(id);
  }
  assert.is(await c.value('kept'), '7');
});

test('native code that looks at nothing: a hint, then a second interrupt ends its process', async () => {
  const id = c.sendExecute("crypto.pbkdf2Sync('a', 'b', 200_000_000, 64, 'sha512')");
  await c.wait((m) => m.parent === id && m.type === 'execute_input');
  await sleep(300);
  await c.request('interrupt_request', {}, 'control');
  await sleep(300);
  await c.request('interrupt_request', {}, 'control'); // pressed twice: nothing is lost yet
  const hint = await c.wait((m) => m.parent === id && m.type === 'stream', 5);
  assert.match(String(hint.content['text']), /Interrupt once more/);
  const t = Date.now();
  await c.request('interrupt_request', {}, 'control');
  const e = await c.finished(id);
  assert.ok(Date.now() - t < 2000);
  assert.match(String(e.reply.content['evalue']), /all variables are lost/);
  assert.match(String((await c.execute('kept')).reply.content['evalue']), /Cannot find name 'kept'/);
});

for (const [how, code, says] of [
  ['a segmentation fault', "process.kill(process.pid, 'SIGSEGV'); await new Promise(() => {})", /SIGSEGV/],
  ['abort', 'process.abort()', /SIGABRT/],
  [
    'a kill, as of a machine out of memory',
    "console.log('last words'); process.kill(process.pid, 'SIGKILL')",
    /SIGKILL.*memory/,
  ],
  ['process.exit', 'process.exit(3)', /exit code 3/],
] as const)
  test(`survives ${how}`, async () => {
    await c.execute('const gone = 1');
    const queued = [c.sendExecute(code), c.sendExecute('1')];
    const e = await c.finished(queued[0]!);
    assert.is(e.reply.content['ename'], 'ExecutorDied');
    assert.match(String(e.reply.content['evalue']), says);
    if (code.includes('last words')) assert.is(e.stdout, 'last words\n');
    assert.is(status(await c.finished(queued[1]!)), 'aborted');
    assert.is(await c.value('1 + 1'), '2');
    assert.match(String((await c.execute('gone')).reply.content['evalue']), /Cannot find name/);
  });

test('a death between cells is told, and the next cell runs', async () => {
  const { reply } = await c.execute("setTimeout(() => process.kill(process.pid, 'SIGKILL'), 50)");
  const note = await c.wait((m) => m.parent === reply.parent && m.type === 'stream');
  assert.match(String(note.content['text']), /ExecutorDied/);
  assert.is(await c.value('2 + 2'), '4');
});

test.run();
