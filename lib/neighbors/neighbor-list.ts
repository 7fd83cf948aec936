import { deviceIndex } from '../cuda.js';
import { checkOptionNames, invalid, unknownChoice } from '../errors.js';
import { type NativeBatch, type NativeNeighborList, native } from '../native.js';
import { joinBatch } from '../structure/batch.js';
import type { Structure } from '../structure/structure.js';

const algorithms = ['cells', 'pairs'] as const;
const backends = ['cpu', 'cuda'] as const;

/** Pairs of particle indices of one structure, flat: `[i0, j0, i1, j1, …]`. */
export type PairList = ArrayLike<number>;

export interface NeighborListOptions {
  /** Å; pairs nearer than this are neighbours. May exceed half the box, and the box. */
  cutoff: number;
  /** Å added to the cutoff, for lists that are to stay valid while particles move up to half of it. Default 0. */
  skin?: number;
  /**
   * Pairs to leave out, in every periodic image and both directions: one list for all structures, or one
   * for each. `structure.bonds` has this form.
   */
  exclusions?: PairList | readonly PairList[];
  /**
   * `cells` costs O(N) (default); `pairs` looks at every pair, O(N²), and gives the same arrays. On a GPU the
   * default is what is faster for the largest structure.
   */
  algorithm?: (typeof algorithms)[number];
  /** Where the list is built; both give the same arrays. Default 'cpu'. */
  backend?: (typeof backends)[number];
  /** With backend `cuda`: index of the GPU, or part of its name. Default the first that can be used. */
  device?: number | string;
}

/**
 * Directed neighbour pairs in compressed rows. The neighbours of particle i are entries
 * `rowStart[i]` … `rowStart[i + 1] - 1`, ordered by (column, shift); particles of several structures are
 * counted through, in the order given. Each pair appears in both directions.
 */
export class NeighborList {
  /** Å. */
  readonly cutoff: number;
  /** Å. */
  readonly skin: number;
  /** (atoms+1). Whole numbers. */
  readonly rowStart: Float64Array;
  /** (edges): the neighbour. */
  readonly column: Int32Array;
  /** (edges,3): lattice vectors a, b, c to add to the neighbour's position. Empty where every box is open. */
  readonly shift: Int16Array;
  private readonly batch: NativeBatch;

  constructor(batch: NativeBatch, rows: NativeNeighborList, cutoff: number, skin: number) {
    this.batch = batch;
    this.rowStart = rows.rowStart;
    this.column = rows.column;
    this.shift = rows.shift;
    this.cutoff = cutoff;
    this.skin = skin;
  }

  get atoms(): number {
    return this.rowStart.length - 1;
  }
  /** Directed entries: twice the number of pairs. */
  get edges(): number {
    return this.column.length;
  }
  /** Pairs, each counted once; an atom and its own image count as a pair. */
  get pairs(): number {
    return this.edges / 2;
  }

  /** Neighbours of particle `i` (a view). */
  neighbors(i: number): Int32Array {
    if (!(Number.isInteger(i) && i >= 0 && i < this.atoms))
      invalid('neighborList.neighbors', `must be a particle of 0..${this.atoms - 1}`, i);
    return this.column.subarray(this.rowStart[i], this.rowStart[i + 1]);
  }

  /** (edges,3) Å: from each particle to its neighbour, where they stood when the list was built. */
  vectors(): Float64Array {
    const { offsets, positions, boxes } = this.batch;
    const out = new Float64Array(3 * this.edges);
    const shifted = this.shift.length > 0;
    for (let s = 0; s + 1 < offsets.length; s++) {
      const cell = boxes.subarray(9 * s, 9 * s + 9);
      for (let i = offsets[s]!; i < offsets[s + 1]!; i++)
        for (let e = this.rowStart[i]!; e < this.rowStart[i + 1]!; e++) {
          const j = this.column[e]!;
          for (let c = 0; c < 3; c++) {
            let t = 0;
            for (let k = 0; shifted && k < 3; k++) t += this.shift[3 * e + k]! * cell[3 * k + c]!;
            out[3 * e + c] = positions[3 * j + c]! - positions[3 * i + c]! + t;
          }
        }
    }
    return out;
  }

  /** (edges) Å. */
  distances(): Float64Array {
    const d = this.vectors();
    return Float64Array.from({ length: this.edges }, (_, e) =>
      Math.hypot(d[3 * e]!, d[3 * e + 1]!, d[3 * e + 2]!),
    );
  }
}

