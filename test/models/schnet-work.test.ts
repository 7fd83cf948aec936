import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type KernelWork, type Work, workOfStage } from '../../lib/models/kernel-work.js';
import { defaultSchnetConfig } from '../../lib/models/schnet-random.js';
import { schnetWork } from '../../lib/models/schnet-work.js';

// One distance takes 2·(4·8 + 8·8) = 192 operations here; 10 edges, 3 atoms, 2 blocks.
const config = {
  ...defaultSchnetConfig,
  filters: 8,
  blocks: 2,
  rbf: { type: 'gaussian' as const, count: 4 },
};
const byStage = (all: KernelWork[]): Record<string, Work> =>
  Object.fromEntries(all.map(({ stage }) => [stage, workOfStage(all, stage)!]));
const work = (options = {}) => byStage(schnetWork(config, 10, 3, options));
/** What one kernel of a stage does. */
const kernel = (stage: string, name: string, options = {}): KernelWork =>
  schnetWork(config, 10, 3, options).find((w) => w.stage === stage && w.kernel === name)!;

test('flash: counted by hand for ten edges', () => {
  const { message, 'message reverse': reverse, geometry, forces } = work({ operands: 'float16' });
  assert.is(message!.products, 2 * 10 * 192);
  assert.is(
    reverse!.products,
    (2 * 2 * 5 + 5) * 192,
    'value and slope of half the edges, values of the rest in one block',
  );
  assert.is(
    message!.special,
    2 * 10 * (4 + 16),
    'an exponential per basis function, two operations per tanh',
  );
  // j and r of 10 edges; y and m of 3 atoms and 8 channels: 80 + 192 bytes, twice.
  assert.is(message!.bytes, 2 * (80 + 192));
  // 5 edges: j, r, slope, y, gradM; the second block run reads slopes; one block needs gradY: read and written, and
  // j, r, gradM and gradY of the other 5.
  assert.is(reverse!.bytes, 2 * (60 + 192) + (20 + 192) + (40 + 192));
  assert.is(message!.gathered, 2 * 10 * 32);
  assert.is(reverse!.gathered, 2 * 5 * 64 + 5 * 32);
  assert.is(message!.shared, 2 * (10 / 32) * 2 * 96, '96 weights of two bytes for 32 rows');
  assert.is(geometry!.bytes, 120 + 108);
  assert.is(forces!.bytes, 120 + 240);
});

test('flash: single precision multiplies halves three times, integers read half the bytes', () => {
  const [three, one, eight] = ['float32', 'float16', 'int8'].map((operands) => work({ operands }).message!);
  assert.is(three!.products, 3 * one!.products);
  assert.is(three!.shared, 2 * one!.shared);
  assert.is(eight!.shared, one!.shared / 2);
  assert.is(three!.bytes, one!.bytes);
});

test('baseline: every array of the edges counted by hand', () => {
  const { message, 'message reverse': reverse, geometry, forces } = work({ pipeline: 'baseline' });
  assert.is(message!.products, 2 * 10 * 192);
  assert.is(reverse!.products, 2 * 10 * 192);
  // (10,8) floats are 320 bytes, (10,4) 160; weights 384; y and m 192, m is zeroed besides; C 40; two indices 160.
  assert.is(message!.bytes, 2 * (160 + 12 * 320 + 40 + 160 + 384 + 192 + 96));
  assert.is(reverse!.bytes, 2 * (16 * 320 + 2 * 160 + 80 + 120 + 384 + 96) + (4 * 320 + 80 + 96 + 96));
  // 10 numbers per edge, two indices; 5 arrays (10,4) and, for forces, one of them and one number zeroed.
  assert.is(geometry!.bytes, 400 + 160 + 5 * 160 + 200 + 72);
  assert.is(forces!.bytes, 8 * 160 + 18 * 40 + 160 + 72);
  const half = work({ pipeline: 'baseline', techniques: { weights16: true } });
  assert.ok(half.message!.bytes > message!.bytes / 2 && half.message!.bytes < message!.bytes);
});

test('table: counted by hand for ten edges over a list, and for their five pairs once', () => {
  const { message, 'message reverse': reverse } = work({ pipeline: 'table' });
  // 8 channels are a part of one slice; a warp instruction stands for 64 operations.
  assert.is(message!.arithmetic, 2 * 10 * 27 * 64);
  assert.is(reverse!.arithmetic, 10 * (54 + 44) * 64, 'no gradient of the first features');
  assert.is(message!.shared, 2 * 10 * 11 * 128);
  // Place and atom of 10 edges; y and m of 3 atoms.
  assert.is(message!.bytes, 2 * (80 + 192));
  // y, gradM, and gradY of one block; slopes set, then read and added to.
  assert.is(reverse!.bytes, 2 * (80 + 192) + 96 + 10 * (4 + 8));
  assert.is(message!.gathered, 2 * 10 * 32);
  const packed = work({ pipeline: 'table', entries: 'int16' });
  assert.ok(packed['message']!.shared < message!.shared && packed['message']!.bytes === message!.bytes);
  const once = work({ pipeline: 'table', listed: false });
  assert.is(once['message']!.arithmetic, 2 * 5 * 31 * 64);
  assert.is(once['message']!.gathered, 0);
});

