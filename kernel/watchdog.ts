/**
 * A thread beside the user's code that can act while that code keeps the main thread busy. It reads the interrupt pipe and stops
 * a cell in stages: the flag that loops and awaits look at, together with the addon's own cancel flag, at once; a SIGINT for
 * JavaScript that looks at no flag a little later. It ends the process when the parent is gone.
 *
 * Out of reach is a loop of a package that begins after an await: no script stands around it that SIGINT could break. V8 can end it
 * from here (the inspector's Runtime.terminateExecution), but drops every other continuation that waits for its turn with it, and
 * Node 20 aborts where AsyncLocalStorage is used. So that loop takes the second interrupt, which ends the process.
 */
import { createRequire } from 'node:module';
import { Socket } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';
import { interruptFd, slot } from './wire.js';

/** Between the flag and the SIGINT, ms. */
const patience = 250;

const { shared, addon } = workerData as { shared: Int32Array; addon?: string };
const native = loadAddon();

function loadAddon(): { requestCancel(): void } | undefined {
  if (!addon) return undefined;
  try {
    return createRequire(import.meta.url)(addon) as { requestCancel(): void };
  } catch {
    return undefined;
  }
}

function interrupt(run: number): void {
  Atomics.store(shared, slot.cancelled, Math.max(run, Atomics.load(shared, slot.cancelled)));
  if (Atomics.load(shared, slot.running) !== run) return;
  Atomics.store(shared, slot.stop, 1);
  native?.requestCancel();
  parentPort!.postMessage(run);
  setTimeout(() => {
    const still = Atomics.load(shared, slot.running) === run && Atomics.load(shared, slot.breakable) === 1;
    if (still) process.kill(process.pid, 'SIGINT');
  }, patience);
}

const pipe = new Socket({ fd: interruptFd });
let text = '';
pipe.on('data', (chunk) => {
  text += chunk;
  for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
    interrupt(Number(text.slice(0, end)));
    text = text.slice(end + 1);
  }
});
pipe.on('error', () => {});
// The parent is gone: no code of a notebook may outlive it, however busy it is, nor what it started.
pipe.on('close', () => {
  try {
    process.kill(-process.pid, 'SIGKILL');
  } catch {
    process.kill(process.pid, 'SIGKILL');
  }
});
