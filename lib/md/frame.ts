/** What a run shows of itself every so many steps. */
import { invalid } from '../errors.js';
import type { NativeDynamicsState } from '../native.js';
import type { Structure } from '../structure/index.js';
import { barPerElectronvoltPerCubicAngstrom, boltzmann } from '../units.js';
import type { System } from './system.js';

/** One instant of all replicas. Every array is a copy of its own: later steps do not change it. */
export class Frame {
  readonly step: number;
  /** fs since the run began. */
  readonly time: number;
  /** (atoms,3) Å, unwrapped, one system after the other. */
  readonly positions: Float64Array;
  /** (atoms,3) Å/fs. */
  readonly velocities: Float64Array;
  /** (atoms,3) eV/Å. */
  readonly forces: Float64Array;
  /** (systems+1): first atom of each system. */
  readonly offsets: Int32Array;
  /** (systems) eV. */
  readonly potential: Float64Array;
  /** (systems) eV. */
  readonly kinetic: Float64Array;
  /** (systems) eV: potential + kinetic. */
  readonly total: Float64Array;
  /**
   * (systems) K: 2K over degrees of freedom; these are three fewer where the centre of mass is kept at rest. Under `langevin`
   * it is below the set one by (ω Δt)²/4 of each vibration ω: 2 % at 2 fs and 10 % at 4 fs for five-bead proteins.
   */
  readonly temperature: Float64Array;
  /** (systems) bar, (2K + tr W)/3V; NaN for a box that does not repeat in all directions, undefined where none does. */
  readonly pressure: Float64Array | undefined;
  /** (systems) which of the tempering temperatures each system is at; undefined without tempering. */
  readonly temperatureIndex: Int32Array | undefined;
  private readonly systems: readonly Structure[];

  constructor(state: NativeDynamicsState, system: System, timestep: number) {
    this.step = state.step;
    this.time = state.step * timestep;
    this.positions = state.positions;
    this.velocities = state.velocities;
    this.forces = state.forces;
    this.offsets = system.batch.offsets;
    this.potential = state.potential;
    this.kinetic = state.kinetic;
    this.total = state.potential.map((u, s) => u + state.kinetic[s]!);
    this.temperature = state.kinetic.map((k, s) => (2 * k) / (system.degreesOfFreedom[s]! * boltzmann));
    this.pressure = pressureOf(state, system);
    this.temperatureIndex = state.rung.length > 0 ? Int32Array.from(state.rung) : undefined;
    this.systems = system.systems;
  }

  /** Number of systems: structures times replicas. */
  get count(): number {
    return this.systems.length;
  }

  /** One system as a structure, velocities included. @throws EINVALID when there is no such system */
  structure(system: number = 0): Structure {
    const topology = this.systems[system];
    if (!topology) return invalid('frame.structure', `must be within ${this.count} systems`, system);
    const from = 3 * this.offsets[system]!;
    const to = 3 * this.offsets[system + 1]!;
    return topology.with({
      positions: this.positions.slice(from, to),
      velocities: this.velocities.slice(from, to),
    });
  }
}

function pressureOf(state: NativeDynamicsState, system: System): Float64Array | undefined {
  if (state.virial.length === 0) return undefined;
  return state.kinetic.map((k, s) => {
    const trace = state.virial[9 * s]! + state.virial[9 * s + 4]! + state.virial[9 * s + 8]!;
    return ((2 * k + trace) / (3 * system.volumes[s]!)) * barPerElectronvoltPerCubicAngstrom;
  });
}
