import { checkOptionNames } from '../errors.js';
import type { SchnetEntries, SchnetOperands } from './schnet.js';
import type { SchnetConfig } from './schnet-config.js';

/**
 * The counted work of one stage of an evaluation, all blocks together. One multiply-add is two operations. Divided by
 * what a device can do per second, each number is a time the stage cannot beat; the largest is its floor.
 */
export interface StageWork {
  stage: string;
  /** Operations of matrix products, which tensor cores can do. */
  products: number;
  /** Other arithmetic: scaling, differences, multiplication with features, sums. */
  arithmetic: number;
  /** Exponentials, logarithms, reciprocals and roots of the special-function units. */
  special: number;
  /** Bytes of device memory: each array read or written once per kernel that needs it. */
  bytes: number;
  /** Bytes gathered by edge from arrays that stay in the second-level cache. */
  gathered: number;
  /** Bytes read from shared memory for operands of products. */
  shared: number;
}

export interface SchnetWorkOptions {
  pipeline?: 'baseline' | 'flash' | 'table';
  /** Of `table`. Default `float32`. */
  entries?: SchnetEntries;
  /** Of `table`: over a list of directed pairs, as any batch can be, or over pairs once. Default true. */
  listed?: boolean;
  /** Of `flash`. Default `float32`, which multiplies halves three times. */
  operands?: SchnetOperands;
  /** Of `baseline`: bytes of a number in an edge array, 2 with weights16. Default 4. */
  element?: 2 | 4;
  /** Whether forces are computed. Default true. */
  forces?: boolean;
}

type Counts = Omit<StageWork, 'stage'>;
const nothing: Counts = { products: 0, arithmetic: 0, special: 0, bytes: 0, gathered: 0, shared: 0 };
const stageOf = (stage: string, counts: Partial<Counts>): StageWork => ({ stage, ...nothing, ...counts });

/**
 * The work of one evaluation on a GPU by stage, under the names that `Schnet.stages` gives their times.
 * @param edges directed pairs inside the cutoff
 * @param atoms of all systems together
 */
export function schnetWork(
  config: SchnetConfig,
  edges: number,
  atoms: number,
  options: SchnetWorkOptions = {},
): StageWork[] {
  checkOptionNames<SchnetWorkOptions>('schnetWork', options, {
    pipeline: true,
    entries: true,
    listed: true,
    operands: true,
    element: true,
    forces: true,
  });
  const { element = 4, forces = true, pipeline = 'flash' } = options;
  const messages =
    pipeline === 'flash'
      ? flashWork(config, edges, atoms, options.operands ?? 'float32', forces)
      : pipeline === 'table'
        ? tableWork(config, edges, atoms, options.entries ?? 'float32', options.listed ?? true)
        : baselineWork(config, edges, atoms, element, forces);
  const all = [...messages, ...nodeWork(config, atoms, element, forces)];
  return forces ? all : all.filter((s) => !s.stage.endsWith('reverse') && s.stage !== 'forces');
}

/**
 * The layers of native/models/schnet/node-network.cu: every array of features or slopes read or written once per kernel;
 * weights stay in caches. Single precision multiplies halves three times.
 */
function nodeWork(config: SchnetConfig, atoms: number, element: 2 | 4, forces: boolean): StageWork[] {
  const { blocks: L, filters: F, head, hidden: H } = config;
  const product = 2 * (element === 2 ? 1 : 3) * atoms;
  // lin2 and lin, and their transposes; with them lin1 between two blocks.
  const update = F * H + H * H;
  const between = update + H * F;
  const widths = [H, ...head];
  const headLayers = head.reduce((sum, width, k) => sum + widths[k]! * width, 0);
  const headWidth = head.reduce((a, b) => a + b, 0);
  // The last layer's slopes are used where they are made.
  const headSlopes = headWidth - (head.at(-1) ?? 0);
  return [
    // m, x (the embedding's in the first block), x and slopes for later, y.
    stageOf('node', {
      products: (L - 1) * product * between,
      special: (L - 1) * 2 * atoms * H,
      bytes: 4 * atoms * ((L - 1) * (F + H + (forces ? H : 0) + F) + Math.max(0, L - 2) * H),
    }),
    // m, x, the energy; there and back slopes; the gradients of x and of m.
    stageOf('head', {
      products: product * (forces ? 2 : 1) * (update + headLayers),
      special: 2 * atoms * (H + headWidth),
      bytes: 4 * atoms * (F + (L > 1 ? H : 0) + 1 + (forces ? 2 * (H + headSlopes) + H + F : 0)),
    }),
    // The gradients of y and x, slopes, the gradients of x and m.
    stageOf('node reverse', {
      products: (L - 1) * product * between,
      bytes: (L - 1) * 4 * atoms * (F + H + H + H + F),
    }),
  ];
}

