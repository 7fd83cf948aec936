import { checkOptionNames, invalid } from '../errors.js';
import { checkCutoff, neighborList } from '../neighbors/neighbor-list.js';
import { volume } from '../structure/box.js';
import { Structure } from '../structure/structure.js';
import { Trajectory } from '../structure/trajectory.js';
import { particlesOf } from './frames.js';

export interface RdfOptions {
  /** Å; g(r) is computed for 0 ≤ r < cutoff. May exceed half the box: further images are counted. */
  cutoff: number;
  /** Default 200. */
  bins?: number;
  /** Particles at the centre. Default all. */
  particles?: ArrayLike<number>;
  /** Particles counted around them. Default the same. */
  around?: ArrayLike<number>;
}

/** A pair distribution. */
export interface Rdf {
  /** (bins) Å, middles of the bins. */
  r: Float64Array;
  /** (bins) g(r): 1 for an ideal gas. */
  g: Float64Array;
  /** (bins) mean number of particles nearer than the bin's outer edge. */
  coordination: Float64Array;
  /** (bins) pairs counted, over all frames. */
  counts: Float64Array;
}

/**
 * Radial distribution function g(r) = ⟨n(r)⟩ V / (P · 4π/3 (r₊³ − r₋³)), with P the number of ordered pairs of different
 * particles, so that an ideal gas of any size gives 1 (Allen and Tildesley, Computer Simulation of Liquids, 2nd ed., §8.2).
 * A particle's own images are not counted.
 * @param frames each with a box that is periodic in all three directions
 * @throws EINVALID when a box is missing or open in a direction
 */
export function rdf(frames: Structure | Trajectory | readonly Structure[], options: RdfOptions): Rdf {
  checkOptionNames<RdfOptions>('rdf', options, { cutoff: true, bins: true, particles: true, around: true });
  const { cutoff, bins = 200 } = options;
  checkCutoff('rdf.cutoff', cutoff);
  if (!(Number.isInteger(bins) && bins > 0)) invalid('rdf.bins', 'must be a positive whole number', bins);
  const counts = new Float64Array(bins);
  const ideal = new Float64Array(bins);
  let centers = 0;
  for (const frame of structuresOf(frames)) {
    const box = frame.box;
    if (!box?.periodic.every(Boolean))
      return invalid(
        'rdf',
        'must have a box that is periodic in three directions',
        box ? 'an open one' : 'none',
      );
    const from = particlesOf({ particles: options.particles }, frame.count, 'rdf.particles');
    const onto = particlesOf({ particles: options.around ?? from }, frame.count, 'rdf.around');
    count(frame, from, onto, cutoff, counts);
    const counted = new Set(onto);
    const pairs = from.length * onto.length - from.reduce((n, i) => n + Number(counted.has(i)), 0);
    const density = pairs / volume(box);
    for (let b = 0; b < bins; b++) ideal[b]! += density * shell(b, bins, cutoff);
    centers += from.length;
  }
  let sum = 0;
  return {
    r: Float64Array.from({ length: bins }, (_, b) => ((b + 0.5) * cutoff) / bins),
    g: counts.map((n, b) => n / ideal[b]!),
    coordination: counts.map((n) => {
      sum += n;
      return sum / centers;
    }),
    counts,
  };
}

/** Volume of bin b, Å³. */
function shell(b: number, bins: number, cutoff: number): number {
  const width = cutoff / bins;
  return ((4 * Math.PI) / 3) * width ** 3 * ((b + 1) ** 3 - b ** 3);
}

function count(
  frame: Structure,
  from: Int32Array,
  onto: Int32Array,
  cutoff: number,
  counts: Float64Array,
): void {
  // Only the particles that take part are searched.
  const members = [...new Set([...from, ...onto])];
  const place = new Map(members.map((i, k) => [i, k]));
  const part = new Structure({
    positions: Float64Array.from({ length: 3 * members.length }, (_, c) => {
      return frame.positions[3 * members[Math.floor(c / 3)]! + (c % 3)]!;
    }),
    symbols: members.map((i) => frame.symbols[i]!),
    box: frame.box,
  });
  const list = neighborList(part, { cutoff });
  const distance = list.distances();
  const wanted = new Uint8Array(members.length);
  for (const j of onto) wanted[place.get(j)!] = 1;
  for (const i of from) {
    const row = place.get(i)!;
    for (let e = list.rowStart[row]!; e < list.rowStart[row + 1]!; e++) {
      const j = list.column[e]!;
      const bin = Math.floor((distance[e]! / cutoff) * counts.length);
      if (j !== row && wanted[j] === 1 && bin < counts.length) counts[bin]!++;
    }
  }
}

function* structuresOf(frames: Structure | Trajectory | readonly Structure[]): Iterable<Structure> {
  if (frames instanceof Structure) yield frames;
  else if (frames instanceof Trajectory) for (let f = 0; f < frames.length; f++) yield frames.at(f);
  else yield* frames;
}
