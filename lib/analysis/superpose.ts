import { checkOptionNames, invalid } from '../errors.js';
import { Structure } from '../structure/structure.js';
import { Trajectory } from '../structure/trajectory.js';
import {
  type Coordinates,
  type Frames,
  framesOf,
  type PerFrame,
  particlesOf,
  perFrame,
  type Selection,
  weightsOf,
} from './frames.js';

export interface SuperposeOptions extends Selection {
  /** Weight of each particle in the fit and in the deviation: equal (default), `mass`, or one number per particle. */
  weights?: 'mass' | ArrayLike<number>;
}

export interface RmsdOptions extends SuperposeOptions {
  /** Superpose each frame onto the reference first (default true); false compares positions as they are. */
  superpose?: boolean;
}

const superposeOptionNames = { particles: true, weights: true } as const;

interface Fit {
  /** (3,3) row-major proper rotation. */
  rotation: number[];
  from: number[];
  onto: number[];
}

/**
 * Root-mean-square deviation from a reference after optimal superposition, Å:
 * √(Σ w |R(x−x̄) − (y−ȳ)|² / Σ w), minimal over proper rotations R (Kabsch, Acta Cryst. A 32, 922 (1976); the rotation
 * is found as the dominant quaternion of Horn, J. Opt. Soc. Am. A 4, 629 (1987), so mirror images never match).
 * @example rmsd(trajectory, native, { particles: alphaCarbons })
 * @throws EINVALID when the reference has another number of particles
 */
export function rmsd<F extends Frames>(
  frames: F,
  reference: Structure | Coordinates,
  options: RmsdOptions = {},
): PerFrame<F> {
  checkOptionNames<RmsdOptions>('rmsd', options, { ...superposeOptionNames, superpose: true });
  const { fit, all, particles, weights, target } = prepare(frames, reference, options, 'rmsd');
  const total = weights.reduce((a, w) => a + w, 0);
  return perFrame(all, (x) => {
    const { rotation: r, from, onto } = options.superpose === false ? unmoved : fit(x);
    let sum = 0;
    particles.forEach((i, n) => {
      const d = [x[3 * i]! - from[0]!, x[3 * i + 1]! - from[1]!, x[3 * i + 2]! - from[2]!];
      for (let c = 0; c < 3; c++) {
        const moved = r[3 * c]! * d[0]! + r[3 * c + 1]! * d[1]! + r[3 * c + 2]! * d[2]!;
        sum += weights[n]! * (moved - (target[3 * i + c]! - onto[c]!)) ** 2;
      }
    });
    return Math.sqrt(sum / total);
  });
}

const unmoved: Fit = { rotation: [1, 0, 0, 0, 1, 0, 0, 0, 1], from: [0, 0, 0], onto: [0, 0, 0] };

/** What `superpose` gives back: the same kind that it was given. */
export type Superposed<F extends Frames> = F extends Structure
  ? Structure
  : F extends Trajectory
    ? Trajectory
    : F extends Coordinates
      ? Float64Array
      : Float64Array[];

/**
 * Rotates and shifts each frame as a whole so that the chosen particles lie on the reference's as well as possible
 * (see `rmsd`). Velocities turn along; boxes are dropped, for the lattice would no longer fit.
 */
export function superpose<F extends Frames>(
  frames: F,
  reference: Structure | Coordinates,
  options: SuperposeOptions = {},
): Superposed<F> {
  checkOptionNames<SuperposeOptions>('superpose', options, superposeOptionNames);
  const { fit, all } = prepare(frames, reference, options, 'superpose');
  const move = (x: Coordinates): Float64Array => apply(fit(x), x);
  if (frames instanceof Structure) {
    const f = fit(frames.positions);
    const velocities =
      frames.velocities && apply({ ...f, from: [0, 0, 0], onto: [0, 0, 0] }, frames.velocities);
    return frames.with({ positions: apply(f, frames.positions), velocities, box: null }) as Superposed<F>;
  }
  if (frames instanceof Trajectory) {
    const moved = frames.frames.map((f) => ({ ...f, positions: move(f.positions), box: null }));
    return new Trajectory(frames.topology.with({ box: null }), moved) as Superposed<F>;
  }
  const moved = all.list.map(move);
  return (all.single ? moved[0] : moved) as Superposed<F>;
}

function prepare(
  frames: Frames,
  reference: Structure | Coordinates,
  options: SuperposeOptions,
  subject: string,
) {
  const all = framesOf(frames, `${subject}.frames`);
  const goal = framesOf(reference, `${subject}.reference`);
  const target = goal.list[0]!;
  if (goal.count !== all.count && all.list.length > 0)
    invalid(`${subject}.reference`, `must have ${all.count} particles like the frames`, goal.count);
  const particles = particlesOf(options, goal.count, subject);
  const known = all.topology?.masses ? all : { ...all, count: goal.count, topology: goal.topology };
  const weights = weightsOf(options.weights, known, particles, subject);
  const onto = centroid(target, particles, weights);
  const fit = (x: Coordinates): Fit => {
    const from = centroid(x, particles, weights);
    return { rotation: rotationOnto(x, from, target, onto, particles, weights), from, onto };
  };
  return { fit, all, particles, weights, target };
}

