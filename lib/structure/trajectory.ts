import { invalid } from '../errors.js';
import type { Box } from './box.js';
import type { Structure } from './structure.js';

/** One stored instant of a trajectory. */
export interface TrajectoryFrame {
  /** (n,3) Å. */
  positions: Float64Array | Float32Array;
  /** fs since the start; absent where the file has none. */
  time?: number;
  step?: number;
  box?: Box | null;
  /** eV, where known. */
  energy?: number;
}

/** Frames of one system: `topology` names the particles, each frame moves them. */
export class Trajectory {
  readonly topology: Structure;
  readonly frames: readonly TrajectoryFrame[];

  /** @throws EINVALID when a frame has another number of particles than the topology */
  constructor(topology: Structure, frames: readonly TrajectoryFrame[]) {
    frames.forEach((f, i) => {
      if (f.positions.length !== 3 * topology.count) {
        invalid(
          `trajectory.frames[${i}].positions`,
          `must hold 3 x ${topology.count} numbers`,
          f.positions.length,
        );
      }
    });
    this.topology = topology;
    this.frames = frames;
  }

  get length(): number {
    return this.frames.length;
  }

  /** Frame `index` (negative counts from the end) as a structure of its own. */
  at(index: number): Structure {
    const frame = this.frames.at(index);
    if (!frame) return invalid('trajectory.at', `index must be within ${this.length} frames`, index);
    return this.topology.with({
      positions: Float64Array.from(frame.positions),
      box: frame.box ?? this.topology.box,
    });
  }
}
