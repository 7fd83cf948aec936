/** Model files: our own safetensors, and PyTorch's state dicts, checkpoints and pickled modules. */
import { basename } from 'node:path';
import { checkOptionNames, invalid, MdlabError, malformed } from '../errors.js';
import { refuseCheckpoint } from '../io/formats.js';
import { readSafetensors, writeSafetensors } from '../io/safetensors.js';
import { openSource, withSource } from '../io/source.js';
import type { Tensor } from '../io/tensor.js';
import { readTorch } from '../io/torch.js';
import { type EnergyUnit, energyUnits, type LengthUnit, lengthUnits } from '../units.js';
import type { Potential } from './potential.js';
import { Schnet, type SchnetOptions, schnet } from './schnet.js';
import type { SchnetConfig } from './schnet-config.js';
import { schnetOptionNames } from './schnet-options.js';
import { schnetFromTorch } from './schnet-torch.js';

export interface LoadModelOptions extends SchnetOptions {
  /** What a PyTorch file does not tell: `activation`, `cutoff`, `rbf` … Our own files need none of it. */
  config?: Partial<SchnetConfig>;
}

export interface SaveModelOptions {
  /** Of every tensor in the file. Default: as the model holds them. */
  dtype?: 'float64' | 'float32' | 'float16' | 'bfloat16';
}

/** The JSON under the metadata key `mdlab` of a model file. */
interface Header {
  family: string;
  config: SchnetConfig;
  units: { energy: EnergyUnit; length: LengthUnit };
  name?: string;
  provenance?: string;
}

/**
 * Reads a model: a safetensors file with the metadata key `mdlab`, or a PyTorch file with a SchNet inside.
 * Priors in the same PyTorch file are not part of the result.
 * @throws EFORMAT naming file and field, EINVALID naming what a PyTorch file leaves open
 * @example const model = loadModel('model.safetensors', { pipeline: 'table' })
 */
export function loadModel(path: string, options: LoadModelOptions = {}): Schnet {
  checkOptionNames<LoadModelOptions>('loadModel', options, { ...schnetOptionNames, config: true });
  withSource(path, (source) => refuseCheckpoint(source, 'a model'));
  const { config, ...rest } = options;
  if (isZip(path))
    return named(path, () => schnetFromTorch(readTorch(path), basename(path), config ?? {}, rest));
  if (!/\.safetensors$/i.test(path) && !startsWith(path, 8, '{'))
    malformed(basename(path), 'format', "must be a model: safetensors, or PyTorch's .pt, .pth, .ckpt");
  const { tensors, metadata } = readSafetensors(path);
  const header = headerOf(basename(path), metadata['mdlab']);
  if (config) invalid('loadModel.config', 'is for PyTorch files only', path, 'the file tells its own');
  return named(path, () =>
    schnet(header.config, tensors, {
      name: header.name ?? basename(path),
      units: header.units,
      ...(header.provenance === undefined ? {} : { provenance: header.provenance }),
      ...rest,
    }),
  );
}

/**
 * Writes a model as safetensors, whole or not at all.
 * @throws EINVALID for a potential that has no weights, or a weight that `dtype` cannot hold
 */
export function saveModel(path: string, model: Potential, options: SaveModelOptions = {}): void {
  checkOptionNames<SaveModelOptions>('saveModel', options, { dtype: true });
  if (!(model instanceof Schnet))
    invalid('saveModel.model', 'must be a model with weights', model?.name, 'save its terms one by one');
  const tensors = new Map<string, Tensor>();
  for (const [name, tensor] of model.tensors) tensors.set(name, converted(name, tensor, options.dtype));
  const header: Header = {
    family: 'schnet',
    config: model.config,
    units: model.info.units!,
    ...(model.options.name === undefined ? {} : { name: model.options.name }),
    ...(model.provenance === undefined ? {} : { provenance: model.provenance }),
  };
  writeSafetensors(path, tensors, { mdlab: JSON.stringify(header) });
}

function converted(name: string, tensor: Tensor, dtype: SaveModelOptions['dtype']): Tensor {
  if (dtype === undefined || dtype === tensor.dtype) return tensor;
  const values = Float64Array.from(tensor.data as ArrayLike<number>, Number);
  if (dtype === 'float64') return { shape: tensor.shape, dtype, data: values };
  const most = dtype === 'float16' ? 65504 : 3.4028234663852886e38;
  const bad = values.findIndex((v) => Math.abs(v) > most);
  if (bad >= 0) invalid(`saveModel.${name}[${bad}]`, `must fit ${dtype}`, values[bad]);
  return { shape: tensor.shape, dtype, data: Float32Array.from(values) };
}

function headerOf(file: string, text: string | undefined): Header {
  const where = "__metadata__ key 'mdlab'";
  if (text === undefined) {
    return malformed(file, where, 'must be there: the model family, its configuration and its units as JSON');
  }
  let header: Partial<Header> | null;
  try {
    header = JSON.parse(text);
  } catch {
    return malformed(file, where, 'must be JSON', text);
  }
  if (typeof header !== 'object' || header === null)
    return malformed(file, where, 'must be an object', header);
  if (header.family !== 'schnet') malformed(file, `${where} .family`, "must be 'schnet'", header.family);
  if (typeof header.config !== 'object' || header.config === null)
    malformed(file, `${where} .config`, 'must be an object', header.config);
  const { energy, length } = header.units ?? {};
  if (!Object.hasOwn(energyUnits, energy ?? ''))
    malformed(
      file,
      `${where} .units.energy`,
      `must be one of ${Object.keys(energyUnits).join(', ')}`,
      energy,
    );
  if (!Object.hasOwn(lengthUnits, length ?? ''))
    malformed(
      file,
      `${where} .units.length`,
      `must be one of ${Object.keys(lengthUnits).join(', ')}`,
      length,
    );
  for (const key of ['name', 'provenance'] as const)
    if (header[key] !== undefined && typeof header[key] !== 'string')
      header[key] = JSON.stringify(header[key]);
  return header as Header;
}

/** Puts the file's name before what is wrong with its contents. */
function named<T>(path: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    if (!(error instanceof MdlabError) || error.message.startsWith(basename(path))) throw error;
    throw new MdlabError(error.code, `${basename(path)}: ${error.message}`);
  }
}

const isZip = (path: string): boolean => startsWith(path, 0, 'PK');

function startsWith(path: string, at: number, text: string): boolean {
  const source = openSource(path);
  try {
    if (source.size < at + text.length) return false;
    return Buffer.from(source.read(at, text.length, 'first bytes')).toString('latin1') === text;
  } finally {
    source.close();
  }
}
