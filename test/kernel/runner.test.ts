import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { cellPrinter } from '../../kernel/commands/run.js';
import { type CellOutput, overwrite, parseNotebook, readNotebook } from '../../kernel/notebook.js';
import { type CellProgress, runNotebook } from '../../kernel/runner.js';
import { root } from '../tools.js';
import { descendants, sleep, temporaryFolder } from './tools.js';

const folder = temporaryFolder();
const cli = join(root, 'dist', 'kernel', 'cli.js');
let made = 0;

interface Cell {
  source: string | string[];
  tags?: string[];
  type?: string;
}

function notebook(...cells: (string | Cell)[]): string {
  const file = join(folder, `n${++made}.ipynb`);
  const all = cells
    .map((c) => (typeof c === 'string' ? { source: c } : c))
    .map((c: Cell) => {
      const code = (c.type ?? 'code') === 'code';
      const base = {
        cell_type: c.type ?? 'code',
        metadata: c.tags ? { tags: c.tags } : {},
        source: c.source,
      };
      return code ? { ...base, execution_count: null, outputs: [] } : base;
    });
  writeFileSync(file, JSON.stringify({ nbformat: 4, nbformat_minor: 4, metadata: {}, cells: all }));
  return file;
}

const textOf = (outputs: CellOutput[] | undefined): string =>
  (outputs ?? [])
    .map((o) =>
      o.output_type === 'stream'
        ? o.text
        : o.output_type === 'error'
          ? o.evalue
          : String(o.data['text/plain']),
    )
    .join('|');

async function mdlab(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  try {
    return { code: 0, ...(await promisify(execFile)(process.execPath, [cli, ...args])) };
  } catch (e) {
    const { code, stdout, stderr } = e as { code: number; stdout: string; stderr: string };
    return { code, stdout, stderr };
  }
}

test('outputs, counts, ids and metadata are filled in', async () => {
  const file = notebook(
    { type: 'markdown', source: ['# a\n', 'b'] },
    ['console.log(1)\n', 'const x: number = 2'].join(''),
    '',
    'x + 1',
    'console.error("e")',
  );
  const { notebook: n, error } = await runNotebook(file);
  assert.is(error, undefined);
  const code = n.cells.filter((c) => c.cell_type === 'code');
  assert.equal(
    code.map((c) => textOf(c.outputs)),
    ['1\n', '', '3', 'e\n'],
  );
  assert.equal(
    code.map((c) => c.execution_count),
    [1, null, 3, 4],
  );
  const result = code[2]!.outputs![0]!;
  assert.is(result.output_type === 'execute_result' && result.execution_count, 3);
  const about = n.metadata['mdlab'] as { versions: Record<string, string>; seconds: number; status: string };
  assert.is(about.versions['node'], process.version);
  assert.ok(about.seconds > 0);
  assert.is(about.status, 'ok');
});

test('parameters: typed values behind the tagged cell, seen by functions of that cell', async () => {
  const file = notebook(
    {
      tags: ['parameters'],
      source:
        "let replicas = 64; let smoke = false; const name = 'a'; let sizes = [1, 2]; let any: number | string = 1;\nfunction twice() { return replicas * 2 }",
    },
    '[replicas, smoke, name, sizes, any, twice()]',
  );
  const parameters = { replicas: '8', smoke: 'true', name: '5', sizes: '[3]', any: 'text' };
  const output = join(folder, 'parameters.ipynb');
  const { notebook: n } = await runNotebook(file, { parameters, output });
  assert.is(textOf(n.cells[2]!.outputs), "[ 8, true, '5', [ 3 ], 'text', 16 ]");
  assert.equal(n.cells[1]!.metadata.tags, ['injected-parameters']);
  assert.equal(n.cells[1]!.outputs, []);
  // Run again: the injected cell is replaced, not repeated.
  const again = await runNotebook(output, { parameters: { replicas: '-1.5e3' } });
  assert.is(again.notebook.cells.length, 3);
  assert.is(textOf(again.notebook.cells[2]!.outputs), "[ -1500, false, 'a', [ 1, 2 ], 1, -3000 ]");
});

