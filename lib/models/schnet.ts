import { invalid, unknownChoice } from '../errors.js';
import { type NativePotential, native } from '../native.js';
import type { Structure } from '../structure/index.js';
import { type EnergyUnit, energyUnits, type LengthUnit, lengthUnits } from '../units.js';
import { type Backend, Potential, type PotentialInfo, type Precision } from './potential.js';
import {
  basisParameters,
  checkSchnetConfig,
  flattenTensors,
  type SchnetConfig,
  type TensorMap,
} from './schnet-config.js';

/**
 * How the message passing is computed; the energy function is the same.
 * - `baseline`: every edge tensor materialised, as a deep-learning framework does; what ratios are measured from.
 * - `flash`: basis, filter, gather and reduction fused over small tiles; nothing is stored per edge.
 * - `table`: filters tabulated once as cubics of the distance, each pair evaluated once; the fastest.
 */
export type SchnetPipeline = 'baseline' | 'flash' | 'table';

/** The four techniques of FlashSchNet, each replacing operations of the baseline. */
export interface SchnetTechniques {
  /** Distance, envelope and basis in one pass, without intermediates. */
  radialBasis?: boolean;
  /** Filter network, gather, multiply and reduction in one pass over tiles: no (edges, F) array. */
  messagePassing?: boolean;
  /** Compressed-row segment sums in place of scatter-add, forward and backward. */
  aggregation?: boolean;
  /**
   * Half-precision weights with a scale per output channel, half-precision activations, single-precision sums (the
   * output network stays single). Halves the edge tensors; conversions cost time on a CPU.
   */
  weights16?: boolean;
}

/**
 * How the operands of the filter network's products are held on a GPU's tensor cores; sums are single precision (32-bit
 * integers for int8), and so is everything outside these products. `-channel`: every output of a layer has its own
 * scale. `float32` holds each number as a sum of two halves, which keeps single precision's accuracy.
 */
export type SchnetOperands =
  | 'float32'
  | 'tf32'
  | 'bfloat16'
  | 'float16'
  | 'float16-channel'
  | 'int8'
  | 'int8-channel';

export interface SchnetOptions {
  /** `reference` is plain double-precision code, the oracle. Default `cpu`. */
  backend?: Backend;
  /** Default `table`. The reference has none. */
  pipeline?: SchnetPipeline;
  /** Of features, filters and sums; positions, energies and forces are always double. Default `float32` on cpu. */
  precision?: Precision;
  /** Switched on one by one on top of `pipeline: 'baseline'`; `flash` is the first three together. */
  techniques?: SchnetTechniques;
  /** With `backend: 'cuda'`, `pipeline: 'flash'`. Default `float32`. */
  operands?: SchnetOperands;
  /**
   * False drops the gradient through the envelope C(r), as the published FlashSchNet code does: the forces are then
   * not −∇E. For comparison only, not with `table`. Default true.
   */
  envelopeGradient?: boolean;
  /**
   * Error allowed in the tabulated filters' values and slopes, RMS relative to RMS; the number of intervals follows.
   * Default 3e-6, which keeps forces within 1e-5 of the network's.
   */
  tolerance?: number;
  /** Units of the model's own energies and lengths. Default eV and Å. */
  units?: { energy: EnergyUnit; length: LengthUnit };
  /** Shown in tables. */
  name?: string;
  /** Where the weights come from, kept in saved files. */
  provenance?: string;
}

/** What the `table` pipeline found out about its filters against the network they stand for. */
export interface SchnetTable {
  /** Cubic pieces over the cutoff range. */
  intervals: number;
  bytes: number;
  /** RMS error relative to the RMS value, all channels and blocks. */
  valueError: number;
  slopeError: number;
  /** Largest error relative to the largest value. */
  maxValueError: number;
  maxSlopeError: number;
}

const defaultTolerance = 3e-6;
const operandNames: readonly SchnetOperands[] = [
  'float32',
  'tf32',
  'bfloat16',
  'float16',
  'float16-channel',
  'int8',
  'int8-channel',
];
const techniqueNames = ['radialBasis', 'messagePassing', 'aggregation', 'weights16'] as const;

