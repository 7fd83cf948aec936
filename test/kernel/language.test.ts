// Await, using, redeclared names and errors: what a cell may say at its top level, and what a person reads when it goes wrong.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { sleep, TestSession } from './tools.js';

const s = new TestSession();
test.after(() => s.close());

const awaits: [cell: string, value: string][] = [
  ['await (1 + 1)', '2'],
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is a cell's text
  ['await `x${1}`', "'x1'"],
  ['await [1]', '[ 1 ]'],
  ['await (async () => 4)()', '4'],
  ['[await 1, await Promise.resolve(2)]', '[ 1, 2 ]'],
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is a cell's text
  ['`${await 3}`', "'3'"],
  ['-(await 3)', '-3'],
  ['({ a: await 1 }).a', '1'],
  ['const { a1, b1 = await 3 } = { a1: await 1 } as { a1: number; b1?: number }; [a1, b1]', '[ 1, 3 ]'],
  ['let w1 = ""; for (const c of await Promise.resolve("ab")) w1 += c; w1', "'ab'"],
  ['let n1 = 0; while (n1 < (await 2)) n1++; n1', '2'],
  [
    'let t1: unknown; try { await Promise.reject(new Error("no")) } catch (e) { t1 = (e as Error).message } t1',
    "'no'",
  ],
  [
    'let l1 = ""; out: for (const i of [1, 2]) for await (const j of [3]) { if (i === 1) continue out; l1 += "" + i + j } l1',
    "'23'",
  ],
  ['class K1 { static v = 1; async go() { return (await 1) + K1.v } } await new K1().go()', '2'],
  ['(await import("node:path")).sep', "'/'"],
  ['const first1 = async () => later1(); async function later1() { return await 6 } await first1()', '6'],
];

for (const [cell, value] of awaits)
  test(`await: ${cell}`, async () => {
    assert.is(await s.value(cell), value);
  });

test('using at the top level closes when the cell ends, and its value and names stay', async () => {
  await s.value(
    'const closed: string[] = []; const thing = (name: string) => ({ name, [Symbol.dispose]() { closed.push(name) }, async [Symbol.asyncDispose]() { await null; closed.push("async " + name) } })',
  );
  const cell =
    'using a2 = thing("a"); await using b2 = thing("b"); function both() { return a2.name + b2.name } class C2 { v = a2.name } const seen2 = [...closed]; both()';
  assert.is(await s.value(cell), "'ab'");
  assert.is(await s.value('[seen2, closed, both(), new C2().v]'), "[ [], [ 'async b', 'a' ], 'ab', 'a' ]");
  await s.error('using c2 = thing("c"); throw new Error("x")');
  assert.is(await s.value('closed.at(-1)'), "'c'");
});

test('a name that becomes something else is what it was last, as a type and as a value', async () => {
  await s.value(
    'interface Shape { a: number } class Both { x = 1 } const other = 1, gone = "s"; function f3(s: Shape) { return s.a }',
  );
  await s.value('interface Shape { b: string } const gone = 3');
  assert.is(await s.value("const s3: Shape = { b: 'x' }; gone + other"), '4');
  assert.match((await s.error('const s4: Shape = { a: 1 }')).evalue, /does not exist in type 'Shape'/);
  await s.value('interface Both { y: number }');
  assert.is(await s.value('const b3: Both = { y: 2 }; [b3.y, new Both().x]'), '[ 2, 1 ]');
  await s.value("import { sep, basename } from 'node:path'");
  await s.value('const sep = 5');
  assert.is(await s.value("[sep + 1, basename('/a/b')]"), "[ 6, 'b' ]");
});

test('declarations of a thousand cells are still there, typed', async () => {
  for (let i = 0; i < 100; i++)
    await s.value(`const ${Array.from({ length: 10 }, (_, k) => `many${i}_${k} = ${k}`).join(', ')}`);
  assert.is(await s.value('many0_3 + many99_9'), '12');
  assert.match((await s.error('many50_1 = "s"')).evalue, /constant/);
});

