import { checkOptionNames, invalid } from '../errors.js';
import { type NativePotential, native } from '../native.js';
import { joinBatch } from '../structure/batch.js';
import type { Structure } from '../structure/structure.js';
import type { EnergyUnit, LengthUnit } from '../units.js';

export type Backend = 'reference' | 'cpu' | 'cuda';
export type Precision = 'float64' | 'float32';

/** What every potential says of itself. */
export interface PotentialInfo {
  /** Shown in tables and errors. */
  readonly name: string;
  /** Å; 0 when no neighbour list is needed. */
  readonly cutoff: number;
  readonly backend: Backend;
  /** With backend `cuda`: the GPU's index, and its name. */
  readonly device?: number;
  readonly deviceName?: string;
  readonly precision: Precision;
  /** The way it is computed, where there are several. */
  readonly pipeline?: string;
  /** Of tabulated filters: how their numbers are held, and the relative error that was allowed. */
  readonly entries?: string;
  readonly tolerance?: number;
  /** How operands of matrix products are held, where that is not `precision`. */
  readonly operands?: string;
  /** Switched on in the baseline, by name. */
  readonly techniques?: string;
  /** False where a gradient is left out, so that forces are not −∇E. */
  readonly envelopeGradient?: false;
  /** A digest of the numbers an analytic term is made of; a model tells its weights by `digest`. */
  readonly parameters?: string;
  /** Units of the model's own file. Results of the library are in eV and Å whatever these are. */
  readonly units?: { energy: EnergyUnit; length: LengthUnit };
  /** Species indices of a structure as this potential counts them. @throws EINVALID where it cannot tell */
  readonly typesOf?: (structure: Structure) => Int32Array;
}

/** What tells one way of computing from another, beside backend, precision and pipeline. */
export const wayFields = ['entries', 'tolerance', 'operands', 'techniques', 'envelopeGradient'] as const;
export type Way = Pick<PotentialInfo, (typeof wayFields)[number]>;

/**
 * An energy function of positions: a model, a prior, or a sum of such. Runs, minimisations and evaluations may share one
 * at the same time: they take turns, in the order they came, and each gets what it would get alone.
 */
export class Potential {
  readonly handle: NativePotential;
  readonly info: PotentialInfo;
  /** The potentials a sum is made of; empty for a single term. */
  readonly terms: readonly Potential[];

  constructor(handle: NativePotential, info: PotentialInfo, terms: readonly Potential[] = []) {
    this.handle = handle;
    this.info = info;
    this.terms = terms;
  }

  get name(): string {
    return this.info.name;
  }

  /** Å. */
  get cutoff(): number {
    return this.info.cutoff;
  }

  /** Itself as a term of a sum with models on this GPU: there where it can be, unless it was told where to compute. */
  beside(_device: number): Potential {
    return this;
  }
}

/**
 * Adds potentials. Terms may differ in how they compute: the sum names the first term's backend, pipeline and precision, and its
 * `terms` tell all. Priors that were not told where to compute do so on the GPU of the models they are added to, so that a run
 * stays there.
 * @throws EINVALID without a potential
 * @example sum(loadModel(file), backbonePriors(protein))
 */
export function sum(...given: readonly Potential[]): Potential {
  const model = given.find((t) => t.info.backend === 'cuda');
  const terms = model ? given.map((t) => t.beside(model.info.device ?? 0)) : given;
  const first = terms[0];
  if (!first) return invalid('sum', 'needs at least one potential', 'none');
  const { backend, device, deviceName, pipeline, precision } = first.info;
  return new Potential(
    native().sumPotentials(terms.map((t) => t.handle)),
    {
      backend,
      device,
      deviceName,
      pipeline,
      precision,
      name: terms.map((t) => t.name).join(' + '),
      cutoff: Math.max(...terms.map((t) => t.cutoff)),
      typesOf: terms.find((t) => t.info.typesOf)?.info.typesOf,
    },
    terms,
  );
}

export interface EvaluateOptions {
  /** Default true. */
  forces?: boolean;
  /** Default false. */
  virial?: boolean;
}

/** Energy, forces and virial of a batch of systems. */
export interface EvaluateResult {
  /** (systems) eV. */
  energy: Float64Array;
  /** (atoms,3) eV/Å; empty when not asked for. */
  forces: Float64Array;
  /** (systems,3,3) eV, W = −dE/dε; empty when not asked for. Pressure = (2K + tr W) / 3V. */
  virial: Float64Array;
  /** (systems+1): first atom of each system. */
  offsets: Int32Array;
  /** Directed pairs within the cutoff; 0 when no list was needed. */
  edges: number;
  /** Wall time of the neighbour list and of the evaluation, s. */
  seconds: { list: number; evaluate: number };
}

/**
 * Energy, forces and virial of one structure or of several at once.
 * @throws EINVALID for types the potential does not know, ENUMERIC where a result is not finite, EINTERRUPTED when stopped
 */
export function evaluate(
  potential: Potential,
  structures: Structure | readonly Structure[],
  options: EvaluateOptions = {},
): EvaluateResult {
  checkOptionNames<EvaluateOptions>('evaluate', options, { forces: true, virial: true });
  const list: readonly Structure[] = Array.isArray(structures) ? structures : [structures];
  const batch = joinBatch(list, potential.info.typesOf);
  const energy = new Float64Array(list.length);
  const forces = new Float64Array(options.forces === false ? 0 : batch.positions.length);
  const virial = new Float64Array(options.virial ? 9 * list.length : 0);
  const told = native().evaluate(potential.handle, batch, energy, forces, virial);
  return {
    energy,
    forces,
    virial,
    offsets: batch.offsets,
    edges: told.edges,
    seconds: { list: told.listSeconds, evaluate: told.seconds },
  };
}