/** A SchNet model: weights, and one way of computing with them. */
export class Schnet extends Potential {
  readonly config: SchnetConfig;
  readonly tensors: TensorMap;
  readonly options: SchnetOptions;
  /** Number of trained numbers. */
  readonly parameters: number;

  constructor(
    handle: NativePotential,
    info: PotentialInfo,
    config: SchnetConfig,
    tensors: TensorMap,
    options: SchnetOptions,
    parameters: number,
  ) {
    super(handle, info);
    this.config = config;
    this.tensors = tensors;
    this.options = options;
    this.parameters = parameters;
  }

  get backend(): Backend {
    return this.info.backend;
  }
  get precision(): Precision {
    return this.info.precision;
  }
  /** Undefined on the reference backend. */
  get pipeline(): SchnetPipeline | undefined {
    return this.info.pipeline as SchnetPipeline | undefined;
  }
  get provenance(): string | undefined {
    return this.options.provenance;
  }

  /** The same weights computed another way: `model.with({ pipeline: 'flash' })`. Options not named stay. */
  with(options: SchnetOptions): Schnet {
    const kept = { ...this.options };
    // A choice that belongs to one pipeline does not follow into another.
    if (options.backend !== undefined || options.pipeline !== undefined) {
      delete kept.techniques;
      delete kept.operands;
      delete kept.envelopeGradient;
      delete kept.tolerance;
      if (options.backend === 'reference') {
        delete kept.pipeline;
        delete kept.precision;
      } else if (kept.backend === 'reference') delete kept.precision;
    }
    return schnet(this.config, this.tensors, { ...kept, ...options });
  }

  /** Seconds spent in each stage of the last evaluation; empty before one and on the reference. */
  get stages(): Record<string, number> {
    return native().schnetStages(this.handle);
  }

  /** Size and measured error of the tabulated filters; null on the other pipelines. */
  get table(): SchnetTable | null {
    return native().schnetTable(this.handle);
  }

  /**
   * Bytes an evaluation with forces allocates beside the neighbour list.
   * @param edges directed pairs within the cutoff
   * @param atoms of all systems together
   */
  estimateBytes(edges: number, atoms: number): number {
    return native().schnetEstimate(this.handle, edges, atoms);
  }
}

/**
 * A SchNet model from its weights.
 * @param tensors by state key: `embedding_layer.weight`, `interaction_blocks.0.conv.lin1.weight` …
 * @throws EINVALID naming a missing, extra, mis-shaped or non-finite tensor, or an option that does not fit
 */
export function schnet(config: SchnetConfig, tensors: TensorMap, options: SchnetOptions = {}): Schnet {
  const checked = checkSchnetConfig(config);
  const full = checkOptions(options);
  const flat = flattenTensors(checked, tensors);
  const units = full.units;
  const handle = native().schnet(
    {
      types: checked.types,
      hidden: checked.hidden,
      filters: checked.filters,
      blocks: checked.blocks,
      activation: checked.activation,
      head: Int32Array.from(checked.head),
      basis: checked.rbf.type,
      ...basisParameters(checked, tensors),
      lower: checked.cutoff.lower,
      upper: checked.cutoff.upper,
      lengthUnit: lengthUnits[units.length],
      energyUnit: energyUnits[units.energy],
    },
    flat,
    {
      backend: full.backend,
      precision: full.precision,
      pipeline: full.pipeline,
      radialBasis: full.techniques.radialBasis === true,
      messagePassing: full.techniques.messagePassing === true,
      aggregation: full.techniques.aggregation === true,
      weights16: full.techniques.weights16 === true,
      operands: operandNames.indexOf(full.operands),
      envelopeGradient: full.envelopeGradient,
      tolerance: full.tolerance,
    },
  );
  const info: PotentialInfo = {
    name: options.name ?? 'schnet',
    cutoff: checked.cutoff.upper * lengthUnits[units.length],
    backend: full.backend,
    precision: full.precision,
    ...(full.backend === 'cpu' ? { pipeline: full.pipeline } : {}),
    units,
    typesOf,
  };
  return new Schnet(handle, info, checked, new Map(tensors), { ...options }, flat.length);
}

