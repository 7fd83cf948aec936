/** Wells that hold particles at points of space: for tests, tethers and umbrella-like restraints. */
import { digest } from '../digest.js';
import { checkOptionNames, invalid } from '../errors.js';
import { native } from '../native.js';
import { Potential } from './potential.js';

export interface HarmonicWellOptions {
  /** eV/Å², one for all particles or one per particle. */
  k: number | readonly number[] | Float64Array;
  /** Å: one point for all particles, or (n,3) of one per particle. Default: the origin. */
  center?: readonly number[] | Float64Array;
}

/**
 * E = Σ ½ k |x − c|² over the particles of a system. Points are absolute: they do not repeat with a periodic box, and
 * the virial −dE/dε = Σ x ⊗ f counts from the origin.
 * @throws EINVALID for a negative k or shapes that disagree
 * @example harmonicWell({ k: 0.5, center: [0, 0, 0] })
 */
export function harmonicWell(options: HarmonicWellOptions): Potential {
  checkOptionNames<HarmonicWellOptions>('harmonicWell', options, { k: true, center: true });
  const k = typeof options.k === 'number' ? Float64Array.of(options.k) : Float64Array.from(options.k);
  const centers = Float64Array.from(options.center ?? [0, 0, 0]);
  k.forEach((value, i) => {
    if (!(Number.isFinite(value) && value >= 0)) {
      invalid(`harmonicWell.k[${i}]`, 'must be at least 0', value, 'give it in eV/Å²');
    }
  });
  const bad = centers.findIndex((x) => !Number.isFinite(x));
  if (bad >= 0) invalid(`harmonicWell.center[${bad}]`, 'must be finite', centers[bad]);
  if (k.length === 0) invalid('harmonicWell.k', 'must have at least one entry', 0);
  if (centers.length === 0 || centers.length % 3 !== 0) {
    invalid('harmonicWell.center', 'must hold three numbers per point', centers.length);
  }
  if (k.length > 1 && centers.length > 3 && centers.length !== 3 * k.length) {
    invalid('harmonicWell.center', `must hold one point, or ${k.length} as k does`, centers.length / 3);
  }
  return new Potential(native().harmonicWell(k, centers), {
    name: 'harmonic well',
    cutoff: 0,
    backend: 'reference',
    precision: 'float64',
    parameters: digest(`${k.length}`, k, centers),
  });
}
