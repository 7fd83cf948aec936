// Time to list the neighbours of a periodic liquid, 0.1 atoms/Å³ within 5 + 0.5 Å, on the CPU and on a GPU where there is one;
// and of replicas of 269 beads within 15 + 1 Å. Run: node dist/test/bench/neighbors.bench.js
import { cpus } from 'node:os';
import { type NativeBatch, native } from '../../lib/native.js';
import { random } from '../tools.js';

const sorted = (values: Iterable<number>): number[] => [...values].sort((a, b) => a - b);

function gpu(): string | undefined {
  try {
    return native().cudaDevices()[0]?.name;
  } catch {
    return undefined;
  }
}

/** Milliseconds; a GPU's by its own clock, the batch being there. */
function row(where: string, what: string, edges: number, atoms: number, milliseconds: number[]): void {
  const all = sorted(milliseconds);
  const median = all[all.length >> 1]!;
  const cells = [
    where.padEnd(5),
    what.padEnd(26),
    (edges / atoms).toFixed(2).padEnd(11),
    median.toFixed(4).padEnd(10),
    `${all[0]!.toFixed(4)}..${all.at(-1)!.toFixed(4)}`.padEnd(20),
    ((1e6 * median) / edges).toFixed(4),
  ];
  console.log(cells.join(' '));
}

function measure(what: string, batch: NativeBatch, cutoff: number, skin: number, onHost: number): void {
  const atoms = batch.types.length;
  let edges = 0;
  const times = Array.from({ length: onHost }, () => {
    const start = performance.now();
    edges = native().neighborList(batch, cutoff, skin, null, null, false).column.length;
    return performance.now() - start;
  });
  row('cpu', what, edges, atoms, times);
  if (device === undefined) return;
  const list = native().deviceNeighborList(0, batch, cutoff, skin, null, null, -1, 34);
  row(
    'cuda',
    what,
    list.column.length,
    atoms,
    [...list.seconds.slice(3)].map((s) => 1e3 * s),
  );
}

function liquid(atoms: number): NativeBatch {
  const length = Math.cbrt(atoms / 0.1);
  const next = random(atoms);
  return {
    offsets: Int32Array.of(0, atoms),
    positions: Float64Array.from({ length: 3 * atoms }, () => length * next()),
    types: new Int32Array(atoms),
    boxes: Float64Array.of(length, 0, 0, 0, length, 0, 0, 0, length),
    periodic: Uint8Array.of(1, 1, 1),
  };
}

/** Beads spread evenly over a ball of 16 Å, about as dense as a folded protein. */
function replicas(count: number, beads = 269, radius = 16): NativeBatch {
  const next = random(count);
  const positions: number[] = [];
  while (positions.length < 3 * beads * count) {
    const p = [0, 0, 0].map(() => radius * (2 * next() - 1));
    if (Math.hypot(...p) <= radius) positions.push(...p);
  }
  return {
    offsets: Int32Array.from({ length: count + 1 }, (_, s) => s * beads),
    positions: Float64Array.from(positions),
    types: new Int32Array(beads * count),
    boxes: new Float64Array(9 * count),
    periodic: new Uint8Array(3 * count),
  };
}

const device = gpu();
console.log(
  `${cpus()[0]?.model}, ${native().threads()} threads, ${native().buildInfo().simd}; ${device ?? 'no GPU'}`,
);
console.log('where what                       edges/atom  median ms  fastest..slowest     ns/edge');
for (const atoms of [1_000, 10_000, 100_000, 1_000_000])
  measure(`liquid of ${atoms}`, liquid(atoms), 5, 0.5, atoms < 1e6 ? 15 : 5);
for (const count of [1, 64, 512]) measure(`${count} x 269 beads`, replicas(count), 15, 1, 15);