/** A bead or atom without a type has no embedding: guessing one would give numbers that mean nothing. */
function typesOf(structure: Structure): Int32Array {
  if (structure.types) return structure.types;
  return invalid(
    `structure '${structure.name}'`,
    'must have a type for every particle',
    'none',
    'give `types`, or a file with a column `type` (extxyz: type:I:1)',
  );
}

function checkOptions(
  options: SchnetOptions,
): Required<Omit<SchnetOptions, 'name' | 'provenance'>> & { techniques: SchnetTechniques } {
  const choice = <T extends string>(key: string, value: T, known: readonly T[]): T =>
    known.includes(value) ? value : unknownChoice(`schnet.${key}`, value, known);
  const backend = choice('backend', options.backend ?? 'cpu', ['reference', 'cpu']);
  const reference = backend === 'reference';
  const precision = choice(
    'precision',
    options.precision ?? (reference ? 'float64' : 'float32'),
    reference ? ['float64'] : ['float64', 'float32'],
  );
  if (reference && options.pipeline !== undefined)
    invalid(
      'schnet.pipeline',
      'must be left out on the reference backend',
      options.pipeline,
      "use backend 'cpu'",
    );
  const pipeline = choice('pipeline', options.pipeline ?? 'table', ['baseline', 'flash', 'table']);
  const techniques = options.techniques ?? {};
  for (const key of Object.keys(techniques)) choice('techniques', key, techniqueNames);
  if (techniqueNames.some((k) => techniques[k]) && (reference || pipeline !== 'baseline'))
    invalid('schnet.techniques', "must go with pipeline 'baseline'", reference ? 'reference' : pipeline);
  if (techniques.weights16 && precision !== 'float32')
    invalid('schnet.techniques.weights16', "must go with precision 'float32'", precision);
  const operands = choice(
    'operands',
    options.operands ?? (techniques.weights16 ? 'float16-channel' : 'float32'),
    operandNames,
  );
  checkOperands(operands, techniques.weights16 === true, backend, pipeline);
  const envelopeGradient = options.envelopeGradient ?? true;
  if (!envelopeGradient && (reference || pipeline === 'table'))
    invalid(
      'schnet.envelopeGradient',
      "can be false only with pipeline 'baseline' or 'flash'",
      reference ? 'reference' : pipeline,
    );
  const tolerance = options.tolerance ?? defaultTolerance;
  if (!(tolerance >= 1e-12 && tolerance <= 0.1))
    invalid('schnet.tolerance', 'must be between 1e-12 and 0.1', tolerance);
  const units = options.units ?? { energy: 'eV', length: 'Å' };
  choice('units.energy', units.energy, Object.keys(energyUnits) as EnergyUnit[]);
  choice('units.length', units.length, Object.keys(lengthUnits) as LengthUnit[]);
  return { backend, precision, pipeline, techniques, operands, envelopeGradient, tolerance, units };
}

/** Technique 4 is one of the choices of operands; the others need tensor cores. */
function checkOperands(
  operands: SchnetOperands,
  weights16: boolean,
  backend: string,
  pipeline: SchnetPipeline,
): void {
  if (weights16 && operands !== 'float16-channel')
    invalid(
      'schnet.operands',
      "must be 'float16-channel' or left out with techniques.weights16",
      operands,
      'leave one of the two out',
    );
  if (weights16 || operands === 'float32') return;
  if (backend !== 'cuda')
    invalid(
      'schnet.operands',
      "must be 'float32' or left out except with backend 'cuda'",
      `${operands} with '${backend}'`,
    );
  if (pipeline !== 'flash')
    invalid(
      'schnet.operands',
      "must go with pipeline 'flash'",
      `${operands} with '${pipeline}'`,
      "on 'baseline' use techniques.weights16",
    );
}