/** @throws EINVALID for a length that pairs cannot be cut at */
export function checkCutoff(subject: string, cutoff: number): void {
  if (!(cutoff > 0 && cutoff < Number.POSITIVE_INFINITY))
    invalid(subject, 'must be positive and finite', cutoff, 'give a length in Å');
}

/**
 * Finds the neighbours of every particle. Boxes may be open, orthorhombic or triclinic, periodic in any
 * subset of directions; positions need not be wrapped. Particles of different structures never meet.
 *
 * @example neighborList(water, { cutoff: 5 }).edges
 * @throws EINVALID for a cutoff that is not positive, a box without volume, an exclusion that names no
 * particle, or more than 2^31-1 edges (counted before they are stored); ENOTFOUND and ENOMEM for backend
 * 'cuda' without a GPU or with too little of its memory, EUNSUPPORTED for a GPU that is too old
 */
export function neighborList(
  structures: Structure | readonly Structure[],
  options: NeighborListOptions,
): NeighborList {
  checkOptionNames<NeighborListOptions>('neighborList', options, {
    cutoff: true,
    skin: true,
    exclusions: true,
    algorithm: true,
    backend: true,
    device: true,
  });
  const all: readonly Structure[] = Array.isArray(structures) ? structures : [structures as Structure];
  const { cutoff, skin = 0, algorithm, backend = 'cpu' } = options;
  checkCutoff('neighborList.cutoff', cutoff);
  if (!(skin >= 0 && skin < Number.POSITIVE_INFINITY))
    invalid('neighborList.skin', 'must be zero or positive', skin, 'give a length in Å');
  if (algorithm !== undefined && !algorithms.includes(algorithm))
    unknownChoice('neighborList.algorithm', algorithm, algorithms);
  if (!backends.includes(backend)) unknownChoice('neighborList.backend', backend, backends);
  if (backend !== 'cuda' && options.device !== undefined)
    invalid('neighborList.device', "must go with backend 'cuda'", options.device);
  const batch = joinBatch(all, (s) => new Int32Array(s.count));
  const excluded = compress(all, batch.offsets, options.exclusions);
  const start = excluded?.start ?? null;
  const column = excluded?.column ?? null;
  if (backend === 'cpu') {
    const rows = native().neighborList(batch, cutoff, skin, start, column, algorithm === 'pairs');
    return new NeighborList(batch, rows, cutoff, skin);
  }
  const device = deviceIndex(options.device);
  const pairsUpTo = algorithm === undefined ? -1 : algorithm === 'pairs' ? 2 ** 31 - 1 : 0;
  const rows = native().deviceNeighborList(device, batch, cutoff, skin, start, column, pairsUpTo, 0);
  return new NeighborList(batch, rows, cutoff, skin);
}

/** Pair lists as compressed rows over the whole batch: both directions, sorted, each once. */
function compress(
  structures: readonly Structure[],
  offsets: Int32Array,
  exclusions: NeighborListOptions['exclusions'],
): { start: Int32Array; column: Int32Array } | undefined {
  if (exclusions === undefined) return undefined;
  const several = Array.isArray(exclusions) && exclusions.length > 0 && typeof exclusions[0] !== 'number';
  if (several && exclusions.length !== structures.length)
    invalid(
      'neighborList.exclusions',
      `must hold one list for each of ${structures.length} structures`,
      exclusions.length,
    );
  const rows: Set<number>[] = Array.from({ length: offsets.at(-1)! }, () => new Set());
  structures.forEach((structure, s) => {
    const pairs = (several ? exclusions[s] : exclusions) as PairList;
    if (pairs.length % 2 !== 0)
      invalid('neighborList.exclusions', 'must hold pairs of particles', pairs.length);
    for (let p = 0; p < pairs.length; p++) {
      const index = pairs[p]!;
      if (!(Number.isInteger(index) && index >= 0 && index < structure.count))
        invalid('neighborList.exclusions', `must name particles 0..${structure.count - 1}`, index);
      rows[offsets[s]! + index]!.add(offsets[s]! + pairs[p ^ 1]!);
    }
  });
  const start = new Int32Array(rows.length + 1);
  rows.forEach((row, i) => {
    start[i + 1] = start[i]! + row.size;
  });
  const column = new Int32Array(start.at(-1)!);
  rows.forEach((row, i) => {
    column.set(Int32Array.from(row).sort(), start[i]!);
  });
  return { start, column };
}
