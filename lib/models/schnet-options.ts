/** How a SchNet is computed: the choices, their defaults, and which go together. */
import { deviceIndex, usableGpu } from '../cuda.js';
import { checkOptionNames, invalid, unknownChoice } from '../errors.js';
import { type EnergyUnit, energyUnits, type LengthUnit, lengthUnits } from '../units.js';
import type { Backend, Precision } from './potential.js';

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

/** Whether these techniques on the baseline are the `flash` pipeline: the first three together. */
export const areFlash = (t: SchnetTechniques): boolean =>
  t.radialBasis === true && t.messagePassing === true && t.aggregation === true;

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

/**
 * How the numbers of a table are held. `float16` and `int16`: each interval's cubic in four numbers of 16 bits, with a scale per
 * block, channel and order. `float16`: binary16, 11 significant bits each. `int16`: fixed-point numbers of 16 bits on average, 20
 * of them for the slope, so that forces of a fine table are several times as exact.
 */
export type SchnetEntries = 'float32' | 'float16' | 'int16';

export interface SchnetOptions {
  /**
   * `reference` is plain double-precision code, the oracle. Default the fastest that works here: `cuda` where a GPU can
   * be used, the model fits it and `precision` is not float64, else `cpu`; `info` says which.
   */
  backend?: Backend;
  /** Index of the GPU, or part of its name. Default the first that can be used. */
  device?: number | string;
  /** Default `table`. The reference has none. */
  pipeline?: SchnetPipeline;
  /** Of features, filters and sums; positions, energies and forces are always double. Default `float32`
   * but on the reference; on a GPU, products of float32 numbers are sums of three of halves, as accurate. */
  precision?: Precision;
  /** Switched on one by one on top of `pipeline: 'baseline'`; `flash` is the first three together. */
  techniques?: SchnetTechniques;
  /** With `backend: 'cuda'`, `pipeline: 'flash'`. Default `float32`. */
  operands?: SchnetOperands;
  /**
   * With `pipeline: 'table'`. Default `float32`, which is the fastest where a GPU takes each pair of a small system once; with 16
   * bits it reads half as much per pair, but from both its ends. A CPU computes with the same rounded numbers, no faster, to
   * show what they cost.
   */
  entries?: SchnetEntries;
  /**
   * False drops the gradient through the envelope C(r), as the published FlashSchNet code does: the forces are then
   * not −∇E. For comparison only, not with `table`. Default true.
   */
  envelopeGradient?: boolean;
  /**
   * With pipeline `table`: error allowed in the tabulated filters' values and slopes, RMS relative to RMS, of every block; the number of
   * intervals follows. Where a table cannot have enough of them (1016 on a GPU and with 16 bits, less where a GPU's shared memory
   * is small) or rounding is more than this, it gets the fewest whose error is within a tenth of the
   * least that can be had; `table.worstError`, and `reached` of the model, say what that is.
   * Default 3e-6 on a CPU and 1e-5 on a GPU, where more intervals than fit fast memory cost more than they bring: forces
   * are then within 1e-5 of the network's; 1e-4 with `entries: 'int16'`, for forces within about 1e-4, and 1e-3 with `float16`,
   * for forces within about 1e-3: its bits leave 2e-4 to 3e-4 however many intervals there are.
   */
  tolerance?: number;
  /** Units of the model's own energies and lengths. Default eV and Å. */
  units?: { energy: EnergyUnit; length: LengthUnit };
  /** Shown in tables. */
  name?: string;
  /** Where the weights come from, kept in saved files. */
  provenance?: string;
}

export const operandNames: readonly SchnetOperands[] = [
  'float32',
  'tf32',
  'bfloat16',
  'float16',
  'float16-channel',
  'int8',
  'int8-channel',
];
export const entryNames: readonly SchnetEntries[] = ['float32', 'float16', 'int16'];
export const schnetOptionNames: Readonly<Record<keyof SchnetOptions, true>> = {
  backend: true,
  device: true,
  pipeline: true,
  precision: true,
  techniques: true,
  operands: true,
  entries: true,
  envelopeGradient: true,
  tolerance: true,
  units: true,
  name: true,
  provenance: true,
};
const techniqueNames = ['radialBasis', 'messagePassing', 'aggregation', 'weights16'] as const;

/** Options with their defaults. */
export type FullSchnetOptions = Required<Omit<SchnetOptions, 'name' | 'provenance' | 'device'>> & {
  /** Index of the GPU; 0 on other backends. */
  device: number;
};

/** @throws EINVALID for a relative error that no table has */
export function checkTolerance(subject: string, tolerance: number): void {
  if (!(tolerance >= 1e-12 && tolerance <= 0.1)) invalid(subject, 'must be between 1e-12 and 0.1', tolerance);
}

/** @throws EINVALID naming an option that is unknown, or does not go with another */
export function checkOptions(options: SchnetOptions): FullSchnetOptions {
  checkOptionNames<SchnetOptions>('schnet', options, schnetOptionNames);
  const choice = <T extends string>(key: string, value: T, known: readonly T[]): T =>
    known.includes(value) ? value : unknownChoice(`schnet.${key}`, value, known);
  const backend = choice('backend', options.backend ?? fastest(options), ['reference', 'cpu', 'cuda']);
  if (backend !== 'cuda' && options.device !== undefined)
    invalid('schnet.device', "must go with backend 'cuda'", options.device);
  const device = backend === 'cuda' ? deviceIndex(options.device) : 0;
  const reference = backend === 'reference';
  const precision = choice(
    'precision',
    options.precision ?? (reference ? 'float64' : 'float32'),
    reference ? ['float64'] : ['float64', 'float32'],
  );
  if (backend === 'cuda' && precision !== 'float32')
    invalid(
      'schnet.precision',
      "must be 'float32' with backend 'cuda'",
      precision,
      "use backend 'cpu', or 'reference'",
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
  const entries = choice('entries', options.entries ?? 'float32', entryNames);
  if (entries !== 'float32' && (reference || pipeline !== 'table'))
    invalid('schnet.entries', "must go with pipeline 'table'", reference ? 'reference' : pipeline);
  if (options.tolerance !== undefined && (reference || pipeline !== 'table'))
    invalid('schnet.tolerance', "must go with pipeline 'table'", reference ? 'reference' : pipeline);
  const usual = { float32: backend === 'cuda' ? 1e-5 : 3e-6, float16: 1e-3, int16: 1e-4 };
  const tolerance = options.tolerance ?? usual[entries];
  checkTolerance('schnet.tolerance', tolerance);
  const units = options.units ?? { energy: 'eV', length: 'Å' };
  choice('units.energy', units.energy, Object.keys(energyUnits) as EnergyUnit[]);
  choice('units.length', units.length, Object.keys(lengthUnits) as LengthUnit[]);
  return {
    backend,
    device,
    precision,
    pipeline,
    techniques,
    operands,
    entries,
    envelopeGradient,
    tolerance,
    units,
  };
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

/** Whether a GPU is asked for: by name, or by what only GPUs do. */
export function namesGpu(options: SchnetOptions): boolean {
  return (
    options.backend === 'cuda' ||
    options.device !== undefined ||
    (options.operands !== undefined && options.operands !== 'float32' && !options.techniques?.weights16)
  );
}

/** The fastest backend that works on this machine for these options. */
function fastest(options: SchnetOptions): Backend {
  if (options.device !== undefined) return 'cuda';
  return options.precision !== 'float64' && usableGpu() ? 'cuda' : 'cpu';
}
