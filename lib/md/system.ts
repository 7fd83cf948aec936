/** The batch a run moves: structures times replicas, with masses and degrees of freedom. */
import { massOf } from '../elements.js';
import { invalid } from '../errors.js';
import type { Potential } from '../models/index.js';
import type { NativeBatch } from '../native.js';
import { joinBatch } from '../structure/batch.js';
import { type Structure, volume } from '../structure/index.js';
import { accelerationPerForce } from '../units.js';

export interface System {
  /** What the caller gave, each once. */
  readonly structures: readonly Structure[];
  /** Copies of each. */
  readonly replicas: number;
  /** Structure of each system, replicas of one structure side by side: (structures × replicas). */
  readonly systems: readonly Structure[];
  readonly batch: NativeBatch;
  /** (atoms) amu. */
  readonly masses: Float64Array;
  /** (systems) 3N, less three where the centre of mass is kept at rest. */
  readonly degreesOfFreedom: Float64Array;
  /** (systems) Å³; NaN for a box that does not repeat in all three directions. */
  readonly volumes: Float64Array;
}

/** @throws EINVALID for no structures, no particles, a missing or non-positive mass */
export function makeSystem(
  who: string,
  given: Structure | readonly Structure[],
  potential: Potential,
  replicas: number,
  removeCenterOfMass: boolean,
): System {
  const structures: readonly Structure[] = Array.isArray(given) ? given : [given as Structure];
  if (structures.length === 0) invalid(`${who}.structures`, 'must be at least one', 'none');
  structures.forEach((s, k) => {
    const least = removeCenterOfMass ? 2 : 1;
    const why = removeCenterOfMass ? ' when the centre of mass is kept at rest' : '';
    if (s.count < least) {
      invalid(`${who}.structures[${k}]`, `must have at least ${least} particles${why}`, s.count);
    }
  });
  const systems = structures.flatMap((s) => Array.from({ length: replicas }, () => s));
  const perStructure = new Map(structures.map((s) => [s, massesOf(who, s)]));
  const batch = joinBatch(systems, potential.info.typesOf);
  const masses = new Float64Array(batch.types.length);
  systems.forEach((s, k) => {
    masses.set(perStructure.get(s)!, batch.offsets[k]!);
  });
  return {
    structures,
    replicas,
    systems,
    batch,
    masses,
    degreesOfFreedom: Float64Array.from(systems, (s) => 3 * s.count - (removeCenterOfMass ? 3 : 0)),
    volumes: Float64Array.from(systems, (s) =>
      s.box?.periodic.every((p) => p) ? volume(s.box) : Number.NaN,
    ),
  };
}

/** amu: the structure's own, else those of its symbols. @throws EINVALID naming the particle without one */
function massesOf(who: string, structure: Structure): Float64Array {
  const masses = structure.masses ?? Float64Array.from(structure.symbols, (s) => massOf(s) ?? Number.NaN);
  masses.forEach((m, i) => {
    if (Number.isFinite(m) && m > 0) return;
    const symbol = structure.symbols[i];
    if (structure.masses) invalid(`${who}.masses[${i}]`, 'must be positive (amu)', m);
    invalid(`${who}.masses[${i}]`, 'is unknown for this symbol', symbol, 'give structure.masses in amu');
  });
  return masses;
}

/** (atoms) acceleration per force, Å/fs² per eV/Å. */
export function inverseMasses(masses: Float64Array): Float64Array {
  return masses.map((m) => accelerationPerForce / m);
}
