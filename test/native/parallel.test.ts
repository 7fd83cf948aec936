import { Worker } from 'node:worker_threads';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { native } from '../../lib/native.js';

const start = (task: string, rounds: number): Worker =>
  new Worker(new URL('./pool-worker.js', import.meta.url), { workerData: { task, rounds } });

/** The worker's last word: how many of its answers were wrong. */
const answer = (worker: Worker): Promise<number> =>
  new Promise((resolve, reject) => {
    worker.on('message', (m) => typeof m === 'number' && resolve(m));
    worker.on('error', reject);
  });

// Runs before this process has loaded the addon itself: the last worker to end would unload it.
test('workers that load the addon, use it and are terminated leave the process alive', async () => {
  for (let round = 0; round < 12; round++) {
    const workers = [start('pool', 1e9), start('lists', 1e9), start('lists', 3)];
    await Promise.all(workers.map((w) => new Promise((resolve) => w.once('message', resolve))));
    await new Promise((resolve) => setTimeout(resolve, 5 * (round % 4)));
    await Promise.all(workers.map((w) => w.terminate()));
  }
});

test('loops of several threads at a time, with the number of threads changing, give right sums', async () => {
  const before = native().threads();
  const workers = [start('pool', 1500), start('pool', 1500), start('lists', 300), start('threads', 4000)];
  const answers = Promise.all(workers.map(answer));
  let done = false;
  answers.then(() => {
    done = true;
  });
  while (!done) {
    assert.is(native().poolCheck(500, 3, 'sum').sum, 124_750);
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal(await answers, [0, 0, 0, 0]);
  await Promise.all(workers.map((w) => w.terminate()));
  native().setThreads(before);
});

test('a loop uses the threads that were set', () => {
  const before = native().threads();
  for (const threads of [1, 2, 4]) {
    native().setThreads(threads);
    assert.is(native().threads(), threads);
    const { sum, workers } = native().poolCheck(64, 1, 'sleep');
    assert.is(sum, 2016);
    assert.is(workers, threads);
  }
  native().setThreads(before);
});

test('loops inside a loop are part of it', () => {
  assert.is(native().poolCheck(10_000, 13, 'nested').sum, 49_995_000);
  assert.is(native().poolCheck(1, 1, 'nested').sum, 0);
  assert.equal(native().poolCheck(0, 1, 'sum'), { sum: 0, workers: 0 });
});

test('a thread that loops without pause does not starve another', async () => {
  const before = native().threads();
  native().setThreads(2);
  const greedy = start('greedy', 1e9);
  await new Promise((resolve) => greedy.once('message', resolve));
  await new Promise((resolve) => setTimeout(resolve, 100));
  let longest = 0;
  for (const end = performance.now() + 700; performance.now() < end; ) {
    const started = performance.now();
    native().poolCheck(1000, 10, 'sum');
    longest = Math.max(longest, performance.now() - started);
  }
  await greedy.terminate();
  native().setThreads(before);
  assert.ok(longest < 500, `one loop took ${longest} ms`);
});

test('two threads that want the same without a pause take turns', () => {
  const { sum } = native().poolCheck(300, 1, 'turns');
  assert.ok(sum < 100, `one of them got it ${sum} times in a row`);
});

test('an error inside a loop reaches the caller, and the pool goes on', () => {
  for (let round = 0; round < 200; round++) {
    assert.throws(
      () => native().poolCheck(1000, 1 + (round % 9), 'throw'),
      (e: Error & { code: string }) => e.code === 'EINVALID' && /must not be the middle/.test(e.message),
    );
    assert.is(native().poolCheck(1000, 10, 'sum').sum, 499_500);
  }
});

test('a cancel from another thread stops a long loop within 100 ms', async () => {
  const before = native().threads();
  native().setThreads(2);
  const worker = start('cancel', 0);
  await new Promise((resolve) => worker.once('online', resolve));
  const started = performance.now();
  assert.throws(
    () => native().poolCheck(100_000, 1, 'sleep'),
    (e: Error & { code: string }) => e.code === 'EINTERRUPTED',
  );
  // 50 s of sleeping stopped; the worker asks 50 ms after it has loaded the addon.
  assert.ok(performance.now() - started < 2000, `${performance.now() - started} ms`);
  const again = performance.now();
  assert.throws(() => native().poolCheck(100_000, 1, 'sleep'), /interrupted/);
  assert.ok(performance.now() - again < 100, `${performance.now() - again} ms`);
  native().clearCancel();
  assert.is(native().poolCheck(100, 1, 'sum').sum, 4950);
  await worker.terminate();
  native().setThreads(before);
});

test.run();
