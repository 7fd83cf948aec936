// How long a notebook waits for its kernel: start, first cell, small cells, a thousand cells, loops at the top of a cell, memory;
// beside ipykernel and Deno where they are installed (pip install ipykernel into build/venv, npm install --prefix build/kernels
// deno). Run: npm run bench -- kernel
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { Client } from '../kernel/client.js';
import { root } from '../tools.js';
import { type Row, report } from './tools.js';

interface Kernel {
  name: string;
  /** Undefined: ours. */
  command?: (file: string) => string[];
  cell: (i: number) => string;
  loop: string;
  note?: string;
}

const starts = 5;
const small = 40;
const many = 1000;
const script = (i: number): string => `const x${i} = ${i}; x${i} * 2`;
const loop = 'let sum = 0; for (let i = 0; i < 3e6; i++) sum += i; sum';

function kernels(): Kernel[] {
  const found: Kernel[] = [{ name: 'mdlab', cell: script, loop }];
  const python = join(root, 'build', 'venv', 'bin', 'python');
  const version = spawnSync(python, ['-c', 'import ipykernel; print(ipykernel.__version__)'], {
    encoding: 'utf8',
  });
  if (version.status === 0)
    found.push({
      name: `ipykernel ${version.stdout.trim()}`,
      command: (file) => [python, '-Xfrozen_modules=off', '-m', 'ipykernel_launcher', '-f', file],
      cell: (i) => `x${i} = ${i}; x${i} * 2`,
      loop: 'sum = 0\nfor i in range(3000000): sum += i\nsum',
    });
  else console.log('ipykernel: not installed in build/venv');
  const deno = join(root, 'build', 'kernels', 'node_modules', '.bin', 'deno');
  if (existsSync(deno))
    found.push({
      name: execFileSync(deno, ['--version'], { encoding: 'utf8' }).split(/\s+/).slice(0, 2).join(' '),
      command: (file) => [deno, 'jupyter', '--kernel', '--conn', file],
      cell: script,
      loop,
      note: 'no type check',
    });
  else console.log('deno: not installed in build/kernels');
  return found;
}

const median = (values: number[]): number => quantile(values, 0.5);
function quantile(values: number[], q: number): number {
  const sorted = values.slice().sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))]!;
}

async function timeOf(c: Client, code: string): Promise<number> {
  const t = performance.now();
  const { reply } = await c.execute(code);
  if ((reply.content['status'] as string) !== 'ok')
    throw new Error(`${code}: ${JSON.stringify(reply.content)}`);
  return performance.now() - t;
}

/** Resident memory of a process and all below it, MB; pages that they share counted once. */
function memory(pid: number): number {
  let own = 0;
  let shared = 0;
  for (const p of tree(pid)) {
    const text = readFileSync(`/proc/${p}/smaps_rollup`, 'utf8');
    const kB = (what: string): number => Number(new RegExp(`^${what}:\\s+(\\d+)`, 'm').exec(text)![1]);
    own += kB('Private_Clean') + kB('Private_Dirty');
    shared = Math.max(shared, kB('Shared_Clean') + kB('Shared_Dirty'));
  }
  return (own + shared) / 1024;
}

function tree(pid: number): number[] {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number),
  );
  return [pid, ...children.flatMap(tree)];
}

/** The same loop in a script of Node's own, ms. */
function plainLoop(): number {
  const text = `const t = performance.now(); (() => { ${loop} })(); console.log(performance.now() - t)`;
  return median(
    Array.from({ length: 5 }, () =>
      Number(execFileSync(process.execPath, ['-e', text], { encoding: 'utf8' })),
    ),
  );
}

async function measure(kernel: Kernel): Promise<Row> {
  // Processes that wanted a core in the last minute: a wait measured on a busy machine is not the kernel's.
  const load = loadavg()[0]!;
  const ready: number[] = [];
  const first: number[] = [];
  for (let i = 0; i < starts; i++) {
    const t = performance.now();
    const c = await Client.start({ command: kernel.command });
    ready.push(performance.now() - t);
    first.push(await timeOf(c, kernel.cell(0)));
    await c.close();
  }
  const c = await Client.start({ command: kernel.command });
  await timeOf(c, kernel.cell(0));
  const pid = c.process.pid!;
  const atStart = memory(pid);
  const times: number[] = [];
  for (let i = 1; i <= small; i++) times.push(await timeOf(c, kernel.cell(i)));
  const afterSmall = await settled(pid);
  const loops: number[] = [];
  for (let i = 0; i < 5; i++) loops.push(await timeOf(c, kernel.loop.replaceAll('sum', `sum${i}`)));
  const later: number[] = [];
  for (let i = small + 1; i <= many; i++) later.push(await timeOf(c, kernel.cell(i)));
  const afterMany = await settled(pid);
  await c.close();
  return {
    kernel: kernel.name,
    'ready ms': median(ready),
    'first cell ms': median(first),
    'cell ms': median(times),
    'cell p95 ms': quantile(times, 0.95),
    'cells 41-240 ms': median(later.slice(0, 200)),
    'last 200 ms': median(later.slice(-200)),
    'start MB': atStart,
    '41 cells MB': afterSmall,
    '1000 cells MB': afterMany,
    'loop ms': median(loops),
    'load at start': load,
    note: kernel.note ?? '',
  };
}

/** Memory a moment later, when a kernel has had time to tidy up. */
async function settled(pid: number): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, 1000));
  return memory(pid);
}

const rows: Row[] = [];
for (const kernel of kernels()) rows.push(await measure(kernel));
rows.push({ kernel: 'plain Node', 'loop ms': plainLoop(), note: 'the loop in a script' });
report('kernel', rows, [...new Set(rows.flatMap((r) => Object.keys(r)))]);
process.exit(0);
