// Runs all benchmarks, or those whose file name contains one of the arguments, one after the other: `npm run bench schnet`.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
// Words before the first option choose benchmarks; options go to each of them.
const all = process.argv.slice(2);
const cut = all.findIndex((a) => a.startsWith('-'));
const wanted = cut < 0 ? all : all.slice(0, cut);
const options = cut < 0 ? [] : all.slice(cut);
const files = readdirSync(here)
  .filter((f) => f.endsWith('.bench.js') && (wanted.length === 0 || wanted.some((w) => f.includes(w))))
  .sort();
if (files.length === 0) {
  console.error(`bench: no benchmark matches ${wanted.join(' ')}`);
  process.exit(1);
}
// Ctrl-C reaches the benchmark by itself, and what ends this process is handed on: it may have something to keep.
let running: ChildProcess | undefined;
process.on('SIGINT', () => {});
process.on('SIGTERM', () => running?.kill('SIGTERM'));
let failed = 0;
for (const f of files) {
  console.log(`\n== ${f.replace('.bench.js', '')}`);
  running = spawn(process.execPath, ['--enable-source-maps', join(here, f), ...options], {
    stdio: 'inherit',
  });
  const [status] = (await once(running, 'exit')) as [number | null];
  if (status !== 0) failed++;
}
process.exit(failed ? 1 : 0);