test('strict: null and implicit any are errors, with a code frame below the place', async () => {
  const e = await s.error('const fine = 1;\nconst s5: string = null;');
  assert.is(e.ename, 'TypeScriptError');
  assert.match(
    e.text,
    /:2:7 - error TS2322\n {2}1 \| const fine = 1;\n> 2 \| const s5: string = null;\n {4}\| {7}\^\^$/m,
  );
  assert.match((await s.error('function f5(x) { return x }')).evalue, /implicitly has an 'any' type/);
  const both = await s.error('const a5: number = "x"; const b5: string = 1;');
  assert.is(both.text.match(/error TS2322/g)?.length, 2);
});

test('an await that lacks is named, and of long lines the piece that matters is shown', async () => {
  const e = await s.error('const p5 = Promise.resolve(3);\np5 + 1');
  assert.match(e.text, /:2:1 - error TS2365\n {2}Did you forget to use 'await'\?\n/);
  const long = await s.error(`const d5 = [${'1, '.repeat(500)}]; none5; [${'1, '.repeat(500)}]`);
  const [line, marks] = long.text.split('\n').slice(-2);
  assert.ok(line!.length < 120, `${line!.length} characters`);
  assert.is(line!.slice(marks!.indexOf('^'), marks!.lastIndexOf('^') + 1), 'none5');
});

test('an unknown option and an unknown value come with those that are known', async () => {
  await s.value("type Kind9 = 'red' | 'green'; interface O9 { kind?: Kind9; size?: number }");
  await s.value('function draw9(o: O9) {} function take9(k: Kind9, o: O9) {}');
  assert.match((await s.error('draw9({ frequency: 3 })')).text, /TS2353\n {2}Known are: kind, size\n/);
  assert.match((await s.error('draw9([3])')).text, /TS2559\n {2}Known are: kind, size\n/);
  assert.match((await s.error("draw9({ kind: 'blau' })")).text, /TS2322\n {2}Known are: "red", "green"\n/);
  assert.match((await s.error("take9('blau', {})")).text, /TS2345\n {2}Known are: "red", "green"\n/);
  assert.match((await s.error("take9('red')")).text, /TS2554\n {2}An argument for 'o' was not provided\.\n/);
  await s.value(
    'class Thing9 { private hidden = 1; size = 2; [Symbol.iterator]() { return [this.hidden].values(); } grow() {} }',
  );
  assert.match((await s.error('new Thing9().width')).text, /TS2339\n {2}Known are: size, grow\n/);
  assert.not.match((await s.error("'text'.width")).text, /Known are/);
  assert.not.match((await s.error('Promise.resolve({ a9: 1 }).a9')).text, /Known are/);
  const told = await s.error("const k9: 'red' | 'green' = 'blau' as 'blau'");
  assert.not.match(told.text, /Known are/);
  assert.not.match((await s.error('const n9: string = 3')).text, /Known are/);
});

test('parameters whose types hang on a name that is wrong are not errors of their own', async () => {
  const e = await s.error('lost9.map((x, i) => x + i)');
  assert.match(e.text, /TS2304/);
  assert.not.match(e.text, /TS7006/);
});

test('a package that is not there comes with how to have it, and endless recursion with one line', async () => {
  const e = await s.error("import { sqrt } from '@some/mathematics/deep'");
  assert.match(e.text, /error TS2307\n {2}To install it: npm install @some\/mathematics\n/);
  assert.not.match((await s.error("import x9 from './none9.js'")).text, /npm install/);
  const deep = await s.error('function deep9(): number { return 1 + deep9() }\ndeep9()');
  assert.match(deep.text, /RangeError: Maximum call stack.*[\s\S]*at deep9 \(.*:1:39\) \(\d+ times\)$/);
});

