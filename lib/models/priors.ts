/**
 * Energy terms over fixed lists of particles: the priors of coarse-grained models, or any bonded force field.
 * A term is plain data (`PriorTerm`); `priors` makes one potential of any number of terms.
 * Equations and conventions: native/models/bonded/bonded.h.
 */
import { deviceIndex, gpus } from '../cuda.js';
import { invalid } from '../errors.js';
import { native } from '../native.js';
import { joinBatch } from '../structure/batch.js';
import type { Structure } from '../structure/structure.js';
import { type EnergyUnit, energyUnits } from '../units.js';
import { Potential } from './potential.js';

export type PriorCoordinate = 'distance' | 'cosine' | 'angle' | 'dihedral';
export type PriorForm =
  | 'harmonic'
  | 'polynomial'
  | 'repulsion'
  | 'fourier'
  | 'restricted'
  | 'ashbaughHatch'
  | 'screenedCoulomb';

/** One named term: a list of tuples of particles and the parameters of each. */
export interface PriorTerm {
  readonly name: string;
  readonly coordinate: PriorCoordinate;
  readonly form: PriorForm;
  /** (m, 2 | 3 | 4) particles of one system. */
  readonly tuples: Int32Array;
  /** (m, parameters of the form), eV, Å, radians; order as in native/models/bonded/bonded.h. */
  readonly parameters: Float64Array;
}

/** Particles of a tuple of each coordinate. */
export const tupleSize: Readonly<Record<PriorCoordinate, 2 | 3 | 4>> = {
  distance: 2,
  cosine: 3,
  angle: 3,
  dihedral: 4,
};

/** A parameter: one number for all tuples, or one for each. */
export type PerTuple = number | ArrayLike<number>;

interface TermOptions {
  /** Shown in errors and in `termEnergies`. */
  name?: string;
  /** (m, 2 | 3 | 4) particles, flat. */
  tuples: ArrayLike<number>;
  /** Unit of the energies among the parameters. Default eV. */
  energyUnit?: EnergyUnit;
}

/**
 * Builds a term; every other constructor here is a short form of it.
 * @param columns the parameters in the form's order; `energies` of them are in `energyUnit`
 * @throws EINVALID when tuples or parameters do not fit
 */
function priorTerm(
  coordinate: PriorCoordinate,
  form: PriorForm,
  options: TermOptions,
  columns: readonly { values: PerTuple; energy: boolean; name: string }[],
): PriorTerm {
  const name = options.name ?? `${form} ${coordinate}`;
  const size = tupleSize[coordinate];
  const { length } = options.tuples;
  if (length % size !== 0) invalid(`${name}.tuples`, `must hold ${size} particles each`, length);
  const count = length / size;
  const scale = energyUnits[options.energyUnit ?? 'eV'];
  const parameters = new Float64Array(count * columns.length);
  columns.forEach(({ values, energy, name: column }, c) => {
    if (typeof values !== 'number' && values.length !== count)
      invalid(`${name}.${column}`, `must hold one number per tuple (${count})`, values.length);
    for (let t = 0; t < count; t++) {
      const v = typeof values === 'number' ? values : values[t]!;
      if (!Number.isFinite(v)) invalid(`${name}.${column}[${t}]`, 'must be finite', v);
      parameters[t * columns.length + c] = energy ? v * scale : v;
    }
  });
  const tuples = Int32Array.from(options.tuples);
  return { name, coordinate, form, tuples, parameters };
}

const energy = (name: string, values: PerTuple): { values: PerTuple; energy: boolean; name: string } => ({
  name,
  values,
  energy: true,
});
const plain = (name: string, values: PerTuple): { values: PerTuple; energy: boolean; name: string } => ({
  name,
  values,
  energy: false,
});

/** k (r − x0)²: no factor ½. @example harmonicBonds({ tuples: [0, 1], x0: 1.5, k: 250, energyUnit: 'kcal/mol' }) */
export function harmonicBonds(options: TermOptions & { /** Å */ x0: PerTuple; k: PerTuple }): PriorTerm {
  return priorTerm('distance', 'harmonic', { name: 'bonds', ...options }, [
    plain('x0', options.x0),
    energy('k', options.k),
  ]);
}

/** k (cos θ − x0)², or k (θ − x0)² with `of: 'angle'` (radians). The middle particle of a triple is the vertex. */
export function harmonicAngles(
  options: TermOptions & { x0: PerTuple; k: PerTuple; of?: 'cosine' | 'angle' },
): PriorTerm {
  return priorTerm(options.of ?? 'cosine', 'harmonic', { name: 'angles', ...options }, [
    plain('x0', options.x0),
    energy('k', options.k),
  ]);
}

/** k (φ − x0)² the nearer way round, radians. */
export function harmonicDihedrals(options: TermOptions & { x0: PerTuple; k: PerTuple }): PriorTerm {
  return priorTerm('dihedral', 'harmonic', { name: 'dihedrals', ...options }, [
    plain('x0', options.x0),
    energy('k', options.k),
  ]);
}

/**
 * v0 + Σ_n k1_n sin nφ + k2_n cos nφ, n = 1, 2 …; `k1[n-1]`, `k2[n-1]` are numbers or one number per tuple.
 * @throws EINVALID where k1 and k2 have different orders
 */
