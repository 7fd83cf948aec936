// Builds the addon with AddressSanitizer and UndefinedBehaviorSanitizer, or with --threads with ThreadSanitizer, and runs
// the tests that touch native code on it, as on a machine of sixteen cores.
// `npm run sanitize -- [--threads] [SUBSTRING…]`. Fails on any failing test and on any report, also of a process a test
// started.
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

const given = process.argv.slice(2);
const threads = given.includes('--threads');
const wanted = given.filter((a) => a !== '--threads');
const sanitizers = threads ? 'thread' : 'address,undefined';
const build = join(root, 'build', threads ? 'native-threads' : 'native-sanitize');
const shadow = join(root, 'build', 'sanitize-root');
const seconds = (since: number): string => `${((Date.now() - since) / 1000).toFixed(0)} s`;

function buildAddon(): void {
  const launcher = existsSync('/usr/bin/ccache') ? ['-DCMAKE_CXX_COMPILER_LAUNCHER=ccache'] : [];
  const run = (args: string[]): unknown => execFileSync('cmake', args, { cwd: root, stdio: 'inherit' });
  run(['-S', 'native', '-B', build, `-DMDLAB_SANITIZE=${sanitizers}`, ...launcher]);
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

/** Runs the compiler that built the addon. */
function compiler(...args: string[]): string {
  const name = /^CMAKE_CXX_COMPILER:[^=]*=(.*)$/m.exec(readFileSync(join(build, 'CMakeCache.txt'), 'utf8'));
  return execFileSync(name?.[1] ?? 'c++', args, { encoding: 'utf8' }).trim();
}

/** A library that makes the pool of threads as large as on a machine of sixteen cores: what few threads hide shows. */
function manyCores(): string {
  const [source, to] = [join(shadow, 'cores.cpp'), join(shadow, 'cores.so')];
  writeFileSync(source, 'extern "C" int get_nprocs() noexcept { return 16; }\n');
  compiler('-shared', '-fPIC', '-o', to, source);
  return to;
}

function runTests(): boolean {
  const log = join(shadow, 'report');
  // libstdc++ comes first into the process because node carries its own and the sanitizer wants to find __cxa_throw at
  // its start.
  const libraries = [threads ? 'libtsan.so' : 'libasan.so', 'libstdc++.so.6'].map((name) =>
    compiler(`-print-file-name=${name}`),
  );
  const common = `allocator_may_return_null=1:log_path=${log}`;
  const files = wanted.length > 0 ? wanted : folders;
  const outcome = spawnSync(process.execPath, [join(shadow, 'dist', 'test', 'run.js'), ...files], {
    stdio: 'inherit',
    env: {
      ...process.env,
      LD_PRELOAD: [...libraries, manyCores()].join(' '),
      // Node keeps memory on purpose until it exits, so leaks are not looked for.
      ASAN_OPTIONS: `detect_leaks=0:${common}`,
      UBSAN_OPTIONS: `print_stacktrace=1:log_path=${log}`,
      // Node itself is not built for it: what node does alone is no report, what it shares with the addon is.
      TSAN_OPTIONS: `ignore_noninstrumented_modules=1:history_size=4:exitcode=0:${common}`,
    },
  });
  // A warning that an allocation was refused is what the memory test asks for; errors of all sanitizers count.
  const reports = readdirSync(shadow).filter(
    (f) =>
      f.startsWith('report') &&
      /ERROR:|runtime error:|WARNING: ThreadSanitizer:|FATAL:/.test(readFileSync(join(shadow, f), 'utf8')),
  );
  for (const r of reports) console.log(readFileSync(join(shadow, r), 'utf8').slice(0, 30_000));
  console.log(`${reports.length} sanitizer reports`);
  return outcome.status === 0 && reports.length === 0;
}

const started = Date.now();
buildAddon();
console.log(`built in ${seconds(started)}`);
shadowCheckout();
const tested = Date.now();
const clean = runTests();
console.log(`tested in ${seconds(tested)}`);
process.exit(clean ? 0 : 1);
