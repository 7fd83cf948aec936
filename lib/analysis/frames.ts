import { invalid } from '../errors.js';
import type { Box } from '../structure/box.js';
import { Structure } from '../structure/structure.js';
import { Trajectory } from '../structure/trajectory.js';

/** Positions (n,3) in Å, row-major. */
export type Coordinates = Float64Array | Float32Array;

/** What an analysis reads: one configuration, or several of the same particles. */
export type Frames = Structure | Coordinates | Trajectory | readonly (Structure | Coordinates)[];

/** Particles an analysis looks at; default all. */
export interface Selection {
  /** Particle indices. */
  particles?: ArrayLike<number>;
}

/** A number for one configuration, an array with one entry per frame for several. */
export type PerFrame<F extends Frames> = F extends Structure | Coordinates ? number : Float64Array;

export interface FrameList {
  list: readonly Coordinates[];
  /** One per frame; null: none. */
  boxes: readonly (Box | null)[];
  /** Names and masses, where the frames have them. */
  topology: Structure | undefined;
  count: number;
  single: boolean;
}

/** Brings the forms of `Frames` together. @throws EINVALID when frames differ in their number of particles */
export function framesOf(frames: Frames, subject: string): FrameList {
  if (frames instanceof Structure) return one(frames.positions, frames);
  if (frames instanceof Trajectory)
    return {
      list: frames.frames.map((f) => f.positions),
      boxes: frames.frames.map((f) => f.box ?? frames.topology.box),
      topology: frames.topology,
      count: frames.topology.count,
      single: false,
    };
  if (ArrayBuffer.isView(frames)) return one(checked(frames, subject), undefined);
  if (!Array.isArray(frames))
    return invalid(subject, 'must be a structure, a trajectory, positions or an array of them', frames);
  const list = frames.map((f) => (f instanceof Structure ? f.positions : checked(f, subject)));
  const length = list[0]?.length ?? 0;
  list.forEach((f, i) => {
    if (f.length !== length)
      invalid(`${subject}[${i}]`, `must have ${length / 3} particles like the first`, f.length / 3);
  });
  const first = frames[0];
  const topology = first instanceof Structure ? first : undefined;
  const boxes = frames.map((f) => (f instanceof Structure ? f.box : null));
  return { list, boxes, topology, count: length / 3, single: false };
}

function one(positions: Coordinates, topology: Structure | undefined): FrameList {
  return {
    list: [positions],
    boxes: [topology?.box ?? null],
    topology,
    count: positions.length / 3,
    single: true,
  };
}

function checked(positions: unknown, subject: string): Coordinates {
  if (!(positions instanceof Float64Array || positions instanceof Float32Array))
    return invalid(subject, 'must be a Float64Array or Float32Array of positions', positions);
  if (positions.length % 3 !== 0) invalid(subject, 'must hold three numbers per particle', positions.length);
  return positions;
}

/** The chosen particles as a checked index list. @throws EINVALID when empty or out of range */
export function particlesOf(options: Selection, count: number, subject: string): Int32Array {
  const chosen = options.particles;
  if (chosen === undefined) {
    if (count === 0) invalid(subject, 'must have at least one particle', 0);
    return Int32Array.from({ length: count }, (_, i) => i);
  }
  if (chosen.length === 0) invalid(`${subject}.particles`, 'must name at least one particle', chosen.length);
  for (let k = 0; k < chosen.length; k++) checkIndex(chosen[k]!, count, `${subject}.particles`);
  return Int32Array.from(chosen);
}

/** `particlesOf`, but default all that are not hydrogen, where the structure tells. @throws EINVALID where all are */
export function heavyParticles(
  options: Selection,
  count: number,
  topology: Structure | undefined,
  subject: string,
): Int32Array {
  const all = particlesOf(options, count, subject);
  if (options.particles) return all;
  const heavy = all.filter((i) => topology?.symbols[i] !== 'H');
  if (heavy.length === 0)
    invalid(subject, 'must have a particle that is not hydrogen', 'none', 'or choose `particles`');
  return heavy;
}

/** These particles alone, so that no others are searched for neighbours. */
export function partOf(positions: Coordinates, particles: Int32Array, box: Box | null): Structure {
  const own = new Float64Array(3 * particles.length);
  particles.forEach((i, k) => {
    own.set(positions.subarray(3 * i, 3 * i + 3), 3 * k);
  });
  return new Structure({ positions: own, symbols: new Array<string>(particles.length).fill(''), box });
}

/** @throws EINVALID unless `index` names a particle */
export function checkIndex(index: number, count: number, subject: string): void {
  if (!(Number.isInteger(index) && index >= 0 && index < count))
    invalid(subject, `must name particles 0..${count - 1}`, index);
}

/** Applies `measure` to every frame and returns a number or an array, as the frames were given. */
export function perFrame<F extends Frames>(
  frames: FrameList,
  measure: (positions: Coordinates, frame: number) => number,
): PerFrame<F> {
  const values = Float64Array.from(frames.list, measure);
  return (frames.single ? values[0] : values) as PerFrame<F>;
}

/** Weights of the chosen particles: equal, masses of the structure, or given numbers (one per particle of the structure). */
export function weightsOf(
  weights: 'mass' | ArrayLike<number> | undefined,
  frames: FrameList,
  particles: Int32Array,
  subject: string,
): Float64Array {
  if (weights === undefined) return new Float64Array(particles.length).fill(1);
  const all = weights === 'mass' ? frames.topology?.masses : weights;
  if (all === undefined)
    return invalid(
      `${subject}.weights`,
      'must be numbers where the structure has no masses',
      weights,
      'give structure.masses or an array of weights',
    );
  if (all.length !== frames.count)
    invalid(`${subject}.weights`, `must have one entry for each of ${frames.count} particles`, all.length);
  const chosen = Float64Array.from(particles, (i) => all[i]!);
  let sum = 0;
  for (const w of chosen) {
    if (!(w >= 0)) invalid(`${subject}.weights`, 'must be zero or positive', w);
    sum += w;
  }
  if (!(sum > 0 && sum < Number.POSITIVE_INFINITY))
    invalid(`${subject}.weights`, 'must have a positive, finite sum', sum);
  return chosen;
}
