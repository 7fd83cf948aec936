import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const library = new URL('../../lib/index.js', import.meta.url).href;
const script = (tail: string): string => `
  import { parentPort } from 'node:worker_threads';
  import { harmonicWell, langevin, simulate, Structure } from ${JSON.stringify(library)};
  const structure = new Structure({ positions: new Float64Array(3000), symbols: Array(1000).fill('C') });
  const sim = simulate(structure, harmonicWell({ k: 1 }), {
    integrator: langevin({ temperature: 300, timestep: 2 }), steps: 1e12, every: 1e12,
  });
  const running = sim.run();
  setTimeout(() => { parentPort?.postMessage(sim.step); ${tail} }, 100);
`;
const start = (tail: string): Worker =>
  new Worker(new URL(`data:text/javascript,${encodeURIComponent(script(tail))}`));

test('a worker that is terminated in mid-run stops it and leaves the process alive', async () => {
  for (let k = 0; k < 3; k++) {
    const worker = start('');
    const [step] = await once(worker, 'message');
    assert.ok(step > 0);
    const asked = performance.now();
    await worker.terminate();
    assert.ok(performance.now() - asked < 1000);
  }
});

test('a worker that exits in mid-run does too', async () => {
  const worker = start('process.exit(3)');
  const [code] = await once(worker, 'exit');
  assert.is(code, 3);
});

test('a process that exits in mid-run ends at once with its own code', async () => {
  const child = spawn(process.execPath, ['--input-type=module', '-e', script('process.exit(7)')], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const started = performance.now();
  const [code, signal] = await once(child, 'exit');
  assert.is(signal, null);
  assert.is(code, 7);
  assert.ok(performance.now() - started < 5000);
});

test.run();