test('wrong parameters are refused by name before anything runs', async () => {
  const file = notebook(
    { tags: ['parameters'], source: 'let replicas = 64; let smoke = false; let grid = [1]' },
    'replicas',
  );
  const refuse = async (parameters: Record<string, string>, rule: RegExp): Promise<void> => {
    try {
      await runNotebook(file, { parameters });
    } catch (e) {
      assert.match((e as Error).message, rule);
      return;
    }
    assert.unreachable();
  };
  await refuse({ replica: '1' }, /'replica'.*replicas, smoke, grid/);
  await refuse({ replicas: 'many' }, /'replicas': must be a number, received "many"/);
  await refuse({ smoke: '1' }, /'smoke': must be true or false/);
  await refuse({ grid: '[1' }, /'grid': must be a list or an object, in JSON/);
  const none = notebook('1');
  assert.match((await mdlab('run', none, '-p', 'x=1')).stderr, /no cell tagged 'parameters'/);
});

test('parameters from a file, and from two words, as papermill has them', async () => {
  const file = notebook(
    {
      tags: ['parameters'],
      source:
        "let n = 1; let smoke = false; let name = 'a'; let grid = [1]; const low = -1; let off = !true;",
    },
    '[n, smoke, name, grid, low, off]',
  );
  const yaml = join(folder, 'values.yaml');
  writeFileSync(yaml, 'n: 3 # three\nsmoke: true\nname: "5"\ngrid:\n  - 1\n  - .inf\nlow: -2\n');
  const out = join(folder, 'from-file.ipynb');
  const r = await mdlab(
    'run',
    file,
    '-f',
    yaml,
    '-p',
    'n',
    '4',
    '-p',
    'name=x=y',
    '--parameter',
    'low',
    '-7',
    '-o',
    out,
  );
  assert.is(r.code, 0, r.stderr);
  const n = readNotebook(out);
  assert.is(textOf(n.cells[2]!.outputs), "[ 4, true, 'x=y', [ 1, Infinity ], -7, false ]");
  assert.equal((n.metadata['mdlab'] as { parameters: object }).parameters, {
    n: '4',
    smoke: true,
    name: 'x=y',
    grid: [1, null],
    low: '-7',
  });
  for (const [text, rule] of [
    ['n: many', /'n': must be a number, received "many"/],
    ['n: [1]', /'n': must be a number, received array of 1/],
    ['name: 5', /'name': must be text, received 5; put it into quotes/],
    ['smoke: 1', /'smoke': must be true or false, received 1/],
    ['grid: 1', /'grid': must be a list or an object/],
    ['m: 1', /'m': is not declared in the notebook; declared are n, smoke, name, grid, low, off/],
    ['- 1', /values\.yaml: text: must be names and values/],
    ['n: "', /values\.yaml: text: must be YAML or JSON/],
  ] as const) {
    writeFileSync(yaml, text);
    const { code, stderr } = await mdlab('run', file, '-f', yaml, '-o', out);
    assert.is(code, 1);
    assert.match(stderr, rule);
  }
  assert.match(
    (await mdlab('run', file, '-f', join(folder, 'none.yaml'))).stderr,
    /none\.yaml: cannot be read: no such file/,
  );
  assert.match((await mdlab('run', file, '-p', '=1')).stderr, /-p: must be NAME=VALUE or NAME VALUE/);
  assert.is(textOf(readNotebook(out).cells[2]!.outputs), "[ 4, true, 'x=y', [ 1, Infinity ], -7, false ]");
});

/** Until the written notebook's second cell has said so. */
async function begun(out: string): Promise<void> {
  const until = Date.now() + 20_000;
  const said = (): boolean => existsSync(out) && /begun/.test(textOf(readNotebook(out).cells[1]!.outputs));
  while (!said() && Date.now() < until) await sleep(50);
}

