// A worker thread that uses the addon until it is told to end, or is terminated.
import { parentPort, workerData } from 'node:worker_threads';
import { native } from '../../lib/native.js';

const { task, rounds } = workerData as {
  task: 'pool' | 'greedy' | 'lists' | 'cancel' | 'threads';
  rounds: number;
};
const n = native();

function list(seed: number): number {
  const atoms = 200 + (seed % 7);
  const positions = Float64Array.from({ length: 3 * atoms }, (_, i) => (i * 7.31 + seed) % 12);
  const boxes = Float64Array.of(12, 0, 0, 0, 12, 0, 0, 0, 12);
  const batch = {
    offsets: Int32Array.of(0, atoms),
    positions,
    types: new Int32Array(atoms),
    boxes,
    periodic: Uint8Array.of(1, 1, 1),
  };
  n.verletUpdate(n.verletList(4, 0.5), batch);
  return n.neighborList(batch, 4, 0, null, null, false).column.length;
}

if (task === 'cancel') {
  setTimeout(() => n.requestCancel(), 50);
} else {
  parentPort!.postMessage('started');
  let wrong = 0;
  for (let r = 0; r < rounds; r++) {
    if (task === 'threads') n.setThreads(1 + (r % 4));
    else if (task === 'greedy') n.poolCheck(10_000, 100, 'repeat');
    else if (task === 'lists') wrong += list(r) > 0 ? 0 : 1;
    else if (n.poolCheck(1000, 7, r % 2 ? 'nested' : 'sum').sum !== 499_500) wrong++;
  }
  parentPort!.postMessage(wrong);
}
