/** The Lennard-Jones fluid: the simplest potential that has gas, liquid and crystal. */
import { digest } from '../digest.js';
import { checkOptionNames, invalid } from '../errors.js';
import { native } from '../native.js';
import { Potential } from './potential.js';

export interface LennardJonesOptions {
  /** eV, depth of the well. */
  epsilon: number;
  /** Å, where the energy of a pair is zero. */
  sigma: number;
  /** Å. Default 2.5 σ. */
  cutoff?: number;
  /** Å, from where the energy is smoothly switched off towards the cutoff. Default 0.9 of it. */
  switchFrom?: number;
}

/**
 * E = Σ 4ε ((σ/r)^12 − (σ/r)^6) over pairs, the same for all particles, switched off smoothly (two continuous
 * derivatives) before the cutoff; no correction for what lies beyond.
 * @throws EINVALID unless ε, σ are positive and 0 < switchFrom < cutoff
 * @example lennardJones({ epsilon: 0.0104, sigma: 3.4 }) // argon
 */
export function lennardJones(options: LennardJonesOptions): Potential {
  checkOptionNames<LennardJonesOptions>('lennardJones', options, {
    epsilon: true,
    sigma: true,
    cutoff: true,
    switchFrom: true,
  });
  const { epsilon, sigma } = options;
  const cutoff = options.cutoff ?? 2.5 * sigma;
  const switchFrom = options.switchFrom ?? 0.9 * cutoff;
  for (const [name, value] of Object.entries({ epsilon, sigma, cutoff, switchFrom })) {
    if (!(Number.isFinite(value) && value > 0)) invalid(`lennardJones.${name}`, 'must be positive', value);
  }
  if (switchFrom >= cutoff)
    invalid('lennardJones.switchFrom', `must be below the cutoff of ${cutoff} Å`, switchFrom);
  return new Potential(native().lennardJones(epsilon, sigma, cutoff, switchFrom), {
    name: 'Lennard-Jones',
    cutoff,
    backend: 'cpu',
    precision: 'float64',
    parameters: digest(Float64Array.of(epsilon, sigma, cutoff, switchFrom)),
  });
}