/** Operations of the filter network for one distance: K → F → F. */
function networkOperations(config: SchnetConfig): number {
  const { filters: F, rbf } = config;
  return 2 * (rbf.count * F + F * F);
}

/** What one kernel of native/models/schnet/flash.cu reads, computes and writes. */
function flashWork(
  config: SchnetConfig,
  edges: number,
  atoms: number,
  operands: SchnetOperands,
  forces: boolean,
): StageWork[] {
  const { filters: F, blocks: L } = config;
  const K = config.rbf.count;
  const times = operands === 'float32' ? 3 : 1;
  const bytesPerWeight = operands.startsWith('int8')
    ? 1
    : operands === 'float32' || operands === 'tf32'
      ? 4
      : 2;
  const weights = bytesPerWeight * (K * F + F * F);
  const features = 4 * atoms * F;
  // Per edge: x = t − c, w·x, ·x, ·C for K; scale, bias, 2 for the activation, C·y, W·y and its sum for F.
  const forward = 4 * K + F * (2 + 2 + 3);
  // φ' besides (3 for K); the slope's product (3), y_i g_j + y_j g_i (3), two sums of products (4) besides for F.
  const reverse = 7 * K + F * (2 + 2 + 3 + 3 + 3 + 4);
  const special = K + 2 * F;
  return [
    // Columns read, j and r written, positions and row starts read, counts written.
    stageOf('geometry', { arithmetic: 9 * edges, special: edges, bytes: 12 * edges + 36 * atoms }),
    stageOf('message', {
      products: L * times * edges * networkOperations(config),
      arithmetic: L * edges * forward,
      special: L * edges * special,
      bytes: L * (8 * edges + 2 * features),
      gathered: L * edges * 4 * F,
      // A warp reads all weights for 32 rows of operands.
      shared: L * (edges / 32) * weights,
    }),
    // Half of the edges take value and slope; the others the value, and nothing in block 0.
    stageOf('message reverse', {
      products: (L * 2 + L - 1) * (edges / 2) * times * networkOperations(config),
      arithmetic: (edges / 2) * (L * reverse + (L - 1) * forward),
      special: (2 * L - 1) * (edges / 2) * special,
      // j, r, slope, y and gradM; slopes read again but for the first block to run; gradY read and written but for block 0;
      // j, r, gradM and gradY of the others.
      bytes: L * (6 * edges + 2 * features) + (L - 1) * (2 * edges + 2 * features + 4 * edges + 2 * features),
      gathered: (edges / 2) * (L * 8 * F + (L - 1) * 4 * F),
      shared: (edges / 2) * weights * (L / 16 + (L - 1) / 32),
    }),
    stageOf(
      'forces',
      forces ? { arithmetic: 24 * edges, special: edges, bytes: 12 * edges + 80 * atoms } : {},
    ),
  ];
}

