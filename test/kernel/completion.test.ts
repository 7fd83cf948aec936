// Completion and help as a front end asks for them, while a cell runs and while none does.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Client } from './client.js';
import { sleep } from './tools.js';

let c: Client;
test.before(async () => {
  c = await Client.start();
  mkdirSync(join(c.folder, 'models'));
  for (const f of ['one.pdb', 'models/small.safetensors', '.hidden', "it's.csv"])
    writeFileSync(join(c.folder, f), '');
  writeFileSync(join(c.folder, 'local.ts'), 'export const answer = 42;\n');
  const made = await c.execute(
    `import { beadsFromSequence, dataFile, langevin, load, loadModel, sequences, simulate } from 'mdlab';
import { readFileSync } from 'node:fs';
const completeMe = { alphaOne: 1, alphaTwo: 2 };
const protein = beadsFromSequence(sequences.CLN025);
/** Adds things.
 * @param a the first, Å
 * @example addUp(1, 2) // 3
 */
function addUp(a: number, b: number) { return a + b }`,
  );
  assert.is(made.reply.content['status'], 'ok', JSON.stringify(made.reply.content));
});
test.after(() => Client.closeAll());

interface Offered {
  matches: string[];
  types: Record<string, string>;
  /** The cell with its first match in place. */
  result: string;
  ms: number;
}

/** Asks at the bar in `marked`; positions are code points, as in the protocol. */
async function complete(marked: string): Promise<Offered> {
  const [code, cursor_pos] = split(marked);
  const t = performance.now();
  const { content } = await c.request('complete_request', { code, cursor_pos });
  const ms = performance.now() - t;
  assert.is(content['status'], 'ok');
  const matches = content['matches'] as string[];
  const [start, end] = [content['cursor_start'] as number, content['cursor_end'] as number];
  assert.ok(start <= cursor_pos && cursor_pos <= end, `${start} <= ${cursor_pos} <= ${end}: ${marked}`);
  const listed = (content['metadata'] as Record<string, unknown>)['_jupyter_types_experimental'] as {
    text: string;
    type: string;
    start: number;
    end: number;
  }[];
  assert.equal(
    listed.map((l) => [l.text, l.start, l.end]),
    matches.map((m) => [m, start, end]),
  );
  const points = [...code];
  const result = [...points.slice(0, start), matches[0] ?? '', ...points.slice(end)].join('');
  return { matches, types: Object.fromEntries(listed.map((l) => [l.text, l.type])), result, ms };
}

function split(marked: string): [code: string, cursor: number] {
  const [before, after] = marked.split('|') as [string, string];
  return [before + after, [...before].length];
}

async function help(marked: string): Promise<{ plain: string; markdown: string } | undefined> {
  const [code, cursor_pos] = split(marked);
  const { content } = await c.request('inspect_request', { code, cursor_pos, detail_level: 0 });
  assert.is(content['status'], 'ok');
  const data = content['data'] as Record<string, string>;
  if (!content['found']) assert.equal(data, {});
  return content['found'] ? { plain: data['text/plain']!, markdown: data['text/markdown']! } : undefined;
}

test('a record offers keys that are no identifiers beside those that are, and nothing inside a number', async () => {
  assert.equal((await complete('sequences.|')).matches, ["['1ENH']", '.CLN025']);
  assert.equal((await complete('sequences[|')).matches.slice(0, 2), ["'1ENH'", "'CLN025'"]);
  assert.equal((await complete('const n = 12|')).matches, []);
});

for (const [marked, first, type] of [
  ['completeMe.al|', 'completeMe.alphaOne', 'property'],
  ['comp|', 'completeMe', 'const'],
  ['comp|Me.alphaOne', 'completeMe.alphaOne', 'const'],
  ['"😀"; completeMe.alphaT|', '"😀"; completeMe.alphaTwo', 'property'],
  ['"😀".len|', '"😀".length', 'property'],
  ['disp|', 'display', 'function'],
  ['fo|', 'for', 'keyword'],
  ["dataFile('models/schnet-1|')", "dataFile('models/schnet-1enh.safetensors')", 'string'],
  ["loadModel('x', { backend: 'cu|' })", "loadModel('x', { backend: 'cuda' })", 'string'],
  ["loadModel('x', { backend: 'cu|", "loadModel('x', { backend: 'cuda", 'string'],
  ['loadModel("x", { backend: "|" })', 'loadModel("x", { backend: "cpu" })', 'string'],
  ["loadModel('x', { bac| })", "loadModel('x', { backend })", 'property'],
  ["readFileSync('one.pdb', 'latin|')", "readFileSync('one.pdb', 'latin1')", 'string'],
  ['sequences.|', "sequences['1ENH']", 'property'],
  ['sequences?.|', "sequences?.['1ENH']", 'property'],
  ['sequences.C|', 'sequences.CLN025', 'property'],
  ['beadsFromSequence(sequences[|])', "beadsFromSequence(sequences['1ENH'])", 'property'],
  ["sequences['CLN|']", "sequences['CLN025']", 'property'],
  ["load('o|')", "load('one.pdb')", 'file'],
  ["load('o|", "load('one.pdb", 'file'],
  ['load("mod|")', 'load("models/")', 'directory'],
  ["load('models/s|')", "load('models/small.safetensors')", 'file'],
  ["load('it|')", "load('it\\'s.csv')", 'file'],
  ["readFileSync('./mod|')", "readFileSync('./models/')", 'directory'],
  ["import { load } from 'md|'", "import { load } from 'mdlab'", 'module'],
  ["import manifest from 'mdlab/|'", "import manifest from 'mdlab/package.json'", 'module'],
  ["import { readFile } from 'node:fs/|'", "import { readFile } from 'node:fs/promises'", 'module'],
  ["import { answer } from './l|'", "import { answer } from './local'", 'file'],
  ["const { answer } = await import('./l|')", "const { answer } = await import('./local')", 'file'],
  ["import { loadMod| } from 'mdlab'", "import { loadModel } from 'mdlab'", 'alias'],
] as const)
  test(`completion of ${marked}`, async () => {
    const r = await complete(marked);
    assert.is(r.result, first);
    assert.is(r.types[r.matches[0]!], type);
  });

