// The snapshot the compiler starts from: that it is used, that it sees files as they are now, that notebooks run without it.
import {
  appendFileSync,
  existsSync,
  readdirSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Compilation } from '../../kernel/compiler.js';
import { alive, root } from '../tools.js';
import { sleep, temporaryFolder } from './tools.js';

// A cache of its own, for this process and those it starts: others use the user's.
process.env['XDG_CACHE_HOME'] = temporaryFolder();
const { findSnapshot, snapshotFile } = await import('../../kernel/snapshot.js');
const { CompilerProcess } = await import('../../kernel/compiler-process.js');

/** Milliseconds until the first cell of a new compiler is compiled, and how. */
async function firstCell(
  code = 'const x: number[] = [1]; x.map((v) => v + 1)',
): Promise<{ ms: number; done: Compilation }> {
  const compiler = new CompilerProcess(temporaryFolder());
  const t = performance.now();
  const done = await compiler.compile('', code, 'In[1]');
  compiler.close();
  return { ms: performance.now() - t, done };
}

let plain = 0;
test('without a snapshot cells are compiled all the same, and one is made meanwhile', async () => {
  assert.is(findSnapshot(), undefined);
  const { ms, done } = await firstCell();
  plain = ms;
  assert.ok('cell' in done);
  for (let i = 0; i < 600 && !findSnapshot(); i++) await sleep(100);
  assert.ok(findSnapshot(), 'made within a minute');
  const folder = join(process.env['XDG_CACHE_HOME']!, 'mdlab', 'compiler');
  const others = (): string[] => readdirSync(folder).filter((f) => !f.endsWith('.blob'));
  // What it was made from goes after it is there.
  for (let i = 0; i < 100 && others().length; i++) await sleep(100);
  assert.equal(others(), []);
});

test('with it the first cell comes several times sooner', async () => {
  const times: number[] = [];
  for (let i = 0; i < 3; i++) {
    const { ms, done } = await firstCell();
    assert.ok('cell' in done);
    times.push(ms);
  }
  assert.ok(Math.min(...times) < plain / 2, `${times.map(Math.round)} ms, ${Math.round(plain)} ms without`);
});

test('it type-checks as without, the library too', async () => {
  const { done } = await firstCell("import { Structure } from 'mdlab'; const s: string = Structure");
  assert.ok('failure' in done);
  assert.match(done.failure.evalue, /not assignable to type 'string'/);
});

test('a file of types that has changed since is read anew', async () => {
  const file = join(root, 'dist', 'kernel', 'globals.d.ts');
  const { atime, mtime, size } = statSync(file);
  try {
    appendFileSync(file, 'declare global { const onlyForThisTest: number }\n');
    const { done } = await firstCell('onlyForThisTest.toFixed()');
    assert.ok('cell' in done, JSON.stringify(done));
  } finally {
    truncateSync(file, size);
    utimesSync(file, atime, mtime);
  }
});

test('one that Node does not take is thrown away, and the cell is compiled', async () => {
  writeFileSync(snapshotFile(), 'no snapshot');
  const { done } = await firstCell();
  assert.ok('cell' in done);
  for (let i = 0; i < 600 && !(existsSync(snapshotFile()) && statSync(snapshotFile()).size > 1e6); i++)
    await sleep(100);
  assert.ok(statSync(snapshotFile()).size > 1e6, 'made again');
});

test('the compiler ends when it is closed', async () => {
  const compiler = new CompilerProcess(temporaryFolder());
  await compiler.compile('', '1', 'In[1]');
  const { pid } = compiler;
  compiler.close();
  for (let i = 0; i < 100 && alive(pid!); i++) await sleep(20);
  assert.not(alive(pid!));
});

test.run();
