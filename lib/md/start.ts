/** Starting velocities of a run. */
import { invalid } from '../errors.js';
import { type NativeDynamics, native } from '../native.js';
import { boltzmann } from '../units.js';
import type { RunOptions, StartVelocities } from './options.js';
import type { System } from './system.js';

/** @throws EINVALID when velocities are asked for that nothing gives */
export function startVelocities(
  handle: NativeDynamics,
  system: System,
  options: RunOptions,
  velocities: StartVelocities | undefined,
): void {
  const temperatures = temperaturesOf(system, options);
  const known = system.structures.every((s) => s.velocities !== undefined);
  const how = velocities ?? (known ? 'structure' : temperatures ? 'maxwell-boltzmann' : 'zero');
  if (how === 'maxwell-boltzmann') {
    if (!temperatures) {
      invalid(
        'simulate.velocities',
        'need a temperature to be drawn at',
        how,
        'give the integrator one in K',
      );
    }
    native().drawVelocities(
      handle,
      temperatures!.map((t) => t * boltzmann),
    );
    return;
  }
  const values = how === 'zero' ? new Float64Array(3 * system.masses.length) : gathered(system, how);
  native().setVelocities(handle, values);
}

/** (systems) K, or undefined where the integrator has none. */
function temperaturesOf(system: System, options: RunOptions): Float64Array | undefined {
  const { integrator, tempering } = options;
  const one = integrator.temperature;
  if (tempering) {
    const rungs = tempering.temperatures;
    return Float64Array.from(system.systems, (_, s) => rungs[s % rungs.length]!);
  }
  if (one === undefined) return undefined;
  return Float64Array.from(system.systems, (_, s) => (typeof one === 'number' ? one : one[s]!));
}

function gathered(system: System, how: 'structure' | Float64Array): Float64Array {
  const all = new Float64Array(3 * system.masses.length);
  if (typeof how !== 'string' && how.length === all.length) all.set(how);
  else {
    system.systems.forEach((s, k) => {
      const own = typeof how === 'string' ? s.velocities : how;
      if (!own)
        invalid('simulate.velocities', 'must be in every structure', `none in structure of system ${k}`);
      if (own!.length !== 3 * s.count) {
        const rule = `must hold ${all.length} numbers, or ${3 * s.count} for each replica`;
        invalid('simulate.velocities', rule, own!.length);
      }
      all.set(own!, 3 * system.batch.offsets[k]!);
    });
  }
  const bad = all.findIndex((v) => !Number.isFinite(v));
  if (bad >= 0) invalid(`simulate.velocities[${bad}]`, 'must be finite', all[bad]);
  return all;
}
