import { checkOptionNames, invalid } from '../errors.js';
import type { Tensor } from '../io/tensor.js';
import { native } from '../native.js';
import { type Schnet, type SchnetOptions, schnet } from './schnet.js';
import { checkSchnetConfig, type SchnetConfig, schnetShapes } from './schnet-config.js';
import { schnetOptionNames } from './schnet-options.js';

export interface RandomSchnetOptions extends SchnetOptions {
  /** Same seed, same weights on every machine. Default 1. */
  seed?: number;
  /**
   * Spread of the last layer's weights, which multiplies all energies and forces. The default, 0.3, gives forces of
   * some tenths of an energy unit per length unit in a dense globule.
   */
  scale?: number;
}

/** The published CGSchNet shape: 5 beads per residue, 15 Å, 4 blocks. */
export const defaultSchnetConfig: SchnetConfig = {
  hidden: 128,
  filters: 128,
  blocks: 4,
  types: 25,
  activation: 'tanh',
  head: [128, 64],
  rbf: { type: 'expnormal', count: 64 },
  cutoff: { lower: 0, upper: 15 },
};

/**
 * An untrained model with seeded weights, for timing, tests and demonstrations: its forces have a physical size but
 * mean nothing. Weights are uniform with variance 1/inputs (LeCun), biases uniform in ±0.1, the embedding uniform in ±1;
 * lin2 is divided by √100 because a message is a sum over about a hundred neighbours.
 * @throws EINVALID for a configuration that no SchNet has, a seed out of range, a scale that is not positive
 * @example const model = randomSchnet({ blocks: 2, hidden: 64, filters: 64 }, { seed: 7, pipeline: 'table' })
 */
export function randomSchnet(config: Partial<SchnetConfig> = {}, options: RandomSchnetOptions = {}): Schnet {
  checkOptionNames<RandomSchnetOptions>('randomSchnet', options, {
    ...schnetOptionNames,
    seed: true,
    scale: true,
  });
  const { seed = 1, scale = 0.3, ...rest } = options;
  if (!Number.isInteger(seed) || seed < 0 || seed > 0xffffffff)
    invalid('randomSchnet.seed', 'must be a whole number 0..4294967295', seed);
  if (!(Number.isFinite(scale) && scale > 0)) invalid('randomSchnet.scale', 'must be positive', scale);
  const full = checkSchnetConfig({ ...defaultSchnetConfig, ...config });
  const shapes = schnetShapes(full);
  const last = `output_network.layers.${2 * full.head.length}.weight`;
  const tensors = new Map<string, Tensor>();
  let index = 0;
  for (const [name, shape] of shapes) {
    const inputs = shape.length === 2 ? shape[1]! : 1;
    let spread = Math.sqrt(3 / inputs);
    if (name.startsWith('embedding')) spread = 1;
    else if (name.endsWith('bias')) spread = 0.1;
    else if (name.endsWith('conv.lin2.weight')) spread /= 10;
    else if (name === last) spread *= scale;
    tensors.set(name, { shape, dtype: 'float32', data: uniforms(seed, index++, shape, spread) });
  }
  return schnet(full, tensors, {
    name: 'schnet (untrained)',
    provenance: `seeded random weights (seed ${seed}, scale ${scale}): untrained`,
    ...rest,
  });
}

/** Uniform in ±spread from counter-based numbers: tensor `index`, element by element. */
function uniforms(seed: number, index: number, shape: readonly number[], spread: number): Float32Array {
  const out = new Float32Array(shape.reduce((a, b) => a * b, 1));
  const counter = Uint32Array.of(0, index, 0, 0xffffffff);
  for (let k = 0; k < out.length; k += 4) {
    counter[0] = k / 4;
    const words = native().philox(counter, seed, 0);
    for (let q = 0; q < 4 && k + q < out.length; q++) out[k + q] = spread * ((words[q]! + 0.5) / 2 ** 31 - 1);
  }
  return out;
}
