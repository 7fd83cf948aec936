// What cells can import, and from where.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { sleep, TestSession, temporaryFolder } from './tools.js';

// A folder of its own above the notebook's, for modules that lie beside it.
const s = new TestSession(join(temporaryFolder(), 'notebooks'));
mkdirSync(s.folder);
test.after(() => s.close());

function put(path: string, text: string): void {
  const file = join(s.folder, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

test('mdlab, by its name from any folder, typed', async () => {
  assert.is(
    await s.value("import { MdlabError } from 'mdlab'; new MdlabError('EINVALID', 'm').code"),
    "'EINVALID'",
  );
  assert.match((await s.error("import { nothingLikeThis } from 'mdlab'")).evalue, /no exported member/);
  assert.is(await s.value("(await import('mdlab')).MdlabError === MdlabError"), 'true');
});

test("errors of the library point at the cell, not at the library's inside", async () => {
  const { text, ename } = await s.error("import { orthorhombic } from 'mdlab';\n\northorhombic([0, 1, 1])");
  assert.is(ename, 'MdlabError');
  assert.match(text, /> 3 \| orthorhombic/);
  assert.not.match(text, /dist\/lib/);
});

test('packages of this installation, from a folder that has none', async () => {
  assert.is(await s.value("import * as aq from 'arquero'; aq.table({ a: [1, 2] }).numRows()"), '2');
});

test("tslab's own displays, in notebooks written for that kernel", async () => {
  const cell = await s.run(`import * as tslab from 'tslab';
    tslab.display.html('<b>bold</b>');
    const place = tslab.newDisplay();
    place.markdown('first');
    place.png(new Uint8Array([1, 2, 3]));`);
  assert.is(cell.status, 'ok');
  const shown = s.outputs.map((o) => o.output).filter((o) => o.type.endsWith('display_data')) as {
    type: string;
    data: Record<string, string>;
    id: string;
  }[];
  assert.equal(
    shown.map((o) => [o.type, o.data]),
    [
      ['display_data', { 'text/html': '<b>bold</b>' }],
      ['display_data', { 'text/markdown': 'first' }],
      ['update_display_data', { 'image/png': 'AQID' }],
    ],
  );
  assert.is(shown[1]!.id, shown[2]!.id);
});

test('a package for import only, in the notebook folder, with exports and types', async () => {
  put(
    'node_modules/esm-only/package.json',
    '{"name":"esm-only","type":"module","exports":{".":{"types":"./index.d.ts","import":"./index.js"},"./sub":{"types":"./sub.d.ts","import":"./sub.js"}}}',
  );
  put(
    'node_modules/esm-only/index.js',
    'export const value = 3; export default function twice(x) { return 2 * x }',
  );
  put(
    'node_modules/esm-only/index.d.ts',
    'export const value: number; export default function twice(x: number): number;',
  );
  put('node_modules/esm-only/sub.js', 'await null; export const deep = "d";');
  put('node_modules/esm-only/sub.d.ts', 'export const deep: string;');
  assert.is(
    await s.value(
      "import twice, { value } from 'esm-only'; import { deep } from 'esm-only/sub'; [twice(value), deep]",
    ),
    "[ 6, 'd' ]",
  );
  assert.match((await s.error("twice('x')")).evalue, /not assignable to parameter of type 'number'/);
});

test('CommonJS packages: default, names, namespace, also transpiled ones', async () => {
  put('node_modules/old/package.json', '{"name":"old","main":"index.js"}');
  put('node_modules/old/index.js', 'function old() { return 1 } old.extra = 2; module.exports = old;');
  put('node_modules/transpiled/package.json', '{"name":"transpiled","main":"index.js"}');
  put(
    'node_modules/transpiled/index.js',
    'Object.defineProperty(exports, "__esModule", { value: true }); exports.default = "d"; exports.named = "n";',
  );
  assert.is(
    await s.value(
      "import old, { extra } from 'old'; import * as all from 'old'; import d, { named } from 'transpiled'; [old(), extra, all.extra, d, named]",
    ),
    "[ 1, 2, 2, 'd', 'n' ]",
  );
});

test('a package without types is any', async () => {
  assert.is(await s.value("import untyped from 'old'; untyped().nothing?.at.all ?? 'any'"), "'any'");
});

test('local modules: by extension or not, importing each other and packages', async () => {
  put(
    'lib/inner.ts',
    "import twice from 'esm-only'; export const six: number = twice(3); export enum Kind { A = 4 }",
  );
  put(
    'outer.ts',
    "import { six, Kind } from './lib/inner'; import { basename } from 'node:path'; export default class Outer { v = six + Kind.A; b = basename('/q/w') }; export async function later() { await null; return 1 }",
  );
  assert.is(
    await s.value(
      "import Outer, { later } from './outer.ts'; import { Kind } from './lib/inner.js'; [new Outer().v, new Outer().b, await later(), Kind.A]",
    ),
    "[ 10, 'w', 1, 4 ]",
  );
});

test('a changed local module is read again, with those that import it', async () => {
  put('lib/inner.ts', 'export const six: number = 60; export enum Kind { A = 4 }');
  let seen: unknown;
  for (let i = 0; i < 40 && seen !== '64'; i++) {
    await sleep(100);
    seen = await s.value("import Outer from './outer'; new Outer().v");
  }
  assert.is(seen, '64');
});

test('errors in local modules: types by file and line, run-time by typed line', async () => {
  put('wrong.ts', 'export const a = 1;\nexport const b: string = a;\n');
  const e = await s.error("import { b } from './wrong'; b");
  assert.match(e.text, /wrong\.ts:2:14 - error TS2322/);
  put(
    'thrower.ts',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is a module's text
    'interface Long {\n  a: number;\n}\n\nexport function thrower(x: Long): never {\n  throw new Error(`x${x.a}`);\n}\n',
  );
  const r = await s.error("import { thrower } from './thrower'; thrower({ a: 1 })");
  assert.match(r.text, /at thrower \(.*thrower\.js:6:9\)/);
});

test('a local module outside the notebook folder, typed, with what it imports, read again when it changes', async () => {
  put('../lib-style/deep/part.ts', 'export const two: number = 2;\n');
  put(
    '../lib-style/own.ts',
    'import { two } from "./deep/part.js";\nexport class Own { constructor(readonly v: number) {} }\nexport const make = (): Own => new Own(two + 1);\n',
  );
  assert.is(await s.value("import { make } from '../lib-style/own'; const own = make(); own.v"), '3');
  assert.is(await s.value('own.v + 1'), '4');
  assert.match((await s.error('own.w')).evalue, /Property 'w' does not exist on type 'Own'/);
  put('../lib-style/deep/part.ts', 'export const two: number = 20;\n');
  assert.is(await s.value("import { make } from '../lib-style/own.ts'; make().v"), '21');
  put('../lib-style/deep/part.ts', 'export const two: number = "a";\n');
  const e = await s.error("import { make } from '../lib-style/own'; make()");
  assert.match(e.text, /\.\.\/lib-style\/deep\/part\.ts:1:14 - error TS2322/);
});

test('local JavaScript, typed by what it says', async () => {
  put('plain.js', '/** @param {number} x */\nexport function half(x) { return x / 2 }\n');
  assert.is(await s.value("import { half } from './plain.js'; half(5)"), '2.5');
  assert.match((await s.error("half('x')")).evalue, /not assignable to parameter of type 'number'/);
});

test('a package installed while the notebook runs', async () => {
  assert.match((await s.error("import { fresh } from 'comes-later'")).evalue, /Cannot find module/);
  put(
    'node_modules/comes-later/package.json',
    '{"name":"comes-later","type":"module","exports":"./index.js","types":"./index.d.ts"}',
  );
  put('node_modules/comes-later/index.js', 'export const fresh = 8;');
  put('node_modules/comes-later/index.d.ts', 'export const fresh: number;');
  assert.is(await s.value("import { fresh } from 'comes-later'; fresh"), '8');
});

test('local modules are there again after the process that ran them died', async () => {
  put('kept.ts', 'export const kept: number = 5;\n');
  assert.is(await s.value("import { kept } from './kept'; kept"), '5');
  await s.error('process.exit(1)');
  assert.is(await s.value("import { kept } from './kept'; kept"), '5');
});

test('JSON', async () => {
  put('data.json', '{"list":[1,2],"name":"n"}');
  assert.is(await s.value("import data from './data.json'; data.list[1]! + data.name"), "'2n'");
});

test('what is not there is a type error, or an error of import()', async () => {
  assert.match(
    (await s.error("import x from 'not-there-at-all'")).evalue,
    /Cannot find module 'not-there-at-all'/,
  );
  assert.match((await s.error("await import('not-there' + '-at-all')")).evalue, /not-there-at-all/);
  assert.match((await s.error("await import('./absent' + '.js')")).evalue, /absent\.js/);
  assert.match((await s.error("require('not-there-at-all')")).evalue, /not-there-at-all/);
});

test.run();
