// Time to list the neighbours of a periodic liquid: 0.1 atoms/Å³, cutoff 5 Å. Run: node dist/test/bench/neighbors.bench.js
import { cpus } from 'node:os';
import { native } from '../../lib/native.js';
import { random } from '../tools.js';

const median = (values: number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!;

console.log(`${cpus()[0]?.model}, ${native().threads()} threads, ${native().buildInfo().simd}`);
console.log('atoms      edges/atom  median ms  fastest ms  ns/edge');
for (const atoms of [1_000, 10_000, 100_000, 1_000_000]) {
  const length = Math.cbrt(atoms / 0.1);
  const next = random(atoms);
  const batch = {
    offsets: Int32Array.of(0, atoms),
    positions: Float64Array.from({ length: 3 * atoms }, () => length * next()),
    types: new Int32Array(atoms),
    boxes: Float64Array.of(length, 0, 0, 0, length, 0, 0, 0, length),
    periodic: Uint8Array.of(1, 1, 1),
  };
  let edges = 0;
  const times = Array.from({ length: atoms < 1e6 ? 15 : 5 }, () => {
    const start = performance.now();
    edges = native().neighborList(batch, 5, 0, null, null, false).column.length;
    return performance.now() - start;
  });
  const ms = median(times);
  console.log(
    String(atoms).padEnd(11) +
      (edges / atoms).toFixed(2).padEnd(12) +
      ms.toFixed(2).padEnd(11) +
      Math.min(...times)
        .toFixed(2)
        .padEnd(12) +
      ((1e6 * ms) / edges).toFixed(2),
  );
}
