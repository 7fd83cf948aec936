// Runs every test file in a process of its own, so that a crash of one (a segfault too) fails that file and no other.
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const wanted = process.argv.slice(2);
const timeoutMs = 600_000;

const files = (readdirSync(here, { recursive: true }) as string[])
  .filter((f) => f.endsWith('.test.js') && (wanted.length === 0 || wanted.some((w) => f.includes(w))))
  .sort();

interface Outcome {
  passed: number;
  failed: number;
  skipped: string[];
}

function runFile(file: string): Promise<Outcome> {
  return new Promise((resolve) => {
    const started = Date.now();
    const child = spawn(process.execPath, ['--enable-source-maps', join(here, file)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let out = '';
    child.stdout.on('data', (d) => (out += d));
    child.stderr.on('data', (d) => (out += d));
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      const count = (word: string): number => Number(new RegExp(`${word}:\\s+(\\d+)`).exec(out)?.[1] ?? 0);
      const skipped = [...out.matchAll(/^SKIP (.*)$/gm)].map((m) => m[1]!);
      const total = count('Total');
      const passed = count('Passed');
      const broken = code !== 0 && total === passed ? 1 : 0;
      const empty = total === 0 && skipped.length === 0 ? 1 : 0;
      const failed = total - passed + (broken || empty);
      const seconds = ((Date.now() - started) / 1000).toFixed(1);
      console.log(
        `${failed ? 'FAIL' : 'ok  '} ${relative('.', file)} ${passed}/${total} ${seconds} s${signal ? ` (${signal})` : ''}`,
      );
      if (failed) console.log(out.replace(/^/gm, '     '));
      for (const s of skipped) console.log(`     skipped: ${s}`);
      resolve({ passed, failed, skipped });
    });
  });
}

let passed = 0;
let failed = 0;
let skipped = 0;
const queue = [...files];
await Promise.all(
  Array.from({ length: Math.max(1, Math.min(2, availableParallelism())) }, async () => {
    for (let f = queue.shift(); f; f = queue.shift()) {
      const r = await runFile(f);
      passed += r.passed;
      failed += r.failed;
      skipped += r.skipped.length;
    }
  }),
);
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exit(failed || !passed ? 1 : 0);
