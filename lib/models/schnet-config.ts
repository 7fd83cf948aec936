import { checkOptionNames, invalid, unknownChoice } from '../errors.js';
import type { Tensor } from '../io/tensor.js';

/** The nonlinearity of every layer: `ssp` is the shifted softplus ln(½eˣ + ½). */
export type SchnetActivation = 'tanh' | 'ssp' | 'silu';

/** The shape of a SchNet model; lengths are in the model's own unit. */
export interface SchnetConfig {
  /** Features per atom, H. */
  hidden: number;
  /** Channels of the filters, F. */
  filters: number;
  /** Interaction blocks, L. */
  blocks: number;
  /** Rows of the embedding: species indices run 0 … types−1. */
  types: number;
  activation: SchnetActivation;
  /** Hidden widths of the output network, e.g. [128, 64]; its input is `hidden`, its output one energy. */
  head: readonly number[];
  /** Radial basis: Gaussians on a regular grid, or exponential normal functions. */
  rbf: {
    type: 'gaussian' | 'expnormal';
    /** K. */
    count: number;
    /** True: centres and widths were trained, so the file's `rbf_layer.*` need not be near the formulas. */
    trained?: boolean;
  };
  /** Of the cosine envelope; `lower` > 0 also switches the interaction off at short distance. */
  cutoff: { lower: number; upper: number };
}

export type TensorMap = ReadonlyMap<string, Tensor>;

const activations = ['tanh', 'ssp', 'silu'] as const;
const rbfTypes = ['gaussian', 'expnormal'] as const;

/** Other names under which files carry the activations, without case, spaces and hyphens. */
const synonyms: Readonly<Record<string, SchnetActivation>> = { shiftedsoftplus: 'ssp', swish: 'silu' };

/** Checks every field and returns a copy. @throws EINVALID naming the field */
export function checkSchnetConfig(config: SchnetConfig): SchnetConfig {
  checkOptionNames<SchnetConfig>('schnet.config', config, {
    ...{ hidden: true, filters: true, blocks: true, types: true, activation: true, head: true },
    rbf: true,
    cutoff: true,
  });
  const whole = (key: string, value: unknown, least: number): void => {
    if (!Number.isInteger(value) || (value as number) < least || (value as number) > 65536)
      invalid(`schnet.config.${key}`, `must be a whole number ${least}..65536`, value);
  };
  for (const key of ['hidden', 'filters', 'types'] as const) whole(key, config[key], 1);
  whole('blocks', config.blocks, 1);
  const spelt = String(config.activation).toLowerCase().replace(/[ _-]/g, '');
  const activation = Object.hasOwn(synonyms, spelt) ? synonyms[spelt]! : (spelt as SchnetActivation);
  if (!activations.includes(activation))
    unknownChoice('schnet.config.activation', config.activation, activations);
  if (!Array.isArray(config.head)) invalid('schnet.config.head', 'must be a list of widths', config.head);
  config.head.forEach((width, k) => {
    whole(`head[${k}]`, width, 1);
  });
  if (!rbfTypes.includes(config.rbf?.type))
    unknownChoice('schnet.config.rbf.type', config.rbf?.type, rbfTypes);
  whole('rbf.count', config.rbf.count, config.rbf.type === 'gaussian' ? 2 : 1);
  const { lower, upper } = config.cutoff ?? {};
  if (!(Number.isFinite(lower) && lower >= 0))
    invalid('schnet.config.cutoff.lower', 'must be zero or positive', lower);
  if (!(Number.isFinite(upper) && upper > lower))
    invalid('schnet.config.cutoff.upper', `must be above cutoff.lower (${lower})`, upper);
  const { hidden, filters, blocks, types, rbf } = config;
  checkOptionNames<typeof rbf>('schnet.config.rbf', rbf, { type: true, count: true, trained: true });
  checkOptionNames<typeof config.cutoff>('schnet.config.cutoff', config.cutoff, { lower: true, upper: true });
  return {
    ...{ hidden, filters, blocks, types, activation },
    head: [...config.head],
    rbf: { type: rbf.type, count: rbf.count, ...(rbf.trained ? { trained: true } : {}) },
    cutoff: { lower, upper },
  };
}

/** Name and shape of every trained tensor, in the order native code reads them. */
export function schnetShapes(config: SchnetConfig): Map<string, readonly number[]> {
  const { hidden: H, filters: F, types } = config;
  const shapes = new Map<string, readonly number[]>([['embedding_layer.weight', [types, H]]]);
  for (let l = 0; l < config.blocks; l++) {
    const block = `interaction_blocks.${l}`;
    shapes.set(`${block}.conv.lin1.weight`, [F, H]);
    shapes.set(`${block}.conv.lin2.weight`, [H, F]);
    shapes.set(`${block}.conv.lin2.bias`, [H]);
    shapes.set(`${block}.conv.filter_network.layers.0.weight`, [F, config.rbf.count]);
    shapes.set(`${block}.conv.filter_network.layers.0.bias`, [F]);
    shapes.set(`${block}.conv.filter_network.layers.2.weight`, [F, F]);
    shapes.set(`${block}.lin.weight`, [H, H]);
    shapes.set(`${block}.lin.bias`, [H]);
  }
  const widths = [H, ...config.head, 1];
  for (let k = 0; k + 1 < widths.length; k++) {
    shapes.set(`output_network.layers.${2 * k}.weight`, [widths[k + 1]!, widths[k]!]);
    if (k + 2 < widths.length) shapes.set(`output_network.layers.${2 * k}.bias`, [widths[k + 1]!]);
  }
  return shapes;
}