export function fourierDihedrals(
  options: TermOptions & { v0?: PerTuple; k1: readonly PerTuple[]; k2: readonly PerTuple[] },
): PriorTerm {
  const { k1, k2 } = options;
  if (k1.length !== k2.length)
    invalid('fourierDihedrals.k2', `must have as many orders as k1 (${k1.length})`, k2.length);
  return priorTerm('dihedral', 'fourier', { name: 'dihedrals', ...options }, [
    energy('v0', options.v0 ?? 0),
    ...k1.map((v, n) => energy(`k1_${n + 1}`, v)),
    ...k2.map((v, n) => energy(`k2_${n + 1}`, v)),
  ]);
}

/**
 * ε (σ/r)⁶ over a fixed list of pairs.
 * @param options.epsilon default 1 `energyUnit`
 * @throws EINVALID where sigma or epsilon are arrays of another length than the pairs
 */
export function repulsion(
  options: TermOptions & { /** Å */ sigma: PerTuple; epsilon?: PerTuple },
): PriorTerm {
  const pairs = options.tuples.length / 2;
  const at = (v: PerTuple, t: number): number => (typeof v === 'number' ? v : v[t]!);
  for (const [name, v] of [
    ['sigma', options.sigma],
    ['epsilon', options.epsilon ?? 1],
  ] as const) {
    if (typeof v !== 'number' && v.length !== pairs)
      invalid(`repulsion.${name}`, `must hold one number per pair (${pairs})`, v.length);
  }
  const c6 = Float64Array.from({ length: Math.floor(pairs) }, (_, t) => {
    return at(options.epsilon ?? 1, t) * at(options.sigma, t) ** 6;
  });
  return priorTerm('distance', 'repulsion', { name: 'repulsion', ...options }, [energy('sigma', c6)]);
}

/** a c⁴ + b c³ + e c² + d c + k / sin²θ + v0 with c = cos θ: an angle that cannot straighten (k > 0). */
export function restrictedAngles(
  options: TermOptions & { a: PerTuple; b: PerTuple; e: PerTuple; d: PerTuple; k: PerTuple; v0?: PerTuple },
): PriorTerm {
  const columns = (['a', 'b', 'e', 'd', 'k'] as const).map((key) => energy(key, options[key]));
  return priorTerm('cosine', 'restricted', { name: 'angles', ...options }, [
    ...columns,
    energy('v0', options.v0 ?? 0),
  ]);
}

/** Å between which a pair energy is switched off, smoothly to the second derivative: [begins, ends]. */
export type Switch = readonly [number, number];

/** No switch: one that begins where nothing is. */
const never: Switch = [1e9, 2e9];
const switchColumns = ([on, off]: Switch): { values: PerTuple; energy: boolean; name: string }[] => [
  plain('switch[0]', on),
  plain('switch[1]', off),
];

/**
 * Contacts of residues over a fixed list of pairs, u = 4ε ((σ/r)¹² − (σ/r)⁶): u + (1 − λ) ε up to the minimum 2^(1/6) σ
 * and λ u beyond it, so that λ sets the depth and not the core (Ashbaugh and Hatch, J. Am. Chem. Soc. 130, 9536 (2008)).
 * @example ashbaughHatch({ tuples: [0, 9], epsilon: 0.2, sigma: 6.2, lambda: 0.97, energyUnit: 'kcal/mol' })
 */
export function ashbaughHatch(
  options: TermOptions & {
    epsilon: PerTuple;
    /** Å */ sigma: PerTuple;
    /** 0: repulsive alone; 1: Lennard-Jones. */
    lambda: PerTuple;
    /** Default: none. */
    switch?: Switch;
  },
): PriorTerm {
  return priorTerm('distance', 'ashbaughHatch', { name: 'contacts', ...options }, [
    energy('epsilon', options.epsilon),
    plain('sigma', options.sigma),
    plain('lambda', options.lambda),
    ...switchColumns(options.switch ?? never),
  ]);
}

/**
 * Charges in salt water over a fixed list of pairs, A exp(−κ r) / r (Debye and Hückel): A = q_i q_j e² / 4πε₀ε_r.
 * @param options.strength A, energy × Å
 */
export function screenedCoulomb(
  options: TermOptions & {
    strength: PerTuple;
    /** 1/Å: the inverse of the screening length. */ kappa: PerTuple;
    /** Default: none. */ switch?: Switch;
  },
): PriorTerm {
  return priorTerm('distance', 'screenedCoulomb', { name: 'charges', ...options }, [
    energy('strength', options.strength),
    plain('kappa', options.kappa),
    ...switchColumns(options.switch ?? never),
  ]);
}

/**
 * v0 + Σ_n k_n xⁿ of any coordinate; `coefficients` = [v0, k_1, k_2 …], each a number or one number per tuple.
 * @throws EINVALID without coefficients
 */
export function polynomial(
  options: TermOptions & { of: PriorCoordinate; coefficients: readonly PerTuple[] },
): PriorTerm {
  if (options.coefficients.length === 0) invalid('polynomial.coefficients', 'must hold at least v0', 'none');
  return priorTerm(
    options.of,
    'polynomial',
    options,
    options.coefficients.map((v, n) => energy(n ? `k_${n}` : 'v0', v)),
  );
}

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
    super(handle, { name, cutoff: 0, backend, precision: 'float64', ...where });
    this.topologies = topologies;
    this.assignment = assignment;
    this.options = options;
  }

  override beside(device: number): Potential {
    if (this.options.backend !== undefined) return this;
    return new PriorPotential(this.topologies, this.assignment, { ...this.options, backend: 'cuda', device });
  }
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