/** The arrays that native/models/schnet/baseline.cuda.cpp's operations read and write, one after another. */
function baselineWork(
  config: SchnetConfig,
  edges: number,
  atoms: number,
  element: number,
  forces: boolean,
): StageWork[] {
  const { filters: F, blocks: L } = config;
  const K = config.rbf.count;
  const rowK = element * K * edges;
  const rowF = element * F * edges;
  const scalar = 4 * edges;
  const index = 8 * edges;
  const features = 4 * atoms * F;
  const multiply = edges * networkOperations(config);
  const weights = element * (K * F + F * F);
  return [
    stageOf('geometry', {
      arithmetic: edges * (9 + 5 * K),
      special: edges * (2 + K),
      // column → i, j, d, r; r → C, t; t → t − c; → Gaussian; Gaussian, C → φ; with forces two arrays are zeroed.
      bytes:
        5 * scalar +
        2 * index +
        3 * scalar +
        2 * scalar +
        5 * rowK +
        (forces ? rowK + scalar : 0) +
        24 * atoms,
    }),
    stageOf('message', {
      products: L * multiply,
      arithmetic: L * edges * F * 4,
      special: L * edges * F * 2,
      // Library 1 (and φ); act 2; library 2; ·C 2; gather 1; product 3; scatter 1.
      bytes: L * (rowK + 12 * rowF + scalar + 2 * index + weights + 2 * features),
      gathered: L * edges * 4 * F * 2,
    }),
    stageOf('message reverse', {
      products: L * multiply,
      arithmetic: L * edges * F * 8,
      // gather 1; ⊙ gathered 3; (⊙ filter 3, scatter 1); ⊙ w 3, its sum 1; ·C 2; library 2; act' 3; library 1 and φ twice.
      bytes:
        L * (16 * rowF + 2 * rowK + index + 3 * scalar + weights + features) +
        (L - 1) * (4 * rowF + index + features),
      gathered: L * edges * 4 * F + (L - 1) * edges * 4 * F,
    }),
    stageOf('forces', {
      arithmetic: edges * (10 * K + 24),
      special: 2 * edges,
      // C', t'; gradφ ⊙ Gaussian 3, sum 1; its argument's 3, sum 1; slopes; d, r, i, j → forces of both ends.
      bytes: 8 * rowK + 3 * scalar + 5 * scalar + 5 * scalar + 5 * scalar + 2 * index + 24 * atoms,
    }),
  ];
}

/**
 * Of one pair and 64 channels, which a warp evaluates at once, in native/models/schnet/table.cu (directed pairs of a list) and
 * tournament.cu (pairs once): instructions, and cycles in which shared memory moves 128 bytes: a channel's coefficients, 2 for
 * 4 weights that all lanes read, 1 for a place, 1 for a pair's share of sums over the lanes. Reverse: with and without the
 * gradient of the features. `packed`: entries of 16 bits; halves take 1 to 3 % fewer instructions than whole numbers.
 */
const tableCosts = {
  float32: { message: [27, 11], reverse: [54, 15], first: [44, 13] },
  packed: { message: [36, 6], reverse: [57, 7], first: [46, 8] },
  once: { message: [31, 11], reverse: [67, 15], first: [48, 13] },
} as const;

/** A block holds 64 channels, and reads all pairs. */
function tableWork(
  config: SchnetConfig,
  edges: number,
  atoms: number,
  entries: SchnetEntries,
  listed: boolean,
): StageWork[] {
  const { filters: F, blocks: L } = config;
  const slices = Math.ceil(F / 64);
  const features = 4 * atoms * F;
  const costs = tableCosts[!listed ? 'once' : entries === 'float32' ? 'float32' : 'packed'];
  const pairs = listed ? edges : edges / 2;
  // The place, and in a list the other atom; slopes are set by the first block to run, then added to.
  const place = slices * pairs * (listed ? 8 : 4);
  const slopes = slices * pairs * 4 * (2 * L - 1);
  const of = ([instructions, cycles]: readonly [number, number]): Pick<Counts, 'arithmetic' | 'shared'> => ({
    // An instruction of a warp stands for 64 operations.
    arithmetic: pairs * slices * 64 * instructions,
    shared: pairs * slices * 128 * cycles,
  });
  const [message, reverse, first] = [of(costs.message), of(costs.reverse), of(costs.first)];
  // A list's rows gather the other atom's features; teams meet each atom of another once for several of their own.
  const gathered = listed ? 4 * F * pairs : 0;
  return [
    // A list's column, then place, atom and direction (16) of each pair; of teams the place alone, which each of a pair's
    // atoms reads again for its forces. Of a pair about 40 operations either way.
    stageOf('geometry', {
      arithmetic: 40 * pairs,
      special: 2 * pairs,
      bytes: pairs * (listed ? 4 + 24 : 4) + 24 * atoms,
    }),
    stageOf('message', {
      arithmetic: L * message.arithmetic,
      shared: L * message.shared,
      bytes: L * (place + 2 * features),
      gathered: L * gathered,
    }),
    stageOf('message reverse', {
      arithmetic: (L - 1) * reverse.arithmetic + first.arithmetic,
      shared: (L - 1) * reverse.shared + first.shared,
      bytes: L * (place + 3 * features) - features + slopes,
      gathered: 2 * L * gathered,
    }),
    stageOf('forces', {
      arithmetic: 40 * edges,
      special: edges,
      bytes: edges * ((listed ? 16 : 4) + 4 * slices) + 24 * atoms * (listed ? 2 : 3),
    }),
  ];
}
