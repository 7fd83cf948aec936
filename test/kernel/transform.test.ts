// What a notebook's variables mean, cell by cell, through the converter, the transform and the executor.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TestSession } from './tools.js';

const s = new TestSession();

/** Cells run in order; the last one's value is compared. */
const cases: [name: string, cells: string[], value: string][] = [
  [
    'a changed variable is seen by older functions',
    ['let T = 300; function at() { return T }', 'T = 400; at()'],
    '400',
  ],
  [
    'a redeclared variable is seen by older functions',
    ['let U = 1; const u = () => U', 'let U = 2; u()'],
    '2',
  ],
  [
    'a redefined function is seen by its callers',
    [
      'function helper() { return 1 } function caller() { return helper() }',
      'function helper() { return 2 }\ncaller()',
    ],
    '2',
  ],
  ['compound assignment', ['let n1 = 5; const see1 = () => n1', 'n1 += 2; n1 **= 2; see1()'], '49'],
  [
    'logical assignment',
    ['let n2: number | undefined; const see2 = () => n2', 'n2 ??= 3; n2 ||= 4; n2 &&= 5; see2()'],
    '5',
  ],
  ['increments', ['let n3 = 5; const see3 = () => n3', 'n3++; --n3; n3++; see3()'], '6'],
  [
    'array destructuring assignment',
    ['let a4 = 1, b4 = 2; const see4 = () => [a4, b4]', '[a4, b4] = [b4, a4]; see4()'],
    '[ 2, 1 ]',
  ],
  [
    'object destructuring assignment with shorthand, rename and default',
    [
      'let a5 = 0, b5 = 0, c5 = 0; const see5 = () => [a5, b5, c5]',
      '({ a5, x: b5, c5 = 7 } = { a5: 1, x: 2 } as { a5: number; x: number; c5?: number }); see5()',
    ],
    '[ 1, 2, 7 ]',
  ],
  [
    'rest targets',
    [
      'let r6: number[] = []; let o6: object = {}; const see6 = () => [r6, o6]',
      '[, ...r6] = [1, 2, 3]; ({ p: {}, ...o6 } = { p: 1, q: 2 }); see6()',
    ],
    '[ [ 2, 3 ], { q: 2 } ]',
  ],
  [
    'nested patterns in declarations',
    [
      'const { a: { b7 = 3, ...c7 }, d: [e7, , f7 = e7 + 1] } = { a: { z: 1 } as { b7?: number; z: number }, d: [10] as number[] }',
      '[b7, c7, e7, f7]',
    ],
    '[ 3, { z: 1 }, 10, 11 ]',
  ],
  ['computed keys in patterns', ["const k8 = 'x'; const { [k8]: v8 } = { x: 4 };", 'v8'], '4'],
  ['shorthand of earlier names', ['const a9 = 1', 'const o9 = { a9, ...{ b: 2 } }; o9'], '{ a9: 1, b: 2 }'],
  [
    'shorthand of a name of the same cell',
    ['let q10 = 1; const f10 = () => ({ q10 })', 'q10 = 2; f10()'],
    '{ q10: 2 }',
  ],
  ['a parameter hides a variable', ['const h11 = 1', '((h11: number) => h11)(5)'], '5'],
  [
    'a pattern parameter hides a variable',
    ['const h12 = 1', '(({ a: h12 }: { a: number }, [i12] = [h12]) => h12 + i12)({ a: 5 })'],
    '10',
  ],
  [
    'default parameters read the notebook',
    ['let d13 = 1; function g13(x = d13) { return x }', 'd13 = 2; g13()'],
    '2',
  ],
  [
    "a body's var does not hide in default parameters",
    ['let d14 = 1', 'const g14 = function (x = d14) { var d14 = 9; return [x, d14] }; g14()'],
    '[ 1, 9 ]',
  ],
  [
    'a local hides a variable, its block only',
    ['let l15 = 1', 'function g15() { { const l15 = 2; if (l15 !== 2) return -1 } return l15 }\ng15()'],
    '1',
  ],
  [
    'a hoisted local var hides in the whole function',
    [
      'let l16: number | undefined = 1',
      'function g16() { const seen = l16; if (true) { var l16: number | undefined = 2 } return [seen, l16] }\ng16()',
    ],
    '[ undefined, 2 ]',
  ],
  [
    'a nested function declaration hides in its block',
    [
      'const l17 = () => 1',
      'function g17() { { function l17() { return 2 } if (l17() !== 2) return -1 } return l17() }\ng17()',
    ],
    '1',
  ],
  [
    'a catch variable hides',
    ['const e18 = 1', 'const g18 = () => { try { throw 2 } catch (e18) { return e18 } }; [g18(), e18]'],
    '[ 2, 1 ]',
  ],
  [
    'loop variables hide',
    [
      'const i19 = 9',
      'const o19: number[] = []; for (let i19 = 0; i19 < 2; i19++) o19.push(i19); for (const i19 of [7]) o19.push(i19); for (const i19 in { 5: 0 }) o19.push(Number(i19)); [...o19, i19]',
    ],
    '[ 0, 1, 7, 5, 9 ]',
  ],
  [
    'closures in loops keep their own variable',
    [
      'const fs20: (() => number)[] = []; for (let i = 0; i < 3; i++) fs20.push(() => i)',
      'fs20.map((f) => f())',
    ],
    '[ 0, 1, 2 ]',
  ],
  [
    'var in a loop head is one variable of the notebook',
    [
      'const fs21: (() => number)[] = []; for (var i21 = 0; i21 < 3; i21++) fs21.push(() => i21)',
      '[fs21.map((f) => f()), i21]',
    ],
    '[ [ 3, 3, 3 ], 3 ]',
  ],
  [
    'for-of and for-in over variables of the notebook',
    [
      'let x22 = 0; var y22: string',
      'for (x22 of [1, 2]); for (y22 in { p: 1 }); var z22 = 0; for (var [z22] of [[8]]); [x22, y22, z22]',
    ],
    "[ 2, 'p', 8 ]",
  ],
  ['var inside a block is a variable of the notebook', ['if (true) { var v23 = 4 }', 'v23'], '4'],
  [
    'a class and its name inside itself',
    [
      'class C24 { static made = 0; constructor() { C24.made++ } static make() { return new C24() } }',
      'C24.make(); new C24(); C24.made',
    ],
    '2',
  ],
  [
    'a redefined class is used by older functions',
    ['class D25 { v = 1 } function make25() { return new D25() }', 'class D25 { v = 2 }\nmake25().v'],
    '2',
  ],
  [
    'inheritance across cells',
    [
      'class B26 { hello() { return 1 } }',
      'class S26 extends B26 { override hello() { return super.hello() + 1 } }\nnew S26().hello()',
    ],
    '2',
  ],
  [
    'class fields, accessors, statics and private names',
    [
      'let w27 = 2',
      'class K27 { #p = w27; w27 = w27 + 1; get sum() { return this.#p + this.w27 + w27 } set sum(w27) { this.#p = w27 } static s = w27; static { K27.s += w27 } }\nconst k27 = new K27(); k27.sum = 10; [k27.sum, K27.s]',
    ],
    '[ 15, 4 ]',
  ],
  [
    'methods and properties named like variables',
    [
      'const m28 = 1',
      'const o28 = { m28() { return m28 }, get g() { return m28 }, m29: m28, [m28]: m28 }; [o28.m28(), o28.g, o28.m29, o28[1]]',
    ],
    '[ 1, 1, 1, 1 ]',
  ],
  [
    'property access is not a variable',
    ['const p30 = 1', 'const o30 = { p30: 5 }; [o30.p30, o30?.p30, p30]'],
    '[ 5, 5, 1 ]',
  ],
  [
    'labels are not variables',
    [
      'let lab31 = 0',
      'lab31: for (;;) { for (;;) { lab31++; if (lab31 > 2) break lab31; continue lab31 } } lab31',
    ],
    '3',
  ],
  [
    'typeof and void and delete',
    [
      'let t32: unknown = 1; const o32: { a?: number } = { a: 1 }',
      'delete o32.a; [typeof t32, void t32, o32]',
    ],
    "[ 'number', undefined, {} ]",
  ],
  [
    'functions are used before they are defined',
    ['const r33 = early33(); function early33() { return later33 } var later33 = 3', '[r33, early33()]'],
    '[ undefined, 3 ]',
  ],
  [
    'mutual recursion and generators',
    [
      'function even34(n: number): boolean { return n === 0 || odd34(n - 1) } function odd34(n: number): boolean { return n > 0 && even34(n - 1) } function* gen34() { yield* [1, 2] }',
      '[even34(10), [...gen34()]]',
    ],
    '[ true, [ 1, 2 ] ]',
  ],
  [
    'a named function expression hides',
    ['const fac35 = 0', '(function fac35(n: number): number { return n ? n * fac35(n - 1) : 1 })(5)'],
    '120',
  ],
  [
    'calls have no receiver',
    [
      'function self36(this: unknown) { return this } const tag36 = function (this: unknown, _s: TemplateStringsArray) { return this }',
      '[self36(), tag36`x`, self36?.()]',
    ],
    '[ undefined, undefined, undefined ]',
  ],
  [
    'functions and classes keep their names',
    [
      'const arrow37 = () => 1, expr37 = function () {}, cls37 = class {}, paren37 = (() => 1)',
      '[arrow37.name, expr37.name, cls37.name, paren37.name]',
    ],
    "[ 'arrow37', 'expr37', 'cls37', 'paren37' ]",
  ],
  [
    'enums, also redeclared',
    ['enum E38 { A, B } const e38 = E38.B', 'enum E38 { B = 5 }\n[e38, E38.B, Object.keys(E38).length]'],
    '[ 1, 5, 2 ]',
  ],
  [
    'namespaces',
    ['namespace N39 { export const x = 1; export function f() { return x } }', 'N39.f() + N39.x'],
    '2',
  ],
  ['const enums', ['const enum CE40 { A = 3 }', 'CE40.A'], '3'],
  [
    'exported declarations',
    [
      'export const ex41 = 1; export function ef41() { return ex41 } export class EC41 {} export enum EE41 { A }',
      '[ex41, ef41(), typeof EC41, EE41.A]',
    ],
    "[ 1, 1, 'function', 0 ]",
  ],
  [
    'default export and export list',
    ['export default function ed42() { return 1 }\nconst a42 = 2; export { a42 }', 'ed42() + a42'],
    '3',
  ],
  [
    'types and interfaces across cells',
    ['interface P43 { x: number } type Q43 = P43 & { y: number }', 'const q43: Q43 = { x: 1, y: 2 }; q43'],
    '{ x: 1, y: 2 }',
  ],
  [
    'a const may be redeclared with another type',
    ['const v44 = 1', "const v44 = 'text'; v44.toUpperCase()"],
    "'TEXT'",
  ],
  [
    'top-level await of every kind',
    [
      'const a45 = await (async () => 1)(); const b45 = await [2]; const c45 = await (3)',
      'for await (const x of [a45, Promise.resolve(4)]) await x; [a45, b45, c45]',
    ],
    '[ 1, [ 2 ], 3 ]',
  ],
  [
    'await in an async function does not make the cell wait',
    ['const af46 = async () => { await null; return 1 }', 'await af46()'],
    '1',
  ],
  [
    'async generators',
    [
      'async function* ag47() { yield 1; yield 2 }',
      'let sum47 = 0; for await (const x of ag47()) sum47 += x; sum47',
    ],
    '3',
  ],
  [
    'breaking out of for await closes the source',
    [
      'let closed48 = false; async function* ag48() { try { for (;;) yield 1 } finally { closed48 = true } }',
      'for await (const _ of ag48()) break; closed48',
    ],
    'true',
  ],
  [
    'using',
    [
      'const log49: string[] = []; { using d49 = { [Symbol.dispose]() { log49.push("closed") } }; log49.push(typeof d49) }',
      'log49',
    ],
    "[ 'object', 'closed' ]",
  ],
  [
    'a name like the runtime helpers',
    ['const $$live = 5; const exports = 6', '[$$live, exports]'],
    '[ 5, 6 ]',
  ],
  [
    'names with unusual letters',
    ['const größe = 1, $dollar = 2, _under = 3', '[größe, $dollar, _under]'],
    '[ 1, 2, 3 ]',
  ],
  [
    'loops without blocks, empty loops, do loops',
    ['let n53 = 0; for (; n53 < 3; n53++); while (n53 < 5) n53++; do n53++; while (n53 < 7)', 'n53'],
    '7',
  ],
  [
    'switch blocks have their own names',
    [
      'const s54 = 1',
      'let out54 = 0; switch (2 as number) { case 1: { break } case 2: const s54 = 5; out54 = s54 } [out54, s54]',
    ],
    '[ 5, 1 ]',
  ],
  ['the value of an object literal in parentheses', ['const o55 = 1', '({ o55 })'], '{ o55: 1 }'],
  [
    'import.meta and dynamic import',
    ['const m56 = await import("node:path")', '[m56.basename("/a/b"), import.meta.url.startsWith("file:")]'],
    "[ 'b', true ]",
  ],
  [
    'imports of every form',
    [
      'import * as ns57 from "node:path"; import def57, { basename as base57 } from "node:path"; import type { ParsedPath } from "node:path"',
      'const p57: ParsedPath = ns57.parse("/a/b.c"); [def57.sep, base57("/x/y"), p57.name]',
    ],
    "[ '/', 'y', 'b' ]",
  ],
  ['require', ['const fs58 = require("node:fs")', 'typeof fs58.readFileSync'], "'function'"],
  [
    'decorators',
    [
      'const seen59: string[] = []; const note59 = (_: unknown, c: ClassMethodDecoratorContext) => { seen59.push(String(c.name)) }',
      'class Deco59 { @note59 go() {} }\nnew Deco59().go(); seen59',
    ],
    "[ 'go' ]",
  ],
  ['comments and blank lines at the end', ['const c60 = 3', 'c60 * 2 // twice\n\n/* done */\n'], '6'],
  [
    'optional chaining and nullish calls of variables',
    [
      'const o61: { f?: () => number } | undefined = undefined as { f?: () => number } | undefined',
      '[o61?.f?.(), o61 ?? 1]',
    ],
    '[ undefined, 1 ]',
  ],
  [
    'template literals and regular expressions',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is a cell's text
    ['const t62 = "a"', '[`${t62}${`${t62}b`}`, /a$/.test(t62)]'],
    "[ 'aab', true ]",
  ],
  [
    'a variable captured by eval-free code in getters',
    ['let g63 = 1; const o63 = { get v() { return g63 } }', 'g63 = 8; o63.v'],
    '8',
  ],
];

