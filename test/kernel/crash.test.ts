// The process that runs cells dies in the middle of a simulation: the kernel says how, and the run goes on from its checkpoint.
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { onCuda } from '../cuda.js';
import { root } from '../tools.js';
import { Client, type Execution } from './client.js';
import { sleep } from './tools.js';

let c: Client;
test.before(async () => {
  c = await Client.start();
});
test.after(() => c.close());

const prepare = `import { harmonicWell, langevin, resume, simulate, Structure } from 'mdlab';
  const atoms = new Structure({ positions: Float64Array.from({ length: 3000 }, (_, k) => (k % 17) / 10), symbols: new Array<string>(1000).fill('C') });
  const well = harmonicWell({ k: 1 });
  const make = (name: string) => simulate(atoms, well, {
    integrator: langevin({ temperature: 300, timestep: 1, seed: 7 }), steps: 8000, every: 500, progress: false,
    trajectory: name + '.extxyz', checkpoint: { file: name + '.checkpoint', every: 500 } });`;

for (const [how, signal] of [
  ['a segmentation fault', 'SIGSEGV'],
  ['an abort', 'SIGABRT'],
  ['the kill of a machine out of memory', 'SIGKILL'],
] as const)
  test(`a run that ${how} ended goes on from its checkpoint, bit for bit`, async () => {
    for (const name of ['whole', 'killed'])
      for (const ending of ['extxyz', 'checkpoint'])
        rmSync(join(c.folder, `${name}.${ending}`), { force: true });
    await c.execute(prepare);
    const whole = await c.value(
      'const a = make("whole"); await a.run(); [a.step, a.state.positions.at(-1), a.state.positions.at(777)]',
    );
    const executor = Number(await c.value('process.pid'));
    const id = c.sendExecute(
      'const b = make("killed"); for await (const f of b) await new Promise((r) => setTimeout(r, 20))',
    );
    while (!existsSync(join(c.folder, 'killed.checkpoint'))) await sleep(10);
    await sleep(60);
    process.kill(executor, signal);
    const e = await c.finished(id);
    assert.is(e.reply.content['ename'], 'ExecutorDied');
    assert.match(String(e.reply.content['evalue']), new RegExp(`${signal}.*all variables are lost.*resume`));
    assert.is(c.process.exitCode, null);
    await c.execute(prepare);
    const resumed = await c.value(
      'const r = await resume("killed.checkpoint", well); const from = r.step; await r.run(); [r.step, r.state.positions.at(-1), r.state.positions.at(777)]',
    );
    assert.is(resumed, whole);
    const from = Number(await c.value('from'));
    assert.ok(from > 0 && from < 8000, `went on from step ${from}`);
    assert.equal(readFileSync(join(c.folder, 'killed.extxyz')), readFileSync(join(c.folder, 'whole.extxyz')));
  });

test('restartExecutor() in a cell gives a new process, and the notebook goes on', async () => {
  const before = Number(await c.value('const kept = 1; process.pid'));
  const [asked, queued] = [
    c.sendExecute('console.log("before"); restartExecutor(); console.log("after")'),
    c.sendExecute('process.pid'),
  ];
  const first = await c.finished(asked);
  assert.is(first.reply.content['status'], 'ok');
  assert.is(first.stdout, 'before\n');
  assert.match(first.stderr, /new one: all variables are gone.*resume/);
  const second = await c.finished(queued);
  const count = (e: Execution): number => Number(e.reply.content['execution_count']);
  assert.is(count(second), count(first) + 1);
  assert.is.not(Number(await c.value('process.pid')), before);
  const gone = await c.execute('kept');
  assert.match(String(gone.reply.content['evalue']), /kept/);
});

onCuda('a lost GPU leaves variables and kernel; restartExecutor() gives it back', async () => {
  const addon = JSON.stringify(join(root, 'dist', 'lib', 'native.js'));
  const imports = `import { native } from ${addon};`;
  assert.is(await c.value(`${imports} const kept = 1; native().cudaSelfTest(0, false).length`), '1000');
  const lost = await c.execute('native().cudaSelfTest(0, true)');
  assert.match(String(lost.reply.content['evalue']), /restartExecutor\(\).*resume/s);
  const still = await c.execute('native().cudaSelfTest(0, false)');
  assert.match(String(still.reply.content['evalue']), /lost earlier/);
  assert.is(await c.value('kept'), '1');
  await c.execute('restartExecutor()');
  assert.is(await c.value(`${imports} native().cudaSelfTest(0, false).length`), '1000');
});

test.run();
