// Builds the addon with AddressSanitizer and UndefinedBehaviorSanitizer and runs the tests that touch native code on it.
// `npm run sanitize [SUBSTRING…]`. Fails on any failing test and on any report, also of a process a test started.
import { execFileSync, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { root } from './tools.js';

/** Test folders whose files reach native code. */
const folders = ['native/', 'neighbors/', 'models/', 'md/', 'longrange/', 'analysis/'];

const build = join(root, 'build', 'native-sanitize');
const shadow = join(root, 'build', 'sanitize-root');
const seconds = (since: number): string => `${((Date.now() - since) / 1000).toFixed(0)} s`;

function buildAddon(): void {
  const launcher = existsSync('/usr/bin/ccache') ? ['-DCMAKE_CXX_COMPILER_LAUNCHER=ccache'] : [];
  const run = (args: string[]): unknown => execFileSync('cmake', args, { cwd: root, stdio: 'inherit' });
  run(['-S', 'native', '-B', build, '-DMDLAB_SANITIZE=ON', ...launcher]);
  run(['--build', build, '--parallel', '2']);
}

// A copy of the compiled tests beside the other addon: everything else of the checkout is linked. So no switch in the
// library chooses the addon.
function shadowCheckout(): void {
  rmSync(shadow, { recursive: true, force: true });
  mkdirSync(join(shadow, 'build'), { recursive: true });
  for (const entry of readdirSync(root))
    if (!['build', 'dist', '.git'].includes(entry)) symlinkSync(join(root, entry), join(shadow, entry));
  cpSync(join(root, 'dist'), join(shadow, 'dist'), { recursive: true });
  symlinkSync(build, join(shadow, 'build', 'native'));
  // Tests look for sample data beside the checkout.
  const data = join(root, '..', 'shared');
  const link = join(shadow, '..', 'shared');
  if (existsSync(data) && !existsSync(link)) symlinkSync(data, link);
  writeFileSync(join(shadow, 'build', 'addon.json'), JSON.stringify({ path: 'build/native/mdlab.node' }));
}

/** A runtime library of the compiler that built the addon. */
function library(name: string): string {
  const compiler = /^CMAKE_CXX_COMPILER:[^=]*=(.*)$/m.exec(
    readFileSync(join(build, 'CMakeCache.txt'), 'utf8'),
  );
  return execFileSync(compiler?.[1] ?? 'c++', [`-print-file-name=${name}`], { encoding: 'utf8' }).trim();
}

function runTests(wanted: string[]): boolean {
  const log = join(shadow, 'report');
  // Node keeps memory on purpose until it exits, so leaks are not looked for. libstdc++ comes first into the process
  // because node carries its own and the sanitizer wants to find __cxa_throw at its start.
  const options = `detect_leaks=0:allocator_may_return_null=1:log_path=${log}`;
  const outcome = spawnSync(process.execPath, [join(shadow, 'dist', 'test', 'run.js'), ...wanted], {
    stdio: 'inherit',
    env: {
      ...process.env,
      LD_PRELOAD: ['libasan.so', 'libstdc++.so.6'].map(library).join(' '),
      ASAN_OPTIONS: options,
      UBSAN_OPTIONS: `print_stacktrace=1:log_path=${log}`,
    },
  });
  // A warning that an allocation was refused is what the memory test asks for; errors of both sanitizers count.
  const reports = readdirSync(shadow).filter(
    (f) => f.startsWith('report') && /ERROR:|runtime error:/.test(readFileSync(join(shadow, f), 'utf8')),
  );
  for (const r of reports) console.log(readFileSync(join(shadow, r), 'utf8').slice(0, 8000));
  console.log(`${reports.length} sanitizer reports`);
  return outcome.status === 0 && reports.length === 0;
}

const started = Date.now();
buildAddon();
console.log(`built in ${seconds(started)}`);
shadowCheckout();
const tested = Date.now();
const wanted = process.argv.slice(2);
const clean = runTests(wanted.length > 0 ? wanted : folders);
console.log(`tested in ${seconds(tested)}`);
process.exit(clean ? 0 : 1);
