// Every loader with valid files to start from. A loader may give a value or throw MdlabError, nothing else.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openReader, sniff, type TrajectoryFormat } from '../../lib/io/formats.js';
import {
  configurations,
  isConfigurations,
  isTensor,
  save,
  stateDict,
  type Tensor,
  writeSafetensors,
} from '../../lib/io/index.js';
import { formatNpy, parseNpy, parseNpz } from '../../lib/io/npy.js';
import { parseSafetensors } from '../../lib/io/safetensors.js';
import { memorySource } from '../../lib/io/source.js';
import { parseTorch } from '../../lib/io/torch.js';
import { makeBox, Structure, Trajectory } from '../../lib/structure/index.js';
import { openDcd, smallXtc, triclinicDcd, waterXtc, wideXtc } from '../io/golden.js';
import { archive, global, pickle, tensor, text } from '../io/pickle-tools.js';
import { random } from '../tools.js';

export interface Loader {
  name: string;
  seeds(): Uint8Array[];
  /** What is mutated becomes the file that is loaded, for example the pickle inside an archive whose checksum holds. */
  wrap?(bytes: Uint8Array): Uint8Array;
  load(bytes: Uint8Array): void;
}

const golden = (base64: string): Uint8Array => new Uint8Array(Buffer.from(base64, 'base64'));

function sampleTrajectory(): Trajectory {
  const next = random(4);
  const n = 12;
  const topology = new Structure({
    positions: Float64Array.from({ length: 3 * n }, () => next() * 30),
    symbols: Array.from({ length: n }, (_, i) => ['C', 'N', 'O', 'CA'][i % 4]!),
    types: Int32Array.from({ length: n }, (_, i) => i),
    masses: new Float64Array(n).fill(12),
    box: makeBox([30, 0, 0, 3, 31, 0, -2, 4, 32]),
    bonds: Int32Array.of(0, 1, 1, 2, 5, 9),
    info: { note: 'a "b"', n: 5 },
  });
  const frames = [0, 1, 2].map((i) => ({
    positions: topology.positions.map((x) => x + i),
    step: i,
    time: 2 * i,
  }));
  return new Trajectory(topology, frames);
}

