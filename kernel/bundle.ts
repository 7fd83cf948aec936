/**
 * `npm run bundle`: one archive with everything that running needs (Node, packages, the addon, kernels' sources, data,
 * notebooks, tests and benchmarks), for a compute node that has no registry, no compiler and no Node.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { environment } from '../lib/environment.js';
import { MdlabError } from '../lib/errors.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const platform = `${process.platform}-${process.arch}`;
const help = `npm run bundle -- [--output PATH]
  PATH ending in .tar.xz or .tar.gz: an archive (default mdlab-bundle-${platform}.tar.xz); anything else: a folder.
  There, with nothing installed: ./mdlab doctor; ./mdlab run NOTEBOOK; ./node dist/test/run.js; ./node dist/test/bench/run.js NAME`;

/** What of a package running does not need: paths below the package that match. */
const unneeded: Record<string, RegExp> = {
  '@expo-google-fonts/inter': /^(?!package\.json|LICENSE|(400Regular(_Italic)?|600SemiBold)\/)/,
  '@types/node': /\.map$/,
  '3dmol': /^(?!package\.json|LICENSE|build\/3Dmol-min\.js)/,
  arquero: /^(perf|dev|dist\/arquero)/,
  'cmake-ts': /^(?!package\.json|LICENSE|build\/loader|build\/lib\.|build\/(libc|utils))/,
  'happy-dom': /^(src|.*\.d\.ts$)/,
  katex: /^(?!package\.json|LICENSE|dist\/katex\.mjs)/,
  'playwright-core': /^(lib\/vite|types|bin)/,
  'plotly.js-dist': /^src/,
  typescript:
    /^(bin|lib\/(_?tsc|_?tsserver|_?typingsInstaller|watchGuard|lib\.(webworker|scripthost))|lib\/[a-z-]+\/)/i,
  yaml: /^(browser|bin)/,
  zeromq: /^(src|script|build\/(?!manifest|HERE))/,
};
/** Never needed from any package. */
const litter = /(\.map|\.md|\.markdown|tsconfig\.\w+|\.tsbuildinfo)$|^(docs?|tests?|examples?)\//i;
/** Packages whose work only installing and building needs, and the one that notebooks of another kernel import. */
const left = new Set(['node-addon-api', 'node-api-headers', 'tslab']);

function main(): void {
  const { values } = parseArgs({ options: { output: { type: 'string' }, help: { type: 'boolean' } } });
  if (values.help) {
    console.log(help);
    return;
  }
  const output = resolve(
    values.output ?? join(root, `mdlab-bundle-${platform}.tar.${works('xz') ? 'xz' : 'gz'}`),
  );
  const packed = /\.tar\.(xz|gz)$/.test(output);
  const folder = packed ? join(root, 'build', 'bundle', 'mdlab') : output;
  if (!packed && existsSync(folder) && readdirSync(folder).length > 0 && !existsSync(join(folder, 'mdlab')))
    throw new MdlabError('EINVALID', `bundle: ${folder} is not empty and no bundle; name another folder`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });

  copyNode(folder);
  copyAddon(folder);
  copyProject(folder);
  for (const name of wantedPackages()) copyPackage(name, folder);
  if (packed) {
    say('packing (a minute or two)');
    pack(folder, output);
  }
  say(
    `${output}, ${packed ? `${megabytes(statSync(output).size)}, ` : ''}${megabytes(sizeOf(folder))} unpacked`,
  );
}

function pack(folder: string, output: string): void {
  const through = output.endsWith('xz') ? 'xz -6 -T0' : 'gzip -9';
  execFileSync('tar', ['-I', through, '-cf', `${output}.new`, '-C', dirname(folder), 'mdlab'], {
    stdio: 'inherit',
  });
  renameSync(`${output}.new`, output);
}

function copyNode(folder: string): void {
  const node = join(folder, 'node');
  cpSync(process.execPath, node, { dereference: true });
  chmodSync(node, 0o755);
  // Its own symbols are a sixth of it; those that addons link against stay.
  if (works('strip')) spawnSync('strip', ['--strip-all', node]);
  const launcher = join(folder, 'mdlab');
  writeFileSync(
    launcher,
    `#!/bin/sh\nhere=$(cd "\${0%/*}" && pwd -P)\nexec "$here/node" "$here/dist/kernel/cli.js" "$@"\n`,
  );
  chmodSync(launcher, 0o755);
}

