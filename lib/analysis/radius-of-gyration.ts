import { checkOptionNames } from '../errors.js';
import {
  type Frames,
  framesOf,
  type PerFrame,
  particlesOf,
  perFrame,
  type Selection,
  weightsOf,
} from './frames.js';
import { centroid } from './superpose.js';

export interface RadiusOfGyrationOptions extends Selection {
  /** Equal (default), `mass` for the mass-weighted radius, or one number per particle. */
  weights?: 'mass' | ArrayLike<number>;
}

/**
 * Radius of gyration, Å: √(Σ w |x − x̄|² / Σ w) with x̄ the weighted mean position. Molecules must be whole: boxes are not
 * looked at.
 */
export function radiusOfGyration<F extends Frames>(
  frames: F,
  options: RadiusOfGyrationOptions = {},
): PerFrame<F> {
  checkOptionNames<RadiusOfGyrationOptions>('radiusOfGyration', options, { particles: true, weights: true });
  const all = framesOf(frames, 'radiusOfGyration.frames');
  const particles = particlesOf(options, all.count, 'radiusOfGyration');
  const weights = weightsOf(options.weights, all, particles, 'radiusOfGyration');
  const total = weights.reduce((a, w) => a + w, 0);
  return perFrame(all, (x) => {
    const center = centroid(x, particles, weights);
    let sum = 0;
    particles.forEach((i, n) => {
      for (let c = 0; c < 3; c++) sum += weights[n]! * (x[3 * i + c]! - center[c]!) ** 2;
    });
    return Math.sqrt(sum / total);
  });
}
