/** How a run moves its particles: plain descriptions that `simulate` hands to native code. */
import { checkOptionNames, invalid } from '../errors.js';

export interface LangevinOptions {
  /** K: one for all replicas, or one per replica. Left out with `tempering`, which brings its own. */
  temperature?: number | readonly number[];
  /** 1/ps. Default 1. */
  friction?: number;
  /** fs. */
  timestep: number;
  /** Of all noise and starting velocities: 0 to 2^53−1. Default 0. */
  seed?: number;
}

export interface VelocityVerletOptions {
  /** fs. */
  timestep: number;
  /** K, for drawing starting velocities only; without it particles start with their structure's, or at rest. */
  temperature?: number | readonly number[];
  /** Of the starting velocities. Default 0. */
  seed?: number;
}

/** An integrator as `langevin` or `velocityVerlet` describe it. */
export interface Integrator {
  readonly kind: 'langevin' | 'velocityVerlet';
  /** fs. */
  readonly timestep: number;
  /** K. */
  readonly temperature: number | readonly number[] | undefined;
  /** 1/ps; 0 for velocity Verlet. */
  readonly friction: number;
  readonly seed: number;
}

/**
 * Langevin dynamics by the BAOAB splitting: samples the canonical ensemble, exactly in configuration for harmonic
 * forces. Leimkuhler and Matthews, Appl. Math. Res. Express 2013, 34.
 *
 * Velocities at whole steps are a little too slow, and `frame.temperature` with them: by (ω Δt)²/4 of each vibration ω. The
 * bonds of five-bead proteins make 300 K read as 298, 293 and 271 K at 1, 2 and 4 fs, while positions are those of 300 K.
 * @throws EINVALID for a timestep or temperature that is not positive, a negative friction, a seed that is no whole number
 * @example langevin({ temperature: 300, friction: 1, timestep: 4, seed: 1 })
 */
export function langevin(options: LangevinOptions): Integrator {
  checkOptionNames<LangevinOptions>('langevin', options, {
    temperature: true,
    friction: true,
    timestep: true,
    seed: true,
  });
  const { friction = 1, seed = 0, temperature, timestep } = options;
  checkTimestep('langevin', timestep);
  checkTemperature('langevin', temperature);
  if (!(Number.isFinite(friction) && friction >= 0)) {
    invalid('langevin.friction', 'must be at least 0', friction, 'give it in 1/ps');
  }
  checkSeed('langevin', seed);
  return { kind: 'langevin', timestep, temperature, friction, seed };
}

/**
 * Velocity Verlet: conserves energy (microcanonical). Swope, Andersen, Berens, Wilson, J. Chem. Phys. 76, 637 (1982).
 * @throws EINVALID for a timestep or temperature that is not positive, a seed that is no whole number
 * @example velocityVerlet({ timestep: 2, temperature: 300 })
 */
export function velocityVerlet(options: VelocityVerletOptions): Integrator {
  checkOptionNames<VelocityVerletOptions>('velocityVerlet', options, {
    timestep: true,
    temperature: true,
    seed: true,
  });
  const { seed = 0, temperature, timestep } = options;
  checkTimestep('velocityVerlet', timestep);
  checkTemperature('velocityVerlet', temperature);
  checkSeed('velocityVerlet', seed);
  return { kind: 'velocityVerlet', timestep, temperature, friction: 0, seed };
}

/** Parallel tempering as `tempering` describes it. */
export interface Tempering {
  /** K, of neighbouring rungs in order. */
  readonly temperatures: readonly number[];
  /** Steps between attempts. */
  readonly every: number;
}

/**
 * Parallel tempering: replicas at neighbouring temperatures try to exchange every `every` steps, even and odd pairs
 * in turn, by the Metropolis rule; velocities are rescaled. Replica r starts at temperature r mod T; replicas
 * 0..T−1, T..2T−1, … are ladders of their own. Sugita and Okamoto, Chem. Phys. Lett. 314, 141 (1999).
 * @throws EINVALID for fewer than two temperatures, or one that is not positive
 * @example tempering({ temperatures: [300, 350, 410], every: 100 })
 */
export function tempering(options: { temperatures: readonly number[]; every: number }): Tempering {
  checkOptionNames<Tempering>('tempering', options, { temperatures: true, every: true });
  const { every, temperatures } = options;
  if (temperatures.length < 2) invalid('tempering.temperatures', 'must be at least two', temperatures.length);
  checkTemperature('tempering', temperatures);
  checkCount('tempering.every', every);
  return { temperatures: [...temperatures], every };
}

/** A whole number of at least `least`. */
export function checkCount(subject: string, value: number, least: number = 1): void {
  if (!(Number.isSafeInteger(value) && value >= least)) {
    invalid(subject, `must be a whole number of at least ${least}`, value);
  }
}

/** A positive finite number. */
export function checkPositive(subject: string, value: number, unit: string): void {
  if (!(Number.isFinite(value) && value > 0))
    invalid(subject, 'must be positive', value, `give it in ${unit}`);
}

function checkTimestep(who: string, timestep: number): void {
  checkPositive(`${who}.timestep`, timestep, 'fs');
}

function checkTemperature(who: string, temperature: number | readonly number[] | undefined): void {
  if (typeof temperature === 'number') checkPositive(`${who}.temperature`, temperature, 'K');
  else for (const [i, t] of temperature?.entries() ?? []) checkPositive(`${who}.temperature[${i}]`, t, 'K');
}

function checkSeed(who: string, seed: number): void {
  checkCount(`${who}.seed`, seed, 0);
}
