/** SchNet from a PyTorch file of mlcg or FlashSchNet, read as inert data. */
import { invalid, malformed } from '../errors.js';
import { InertObject, type PickleValue } from '../io/pickle.js';
import { isTensor } from '../io/sparse.js';
import type { Tensor } from '../io/tensor.js';
import { stateDict, torchAt } from '../io/torch.js';
import type { EnergyUnit, LengthUnit } from '../units.js';
import { type Schnet, type SchnetOptions, schnet } from './schnet.js';
import { basisShapes, type SchnetActivation, type SchnetConfig, schnetShapes } from './schnet-config.js';

const anchor = 'embedding_layer.weight';
const parts = /^(embedding_layer|rbf_layer|interaction_blocks|output_network)\./;
const activationClasses: Readonly<Record<string, SchnetActivation>> = {
  Tanh: 'tanh',
  SiLU: 'silu',
  ShiftedSoftplus: 'ssp',
};

/**
 * Finds the one SchNet in what `readTorch` gave. Sizes come from the tensors; activation and cutoff from the pickled
 * module where the file holds one, else from `given`.
 * @throws EFORMAT when there is no SchNet, EINVALID naming each option the file leaves open
 */
export function schnetFromTorch(
  value: PickleValue,
  file: string,
  given: Partial<SchnetConfig>,
  options: SchnetOptions,
): Schnet {
  const tensors = oneSchnet(value, file);
  const module = findModule(value);
  const config = { ...shapeConfig(tensors, file), ...given };
  const full: SchnetConfig = {
    ...config,
    activation: given.activation ?? moduleActivation(module) ?? open('activation', "'tanh', 'ssp' or 'silu'"),
    rbf: given.rbf ?? basisConfig(tensors, config),
    cutoff: given.cutoff ?? cutoffOf(module, tensors) ?? open('cutoff', '{ lower, upper }'),
  };
  const known = new Set([...schnetShapes(full).keys(), ...basisShapes(full).keys()]);
  const kept = new Map([...tensors].filter(([name]) => known.has(name) || !name.includes('cutoff')));
  return schnet(full, kept, {
    name: file,
    units: options.units ?? moduleUnits(module),
    provenance: `weights of ${file}`,
    ...options,
  });
}

function open(key: string, choices: string): never {
  return invalid(
    `loadModel.config.${key}`,
    'must be given, the file does not tell it',
    undefined,
    `pass { config: { ${key}: ${choices} } }`,
  );
}

/** The tensors below the one prefix that ends in an embedding. */
function oneSchnet(value: PickleValue, file: string): Map<string, Tensor> {
  const all = stateDict(value);
  const prefixes = [...all.keys()].filter((k) => k.endsWith(anchor)).map((k) => k.slice(0, -anchor.length));
  if (prefixes.length !== 1) {
    malformed(
      file,
      `tensors '*${anchor}'`,
      'must be there exactly once (one SchNet per file)',
      prefixes.length,
    );
  }
  const prefix = prefixes[0]!;
  const out = new Map<string, Tensor>();
  for (const [key, tensor] of all) {
    const name = key.slice(prefix.length);
    if (key.startsWith(prefix) && parts.test(name) && isTensor(tensor)) out.set(name, tensor);
  }
  return out;
}

function shapeConfig(
  tensors: ReadonlyMap<string, Tensor>,
  file: string,
): Omit<SchnetConfig, 'activation' | 'rbf' | 'cutoff'> {
  const shape = (name: string): readonly number[] => {
    const tensor = tensors.get(name);
    if (tensor?.shape.length !== 2)
      return malformed(
        file,
        `tensor '${name}'`,
        'must be there with two dimensions',
        tensor?.shape.join('x'),
      );
    return tensor.shape;
  };
  const [types, hidden] = shape(anchor) as [number, number];
  const filters = shape('interaction_blocks.0.conv.lin1.weight')[0]!;
  const indices = [...tensors.keys()].map((k) => Number(/^interaction_blocks\.(\d+)\./.exec(k)?.[1] ?? -1));
  const head: number[] = [];
  for (let k = 0; tensors.has(`output_network.layers.${2 * k + 2}.weight`); k++)
    head.push(shape(`output_network.layers.${2 * k}.weight`)[0]!);
  return { types, hidden, filters, blocks: Math.max(...indices) + 1, head };
}

function basisConfig(tensors: ReadonlyMap<string, Tensor>, config: { filters: number }): SchnetConfig['rbf'] {
  const count = tensors.get('interaction_blocks.0.conv.filter_network.layers.0.weight')?.shape[1] ?? 0;
  if (tensors.has('rbf_layer.offset')) return { type: 'gaussian', count };
  if (tensors.has('rbf_layer.means')) return { type: 'expnormal', count };
  return open('rbf', `{ type: 'gaussian' or 'expnormal', count: ${count || config.filters} }`);
}

function cutoffOf(
  module: InertObject | undefined,
  tensors: ReadonlyMap<string, Tensor>,
): SchnetConfig['cutoff'] | undefined {
  const number = (v: PickleValue | undefined): number | undefined =>
    typeof v === 'number' ? v : isTensor(v) && v.data.length === 1 ? Number(v.data[0]) : undefined;
  for (const path of [
    ['rbf_layer', 'cutoff'],
    ['interaction_blocks', '0', 'conv', 'cutoff'],
    ['rbf_layer'],
    ['cutoff'],
  ]) {
    const at = module && torchAt(module, ...path);
    const lower = number(at && torchAt(at, 'cutoff_lower'));
    const upper = number(at && torchAt(at, 'cutoff_upper'));
    if (lower !== undefined && upper !== undefined) return { lower, upper };
  }
  // Gaussians are centred from one end of the range to the other.
  const offset = tensors.get('rbf_layer.offset');
  if (!offset || offset.data.length < 2) return undefined;
  return { lower: Number(offset.data[0]), upper: Number(offset.data[offset.data.length - 1]) };
}

function moduleActivation(module: InertObject | undefined): SchnetActivation | undefined {
  const layer = module && torchAt(module, 'interaction_blocks', '0', 'conv', 'filter_network', 'layers', '1');
  return layer instanceof InertObject ? activationClasses[layer.className] : undefined;
}

/** mlcg's models are in kcal/mol and Å throughout; other files must be told. */
function moduleUnits(module: InertObject | undefined): { energy: EnergyUnit; length: LengthUnit } {
  if (module && /^(mlcg|flash_?schnet)/.test(module.module)) return { energy: 'kcal/mol', length: 'Å' };
  return invalid(
    'loadModel.units',
    'must be given, the file does not tell them',
    undefined,
    "pass { units: { energy: 'kcal/mol', length: 'Å' } }",
  );
}

/** The pickled module that owns the embedding, wherever it lies. */
function findModule(value: PickleValue): InertObject | undefined {
  const seen = new Set<PickleValue>();
  const queue: PickleValue[] = [value];
  for (let node = queue.shift(); node !== undefined; node = queue.shift()) {
    if (typeof node !== 'object' || node === null || seen.has(node) || isTensor(node)) continue;
    seen.add(node);
    if (node instanceof InertObject) {
      if (torchAt(node, 'embedding_layer') !== undefined) return node;
      queue.push(node.state as PickleValue, ...node.args, ...node.items, ...node.entries.values());
    } else if (node instanceof Map) queue.push(...node.values());
    else if (Array.isArray(node)) queue.push(...node);
  }
  return undefined;
}
