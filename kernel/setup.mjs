// Checks, installs and builds what the project needs; runs with no node_modules. Each step prints one line and does
// nothing where its work is done already. With --jupyter it also puts JupyterLab and Notebook into a private environment.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = fileURLToPath(new URL('../', import.meta.url));
const windows = process.platform === 'win32';
const npm = windows ? 'npm.cmd' : 'npm';
const say = (step, text) => console.log(`setup: ${step.padEnd(10)} ${text}`);

class Stop extends Error {}

async function main() {
  checkNode();
  installPackages();
  checkCompiler();
  buildAddon();
  compileTypeScript();
  await writeKernelspec();
  if (process.argv.includes('--jupyter')) await addJupyter();
}

function checkNode() {
  const major = Number(process.versions.node.split('.')[0]);
  if (major < 20)
    throw new Stop(`Node ${process.versions.node} found, 20 or newer needed; install it and run again`);
  say('node', process.versions.node);
}

function installPackages() {
  if (packagesAreThere()) return say('packages', 'up to date');
  const silent = silentRegistry();
  if (silent) say('packages', `no answer from the registry, so only what npm has kept: ${silent}`);
  else say('packages', 'installing with npm ci');
  run(
    npm,
    ['ci', '--no-fund', '--no-audit', '--loglevel=error', ...(silent ? ['--offline'] : [])],
    '; a machine that reaches no registry takes a bundle: `npm run bundle` on one that does',
  );
}

/** By what npm says in the end that it installed, so that packages of `npm ci` by hand count too: npm removes them first. */
function packagesAreThere() {
  const record = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(record)) return false;
  const packages = (file) => JSON.parse(readFileSync(file, 'utf8')).packages;
  const there = packages(record);
  return Object.entries(packages(join(root, 'package-lock.json'))).every(
    ([name, { integrity, optional }]) =>
      name === '' || (there[name] ? there[name].integrity === integrity : optional),
  );
}

/** Why the registry does not answer, if so: npm would try for minutes, or a quarter of an hour, without a word. */
function silentRegistry() {
  const quick = ['--fetch-retries=1', '--fetch-timeout=10000'];
  const { stdout } = spawnSync(npm, ['ping', '--json', ...quick], {
    cwd: root,
    encoding: 'utf8',
    shell: windows,
  });
  let error;
  try {
    error = JSON.parse(stdout).error;
  } catch {
    // npm itself will say what is wrong with it.
  }
  // One that refuses a ping is there.
  return error && !/^E[45]\d\d$/.test(error.code) ? error.summary.split('\n')[0] : undefined;
}

/** A C++20 compiler and CMake; installed with apt where that is possible without asking. */
function checkCompiler() {
  const lacking = [];
  if (!works(process.env.CXX || 'c++') && !works('g++') && !works('clang++')) lacking.push('g++');
  if (!works('cmake')) lacking.push('cmake');
  if (!works('make') && !works('ninja')) lacking.push('make');
  if (lacking.length === 0) return say('compiler', firstLine(process.env.CXX || 'c++') ?? 'found');
  const command = `apt-get install -y --no-install-recommends ${lacking.join(' ')}`;
  if (process.getuid?.() !== 0 || !works('apt-get')) {
    throw new Stop(`missing: ${lacking.join(', ')}; install with\n\n    sudo ${command}\n\nand run again`);
  }
  say('compiler', `installing ${lacking.join(', ')} with apt`);
  quietly('apt-get', ['update', '-qq']);
  quietly('apt-get', command.split(' ').slice(1), { DEBIAN_FRONTEND: 'noninteractive' });
}