test('a function that a library calls fails by its own lines, under no name of the kernel', async () => {
  const e = await s.error(
    "import { simulate, langevin, harmonicWell, Structure } from 'mdlab';\n({ n: [1].map(() => { throw new Error('mine') }) })",
  );
  assert.match(e.text, /Error: mine\n.*:2\n/);
  assert.not.match(e.text, /\$\$/);
  const called = await s.error(
    "import { interact, slider } from 'mdlab';\nawait interact(() => { throw new Error('drawn') }, {}).content()",
  );
  assert.match(called.text, /Error: drawn/);
  assert.not.match(called.text, /dist.lib/);
});

test('a table expression that cannot see a variable names it as it was typed', async () => {
  const e = await s.error(
    "import { table } from 'mdlab'; const k10 = 3; table({ a: [1, 2] }).derive({ c: (d: any) => d.a * k10 })",
  );
  assert.match(e.evalue, /Invalid variable reference: "k10"/);
});

test('what does not parse is told once, without guesses at what its pieces mean', async () => {
  const e = await s.error('function g8( {');
  assert.not.match(e.text, /TS2391|TS7010|TS7031/);
  assert.match(e.text, /TS1005/);
});

test('a run-time error: name, message, typed line, code frame, the way it came, nothing of the kernel', async () => {
  const e = await s.error(
    'interface Unused {\n  a: number;\n}\nconst o6 = {\n  get deep(): number {\n    throw new RangeError("too deep");\n  },\n};\nfunction go6(): number {\n  return o6.deep;\n}\ngo6();',
  );
  assert.is(e.ename, 'RangeError');
  assert.is(e.evalue, 'too deep');
  assert.match(e.text, /> 6 \| {5}throw new RangeError/);
  assert.match(
    e.text,
    /at get deep \(In\[\d+\]:6:11\)\n\s+at go6 \(In\[\d+\]:10:13\)\n\s+at In\[\d+\]:12:1$/,
  );
  assert.not.match(e.text, /node:|dist\/kernel|anonymous|evalmachine/);
});

test('errors through packages name the line of the cell', async () => {
  const e = await s.error("import { table } from 'arquero';\n\ntable({ a: [1] }).filter('d.b c')");
  assert.match(e.text, /In\[\d+\]:3/);
  const later = await s.error(
    'await Promise.all([1].map(async () => {\n  await null;\n  throw new Error("inside");\n}))',
  );
  assert.match(later.text, /> 3 \| {3}throw new Error/);
});

test('what is thrown need not be an error', async () => {
  assert.is((await s.error('throw { a: 1 }')).evalue, '{ a: 1 }');
  assert.is((await s.error('throw undefined')).evalue, 'undefined');
  assert.match((await s.error('await Promise.reject("text")')).text, /text/);
  assert.match(
    (await s.error('throw new AggregateError([new TypeError("one")], "all")')).text,
    /TypeError: one/,
  );
});

test('a rejection nobody handles, and what a timer throws, are told to the cell that began them', async () => {
  const rejecting = s.outputs.length;
  await s.value(
    'setTimeout(() => void Promise.reject(new Error("mine")), 150); setTimeout(() => { throw new Error("thrown") }, 200)',
  );
  const cell = s.cellsRun;
  await s.value('await new Promise((r) => setTimeout(r, 400)); "other"');
  for (let i = 0; i < 50 && !/thrown/.test(s.text('stderr', cell)); i++) await sleep(20);
  assert.match(s.text('stderr', cell), /Unhandled rejection: Error: mine\nIn\[\d+\]:1\n/);
  assert.match(s.text('stderr', cell), /Error: thrown/);
  assert.is(s.text('stderr', cell + 1), '');
  assert.ok(s.outputs.length > rejecting);
  assert.is(await s.value('1 + 1'), '2');
});

test('code of earlier cells keeps its lines in traces', async () => {
  await s.value('// one\n// two\nfunction old9() { throw new Error("from before") }');
  assert.match((await s.error('old9()')).text, /> 3 \| function old9/);
});

test.run();