/** The file that `save` makes. */
function saved(name: string, thing: Parameters<typeof save>[1]): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), 'mdlab-fuzz-'));
  try {
    save(join(folder, name), thing);
    return new Uint8Array(readFileSync(join(folder, name)));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const tensors: Record<string, Tensor> = {
  a: { shape: [2, 3], dtype: 'float32', data: Float32Array.of(1, 2, 3, 4, 5, 6) },
  b: { shape: [2], dtype: 'int64', data: BigInt64Array.of(1n, -1n) },
  c: { shape: [3], dtype: 'float16', data: Float32Array.of(1, 2, 3) },
  d: { shape: [], dtype: 'bool', data: Uint8Array.of(1) },
};
const storages = {
  0: new Uint8Array(Float32Array.of(1, 2, 3, 4, 5, 6).buffer),
  1: new Uint8Array(BigInt64Array.of(0n, 1n).buffer),
};

/** Pickles that use most opcodes and rebuilders. */
function pickles(): Uint8Array[] {
  const weight = tensor('FloatStorage', '0', 6, 0, [2, 3], [1, 2]);
  const indices = tensor('LongStorage', '1', 2, 0, [1, 2], [2, 1]);
  const values = tensor('FloatStorage', '0', 6, 1, [2], [1]);
  const sparse = Buffer.concat([
    Buffer.from(
      `${global('torch._utils', '_rebuild_sparse_tensor')}(${global('torch.serialization', '_get_layout')}`,
    ),
    ...[text('torch.sparse_coo'), Buffer.from('\x85R(', 'latin1'), indices, values],
    Buffer.from(`${global('torch', 'Size')}K\x05\x85\x85RttR`, 'latin1'),
  ]);
  const object = Buffer.concat([
    Buffer.from(`${global('mlcg.data.atomic_data', 'AtomicData')})\x81q\x01}(`, 'latin1'),
    ...[text('pos'), tensor('FloatStorage', '0', 6, 0, [2, 3], [3, 1]), text('atom_types')],
    ...[tensor('LongStorage', '1', 2, 0, [2], [1]), text('_parent'), Buffer.from('h\x01ub', 'latin1')],
  ]);
  const scalars =
    "I7\nI01\nL-5L\nF2.5\nK\x05M\x01\x02J\x01\x02\x03\x04\x8a\x02\xff\xffG\x3f\xf0\0\0\0\0\0\0NS'a'\nVb\nU\x01c\x88\x89";
  return [
    pickle('}q\x00(', text('state_dict'), '}(', text('a.weight'), weight, text('s'), sparse, 'uu'),
    pickle(']', object, 'a'),
    pickle('(', scalars, 't\x94(K\x01K\x02\x91(K\x01K\x02d\x8f(K\x01\x90]q\x07h\x07a\x87'),
  ];
}

/** What every reader of arrays promises. */
function checkTensor(t: Tensor): void {
  const count = t.shape.reduce((product, n) => product * n, 1);
  if (t.data.length !== count) throw new Error(`${t.data.length} elements for shape ${t.shape.join(' x ')}`);
}

function loadTorch(bytes: Uint8Array): void {
  const value = parseTorch(memorySource('x.pt', bytes));
  for (const t of stateDict(value).values()) {
    if (isTensor(t)) checkTensor(t);
    else {
      checkTensor(t.indices);
      checkTensor(t.values);
      (t.indices.data as BigInt64Array).forEach((k, i) => {
        if (k < 0n || k >= t.shape[Math.floor(i / t.values.data.length)]!)
          throw new Error(`index ${k} outside its shape`);
      });
    }
  }
  if (isConfigurations(value)) configurations(value, 'x.pt');
}

/** Reads all frames and checks what a reader promises of each. */
function loadFrames(format: TrajectoryFormat, bytes: Uint8Array): void {
  const reader = openReader(format, memorySource(`x.${format}`, bytes));
  let end = 0;
  for (let f = reader.next(); f; f = reader.next()) {
    if (!f.positions.every(Number.isFinite)) throw new Error('a position that is not finite came through');
    if (f.structure && f.structure.count * 3 !== f.positions.length)
      throw new Error('a structure of another size');
    if (!(reader.end > end && reader.end <= bytes.length))
      throw new Error(`frame ends at ${reader.end}, after ${end}`);
    end = reader.end;
  }
}

const trajectories = (['extxyz', 'pdb', 'dcd', 'xtc'] as const).map((format): Loader => {
  const goldens = { extxyz: [], pdb: [], dcd: [triclinicDcd, openDcd], xtc: [waterXtc, smallXtc, wideXtc] };
  return {
    name: format,
    seeds: () => [
      saved(`x.${format}`, sampleTrajectory()),
      saved(`y.${format}`, sampleTrajectory().topology),
      ...goldens[format].map(golden),
    ],
    load: (bytes) => loadFrames(format, bytes),
  };
});

export const loaders: readonly Loader[] = [
  ...trajectories,
  {
    name: 'npy',
    seeds: () => Object.values(tensors).map((t) => formatNpy(t)),
    load: (bytes) => checkTensor(parseNpy(memorySource('x.npy', bytes))),
  },
  {
    name: 'npz',
    seeds: () => [saved('x.npz', tensors)],
    load: (bytes) => [...parseNpz(memorySource('x.npz', bytes)).values()].forEach(checkTensor),
  },
  {
    name: 'safetensors',
    seeds: () => {
      const folder = mkdtempSync(join(tmpdir(), 'mdlab-fuzz-'));
      writeSafetensors(join(folder, 's'), tensors, { mdlab: '{}' });
      const bytes = new Uint8Array(readFileSync(join(folder, 's')));
      rmSync(folder, { recursive: true });
      return [bytes];
    },
    load: (bytes) =>
      [...parseSafetensors(memorySource('x.safetensors', bytes)).tensors.values()].forEach(checkTensor),
  },
  { name: 'torch', seeds: () => pickles().map((p) => archive(p, storages)), load: loadTorch },
  { name: 'pickle', seeds: pickles, wrap: (bytes) => archive(bytes, storages), load: loadTorch },
  {
    name: 'sniff',
    seeds: () => [
      saved('x.pdb', sampleTrajectory()),
      saved('x.npz', tensors),
      golden(triclinicDcd),
      golden(waterXtc),
    ],
    load: (bytes) => {
      const source = memorySource('x', bytes);
      const format = sniff(source);
      if (format === 'torch') loadTorch(bytes);
      else if (format === 'npz') parseNpz(source);
      else if (format === 'npy') parseNpy(source);
      else if (format === 'safetensors') parseSafetensors(source);
      else if (format) loadFrames(format, bytes);
    },
  },
];
