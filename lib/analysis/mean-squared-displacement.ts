import { checkOptionNames, invalid } from '../errors.js';
import { Trajectory } from '../structure/trajectory.js';
import { type Coordinates, type Frames, framesOf, particlesOf, type Selection } from './frames.js';

export interface MeanSquaredDisplacementOptions extends Selection {
  /** Longest lag, in frames. Default half the trajectory: longer lags have few independent origins. */
  lags?: number;
  /** Frames between origins. Default 1. */
  stride?: number;
  /** fs between frames. Default from the trajectory's times, else lags are in frames. */
  timestep?: number;
}

/** Displacement against time. */
export interface MeanSquaredDisplacement {
  /** (lags+1) fs, or frames where times are not known; starts at 0. */
  lag: Float64Array;
  /** (lags+1) Å². */
  msd: Float64Array;
  /** (lags+1) origins averaged over. */
  origins: Int32Array;
}

/**
 * Mean squared displacement ⟨|x(t+τ) − x(t)|²⟩ over particles and all time origins t, by direct summation (Allen and
 * Tildesley, 2nd ed., §8.5): O(frames · lags · particles). Coordinates must be unwrapped: a particle that leaves the box
 * goes on. `simulate` gives such coordinates; for wrapped ones call `unwrap` first.
 * In three dimensions the diffusion coefficient is a sixth of the slope: in Å²/fs; times 0.1 in cm²/s.
 * @throws EINVALID for fewer than two frames, lags longer than they are, a stride or timestep that is not positive
 */
export function meanSquaredDisplacement(
  frames: Frames,
  options: MeanSquaredDisplacementOptions = {},
): MeanSquaredDisplacement {
  checkOptionNames<MeanSquaredDisplacementOptions>('meanSquaredDisplacement', options, {
    particles: true,
    lags: true,
    stride: true,
    timestep: true,
  });
  const all = framesOf(frames, 'meanSquaredDisplacement.frames');
  const length = all.list.length;
  if (length < 2) invalid('meanSquaredDisplacement', 'must have at least two frames', length);
  const { lags = Math.floor(length / 2), stride = 1 } = options;
  if (!(Number.isInteger(lags) && lags >= 1 && lags < length))
    invalid('meanSquaredDisplacement.lags', `must be within 1..${length - 1}`, lags);
  if (!(Number.isInteger(stride) && stride >= 1))
    invalid('meanSquaredDisplacement.stride', 'must be a positive whole number', stride);
  const particles = particlesOf(options, all.count, 'meanSquaredDisplacement');
  const step = options.timestep ?? timestepOf(frames);
  if (!(step > 0)) invalid('meanSquaredDisplacement.timestep', 'must be positive', step, 'give fs');
  const msd = new Float64Array(lags + 1);
  const origins = new Int32Array(lags + 1);
  for (let lag = 0; lag <= lags; lag++) {
    let sum = 0;
    for (let t = 0; t + lag < length; t += stride) {
      sum += displacement2(all.list[t]!, all.list[t + lag]!, particles);
      origins[lag]!++;
    }
    msd[lag] = sum / (origins[lag]! * particles.length);
  }
  return { lag: Float64Array.from({ length: lags + 1 }, (_, k) => k * step), msd, origins };
}

function displacement2(a: Coordinates, b: Coordinates, particles: Int32Array): number {
  let sum = 0;
  for (const i of particles)
    sum +=
      (b[3 * i]! - a[3 * i]!) ** 2 +
      (b[3 * i + 1]! - a[3 * i + 1]!) ** 2 +
      (b[3 * i + 2]! - a[3 * i + 2]!) ** 2;
  return sum;
}

/** fs between the frames of a trajectory with evenly spaced times, else 1. */
function timestepOf(frames: Frames): number {
  if (!(frames instanceof Trajectory)) return 1;
  const times = frames.frames.map((f) => f.time);
  if (times[0] === undefined || times[1] === undefined) return 1;
  const step = times[1] - times[0];
  times.forEach((t, i) => {
    const want = times[0]! + i * step;
    if (t === undefined || Math.abs(t - want) > 1e-3 * Math.abs(step))
      invalid(
        `meanSquaredDisplacement.frames[${i}].time`,
        `must be ${want}: evenly spaced`,
        t,
        'give `timestep`',
      );
  });
  return step;
}

/**
 * A trajectory whose particles do not jump across the box: between frames each moves to the image nearest to its place
 * before. Right as long as no particle moves half a box (measured along the lattice vectors) between frames; the box must
 * not change much. Frames without a periodic box stay as they are.
 */
export function unwrap(trajectory: Trajectory): Trajectory {
  let before: Float64Array | undefined;
  const frames = trajectory.frames.map((frame) => {
    const box = frame.box === undefined ? trajectory.topology.box : frame.box;
    const now = Float64Array.from(frame.positions);
    if (before && box) followImages(now, before, box.vectors, box.periodic);
    before = now;
    return { ...frame, positions: now };
  });
  return new Trajectory(trajectory.topology, frames);
}

function followImages(
  now: Float64Array,
  before: Float64Array,
  cell: Float64Array,
  periodic: readonly boolean[],
): void {
  // Rows of the inverse transposed: fractional coordinate k is the dot product with row k.
  const cross = (k: number, l: number): number[] =>
    [0, 1, 2].map(
      (c) =>
        cell[3 * k + ((c + 1) % 3)]! * cell[3 * l + ((c + 2) % 3)]! -
        cell[3 * k + ((c + 2) % 3)]! * cell[3 * l + ((c + 1) % 3)]!,
    );
  const reciprocal = [cross(1, 2), cross(2, 0), cross(0, 1)];
  const det = reciprocal[0]!.reduce((s, r, c) => s + r * cell[c]!, 0);
  for (let i = 0; i < now.length; i += 3) {
    const turns = reciprocal.map((r, k) => {
      const f = r.reduce((s, w, c) => s + w * (now[i + c]! - before[i + c]!), 0) / det;
      return periodic[k] ? Math.round(f) : 0;
    });
    for (let c = 0; c < 3; c++)
      now[i + c]! -= turns[0]! * cell[c]! + turns[1]! * cell[3 + c]! + turns[2]! * cell[6 + c]!;
  }
}
