/** Energy terms as plain data: what `priors` makes a potential of. Equations and conventions: native/models/bonded/bonded.h. */
import { checkOptionNames, invalid } from '../errors.js';
import { type EnergyUnit, energyUnits } from '../units.js';

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

const termOptionNames: Readonly<Record<keyof TermOptions, true>> = {
  name: true,
  tuples: true,
  energyUnit: true,
};

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
  checkOptionNames<typeof options>('harmonicBonds', options, { ...termOptionNames, x0: true, k: true });
  return priorTerm('distance', 'harmonic', { name: 'bonds', ...options }, [
    plain('x0', options.x0),
    energy('k', options.k),
  ]);
}

/** k (cos θ − x0)², or k (θ − x0)² with `of: 'angle'` (radians). The middle particle of a triple is the vertex. */
export function harmonicAngles(
  options: TermOptions & { x0: PerTuple; k: PerTuple; of?: 'cosine' | 'angle' },
): PriorTerm {
  checkOptionNames<typeof options>('harmonicAngles', options, {
    ...termOptionNames,
    x0: true,
    k: true,
    of: true,
  });
  return priorTerm(options.of ?? 'cosine', 'harmonic', { name: 'angles', ...options }, [
    plain('x0', options.x0),
    energy('k', options.k),
  ]);
}

/** k (φ − x0)² the nearer way round, radians. */
export function harmonicDihedrals(options: TermOptions & { x0: PerTuple; k: PerTuple }): PriorTerm {
  checkOptionNames<typeof options>('harmonicDihedrals', options, { ...termOptionNames, x0: true, k: true });
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
  checkOptionNames<typeof options>('fourierDihedrals', options, {
    ...termOptionNames,
    v0: true,
    k1: true,
    k2: true,
  });
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
  checkOptionNames<typeof options>('repulsion', options, { ...termOptionNames, sigma: true, epsilon: true });
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
  checkOptionNames<typeof options>('restrictedAngles', options, {
    ...termOptionNames,
    ...{ a: true, b: true, e: true, d: true, k: true, v0: true },
  });
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
  checkOptionNames<typeof options>('ashbaughHatch', options, {
    ...termOptionNames,
    epsilon: true,
    sigma: true,
    lambda: true,
    switch: true,
  });
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
  checkOptionNames<typeof options>('screenedCoulomb', options, {
    ...termOptionNames,
    strength: true,
    kappa: true,
    switch: true,
  });
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
  checkOptionNames<typeof options>('polynomial', options, {
    ...termOptionNames,
    of: true,
    coefficients: true,
  });
  if (options.coefficients.length === 0) invalid('polynomial.coefficients', 'must hold at least v0', 'none');
  return priorTerm(
    options.of,
    'polynomial',
    options,
    options.coefficients.map((v, n) => energy(n ? `k_${n}` : 'v0', v)),
  );
}