test('a run that is killed leaves what it had, of the running cell too', async () => {
  const out = join(folder, 'killed.ipynb');
  const file = notebook(
    '"first"',
    'console.log("begun"); for (;;) await new Promise((r) => setTimeout(r, 10))',
  );
  const child = spawn(process.execPath, [cli, 'run', file, '-o', out], { stdio: 'ignore' });
  await begun(out);
  child.kill('SIGKILL');
  await new Promise((resolve) => child.once('exit', resolve));
  const n = readNotebook(out);
  assert.is(textOf(n.cells[0]!.outputs), "'first'");
  assert.is(textOf(n.cells[1]!.outputs), 'begun\n');
  assert.is((n.metadata['mdlab'] as { status: string }).status, 'running');
});

test('a flood of text is cut in the middle, and says so', async () => {
  const file = notebook(
    "for (let i = 0; i < 20; i++) console.log('x'.repeat(1e6)); console.log('the end')",
    "console.log('next')",
  );
  const { notebook: n } = await runNotebook(file);
  const text = textOf(n.cells[0]!.outputs);
  assert.ok(text.length < 17e6, String(text.length));
  assert.match(
    text.slice(-70_000),
    /\n… \d{7} characters were left out; the output ends with:\nx[\s\S]*\nthe end\n$/,
  );
  assert.is(textOf(n.cells[1]!.outputs), 'next\n');
});

test('cells keep when they ran, by the names front ends use', async () => {
  const { notebook: n } = await runNotebook(notebook('await new Promise((r) => setTimeout(r, 300))'));
  const at = n.cells[0]!.metadata['execution'] as Record<string, string>;
  const took = Date.parse(at['shell.execute_reply']!) - Date.parse(at['iopub.execute_input']!);
  assert.ok(took >= 295 && took < 10_000, String(took));
});

test('the progress of the running cell is told, in one line of a terminal', async () => {
  const file = notebook(
    `import { Progress } from 'mdlab'; const p = new Progress(4, { label: 'steps of it' });
for (let i = 0; i < 4; i++) { await new Promise((r) => setTimeout(r, 120)); p.update(i + 1); }
p.finish();`,
    '1 + 1',
  );
  const seen: CellProgress[] = [];
  await runNotebook(file, { onCell: (c) => seen.push(c) });
  const lines = seen.filter((c) => c.line !== undefined);
  assert.ok(
    lines.length >= 3 &&
      lines.every((c) => c.index === 1 && c.count === 2 && c.line!.startsWith('steps of it')),
  );
  assert.match(lines.at(-1)!.line!, /100 %.* 4\/4 steps/);
  const told = (isTTY: boolean): string => {
    let text = '';
    const print = cellPrinter({ isTTY, columns: 90, write: (t: string) => (text += t) } as never);
    for (const c of seen) print(c);
    return text.replaceAll('\r\u001b[2K', '<');
  };
  assert.match(told(true), /<1\/2 {2}steps of it .*<1\/2 +\d\.\d\d s {2}import/s);
  assert.is(told(true).split('\n').length, 3);
  assert.not.match(told(false), /steps of it|</);
});

test('a failing cell ends the run with 1 and keeps what was done', async () => {
  const file = notebook(
    'console.log("first")',
    'function f() {\n  throw new RangeError("too far");\n}\nf()',
    'console.log("never")',
  );
  const out = join(folder, 'failed.ipynb');
  const r = await mdlab('run', file, '-o', out);
  assert.is(r.code, 1);
  assert.match(r.stderr, /RangeError: too far[\s\S]*In\[2\]:2[\s\S]*> 2 \|/);
  const cells = readNotebook(out).cells;
  assert.is(textOf(cells[0]!.outputs), 'first\n');
  assert.equal(
    cells[1]!.outputs!.map((o) => o.output_type),
    ['error'],
  );
  assert.equal(cells[2]!.outputs, []);
  assert.is(JSON.parse(readFileSync(out, 'utf8')).metadata.mdlab.status, 'error');
  assert.is((await mdlab('run', file, '-o', out, '--allow-errors')).code, 0);
  assert.is(textOf(readNotebook(out).cells[2]!.outputs), 'never\n');
});

