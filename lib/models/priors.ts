/**
 * Energy terms over fixed lists of particles: the priors of coarse-grained models, or any bonded force field.
 * A term is plain data (`PriorTerm`); `priors` makes one potential of any number of terms.
 */
import { deviceIndex, gpus } from '../cuda.js';
import { digest } from '../digest.js';
import { checkOptionNames, invalid } from '../errors.js';
import { native } from '../native.js';
import { joinBatch } from '../structure/batch.js';
import type { Structure } from '../structure/structure.js';
import { Potential } from './potential.js';
import type { PriorTerm } from './priors-terms.js';

/** The terms of one molecule. */
export interface PriorTopology {
  /** Particles of the molecule. */
  readonly atoms: number;
  readonly terms: readonly PriorTerm[];
}

/** What priors are computed on. */
export interface PriorOptions {
  /** Shown in tables and errors. */
  name?: string;
  /** Default: `cuda` within a sum with a model that computes there, else `cpu`. */
  backend?: 'cpu' | 'cuda';
  /** With backend `cuda`: index of the GPU, or part of its name. Default the first that can be used. */
  device?: number | string;
}

export const priorOptionNames: Readonly<Record<keyof PriorOptions, true>> = {
  name: true,
  backend: true,
  device: true,
};

/** A potential that knows its terms. */
export class PriorPotential extends Potential {
  readonly topologies: readonly PriorTopology[];
  /** Topology of each system of a batch; undefined when one topology serves any number of replicas. */
  readonly assignment: readonly number[] | undefined;
  private readonly options: PriorOptions;

  /** @throws EINVALID for a tuple that does not fit or a GPU that is not there, ENOTFOUND without CUDA */
  constructor(
    topologies: readonly PriorTopology[],
    assignment?: readonly number[],
    options: PriorOptions = {},
  ) {
    checkOptionNames<PriorOptions>('priors', options, priorOptionNames);
    const { backend = 'cpu', name = 'priors' } = options;
    if (backend !== 'cpu' && backend !== 'cuda')
      invalid('priors.backend', "must be 'cpu' or 'cuda'", backend);
    if (backend !== 'cuda' && options.device !== undefined)
      invalid('priors.device', "must go with backend 'cuda'", options.device);
    const device = backend === 'cuda' ? deviceIndex(options.device) : undefined;
    const handle = native().createBonded(
      topologies.map(({ atoms, terms }) => ({ atoms, terms: [...terms] })),
      assignment ? Int32Array.from(assignment) : undefined,
      device,
    );
    const where = device === undefined ? {} : { device, deviceName: gpus()[device]!.name };
    const parameters = parametersOf(topologies, assignment);
    super(handle, { name, cutoff: 0, backend, precision: 'float64', ...where, parameters });
    this.topologies = topologies;
    this.assignment = assignment;
    this.options = options;
  }

  override beside(device: number): Potential {
    if (this.options.backend !== undefined) return this;
    return new PriorPotential(this.topologies, this.assignment, { ...this.options, backend: 'cuda', device });
  }
}

/** A digest of all that energies depend on: what terms are called, and where they are computed, is not of it. */
function parametersOf(
  topologies: readonly PriorTopology[],
  assignment: readonly number[] | undefined,
): string {
  const shape = topologies.map(({ atoms, terms }) => [
    atoms,
    terms.map(({ coordinate, form, parameters, tuples }) => [
      coordinate,
      form,
      tuples.length,
      parameters.length,
    ]),
  ]);
  const numbers = topologies.flatMap(({ terms }) => terms.flatMap((t) => [t.tuples, t.parameters]));
  return digest(JSON.stringify([shape, assignment ?? null]), ...numbers);
}

/**
 * One potential of several terms, for any number of replicas of one molecule.
 * @param molecule the structure, or its number of particles
 * @throws EINVALID when a tuple names a particle that is not there, or one twice
 * @example const prior = priors(structure, [harmonicBonds({ tuples: [0, 1], x0: 1.5, k: 10 })])
 */
export function priors(
  molecule: Structure | number,
  terms: readonly PriorTerm[],
  options: PriorOptions = {},
): PriorPotential {
  const atoms = typeof molecule === 'number' ? molecule : molecule.count;
  return new PriorPotential([{ atoms, terms }], undefined, options);
}

/**
 * One potential for a batch of different molecules: system s of every batch has topology `assignment[s]`
 * (default: one topology per system, in order).
 * @throws EINVALID for priors that are of several molecules themselves
 */
export function priorsOfBatch(
  molecules: readonly PriorPotential[],
  assignment: readonly number[] = molecules.map((_, i) => i),
  options: PriorOptions = {},
): PriorPotential {
  const topologies = molecules.map((m) => {
    const only = m.topologies[0];
    if (!only || m.topologies.length !== 1)
      return invalid('priorsOfBatch.molecules', 'must be priors of one molecule each', m.name);
    return only;
  });
  return new PriorPotential(topologies, assignment, options);
}

/** Energy of each term by name. Terms that share a name add up. @returns name -> (systems) eV */
export function termEnergies(
  potential: PriorPotential,
  structures: Structure | readonly Structure[],
): Map<string, Float64Array> {
  const list: readonly Structure[] = Array.isArray(structures) ? structures : [structures];
  const { topologies, assignment } = potential;
  const row = Math.max(...topologies.map((t) => t.terms.length));
  const values = native().bondedTermEnergies(potential.handle, joinBatch(list));
  const out = new Map<string, Float64Array>();
  list.forEach((_, s) => {
    topologies[assignment?.[s] ?? 0]!.terms.forEach((term, t) => {
      const energies = out.get(term.name) ?? new Float64Array(list.length);
      energies[s]! += values[s * row + t]!;
      out.set(term.name, energies);
    });
  });
  return out;
}

/**
 * Pairs of particles at least `separation` bonds apart (or not connected at all), each once: the static list of
 * an excluded-volume term.
 * @param bonds (m,2) flat
 * @param exclusions further pairs to leave out, (m,2) flat
 * @returns (pairs,2) flat, i < j, in order
 * @throws EINVALID for a bond of particles that are not there
 */
export function pairsApart(
  particles: number,
  bonds: ArrayLike<number>,
  separation: number,
  exclusions: ArrayLike<number> = [],
): Int32Array {
  const neighbors: number[][] = Array.from({ length: particles }, () => []);
  for (let b = 0; b + 1 < bonds.length; b += 2) {
    const i = bonds[b]!;
    const j = bonds[b + 1]!;
    if (!neighbors[i] || !neighbors[j])
      invalid('pairsApart.bonds', `must name particles 0..${particles - 1}`, `${i}-${j}`);
    neighbors[i]!.push(j);
    neighbors[j]!.push(i);
  }
  const out: number[] = [];
  const left: Set<number>[] = Array.from({ length: particles }, () => new Set<number>());
  for (let e = 0; e + 1 < exclusions.length; e += 2) {
    left[Math.min(exclusions[e]!, exclusions[e + 1]!)]?.add(Math.max(exclusions[e]!, exclusions[e + 1]!));
  }
  for (let i = 0; i < particles; i++) {
    const near = new Set<number>([i]);
    let shell: number[] = [i];
    for (let depth = 1; depth < separation; depth++) {
      shell = shell.flatMap((a) => neighbors[a]!).filter((b) => !near.has(b) && near.add(b));
    }
    for (let j = i + 1; j < particles; j++) if (!near.has(j) && !left[i]!.has(j)) out.push(i, j);
  }
  return Int32Array.from(out);
}