function apply({ rotation: r, from, onto }: Fit, x: Coordinates): Float64Array {
  const out = new Float64Array(x.length);
  for (let i = 0; i < x.length; i += 3) {
    const d = [x[i]! - from[0]!, x[i + 1]! - from[1]!, x[i + 2]! - from[2]!];
    for (let c = 0; c < 3; c++)
      out[i + c] = r[3 * c]! * d[0]! + r[3 * c + 1]! * d[1]! + r[3 * c + 2]! * d[2]! + onto[c]!;
  }
  return out;
}

/** Weighted mean position, Å. */
export function centroid(x: Coordinates, particles: Int32Array, weights: Float64Array): number[] {
  const sum = [0, 0, 0];
  let total = 0;
  particles.forEach((i, n) => {
    for (let c = 0; c < 3; c++) sum[c]! += weights[n]! * x[3 * i + c]!;
    total += weights[n]!;
  });
  return sum.map((s) => s / total);
}

// Horn's 4x4 matrix of the correlation S_ab = Σ w (x−x̄)_a (y−ȳ)_b; its dominant eigenvector is the quaternion that turns x
// onto y.
function rotationOnto(
  x: Coordinates,
  from: number[],
  y: Coordinates,
  onto: number[],
  particles: Int32Array,
  weights: Float64Array,
): number[] {
  const s = new Array<number>(9).fill(0);
  particles.forEach((i, n) => {
    for (let a = 0; a < 3; a++)
      for (let b = 0; b < 3; b++)
        s[3 * a + b]! += weights[n]! * (x[3 * i + a]! - from[a]!) * (y[3 * i + b]! - onto[b]!);
  });
  const [xx, xy, xz, yx, yy, yz, zx, zy, zz] = s as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const [q0, q1, q2, q3] = dominantEigenvector([
    [xx + yy + zz, yz - zy, zx - xz, xy - yx],
    [yz - zy, xx - yy - zz, xy + yx, zx + xz],
    [zx - xz, xy + yx, yy - xx - zz, yz + zy],
    [xy - yx, zx + xz, yz + zy, zz - xx - yy],
  ]) as [number, number, number, number];
  return [
    q0 * q0 + q1 * q1 - q2 * q2 - q3 * q3,
    2 * (q1 * q2 - q0 * q3),
    2 * (q1 * q3 + q0 * q2),
    2 * (q1 * q2 + q0 * q3),
    q0 * q0 - q1 * q1 + q2 * q2 - q3 * q3,
    2 * (q2 * q3 - q0 * q1),
    2 * (q1 * q3 - q0 * q2),
    2 * (q2 * q3 + q0 * q1),
    q0 * q0 - q1 * q1 - q2 * q2 + q3 * q3,
  ];
}

/** Unit eigenvector of the largest eigenvalue of a symmetric matrix, by cyclic Jacobi rotations. */
function dominantEigenvector(m: number[][]): number[] {
  const n = m.length;
  const v = m.map((_, i) => m.map((_, j) => (i === j ? 1 : 0)));
  for (let sweep = 0; sweep < 50; sweep++) {
    let off = 0;
    for (let p = 0; p < n; p++) for (let q = p + 1; q < n; q++) off += m[p]![q]! ** 2;
    if (!(off > 0)) break;
    for (let p = 0; p < n; p++) for (let q = p + 1; q < n; q++) if (m[p]![q] !== 0) rotate(m, v, p, q);
  }
  let best = 0;
  for (let k = 1; k < n; k++) if (m[k]![k]! > m[best]![best]!) best = k;
  const column = v.map((row) => row[best]!);
  const length = Math.hypot(...column);
  return column.map((c) => c / length);
}

// One Jacobi rotation (Golub and Van Loan, Matrix Computations, §8.5): makes m[p][q] zero.
function rotate(m: number[][], v: number[][], p: number, q: number): void {
  const theta = (m[q]![q]! - m[p]![p]!) / (2 * m[p]![q]!);
  const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.hypot(theta, 1));
  const c = 1 / Math.hypot(t, 1);
  const s = t * c;
  const turn = (a: number[], b: number[], k: number, l: number): void => {
    const [x, y] = [a[k]!, b[l]!];
    a[k] = c * x - s * y;
    b[l] = s * x + c * y;
  };
  for (let k = 0; k < m.length; k++) turn(m[k]!, m[k]!, p, q);
  for (let k = 0; k < m.length; k++) turn(m[p]!, m[q]!, k, k);
  for (const row of v) turn(row, row, p, q);
}
