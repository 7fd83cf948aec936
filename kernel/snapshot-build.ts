/** Makes the snapshot that snapshot.ts describes; a program of its own. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { setPriority } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import ts from 'typescript';
import {
  compilerEnvironment,
  compilerFlags,
  compilerModules,
  findSnapshot,
  installation,
  packageRoot,
  snapshotFile,
  typescriptFile,
} from './snapshot.js';

/** One letter beyond Latin-1 would double the memory of the whole script, nine million letters of TypeScript included. */
const ascii = (text: string): string =>
  text.replace(/[^\0-\x7f]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** One classic script, as a snapshot needs it. */
function script(): string {
  const modules = [...compilerModules()].map(([name, text]) => {
    const url = pathToFileURL(join(packageRoot, 'dist', 'kernel', name)).href;
    const { outputText } = ts.transpileModule(text.replaceAll('import.meta.url', JSON.stringify(url)), {
      fileName: name,
      compilerOptions: {
        module: ts.ModuleKind.CommonJS,
        target: ts.ScriptTarget.ES2022,
        esModuleInterop: true,
      },
    });
    return `${JSON.stringify(`./${name}`)}: function (exports, require, module) {\n${ascii(outputText)}\n}`;
  });
  const typescript = readFileSync(typescriptFile, 'utf8');
  return `'use strict';
const load = require;
const modules = {
typescript: (exports, require, module) => { (function () {\n${typescript}\n}).call(exports) },
${modules.join(',\n')}
};
const loaded = {};
function request(name) {
  if (!modules[name]) return load(name.replace(/^node:/, ''));
  if (!loaded[name]) {
    const module = (loaded[name] = { exports: {} });
    modules[name](module.exports, request, module);
  }
  return loaded[name].exports;
}
const { readFiles, serve } = request('./compiler-server.js');
const root = ${JSON.stringify(packageRoot)};
const files = readFiles(root);
load('v8').startupSnapshot.setDeserializeMainFunction(() => {
  files.recheck();
  serve(process.argv[2], root, files);
});
`;
}

function build(): void {
  const target = snapshotFile();
  mkdirSync(dirname(target), { recursive: true });
  const lock = `${target}.lock`;
  writeFileSync(lock, String(process.pid));
  const made = `${target}.${process.pid}`;
  const source = `${made}.cjs`;
  try {
    writeFileSync(source, script());
    execFileSync(process.execPath, ['--snapshot-blob', made, ...compilerFlags, '--build-snapshot', source], {
      stdio: 'ignore',
      env: compilerEnvironment(),
    });
    renameSync(made, target);
    rmSync(lock);
    removeOlder(target);
  } finally {
    rmSync(source, { force: true });
    rmSync(made, { force: true });
  }
}

/** Snapshots of former states of this installation. */
function removeOlder(target: string): void {
  const folder = dirname(target);
  for (const name of readdirSync(folder))
    if (name.startsWith(`${installation()}-`) && name !== basename(target)) rmSync(join(folder, name));
}

setPriority(10);
if (!findSnapshot()) build();