test('a cell over the time limit is interrupted', async () => {
  const file = notebook('0', 'console.log("begun"); let n = 0; while (true) n++', '1');
  const { error, notebook: n } = await runNotebook(file, { timeout: 5 });
  assert.is(error?.ename, 'CellTimeout');
  assert.is(textOf(n.cells[1]!.outputs), 'begun\n|the cell ran longer than 5 s and was interrupted');
  assert.is(n.cells[2]!.execution_count, null);
});

test('an interrupt of the command writes what was done and exits with 130', async () => {
  const out = join(folder, 'interrupted.ipynb');
  const file = notebook(
    'console.log("first")',
    'console.log("begun"); for (;;) await new Promise((r) => setTimeout(r, 10))',
    '3',
  );
  const child = spawn(process.execPath, [cli, 'run', file, '-o', out], { stdio: 'ignore' });
  await begun(out);
  child.kill('SIGINT');
  assert.is(await new Promise((resolve) => child.once('exit', resolve)), 130);
  const cells = readNotebook(out).cells;
  assert.is(textOf(cells[0]!.outputs), 'first\n');
  assert.match(textOf(cells[1]!.outputs), /^begun\n\|the cell was interrupted$/);
  assert.equal(
    readdirSync(folder).filter((f) => f.endsWith('.new')),
    [],
  );
});

test('an interrupt that ends the compiler as it starts is one, and no failure', async () => {
  const abort = new AbortController();
  const run = runNotebook(notebook('1'), { output: undefined, signal: abort.signal });
  abort.abort();
  let going = true;
  const settled = run.finally(() => {
    going = false;
  });
  const killer = (async () => {
    // One of a snapshot that ends is replaced by another.
    for (; going; await sleep(10))
      for (const pid of descendants(process.pid))
        if (readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('compiler-main'))
          process.kill(pid, 'SIGKILL');
  })().catch(() => {}); // it was gone already
  assert.ok((await settled).interrupted);
  await killer;
});

