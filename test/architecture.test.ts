// The layering of design: a file imports from layers before its own only, no cycles, one stem per operation.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, normalize } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { root } from './tools.js';

const libLayers = [
  [
    'errors',
    'digest',
    'folders',
    'format',
    'units',
    'elements',
    'native',
    'cuda',
    'environment',
    'progress',
    'live',
  ],
  ['structure'],
  ['io'],
  ['neighbors', 'longrange', 'models'],
  ['md'],
  ['analysis', 'tables'],
  ['plot', 'studies', 'widgets'],
  ['index'],
];
const nativeLayers = [
  ['core'],
  ['cuda'],
  ['system'],
  ['neighbors'],
  ['nn', 'longrange'],
  ['models'],
  ['parallel'],
  ['md'],
  ['binding'],
];

function files(folder: string, ending: RegExp): string[] {
  return (readdirSync(join(root, folder), { recursive: true }) as string[])
    .filter((f) => ending.test(f) && !f.includes('node_modules'))
    .map((f) => f.replaceAll('\\', '/'))
    .sort();
}

function rankOf(layers: string[][], file: string): number {
  const name = file.split('/')[0]!.replace(/\.ts$/, '');
  return layers.findIndex((l) => l.includes(name));
}

/** file -> the files of the same folder it uses, from patterns whose first group is the path used. */
function graph(
  folder: string,
  ending: RegExp,
  pattern: RegExp,
  resolve: (from: string, to: string) => string,
) {
  return new Map(
    files(folder, ending).map((file) => {
      const text = readFileSync(join(root, folder, file), 'utf8');
      return [file, [...text.matchAll(pattern)].map((m) => resolve(file, m[1]!))] as const;
    }),
  );
}

const libGraph = graph('lib', /\.ts$/, /(?:from|import\()\s*'(\.[^']+)'/g, (from, to) =>
  normalize(join(dirname(from), to))
    .replaceAll('\\', '/')
    .replace(/\.js$/, '.ts'),
);
const nativeGraph = graph('native', /\.(h|cpp|cu)$/, /^#include "([^"]+)"/gm, (_, to) => to);

function upward(graphOf: Map<string, readonly string[]>, layers: string[][]): string[] {
  return [...graphOf].flatMap(([file, uses]) =>
    uses.filter((u) => rankOf(layers, u) > rankOf(layers, file)).map((u) => `${file} uses ${u}`),
  );
}

function cycles(graphOf: Map<string, readonly string[]>): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const visit = (file: string, path: string[]): void => {
    if (path.includes(file)) {
      found.push([...path.slice(path.indexOf(file)), file].join(' -> '));
      return;
    }
    if (done.has(file)) return;
    for (const next of graphOf.get(file) ?? []) visit(next, [...path, file]);
    done.add(file);
  };
  for (const file of graphOf.keys()) visit(file, []);
  return found;
}

test('every file belongs to a layer', () => {
  assert.equal(
    [...libGraph.keys()].filter((f) => rankOf(libLayers, f) < 0),
    [],
  );
  assert.equal(
    [...nativeGraph.keys()].filter((f) => rankOf(nativeLayers, f) < 0),
    [],
  );
});

test('imports and includes go down the layers', () => {
  assert.equal(upward(libGraph, libLayers), []);
  assert.equal(upward(nativeGraph, nativeLayers), []);
});

test('what is used exists', () => {
  const missing = (g: Map<string, readonly string[]>, folder: string) =>
    [...g].flatMap(([f, uses]) =>
      uses.filter((u) => !existsSync(join(root, folder, u))).map((u) => `${f}: ${u}`),
    );
  assert.equal(missing(libGraph, 'lib'), []);
  assert.equal(missing(nativeGraph, 'native'), []);
});

test('nothing uses itself in a circle', () => {
  assert.equal(cycles(libGraph), []);
  assert.equal(cycles(nativeGraph), []);
});

test('the checks themselves see a wrong layer and a circle', () => {
  const wrong = new Map([
    ['core/a.h', ['models/b.h']],
    ['models/b.h', ['core/a.h']],
  ]);
  assert.equal(upward(wrong, nativeLayers), ['core/a.h uses models/b.h']);
  assert.is(cycles(wrong).length, 1);
});

test('lib does not know the kernel, and native.ts alone touches the addon', () => {
  for (const file of files('lib', /\.ts$/)) {
    const text = readFileSync(join(root, 'lib', file), 'utf8');
    assert.not(/from '[^']*\/kernel\//.test(text), `${file} imports from kernel`);
    if (file !== 'native.ts') assert.not(/\.node'|addon\.json/.test(text), `${file} touches the addon`);
  }
});

test('one stem: every form of an operation has its header beside it', () => {
  for (const file of files('native', /\.(reference|cpu|cuda)\.cpp$/)) {
    const stem = file.replace(/\.(reference|cpu|cuda)\.cpp$/, '');
    const header = files('native', /\.h$/).includes(`${stem}.h`);
    assert.ok(header, `native/${file} has no ${basename(stem)}.h`);
  }
});

test('files stay under 400 lines', () => {
  const long = ['lib', 'kernel', 'native'].flatMap((folder) =>
    files(folder, /\.(ts|mjs|h|cpp|cu)$/)
      .map((f) => `${folder}/${f}`)
      .filter((f) => readFileSync(join(root, f), 'utf8').split('\n').length > 400),
  );
  assert.equal(long, []);
});

test.run();
