// What the tests of dynamics share.
import { createHash } from 'node:crypto';
import * as assert from 'uvu/assert';
import { type Frame, MdlabError, type Simulation, Structure } from '../../lib/index.js';
import { native } from '../../lib/native.js';
import { random } from '../tools.js';

export const boltzmann = 8.617333262145179e-5;
export const accelerationPerForce = 9.648533215665327e-3;

/** `count` carbon atoms, uniform in a cube. */
export function cloud(count: number, seed = 1, edge = 4): Structure {
  const next = random(seed);
  return new Structure({
    positions: Float64Array.from({ length: 3 * count }, () => edge * (next() - 0.5)),
    symbols: Array.from({ length: count }, () => 'C'),
  });
}

/** `count` carbon atoms at the origin. */
export function atOrigin(count: number): Structure {
  return new Structure({ positions: new Float64Array(3 * count), symbols: Array(count).fill('C') });
}

/** Of positions, velocities and energies, bit for bit. */
export function hash(frame: Frame): string {
  const sum = createHash('sha256');
  for (const a of [frame.positions, frame.velocities, frame.forces, frame.potential]) {
    sum.update(new Uint8Array(a.buffer, a.byteOffset, a.byteLength));
  }
  return sum.digest('hex');
}

/** Runs to the end and gives the last state. */
export async function finish(sim: Simulation): Promise<Frame> {
  await sim.run();
  return sim.state;
}

/**
 * Starts a clock of what a thing takes on a machine of its own, ms: processor time per thread. Where others use the
 * machine, wall time can be many times that; it counts by a tenth, so that waiting for nothing shows too.
 */
export function stopwatch(): () => number {
  const cpu = process.cpuUsage();
  const wall = performance.now();
  return () => {
    const used = process.cpuUsage(cpu);
    const perThread = (used.user + used.system) / 1000 / native().threads();
    return Math.max(perThread, (performance.now() - wall) / 10);
  };
}

/** Asserts that runs stop within 100 ms of being asked: the median, so that one busy moment of the machine is no failure. */
export function stopsSoon(milliseconds: readonly number[], context = ''): void {
  const median = [...milliseconds].sort((a, b) => a - b)[Math.floor(milliseconds.length / 2)]!;
  assert.ok(median < 100, `stopped after ${milliseconds.map((t) => t.toFixed(0)).join(', ')} ms ${context}`);
}

/**
 * Stops a run again and again within a step: each time soon, with the state of a whole step, and the bits at the end are
 * those of a run that nobody stopped.
 * @param make the run, a frame every step
 * @param share of a step's time after which attempt k is stopped
 */
export async function stopsWithinSteps(make: () => Simulation, share: (k: number) => number): Promise<void> {
  const hashes = [''];
  const started = performance.now();
  for await (const frame of make()) hashes.push(hash(frame));
  const last = hashes.length - 1;
  const perStep = (performance.now() - started) / hashes.length;

  const sim = make();
  const took: number[] = [];
  for (let k = 0; k < 20 && sim.step < last; k++) {
    const stop = new AbortController();
    let since = stopwatch();
    setTimeout(() => {
      since = stopwatch();
      stop.abort();
    }, perStep * share(k));
    const error = await sim.run({ signal: stop.signal }).catch((e: unknown) => e);
    if (!(error instanceof MdlabError)) break;
    took.push(since());
    assert.is(error.code, 'EINTERRUPTED');
    if (sim.step > 0) assert.is(hash(sim.state), hashes[sim.step], `state after step ${sim.step}`);
  }
  await sim.run();
  assert.ok(took.length >= 2, `cut off ${took.length} times, a step takes ${perStep} ms`);
  stopsSoon(took, `a step takes ${perStep} ms`);
  assert.is(hash(sim.state), hashes[last]);
}

/** Mean and its standard error, from values that are taken as independent. */
export function meanError(values: ArrayLike<number>): { mean: number; error: number } {
  const n = values.length;
  let mean = 0;
  for (let i = 0; i < n; i++) mean += values[i]! / n;
  let square = 0;
  for (let i = 0; i < n; i++) square += (values[i]! - mean) ** 2;
  return { mean, error: Math.sqrt(square / (n - 1) / n) };
}

/** k of a well in which a carbon atom has angular frequency `omega` (1/fs). */
export function stiffness(omega: number, mass = 12.011): number {
  return (mass * omega * omega) / accelerationPerForce;
}
