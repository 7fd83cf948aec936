/** Numbers kept of every frame, as columns ready for a table, and the drift fitted to them. */
import { boltzmann } from '../units.js';
import type { Frame } from './frame.js';

/** One row per frame and system; all columns have the same length. */
export interface FrameColumns {
  step: Float64Array;
  /** fs. */
  time: Float64Array;
  /** Index of the system. */
  replica: Float64Array;
  /** eV. */
  potential: Float64Array;
  /** eV. */
  kinetic: Float64Array;
  /** eV. */
  total: Float64Array;
  /** K, of the velocities. */
  temperature: Float64Array;
  /** bar; absent where no box repeats in all directions. */
  pressure?: Float64Array;
  /** Which tempering temperature the system was at; absent without tempering. */
  temperatureIndex?: Float64Array;
}

type Column = keyof FrameColumns;

/** Collects frames into columns. */
export class FrameRecord {
  private readonly values = new Map<Column, number[]>();

  add(frame: Frame): void {
    for (let s = 0; s < frame.count; s++) {
      this.push('step', frame.step);
      this.push('time', frame.time);
      this.push('replica', s);
      this.push('potential', frame.potential[s]!);
      this.push('kinetic', frame.kinetic[s]!);
      this.push('total', frame.total[s]!);
      this.push('temperature', frame.temperature[s]!);
      if (frame.pressure) this.push('pressure', frame.pressure[s]!);
      if (frame.temperatureIndex) this.push('temperatureIndex', frame.temperatureIndex[s]!);
    }
  }

  columns(): FrameColumns {
    const required: Column[] = ['step', 'time', 'replica', 'potential', 'kinetic', 'total', 'temperature'];
    const out: Partial<FrameColumns> = {};
    for (const name of required) out[name] = Float64Array.from(this.values.get(name) ?? []);
    for (const [name, column] of this.values) out[name] ??= Float64Array.from(column);
    return out as FrameColumns;
  }

  private push(name: Column, value: number): void {
    const column = this.values.get(name);
    if (column) column.push(value);
    else this.values.set(name, [value]);
  }
}

/**
 * Drift of the total energy of each system: slope of its least-squares line, in kT per degree of freedom per ns, kT
 * at the system's own mean temperature. NaN for fewer than two frames.
 * @param degreesOfFreedom (systems)
 */
export function energyDrift(columns: FrameColumns, degreesOfFreedom: Float64Array): Float64Array {
  const systems = degreesOfFreedom.length;
  const frames = columns.step.length / systems;
  const mean = (column: Float64Array, s: number): number => {
    let sum = 0;
    for (let f = 0; f < frames; f++) sum += column[f * systems + s]!;
    return sum / frames;
  };
  return degreesOfFreedom.map((dof, s) => {
    const t0 = mean(columns.time, s);
    const e0 = mean(columns.total, s);
    let te = 0;
    let tt = 0;
    for (let f = 0; f < frames; f++) {
      const t = columns.time[f * systems + s]! - t0;
      te += t * (columns.total[f * systems + s]! - e0);
      tt += t * t;
    }
    return ((te / tt) * 1e6) / (boltzmann * mean(columns.temperature, s) * dof);
  });
}