/** Name and shape of the basis' buffers: optional in a file, used where they are there. */
export function basisShapes(config: SchnetConfig): Map<string, readonly number[]> {
  return config.rbf.type === 'gaussian'
    ? new Map<string, readonly number[]>([
        ['rbf_layer.offset', [config.rbf.count]],
        ['rbf_layer.coeff', []],
      ])
    : new Map([
        ['rbf_layer.means', [config.rbf.count]],
        ['rbf_layer.betas', [config.rbf.count]],
      ]);
}

/**
 * Centres and widths of the basis functions C(r)·exp(−width (t(r) − centre)²), spec of native/nn/radial-basis.h: the
 * file's numbers where it holds them, as PyTorch has it, else the formulas.
 * @throws EINVALID for numbers that another cutoff or count made, unless the configuration calls them trained
 */
export function basisParameters(
  config: SchnetConfig,
  tensors: TensorMap,
): { centers: Float64Array; widths: Float64Array } {
  const { count, type, trained } = config.rbf;
  const [centerName, widthName] = [...basisShapes(config).keys()] as [string, string];
  const centers = tensors.get(centerName);
  const widths = tensors.get(widthName);
  if (trained && !(centers && widths))
    invalid('schnet.tensors', `must hold ${centerName} and ${widthName} where config.rbf.trained is set`, [
      ...tensors.keys(),
    ]);
  // mlcg and TorchMD-Net begin their Gaussians at the lower cutoff; a file that says so is taken at its word.
  const startsAtLower = centers !== undefined && Number(centers.data[0]) > config.cutoff.lower / 2;
  const own = formulaBasis(config, startsAtLower ? config.cutoff.lower : 0);
  // torch keeps −1/(2Δ²) for Gaussians, one number for all.
  const sign = type === 'gaussian' ? -1 : 1;
  const given = {
    centers: centers ? numbersOf(centers) : own.centers,
    widths: widths ? numbersOf(widths).map((v) => sign * v) : own.widths,
  };
  if (given.widths.length === 1) given.widths = new Float64Array(count).fill(given.widths[0]!);
  if (trained) return given;
  for (const [key, name] of [
    ['centers', centerName],
    ['widths', widthName],
  ] as const)
    given[key].forEach((v, k) => {
      const near = basisTolerance * (Math.abs(own[key][k]!) + (key === 'centers' ? 0.01 : 0));
      if (Math.abs(v - own[key][k]!) > near)
        invalid(
          `schnet.tensors.${name}[${k}]`,
          `must be ${own[key][k]!.toPrecision(7)} as config.rbf and config.cutoff give`,
          v,
          'correct the configuration, or set config.rbf.trained to use the tensor',
        );
    });
  return given;
}

/**
 * How far a buffer may be from its formula: bfloat16 rounds a number by 2⁻⁹, and the spacing that a width was taken
 * from by more. A file says nothing of what its numbers were rounded to on their way.
 */
const basisTolerance = 2 ** -6;

/** @param first centre of the first Gaussian */
function formulaBasis(config: SchnetConfig, first: number): { centers: Float64Array; widths: Float64Array } {
  const K = config.rbf.count;
  const { lower, upper } = config.cutoff;
  const linspace = (from: number, to: number): Float64Array =>
    Float64Array.from({ length: K }, (_, k) => (K === 1 ? from : from + ((to - from) * k) / (K - 1)));
  if (config.rbf.type === 'gaussian') {
    const spacing = (upper - first) / (K - 1);
    return { centers: linspace(first, upper), widths: new Float64Array(K).fill(0.5 / spacing ** 2) };
  }
  const start = Math.exp(lower - upper);
  return { centers: linspace(start, 1), widths: new Float64Array(K).fill(((2 / K) * (1 - start)) ** -2) };
}

/** All trained tensors in one array, in native order. @throws EINVALID naming a missing, extra, mis-shaped or non-finite tensor */
export function flattenTensors(config: SchnetConfig, tensors: TensorMap): Float64Array {
  const shapes = schnetShapes(config);
  const optional = basisShapes(config);
  for (const [name, tensor] of tensors) {
    const shape = shapes.get(name) ?? optional.get(name);
    if (!shape)
      invalid(`schnet.tensors.${name}`, 'is not a tensor of this configuration', tensor.shape.join('x'));
    checkTensor(name, tensor, shape);
  }
  const total = [...shapes.values()].reduce((n, s) => n + s.reduce((a, b) => a * b, 1), 0);
  const flat = new Float64Array(total);
  let at = 0;
  for (const [name, shape] of shapes) {
    const tensor = tensors.get(name);
    if (!tensor)
      return invalid(`schnet.tensors.${name}`, `must be there, shape ${shape.join('x')}`, 'nothing');
    flat.set(numbersOf(tensor), at);
    at += tensor.data.length;
  }
  return flat;
}

function checkTensor(name: string, tensor: Tensor, shape: readonly number[]): void {
  const count = shape.reduce((a, b) => a * b, 1);
  const scalar = shape.length === 0 && tensor.data.length === 1;
  if (!scalar && (tensor.shape.length !== shape.length || tensor.shape.some((n, k) => n !== shape[k])))
    invalid(
      `schnet.tensors.${name}`,
      `must have shape [${shape.join(', ')}]`,
      `[${tensor.shape.join(', ')}]`,
    );
  if (tensor.data.length !== count)
    invalid(`schnet.tensors.${name}`, `must hold ${count} numbers`, tensor.data.length);
  const data = numbersOf(tensor);
  const bad = data.findIndex((v) => !Number.isFinite(v));
  if (bad >= 0) invalid(`schnet.tensors.${name}[${bad}]`, 'must be finite', data[bad]);
}

function numbersOf(tensor: Tensor): Float64Array {
  return Float64Array.from(tensor.data as ArrayLike<number>, Number);
}