test('table: distances and forces counted by hand', () => {
  const { geometry, forces } = work({ pipeline: 'table' });
  assert.is(geometry!.bytes, 10 * 28 + 72, 'column; place, atom, direction; positions');
  assert.is(forces!.bytes, 10 * (16 + 4) + 2 * 72, 'direction and slope; forces read and written');
  const once = work({ pipeline: 'table', listed: false });
  assert.is(once['geometry']!.bytes, 5 * 4 + 72);
  assert.is(once['forces']!.bytes, 10 * (4 + 4) + 3 * 72);
});

test('layers of atoms: counted by hand', () => {
  // H 6, F 8, head 6 → 4 → 2; three half products for each of single precision.
  const small = { ...config, hidden: 6, head: [4, 2] };
  const of = (options = {}) => byStage(schnetWork(small, 10, 3, { headApart: false, ...options }));
  const { node, head, 'node reverse': reverse } = of();
  assert.is(node!.products, 2 * 3 * 3 * (48 + 36 + 48), 'lin2, lin, lin1 of 3 atoms, once');
  assert.is(reverse!.products, node!.products);
  assert.is(head!.products, 2 * 3 * 3 * 2 * (48 + 36 + 24 + 8), 'there and back');
  assert.is(node!.special, 2 * 3 * 6);
  assert.is(head!.special, 2 * 3 * (6 + 4 + 2));
  // m 8, x 6, slope 6, y 8; its x is the embedding's.
  assert.is(node!.bytes, 12 * 28);
  // m, x, energy; slopes of 6 and 4 there and back; gradients of x and m.
  assert.is(head!.bytes, 12 * (8 + 6 + 1 + 2 * 10 + 6 + 8));
  assert.is(reverse!.bytes, 12 * (8 + 3 * 6 + 8));
  const three = byStage(schnetWork({ ...small, blocks: 3 }, 10, 3));
  assert.is(three['node']!.bytes, 12 * (2 * 28 + 6), 'the second block reads x');
  assert.is(
    of({ pipeline: 'baseline', techniques: { weights16: true } })['node']!.products,
    node!.products / 3,
  );
  assert.is(of({ forces: false })['head']!.products, head!.products / 2);
  // Slopes of the last layer too, by both kernels.
  const apart = of({ headApart: true })['head']!;
  assert.is(apart.products, head!.products);
  assert.is(apart.bytes, head!.bytes + 2 * 12 * 2);
});

test('kernels of the baseline: counted by hand, with techniques and without', () => {
  const baseline = { pipeline: 'baseline' as const };
  const gemm = kernel('message', 'cublasLtMatmul', baseline);
  assert.is(gemm.products, 2 * 10 * 192);
  assert.is(gemm.bytes, 2 * (160 + 320 + 128 + (320 + 320) + 256), 'φ, hidden, weights; hidden, W, weights');
  assert.is(kernel('message reverse', 'cublasLtMatmul', baseline).bytes, gemm.bytes + 2 * 160, 'it adds');
  // Three products in each of two blocks but the one for gradY in the first.
  assert.is(kernel('message reverse', 'edgeProduct', baseline).bytes, 5 * 3 * 320);
  assert.is(kernel('message', 'edgeScatter', baseline).bytes, 2 * (320 + 80 + 96));
  assert.is(kernel('forces', 'edgeSum', baseline).bytes, 160 + 80 + 160 + 40);
  const both = { ...baseline, techniques: { radialBasis: true, aggregation: true } };
  const names = schnetWork(config, 10, 3, both).map((w) => w.kernel);
  for (const gone of ['edgeScatter', 'edgeEnvelope', 'edgeGaussian', 'edgeSlope', 'edgeForcesScatter'])
    assert.not(names.includes(gone), gone);
  assert.is(kernel('geometry', 'edgeBasis', both).bytes, 160 + 80, 'r, C and φ');
  assert.is(kernel('message', 'edgeSegments', both).bytes, 2 * (320 + 96 + 12));
  assert.is(kernel('message reverse', 'edgeSegments', both).bytes, 320 + 40 + 96 + 12);
});

test('all three techniques are flash; message passing without one of the others is not counted', () => {
  const three = { radialBasis: true, messagePassing: true, aggregation: true };
  const of = (techniques: object) => schnetWork(config, 10, 3, { pipeline: 'baseline', techniques });
  assert.equal(of(three), schnetWork(config, 10, 3));
  const [sixteen] = of({ ...three, weights16: true }).filter((w) => w.kernel === 'flashForward');
  assert.equal(sixteen, kernel('message', 'flashForward', { operands: 'float16-channel' }));
  const part = of({ messagePassing: true }).map((w) => w.kernel);
  assert.equal(part, ['nodeUpdate', 'nodeTop', 'nodeTopReverse', 'nodeReverse']);
});

test('energies alone have no reverse stages', () => {
  assert.equal(Object.keys(work({ forces: false })), ['geometry', 'message', 'node', 'head']);
  assert.is(work({ pipeline: 'baseline', forces: false }).geometry!.bytes, 400 + 160 + 5 * 160 + 72);
});

test.run();