/** The addon for any processor of the last ten years, with the C++ library inside: only glibc is asked of the machine. */
function copyAddon(folder: string): void {
  const build = join(root, 'build', 'native-portable');
  const arch = process.arch === 'x64' ? 'x86-64-v3' : 'armv8-a';
  const launcher = works('ccache') ? ['-DCMAKE_CXX_COMPILER_LAUNCHER=ccache'] : [];
  const link = '-static-libstdc++ -static-libgcc -Wl,--exclude-libs,ALL -Wl,--strip-all';
  say('building the addon to travel (a minute or two)');
  quietly('cmake', [
    ...['-S', join(root, 'native'), '-B', build, '-DCMAKE_BUILD_TYPE=Release', `-DMDLAB_ARCH=${arch}`],
    ...[`-DCMAKE_MODULE_LINKER_FLAGS=${process.platform === 'linux' ? link : ''}`, ...launcher],
  ]);
  quietly('cmake', ['--build', build, '--parallel', String(availableParallelism())]);
  const path = 'build/mdlab.node';
  mkdirSync(join(folder, 'build'));
  cpSync(join(build, 'mdlab.node'), join(folder, path));
  writeFileSync(join(folder, 'build', 'addon.json'), JSON.stringify({ path }));
  writeFileSync(join(folder, 'build', 'commit'), `${environment().commit}\n`);
}

function copyProject(folder: string): void {
  for (const file of ['package.json', 'LICENSE', 'README.md']) cpSync(join(root, file), join(folder, file));
  copy('dist', folder, (path) => !/\.(map|tsbuildinfo)$/.test(path));
  copy('native', folder, (path) => /\.(cu|h)$/.test(path));
  copy('data', folder, () => true);
  copy('notebooks', folder, (path) => !/^(figures|images)\/|\.ipynb_checkpoints/.test(path));
  // What code reads beside itself: scripts for pages, fixtures, Python peers.
  for (const part of ['lib', 'kernel', 'test'])
    copy(part, folder, (path) => !/\.ts$|tsconfig|__pycache__|^setup\.mjs$/.test(path));
}

/** Names of the packages that running needs, with all that they need, as they lie in node_modules. */
function wantedPackages(): string[] {
  const manifest = (path: string): { dependencies?: object; optionalDependencies?: object } =>
    JSON.parse(readFileSync(join(root, path, 'package.json'), 'utf8'));
  const wanted = new Set<string>();
  const visit = (name: string): void => {
    if (wanted.has(name) || left.has(name)) return;
    const path = join('node_modules', name);
    if (!existsSync(join(root, path))) return;
    wanted.add(name);
    const { dependencies = {}, optionalDependencies = {} } = manifest(path);
    for (const other of Object.keys({ ...dependencies, ...optionalDependencies })) visit(other);
  };
  for (const name of Object.keys(manifest('.').dependencies ?? {})) visit(name);
  visit('uvu');
  return [...wanted].sort();
}

function copyPackage(name: string, folder: string): void {
  const own = unneeded[name];
  const here = `${process.platform}/${process.arch}/`;
  const skip = own && new RegExp(own.source.replace('HERE', here), own.flags);
  const licence = /^licen[cs]e/i;
  copy(
    join('node_modules', name),
    folder,
    (path) => licence.test(path) || !(litter.test(path) || skip?.test(path)),
  );
}

/** Copies the files of a folder of the project whose path below it passes. */
function copy(from: string, folder: string, keep: (path: string) => boolean): void {
  for (const path of filesIn(join(root, from))) {
    if (keep(path)) cpSync(join(root, from, path), join(folder, from, path), { dereference: true });
  }
}

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
    .sort();
}

const sizeOf = (folder: string): number =>
  filesIn(folder).reduce((sum, path) => sum + statSync(join(folder, path)).size, 0);
const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
const say = (text: string): void => console.log(`bundle: ${text}`);
const works = (command: string): boolean =>
  spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;

function quietly(command: string, args: string[]): void {
  const done = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 28 });
  if (done.status === 0) return;
  throw new MdlabError('EINVALID', `bundle: \`${command}\` failed\n${done.stdout ?? ''}${done.stderr ?? ''}`);
}

try {
  main();
} catch (e) {
  console.error(e instanceof MdlabError ? e.message : e);
  process.exitCode = 1;
}
