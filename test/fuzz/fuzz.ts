// npm run fuzz -- [--files N] [--seed S] [--loader NAME] [--only I]: mutated files for every loader, each in a process
// of its own, so that a crash is a finding and not the end. Prints a line for each, and how to run a failing file again.
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { root } from '../tools.js';
import { loaders } from './loaders.js';
import { type Campaign, feedWatched, fileOf, type Outcome } from './run-loader.js';

const { values } = parseArgs({
  options: {
    files: { type: 'string', default: '10000' },
    seed: { type: 'string', default: '1' },
    loader: { type: 'string' },
    only: { type: 'string' },
    child: { type: 'boolean', default: false },
  },
});

function campaignOf(loader: string): Campaign {
  const only = values.only === undefined ? {} : { only: Number(values.only) };
  return { loader, count: Number(values.files), seed: Number(values.seed), ...only };
}

/** Highest resident memory a process may reach: ours without any file is about 100 MB. */
const maxResidentMB = 700;

function runInProcess(loader: string): Promise<{ outcome?: Outcome; peakMB: number; died: string }> {
  const only = values.only === undefined ? [] : ['--only', values.only];
  const args = ['--child', '--loader', loader, '--files', values.files, '--seed', values.seed, ...only];
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [fileURLToPath(import.meta.url), ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let out = '';
    let err = '';
    child.stdout.on('data', (d) => (out += d));
    child.stderr.on('data', (d) => (err += d));
    child.on('close', (code, signal) => {
      try {
        resolve({ ...(JSON.parse(out) as { outcome: Outcome; peakMB: number }), died: '' });
      } catch {
        resolve({ peakMB: 0, died: `process ended with ${signal ?? code}: ${err.slice(-500)}` });
      }
    });
  });
}

if (values.child) {
  try {
    const outcome = await feedWatched(campaignOf(values.loader!));
    console.log(JSON.stringify({ outcome, peakMB: process.resourceUsage().maxRSS / 1024 }));
  } catch (error) {
    console.error((error as Error).message);
    process.exit(1);
  }
} else {
  let bad = 0;
  for (const { name } of loaders) {
    if (values.loader && values.loader !== name) continue;
    const { outcome: o, peakMB, died } = await runInProcess(name);
    const failures = [...(o?.failures ?? []), ...(died ? [died] : [])];
    if (peakMB > maxResidentMB) failures.push(`memory reached ${peakMB.toFixed(0)} MB`);
    const numbers = o
      ? `${o.files} files, ${o.loaded} loaded, ${o.refused} refused, slowest ${o.slowestMs.toFixed(0)} ms, ` +
        `grew ${o.grownMB.toFixed(1)} MB, peak ${peakMB.toFixed(0)} MB, ${o.seconds.toFixed(1)} s`
      : '';
    console.log(`${failures.length ? 'FAIL' : 'ok  '} ${name.padEnd(12)} ${numbers}`);
    for (const failure of failures.slice(0, 5)) report(name, failure);
    bad += failures.length;
  }
  process.exit(bad ? 1 : 0);
}

/** Prints a finding, keeps its file, and says how to run it again. */
function report(loader: string, failure: string): void {
  console.log(`     ${failure.replace(/\n/g, '\n     ')}`);
  const index = /file (\d+)/.exec(failure)?.[1];
  if (index === undefined) return;
  const folder = join(root, 'build', 'fuzz');
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${loader}-${values.seed}-${index}.bin`);
  writeFileSync(path, fileOf(campaignOf(loader), Number(index)));
  console.log(
    `     kept as ${path}; again: npm run fuzz -- --loader ${loader} --seed ${values.seed} --only ${index}`,
  );
}
