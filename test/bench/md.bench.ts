// What a step of dynamics costs beside its forces: 64 replicas × 269 beads in harmonic wells, whose forces cost next
// to nothing and are measured apart. Run: node dist/test/bench/md.bench.js
import {
  evaluate,
  harmonicWell,
  type Integrator,
  langevin,
  Structure,
  simulate,
  velocityVerlet,
} from '../../lib/index.js';
import { native } from '../../lib/native.js';
import { random } from '../tools.js';

const beads = 269;
const replicas = 64;
const steps = 500;
const repeats = 9;

const next = random(1);
const globule = new Structure({
  positions: Float64Array.from({ length: 3 * beads }, () => 20 * next() - 10),
  symbols: Array(beads).fill('CA'),
});
const well = harmonicWell({ k: 0.1 });

function quantiles(values: number[]): string {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (q: number): string => sorted[Math.round(q * (sorted.length - 1))]!.toFixed(1);
  return `${at(0.5).padStart(7)} (${at(0.05)}–${at(0.95)})`;
}

async function stepMicroseconds(integrator: Integrator, removeCenterOfMass: boolean): Promise<number[]> {
  const times: number[] = [];
  const sim = simulate(globule, well, { integrator, replicas, steps: 0, every: steps, removeCenterOfMass });
  for (let k = 0; k <= repeats; k++) {
    sim.extend(steps);
    const before = performance.now();
    await sim.run();
    if (k > 0) times.push(((performance.now() - before) * 1000) / steps);
  }
  return times;
}

function forceMicroseconds(): number[] {
  const all = Array(replicas).fill(globule);
  return Array.from({ length: 50 }, () => evaluate(well, all).seconds.evaluate * 1e6).slice(10);
}

const verlet = velocityVerlet({ timestep: 4, temperature: 300 });
const warm = langevin({ temperature: 300, timestep: 4 });
console.log(`${replicas} × ${beads} beads, ${native().threads()} threads; µs per step, median (5–95 %)`);
console.log(`forces of the wells alone    ${quantiles(forceMicroseconds())}`);
console.log(`velocity Verlet              ${quantiles(await stepMicroseconds(verlet, false))}`);
console.log(`Langevin (BAOAB)             ${quantiles(await stepMicroseconds(warm, false))}`);
console.log(`Langevin, drift removed      ${quantiles(await stepMicroseconds(warm, true))}`);