for (const [name, cells, value] of cases)
  test(name, async () => {
    let seen: unknown;
    for (const cell of cells) seen = await s.value(cell);
    assert.is(seen, value);
  });

test('a cell that fails half-way keeps what it made', async () => {
  await s.run('const before = 1');
  await s.error(
    'const made = 5; throw new Error("x"); const before = "text"; function hoisted() { return made }',
  );
  assert.is(await s.value('made + before + hoisted()'), '11');
  await s.run('throw 1; const nothing = 3');
  assert.match((await s.error('nothing')).evalue, /Cannot find name 'nothing'/);
});

test('a type that cannot be written down is any for later cells', async () => {
  assert.is(
    await s.value('const Hidden = class { private p = 1; q() { return this.p } }; new Hidden().q()'),
    '1',
  );
  assert.is(
    await s.value(
      'function hide() { class A { private x = 5; y = this.x }; return new A() } new Hidden().q() + hide().y',
    ),
    '6',
  );
  const e = await s.error('const Hidden2 = class { private p = 1 }; throw new Error("here")');
  assert.match(e.text, /:1:48$/m);
  assert.match(
    (await s.error('const n: string = class { private p = 1 }')).evalue,
    /not assignable to type 'string'/,
  );
});

test('use before definition is a type error', async () => {
  assert.match((await s.error('tdz; const tdz = 1')).evalue, /before its declaration/);
});

test('an object with an own display decides what is shown', async () => {
  const r = await s.run(
    "({ [Symbol.for('Jupyter.display')]: () => ({ 'text/html': '<b>', 'text/plain': 'b' }) })",
  );
  assert.equal(r.status === 'ok' && r.result, { 'text/html': '<b>', 'text/plain': 'b' });
});

test.after(() => s.close());
test.run();
