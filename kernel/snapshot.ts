/**
 * A snapshot of the compiler's process, with TypeScript loaded and the common types read: starting from it takes a fifth of a
 * second where reading takes one and a half. It is a cache: made in the background where there is none, thrown away where Node
 * does not take it, and every file it holds is compared with the disk when it is used.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, statSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheFolder } from '../lib/folders.js';

const here = dirname(fileURLToPath(import.meta.url));
export const packageRoot: string = join(here, '..', '..');
export const typescriptFile: string = join(packageRoot, 'node_modules', 'typescript', 'lib', 'typescript.js');
/**
 * Of every compiler's process, and of the one that makes the snapshot: collection on demand, a small nursery, and neither optimised code nor
 * room for it. Checks of cells are too short to gain by it (1 ms of 9), and it would hold 20 MB, later up to a hundred.
 */
export const compilerFlags: readonly string[] = [
  '--expose-gc',
  '--max-semi-space-size=2',
  '--no-opt',
  '--optimize-for-size',
];
/** Its environment: options in NODE_OPTIONS would make it one that the snapshot was not made for. */
export const compilerEnvironment = (): NodeJS.ProcessEnv => ({ ...process.env, NODE_OPTIONS: '' });

/** The snapshot to start from, if it has been made. */
export function findSnapshot(): string | undefined {
  const file = snapshotFile();
  return existsSync(file) ? file : undefined;
}

/** Node did not start from it. */
export function forgetSnapshot(file: string): void {
  rmSync(file, { force: true });
}

const builder = join(here, 'snapshot-build.js');
/** An attempt that leaves neither a snapshot nor its lock has failed; the next comes a day later. */
const retryAfter = 24 * 3600e3;

/** Makes the snapshot in a process of its own, unless one does already or has failed lately. */
export function buildSnapshotLater(): void {
  const lock = statSync(`${snapshotFile()}.lock`, { throwIfNoEntry: false });
  if (lock && Date.now() - lock.mtimeMs < retryAfter) return;
  spawn(process.execPath, [builder], { stdio: 'ignore', detached: true })
    .on('error', () => {})
    .unref();
}

let known: string | undefined;
/** Its name says what it was made from: Node, this package's place, the compiler's code, and what put them together. */
export function snapshotFile(): string {
  if (known) return known;
  const typescript = statSync(typescriptFile);
  const hash = createHash('sha256');
  for (const part of [
    process.version,
    cpus()[0]?.model,
    ...compilerFlags,
    typescript.mtimeMs,
    typescript.size,
  ])
    hash.update(`${part}\0`);
  hash.update(readFileSync(join(packageRoot, 'package.json')));
  hash.update(readFileSync(builder));
  for (const [name, text] of compilerModules()) hash.update(`${name}\0${text}\0`);
  known = join(cacheFolder(), 'compiler', `${installation()}-${hash.digest('hex').slice(0, 16)}.blob`);
  return known;
}

/** Tells installations of the package, and of Node, apart. */
export function installation(): string {
  return createHash('sha256').update(`${packageRoot}\0${process.execPath}`).digest('hex').slice(0, 8);
}

/** Every module of the compiler's process: name -> text, what is imported after what imports it. */
export function compilerModules(): Map<string, string> {
  const found = new Map<string, string>();
  const visit = (name: string): void => {
    if (found.has(name)) return;
    const text = readFileSync(join(here, name), 'utf8');
    found.set(name, text);
    for (const [, imported] of text.matchAll(/^(?:import|export)\b[^'"]*['"]\.\/([\w-]+\.js)['"]/gm))
      visit(imported!);
  };
  visit('compiler-server.js');
  return found;
}