test('nothing is offered where nothing fits', async () => {
  for (const marked of ["'plain |'", '// comm|ent', 'completeMe.zzz|', "load('absent/|')"])
    assert.equal((await complete(marked)).matches, [], marked);
  assert.not.ok((await complete("load('|')")).matches.includes('.hidden'));
  assert.equal((await complete("load('.h|')")).matches, ['.hidden']);
});

test('before a word, nothing of it is replaced', async () => {
  const { result, matches } = await complete('|protein');
  assert.is(result, `${matches[0]}protein`);
});

test('help: signature, documentation with units, example', async () => {
  const f = (await help('add|Up'))!;
  assert.is(
    f.plain,
    `function addUp(a: number, b: number): number

Adds things.

Parameters:
  a  the first, Å

Example:
  addUp(1, 2) // 3`,
  );
  assert.match(
    f.markdown,
    /^```typescript\nfunction addUp\(a: number, b: number\): number\n```\n\nAdds things/,
  );
  assert.match(f.markdown, /\*\*Example\*\*\n\n```typescript\naddUp\(1, 2\) \/\/ 3\n```$/);
});

test('help inside a call: the function and its options with their units', async () => {
  const l = (await help('langevin({ |'))!;
  assert.match(l.plain, /^function langevin\(options: LangevinOptions\): Integrator\n\nLangevin dynamics/);
  assert.match(l.plain, /\nExample:\n {2}langevin\({ temperature: 300/);
  assert.match(l.plain, /\n {2}friction\?: number {2}1\/ps\. Default 1\.\n/);
  assert.match(l.markdown, /- `timestep: number` fs\./);
  const variable = (await help('simulate(protein|, '))!;
  assert.match(variable.plain, /^const protein: Structure\n\nfunction simulate\(/);
  assert.match(
    (await help('protein.posi|tions'))!.plain,
    /positions: Float64Array[\s\S]*\(n,3\) row-major, Å/,
  );
});

test('help on an option and on its value is the documentation of the option', async () => {
  for (const marked of ["loadModel('x', { back|end: 'cpu' })", "loadModel('x', { backend: 'c|pu' })"])
    assert.match((await help(marked))!.plain, /^\(property\) [\s\S]*backend\?: [\s\S]*the oracle/, marked);
});

test("help on packages' functions: the comments their files have", async () => {
  assert.match((await help('[1, 2].ma|p(f)'))!.plain, /Calls a defined callback function on each element/);
  assert.match((await help('readFile|Sync(f)'))!.plain, /Returns the contents of the `path`/);
  assert.match((await help('const t: Parti|al<string> = 1'))!.plain, /Make all properties in T optional/);
});

test('help on nothing is nothing', async () => {
  for (const marked of ['  |  ', 'unheard|Of', "'plain te|xt'", '1|', 'f|'])
    assert.is(await help(marked), undefined, marked);
});

test('while a cell computes, answers come within 100 ms', async () => {
  const id = c.sendExecute('while (true);');
  await sleep(300);
  const cells = [
    'completeMe.al|',
    "loadModel('x', { backend: '|' })",
    "load('|')",
    'pro|',
    'simulate(protein, |',
  ];
  const took: number[] = [];
  for (const marked of [...cells, ...cells, ...cells]) took.push((await complete(marked)).ms);
  for (const marked of [...cells, ...cells, ...cells]) {
    const t = performance.now();
    await help(marked);
    took.push(performance.now() - t);
  }
  assert.not.ok(
    c.received.some((m) => m.parent === id && m.type === 'execute_reply'),
    'the cell still ran',
  );
  took.sort((a, b) => a - b);
  const list = took.map((t) => t.toFixed(0)).join(' ');
  // The slowest are the machine's other work; a wait for the cell would be seconds.
  assert.ok(took[Math.floor(took.length / 4)]! < 100, `${list} ms`);
  assert.ok(took.at(-1)! < 3000, `${list} ms`);
  await c.request('interrupt_request', {}, 'control');
  await c.finished(id);
});

test.run();
