import { checkOptionNames } from '../errors.js';
import { type KernelWork, kernelWork, type Work } from './kernel-work.js';
import type { SchnetConfig } from './schnet-config.js';
import {
  areFlash,
  type SchnetEntries,
  type SchnetOperands,
  type SchnetTechniques,
} from './schnet-options.js';
import { baselineWork } from './schnet-work-baseline.js';

export interface SchnetWorkOptions {
  pipeline?: 'baseline' | 'flash' | 'table';
  /** Of `table`. Default `float32`. */
  entries?: SchnetEntries;
  /** Of `table`: over a list of directed pairs, as any batch can be, or over pairs once. Default true. */
  listed?: boolean;
  /** Of `flash`. Default `float32`, which multiplies halves three times. */
  operands?: SchnetOperands;
  /** Of `baseline`. Message passing without edge tensors is counted together with both others alone: that is `flash`. */
  techniques?: SchnetTechniques;
  /** Whether the head's way back is a kernel of its own, as for many atoms. Default true. */
  headApart?: boolean;
  /** Whether forces are computed. Default true. */
  forces?: boolean;
}

/**
 * The work of one evaluation on a GPU by kernel, under the names that `Schnet.times` gives their times. Kernels that only the virial
 * needs are not among them.
 * @param edges directed pairs inside the cutoff
 * @param atoms of all systems together
 */
export function schnetWork(
  config: SchnetConfig,
  edges: number,
  atoms: number,
  options: SchnetWorkOptions = {},
): KernelWork[] {
  checkOptionNames<SchnetWorkOptions>('schnetWork', options, {
    pipeline: true,
    entries: true,
    listed: true,
    operands: true,
    techniques: true,
    headApart: true,
    forces: true,
  });
  const { forces = true, headApart = true, techniques = {} } = options;
  const { messagePassing, weights16 } = techniques;
  const { pipeline = 'flash', operands = 'float32' } = areFlash(techniques)
    ? { operands: weights16 ? 'float16-channel' : 'float32' }
    : options;
  const messages =
    pipeline === 'flash'
      ? flashWork(config, edges, atoms, operands, forces)
      : pipeline === 'table'
        ? tableWork(config, edges, atoms, options.entries ?? 'float32', options.listed ?? true)
        : messagePassing
          ? []
          : baselineWork(config, edges, atoms, techniques, forces);
  const times = weights16 ? 1 : 3;
  const all = [...messages, ...nodeWork(config, atoms, { times, forces, headApart })];
  return forces ? all : all.filter((s) => !s.stage.endsWith('reverse') && s.stage !== 'forces');
}

/**
 * The layers of native/models/schnet/node-network.cu: every array of features or slopes read or written once per kernel;
 * weights stay in caches. Single precision multiplies halves three times.
 */