/** Built anew when a source, the compiler's options, Node's platform or the processor's features change. */
function buildAddon() {
  const folder = join('build', `native-${process.platform}-${process.arch}`);
  const key = hash(...sources(join(root, 'native')).map((f) => readFileSync(f)), process.arch, processor());
  const record = join(root, 'build', 'addon.json');
  const path = join(folder, 'mdlab.node');
  if (existsSync(record) && existsSync(join(root, path))) {
    if (JSON.parse(readFileSync(record, 'utf8')).key === key) return say('addon', 'up to date');
  }
  say('addon', 'building (the first time takes a minute or two)');
  mkdirSync(join(root, folder), { recursive: true });
  const launcher = works('ccache') ? ['-DCMAKE_CXX_COMPILER_LAUNCHER=ccache'] : [];
  quietly('cmake', ['-S', 'native', '-B', folder, '-DCMAKE_BUILD_TYPE=Release', ...launcher]);
  quietly('cmake', [
    '--build',
    folder,
    '--config',
    'Release',
    '--parallel',
    String(Math.max(1, cpus().length)),
  ]);
  writeFileSync(`${record}.new`, JSON.stringify({ path, key }));
  renameSync(`${record}.new`, record);
}

function compileTypeScript() {
  run(process.execPath, [join('node_modules', 'typescript', 'bin', 'tsc'), '-b']);
  const command = join(root, 'dist', 'kernel', 'cli.js');
  chmodSync(command, 0o755);
  const link = join(root, 'node_modules', '.bin', 'mdlab');
  if (!windows && !existsSync(link)) {
    rmSync(link, { force: true });
    symlinkSync(join('..', '..', 'dist', 'kernel', 'cli.js'), link);
  }
  say('typescript', 'compiled');
  // Without it kernels start all the same, more slowly, and make it themselves.
  const made = spawnSync(process.execPath, [join('dist', 'kernel', 'snapshot-build.js')], { cwd: root });
  say('snapshot', made.status === 0 ? 'ready' : 'not made: the first cell of a notebook will take a second');
}

/** For front ends started from here (`JUPYTER_PATH`); `mdlab kernel install` writes one for all. */
async function writeKernelspec() {
  const { installKernelspec } = await compiled('kernelspec.js');
  const folder = await installKernelspec({ prefix: join(root, 'build', 'jupyter') });
  say('kernel', `described in ${folder.slice(root.length)}`);
}

async function addJupyter() {
  const { installJupyter } = await compiled('jupyter.js');
  const found = installJupyter(root, (line) => say('jupyter', line));
  if (!found) throw new Stop('no Jupyter');
  say('jupyter', `${found.kind} ${found.version}`);
}

function compiled(file) {
  return import(pathToFileURL(join(root, 'dist', 'kernel', file)).href);
}

function sources(folder) {
  return readdirSync(folder, { recursive: true })
    .filter((f) => /\.(h|cpp|cu|cuh|txt|json)$/.test(f))
    .sort()
    .map((f) => join(folder, f));
}

/** The instruction sets the addon may be built for: a folder carried to another machine is built anew. */
function processor() {
  if (process.platform !== 'linux') return cpus()[0]?.model ?? '';
  return /^(flags|Features)\s*:.*$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[0] ?? '';
}

function hash(...parts) {
  const sum = createHash('sha256');
  for (const p of parts) sum.update(p).update('\0');
  return sum.digest('hex').slice(0, 16);
}

function works(command) {
  return spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;
}

function firstLine(command) {
  const { stdout, status } = spawnSync(command, ['--version'], { encoding: 'utf8' });
  return status === 0 ? stdout.split('\n')[0] : undefined;
}

function run(command, args, remedy = '') {
  try {
    execFileSync(command, args, {
      cwd: root,
      stdio: 'inherit',
      shell: windows,
    });
  } catch (e) {
    throw new Stop(
      `\`${command} ${args.join(' ')}\` failed (${e.status ?? e.code}); what it said stands above${remedy}`,
    );
  }
}

/** Shows the output only when the command fails. */
function quietly(command, args, env = {}) {
  const done = spawnSync(command, args, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    env: { ...process.env, ...env },
  });
  if (done.status === 0) return;
  process.stdout.write(`${done.stdout ?? ''}${done.stderr ?? ''}`);
  throw new Stop(
    `\`${command} ${args.join(' ')}\` failed (${done.status ?? done.error?.code}); what it said stands above`,
  );
}

try {
  await main();
} catch (e) {
  if (!(e instanceof Stop)) throw e;
  console.error(`setup: ${e.message}`);
  process.exit(1);
}