test('a folder to write into that is not there is named before any cell runs', async () => {
  const mark = join(folder, 'ran.txt');
  const file = notebook(
    `import { writeFileSync } from 'node:fs';\nwriteFileSync(${JSON.stringify(mark)}, 'x');`,
  );
  const out = join(folder, 'absent', 'out.ipynb');
  for (const args of [
    ['-o', out],
    ['--html', out.replace('ipynb', 'html')],
  ]) {
    const r = await mdlab('run', file, ...args);
    assert.is(r.code, 1);
    assert.match(r.stderr, /must write into a folder that exists, received ".*absent/);
    assert.not(existsSync(mark));
  }
});

test('a place that cannot be written is named before any cell runs, and a folder of cells that is not there', async () => {
  const mark = join(folder, 'marked.txt');
  const file = notebook(
    `import { writeFileSync } from 'node:fs';\nwriteFileSync(${JSON.stringify(mark)}, 'x');`,
  );
  const taken = join(folder, 'taken.ipynb');
  mkdirSync(taken);
  for (const [args, message] of [
    [['-o', taken], /taken\.ipynb: cannot be written: it is a folder/],
    [['-o', join(file, 'below.ipynb')], /cannot be written: a folder of its path is a file/],
    [['--folder', join(folder, 'absent')], /folder: must be there for cells to run in, received ".*absent"/],
    [['--folder', file], /folder: must be there for cells to run in/],
  ] as const) {
    const r = await mdlab('run', file, ...args);
    assert.is(r.code, 1);
    assert.match(r.stderr, message);
    assert.is(r.stderr.trim().split('\n').length, 1, r.stderr);
    assert.not(existsSync(mark));
  }
});

test('a run goes on where its output cannot be written for a while', async () => {
  const place = join(folder, 'place');
  mkdirSync(place);
  const file = notebook(
    `import { mkdirSync, rmSync } from 'node:fs';
rmSync(${JSON.stringify(place)}, { recursive: true });
console.log('gone');`,
    'await new Promise((done) => setTimeout(done, 5000))',
    `mkdirSync(${JSON.stringify(place)});\n'back'`,
  );
  const told: string[] = [];
  const output = join(place, 'out.ipynb');
  await runNotebook(file, { output, onUnwritten: ({ message }) => told.push(message) });
  assert.is(told.length, 1);
  assert.match(told[0]!, /out\.ipynb: cannot be written: its folder does not exist/);
  assert.match(textOf(readNotebook(output).cells[2]!.outputs), /back/);
});

test('an output that cannot be written at the end goes to the folder of temporary files', async () => {
  const place = join(folder, 'lost');
  mkdirSync(place);
  const file = notebook(
    `import { rmSync } from 'node:fs';\nrmSync(${JSON.stringify(place)}, { recursive: true });\n6 * 7`,
  );
  const r = await mdlab('run', file, '-o', join(place, 'out.ipynb'));
  assert.is(r.code, 1);
  const instead = /cannot be written: its folder does not exist.*; the notebook is in (\S+) instead/.exec(
    r.stderr,
  );
  assert.ok(instead, r.stderr);
  assert.is(textOf(readNotebook(instead[1]!).cells[0]!.outputs), '42');
  rmSync(instead[1]!);
});

test('options that are not there, or lack their value, are told in one line with those that are', async () => {
  const file = notebook('1');
  for (const [args, message] of [
    [['--outptu', 'x'], /^mdlab run: no option '--outptu'; known are .*--output.*; see mdlab run --help$/],
    [['--timeout', '-5'], /'--timeout' needs a value; one that begins with - is joined to it/],
    [['-o'], /'-o, --output <value>' argument missing; see/],
    [['-p', 'smoke', '-o', 'x.ipynb'], /-p: must be NAME=VALUE or NAME VALUE, received "smoke"/],
    [['page.htm'], /takes one notebook, received .*\.ipynb page\.htm; the output goes behind -o/],
  ] as const) {
    const r = await mdlab('run', file, ...args);
    assert.ok(r.code > 0);
    assert.match(r.stderr.trim(), message);
  }
});

test('cells run in the notebook folder and import from there', async () => {
  writeFileSync(join(folder, 'local.ts'), 'export const answer: number = 42;\n');
  writeFileSync(join(folder, 'values.json'), '{"a": [1, 2]}');
  const file = notebook(
    "import { answer } from './local'; import values from './values.json'; [process.cwd().length, answer, values.a]",
  );
  const { notebook: n, error } = await runNotebook(file);
  assert.is(error, undefined);
  assert.is(textOf(n.cells[0]!.outputs), `[ ${folder.length}, 42, [ 1, 2 ] ]`);
});

test('updates, clearing and carriage returns end as a front end shows them', async () => {
  const file = notebook(
    "const h = display('one'); display('two'); clearOutput(true); const bar = display(md`0 %`);",
    "bar.update(md`100 %`); for (let i = 0; i <= 3; i++) process.stdout.write('\\rstep ' + i); console.log(); display('x', { id: 'shared' }); display('y', { id: 'shared', update: true })",
  );
  const { notebook: n } = await runNotebook(file);
  assert.is(textOf(n.cells[0]!.outputs), '100 %');
  assert.is(textOf(n.cells[1]!.outputs), "step 3\n|'y'");
  assert.is(overwrite('abc', '\rx'), 'xbc');
  assert.is(overwrite('a\nb\r', 'c\n'), 'a\nc\n');
});

test('files that are no notebooks are refused with their place', async () => {
  assert.throws(() => parseNotebook('{', 'x.ipynb'), /x\.ipynb: text: must be a notebook/);
  assert.throws(() => parseNotebook('{"nbformat":3,"cells":[]}', 'x'), /nbformat: must be 4, received 3/);
  assert.throws(
    () => parseNotebook('{"nbformat":4,"cells":[{"cell_type":"q"}]}', 'x'),
    /cells\[0\]\.cell_type/,
  );
  assert.throws(
    () => parseNotebook('{"nbformat":4,"cells":[{"cell_type":"code","source":5}]}', 'x'),
    /cells\[0\]\.source/,
  );
  const r = await mdlab('run', join(folder, 'absent.ipynb'));
  assert.is(r.code, 1);
  assert.match(r.stderr, /absent\.ipynb: cannot be read: no such file/);
  assert.not(existsSync(join(folder, 'absent.out.ipynb')));
});

test.run();
