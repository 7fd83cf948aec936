// A plain PyTorch CGSchNet (peers/cgschnet.py) on the same positions, neighbour list and weights as ours.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { writeSafetensors } from '../../lib/io/safetensors.js';
import type { Tensor } from '../../lib/io/tensor.js';
import { basisParameters, type SchnetConfig } from '../../lib/models/schnet-config.js';
import { randomSchnet } from '../../lib/models/schnet-random.js';
import { neighborList } from '../../lib/neighbors/index.js';
import type { Structure } from '../../lib/structure/index.js';
import { root } from '../tools.js';

/** What peers/run.py prints of each variant. */
export interface Peer {
  name: string;
  /** Medians and percentiles of one evaluation of all replicas, ms. */
  ms?: number;
  p5?: number;
  p95?: number;
  peak_bytes?: number | null;
  force_error?: number;
  /** s, compiling included. */
  first_s?: number;
  torch?: string;
  device?: string;
  failed?: string;
}

/**
 * Writes what PyTorch reads: the weights of `randomSchnet(config)`, replicas of one size, their directed pairs.
 * @param exact forces of the first replica, which both sides are judged by
 */
export function writeCase(
  path: string,
  { config, systems }: { config: SchnetConfig; systems: readonly Structure[] },
  exact: Float64Array,
): void {
  const model = randomSchnet(config);
  const atoms = systems[0]!.count;
  const list = neighborList(systems, { cutoff: config.cutoff.upper });
  const edges = new Int32Array(2 * list.edges);
  for (let i = 0; i < list.atoms; i++) edges.fill(i, list.rowStart[i], list.rowStart[i + 1]);
  edges.set(list.column, list.edges);
  const { centers, widths } = basisParameters(model.config, model.tensors);
  const positions = new Float64Array(3 * atoms * systems.length);
  for (const [r, s] of systems.entries()) positions.set(s.positions, 3 * atoms * r);
  const types = Int32Array.from(systems.flatMap((s) => [...s.types!]));
  const plain = (data: Float64Array | Int32Array, ...shape: number[]): Tensor => ({
    shape,
    dtype: data instanceof Int32Array ? 'int32' : 'float64',
    data,
  });
  const tensors = new Map<string, Tensor>([
    ['positions', plain(positions, atoms * systems.length, 3)],
    ['types', plain(types, types.length)],
    ['edges', plain(edges, 2, list.edges)],
    ['basis.centers', plain(centers, centers.length)],
    ['basis.widths', plain(widths, widths.length)],
    ['reference.forces', plain(exact, atoms, 3)],
    ...model.tensors,
  ]);
  writeSafetensors(path, tensors, { case: JSON.stringify({ config, atoms, replicas: systems.length }) });
}

export interface PeerOptions {
  python: string;
  /** Names in peers/run.py, by commas. */
  variants: string;
  repeats: number;
  device: 'cuda' | 'cpu';
}

/** One entry per variant. @throws Error when Python cannot be run or ends in failure */
export function runPeers(path: string, { device, python, repeats, variants }: PeerOptions): Peer[] {
  const script = join(root, 'test', 'bench', 'peers', 'run.py');
  const told = spawnSync(
    python,
    [script, path, '--variants', variants, '--repeats', String(repeats), '--device', device],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] },
  );
  if (told.status !== 0) throw new Error(told.error?.message ?? `${python} ended with ${told.status}`);
  return told.stdout
    .split('\n')
    .filter((text) => text.startsWith('{'))
    .map((text) => JSON.parse(text) as Peer);
}