function nodeWork(
  config: SchnetConfig,
  atoms: number,
  { times, forces, headApart }: { times: number; forces: boolean; headApart: boolean },
): KernelWork[] {
  const { blocks: L, filters: F, head, hidden: H } = config;
  const product = 2 * times * atoms;
  // lin2 and lin, and their transposes; with them lin1 between two blocks.
  const update = F * H + H * H;
  const between = update + H * F;
  const widths = [H, ...head];
  const layers = head.reduce((sum, width, k) => sum + widths[k]! * width, 0);
  const headWidth = head.reduce((a, b) => a + b, 0);
  // In one kernel the last layer's slopes are used where they are made.
  const slopes = forces ? H + headWidth - (headApart ? 0 : (head.at(-1) ?? 0)) : 0;
  const there = {
    products: product * (update + layers),
    special: 2 * atoms * (H + headWidth),
    // m, x (the embedding's in the first block), the energy, slopes.
    bytes: 4 * atoms * (F + (L > 1 ? H : 0) + 1 + slopes),
  };
  // Slopes; the gradients of x and of m.
  const back = { products: there.products, bytes: 4 * atoms * (slopes + H + F) };
  return [
    // m, x (the embedding's in the first block), x and slopes for later, y.
    kernelWork('node', 'nodeUpdate', {
      products: (L - 1) * product * between,
      special: (L - 1) * 2 * atoms * H,
      bytes: 4 * atoms * ((L - 1) * (F + H + (forces ? H : 0) + F) + Math.max(0, L - 2) * H),
    }),
    ...(forces && headApart
      ? [kernelWork('head', 'nodeTop', there), kernelWork('head', 'nodeTopReverse', back)]
      : [
          kernelWork('head', 'nodeTop', {
            ...there,
            products: (forces ? 2 : 1) * there.products,
            bytes: there.bytes + (forces ? back.bytes : 0),
          }),
        ]),
    // The gradients of y and x, slopes, the gradients of x and m.
    kernelWork('node reverse', 'nodeReverse', {
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

/** What the kernels of native/models/schnet/flash.cu and flash-geometry.cu read, compute and write. */
function flashWork(
  config: SchnetConfig,
  edges: number,
  atoms: number,
  operands: SchnetOperands,
  forces: boolean,
): KernelWork[] {
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
  const network = times * networkOperations(config);
  // Per edge: x = t − c, w·x, ·x, ·C for K; scale, bias, 2 for the activation, C·y, W·y and its sum for F.
  const forward = 4 * K + F * (2 + 2 + 3);
  // φ' besides (3 for K); the slope's product (3), y_i g_j + y_j g_i (3), two sums of products (4) besides for F.
  const reverse = 7 * K + F * (2 + 2 + 3 + 3 + 3 + 4);
  const special = K + 2 * F;
  /** Σ_j y_j ⊙ W(r_ij) over so many edges, in so many blocks. */
  const sums = (over: number, blocks: number): Work => ({
    products: blocks * over * network,
    arithmetic: blocks * over * forward,
    special: blocks * over * special,
    // j and r; features read and their sums written.
    bytes: blocks * (8 * over + 2 * features),
    gathered: blocks * over * 4 * F,
    // A warp reads all weights for 32 rows of operands.
    shared: blocks * (over / 32) * weights,
  });
  const half = edges / 2;
  return [
    // Columns read, j and r written, positions and row starts read, counts written.
    kernelWork('geometry', 'flashGeometry', {
      arithmetic: 9 * edges,
      special: edges,
      bytes: 12 * edges + 36 * atoms,
    }),
    kernelWork('message', 'flashForward', sums(edges, L)),
    // Half of the edges take value and slope; the others the value, and nothing in block 0.
    kernelWork('message reverse', 'flashForward', sums(half, L - 1)),
    kernelWork('message reverse', 'flashReverse', {
      products: 2 * L * half * network,
      arithmetic: L * half * reverse,
      special: L * half * special,
      // j, r, slope, y and gradM; slopes read again but for the first block to run; gradY read and written but for block 0.
      bytes: L * (12 * half + 2 * features) + (L - 1) * (4 * half + 2 * features),
      gathered: L * half * 8 * F,
      shared: L * (half / 16) * weights,
    }),
    kernelWork(
      'forces',
      'flashForces',
      forces ? { arithmetic: 24 * edges, special: edges, bytes: 12 * edges + 80 * atoms } : {},
    ),
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
): KernelWork[] {
  const { filters: F, blocks: L } = config;
  const slices = Math.ceil(F / 64);
  const features = 4 * atoms * F;
  const costs = tableCosts[!listed ? 'once' : entries === 'float32' ? 'float32' : 'packed'];
  const pairs = listed ? edges : edges / 2;
  // The place, and in a list the other atom; slopes are set by the first block to run, then added to.
  const place = slices * pairs * (listed ? 8 : 4);
  const slopes = slices * pairs * 4 * (2 * L - 1);
  const of = ([instructions, cycles]: readonly [number, number]): Pick<Work, 'arithmetic' | 'shared'> => ({
    // An instruction of a warp stands for 64 operations.
    arithmetic: pairs * slices * 64 * instructions,
    shared: pairs * slices * 128 * cycles,
  });
  const [message, reverse, first] = [of(costs.message), of(costs.reverse), of(costs.first)];
  // A list's rows gather the other atom's features; teams meet each atom of another once for several of their own.
  const gathered = listed ? 4 * F * pairs : 0;
  const name = (part: string): string => (listed ? 'table' : 'tournament') + part;
  return [
    // A list's column, then place, atom and direction (16) of each pair; of teams the place alone, which each of a pair's
    // atoms reads again for its forces. Of a pair about 40 operations either way.
    kernelWork('geometry', name('Begin'), {
      arithmetic: 40 * pairs,
      special: 2 * pairs,
      bytes: pairs * (listed ? 4 + 24 : 4) + 24 * atoms,
    }),
    kernelWork('message', name('Forward'), {
      arithmetic: L * message.arithmetic,
      shared: L * message.shared,
      bytes: L * (place + 2 * features),
      gathered: L * gathered,
    }),
    kernelWork('message reverse', name('Reverse'), {
      arithmetic: (L - 1) * reverse.arithmetic + first.arithmetic,
      shared: (L - 1) * reverse.shared + first.shared,
      bytes: L * (place + 3 * features) - features + slopes,
      gathered: 2 * L * gathered,
    }),
    kernelWork('forces', name('Finish'), {
      arithmetic: 40 * edges,
      special: edges,
      bytes: edges * ((listed ? 16 : 4) + 4 * slices) + 24 * atoms * (listed ? 2 : 3),
    }),
  ];
}
