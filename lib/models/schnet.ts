import { gpus } from '../cuda.js';
import { digest } from '../digest.js';
import { invalid, type MdlabError } from '../errors.js';
import {
  type NativePotential,
  type NativeSchnetConfig,
  type NativeSchnetOptions,
  native,
} from '../native.js';
import type { Structure } from '../structure/index.js';
import { energyUnits, lengthUnits } from '../units.js';
import { type Backend, Potential, type PotentialInfo, type Precision } from './potential.js';
import {
  basisParameters,
  checkSchnetConfig,
  flattenTensors,
  type SchnetConfig,
  type TensorMap,
} from './schnet-config.js';
import {
  checkOptions,
  entryNames,
  type FullSchnetOptions,
  namesGpu,
  operandNames,
  type SchnetOptions,
  type SchnetPipeline,
} from './schnet-options.js';

export type {
  SchnetEntries,
  SchnetOperands,
  SchnetOptions,
  SchnetPipeline,
  SchnetTechniques,
} from './schnet-options.js';

/** What the `table` pipeline found out about its filters against the network they stand for. */
export interface SchnetTable {
  /** Cubic pieces over the cutoff range. */
  intervals: number;
  bytes: number;
  /** What was asked for. */
  tolerance: number;
  /** What it bounds: the largest RMS error of value or slope of one block, relative. Above it where it could not be met. */
  worstError: number;
  /** RMS error relative to the RMS value, all channels and blocks. */
  valueError: number;
  slopeError: number;
  /** Largest error relative to the largest value. */
  maxValueError: number;
  maxSlopeError: number;
}

/** Time of a stage of an evaluation, or of one kernel in it. */
export interface StageTime {
  stage: string;
  /** s; of a kernel that of all launches. */
  seconds: number;
  /** On a GPU: as its source in native/ calls it; `cublasLtMatmul` and `memset` are the libraries'. */
  kernel?: string;
  launches?: number;
}

/** A SchNet model: weights, and one way of computing with them. */
export class Schnet extends Potential {
  readonly config: SchnetConfig;
  readonly tensors: TensorMap;
  readonly options: SchnetOptions;
  /** Number of trained numbers. */
  readonly parameters: number;
  /** Of a table whose tolerance is out of reach: its `worstError`. Undefined where the tolerance is met. */
  readonly reached: number | undefined;
  private known: string | undefined;

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
    // Asked for here: later, a run that has its turn would have to end first.
    const { table } = this;
    this.reached = table && table.worstError > table.tolerance ? table.worstError : undefined;
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

  /**
   * The same weights computed another way: `model.with({ pipeline: 'flash' })`. Options not named stay, but for those that the
   * new backend or pipeline does not have; defaults that were not asked for are the new way's.
   */
  with(options: SchnetOptions): Schnet {
    const kept = { ...this.options };
    const backend = options.backend ?? this.backend;
    const pipeline = backend === 'reference' ? undefined : (options.pipeline ?? this.pipeline ?? 'table');
    if (backend !== 'cuda') delete kept.device;
    if (backend !== this.backend && [backend, this.backend].includes('reference')) {
      delete kept.pipeline;
      delete kept.precision;
    }
    if (pipeline !== 'baseline') delete kept.techniques;
    if (pipeline !== 'flash' || backend !== 'cuda') delete kept.operands;
    if (pipeline !== 'baseline' && pipeline !== 'flash') delete kept.envelopeGradient;
    if (pipeline !== 'table') {
      delete kept.entries;
      delete kept.tolerance;
    }
    return schnet(this.config, this.tensors, { ...kept, ...options });
  }

  /** A digest of weights and configuration: the same for the same network, however its file holds the numbers. */
  get digest(): string {
    if (this.known === undefined) {
      const { config, tensors } = this;
      const shape = JSON.stringify([config, basisParameters(config, tensors)]);
      this.known = digest(shape, flattenTensors(config, tensors));
    }
    return this.known;
  }

  /** Seconds spent in each stage of the last evaluation, on a GPU in its kernels; empty before one and on the reference. */
  get stages(): Record<string, number> {
    const sums: Record<string, number> = {};
    for (const { seconds, stage } of this.times) sums[stage] = (sums[stage] ?? 0) + seconds;
    return sums;
  }

  /**
   * Times of the last evaluation: on a CPU of each stage, on a GPU of each kernel of each stage, by the device's clock and without
   * the overlap that a run's captured steps have. Empty before one and on the reference.
   */
  get times(): StageTime[] {
    return native().schnetTimes(this.handle);
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
  const asked = checkOptions(options);
  const flat = flattenTensors(checked, tensors);
  const units = asked.units;
  const shape: NativeSchnetConfig = {
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
  };
  const { handle, full } = made(shape, flat, asked, options);
  const { backend } = full;
  const info: PotentialInfo = {
    name: options.name ?? 'schnet',
    cutoff: checked.cutoff.upper * lengthUnits[units.length],
    backend,
    ...(backend === 'cuda' ? { device: full.device, deviceName: gpus()[full.device]!.name } : {}),
    precision: full.precision,
    ...(backend === 'reference' ? {} : wayOf(full)),
    units,
    typesOf,
  };
  return new Schnet(handle, info, checked, new Map(tensors), { ...options }, flat.length);
}

/** What tells one way of computing from another, beside backend and precision. */
function wayOf(full: FullSchnetOptions): Partial<PotentialInfo> {
  const { entries, envelopeGradient, operands, pipeline, techniques, tolerance } = full;
  if (pipeline === 'table') return { pipeline, entries, tolerance };
  const on = Object.entries(techniques).flatMap(([name, used]) => (used ? [name] : []));
  return {
    pipeline,
    ...(operands === 'float32' ? {} : { operands }),
    ...(on.length > 0 ? { techniques: on.sort().join(' ') } : {}),
    ...(envelopeGradient ? {} : { envelopeGradient }),
  };
}

/** The native model; on the cpu where the GPU was our own choice and cannot hold a model of this shape. */
function made(
  shape: NativeSchnetConfig,
  flat: Float64Array,
  full: FullSchnetOptions,
  options: SchnetOptions,
): { handle: NativePotential; full: FullSchnetOptions } {
  try {
    return { handle: native().schnet(shape, flat, nativeOptions(full)), full };
  } catch (error) {
    const { code } = error as MdlabError;
    const ours = full.backend === 'cuda' && !namesGpu(options);
    if (!ours || code !== 'EUNSUPPORTED') throw error;
    return made(shape, flat, checkOptions({ ...options, backend: 'cpu' }), options);
  }
}

function nativeOptions(full: FullSchnetOptions): NativeSchnetOptions {
  return {
    backend: full.backend,
    device: full.device,
    precision: full.precision,
    pipeline: full.pipeline,
    radialBasis: full.techniques.radialBasis === true,
    messagePassing: full.techniques.messagePassing === true,
    aggregation: full.techniques.aggregation === true,
    weights16: full.techniques.weights16 === true,
    operands: operandNames.indexOf(full.operands),
    entries: entryNames.indexOf(full.entries),
    envelopeGradient: full.envelopeGradient,
    tolerance: full.tolerance,
  };
}

/** A bead or atom without a type has no embedding: guessing one would give numbers that mean nothing. */
function typesOf(structure: Structure): Int32Array {
  if (structure.types) return structure.types;
  return invalid(
    `structure '${structure.name}'`,
    'must have a type for every particle',
    'none',
    'give `types`, or a file with a column `type` (extxyz: type:I:1); coarseGrain gives them to a protein',
  );
}
