/**
 * PyTorch files (`torch.save`, .pt .pth .ckpt) read without PyTorch and without running anything: state dicts,
 * checkpoints, and whole pickled modules or data objects as inert state.
 * Format: a ZIP archive with `data.pkl` (a pickle), `data/<key>` (raw storages) and `byteorder`
 * (torch/serialization.py); tensors are calls of torch._utils._rebuild_* on storages named by persistent ids.
 */
import { checkOptionNames, malformed } from '../errors.js';
import { refuseCheckpoint } from './formats.js';
import { GlobalName, InertObject, type PickleFunction, type PickleValue, Unpickler } from './pickle.js';
import { runPickle } from './pickle-opcodes.js';
import { numpyBuild, numpyGlobal } from './pickled-numpy.js';
import { type ByteSource, withSource } from './source.js';
import { isSparseTensor, isTensor, type SparseTensor } from './sparse.js';
import type { Tensor } from './tensor.js';
import { type Storage, TensorBuilder } from './torch-tensors.js';
import { looksLikeZip, readZip, type ZipEntry } from './zip.js';

export interface TorchOptions {
  /** Bytes that tensors may take in memory together. Default 64 MiB + 16 x the file's size. */
  maxBytes?: number;
}

/**
 * Reads a PyTorch file.
 *
 * What comes back: dicts are Maps, lists and tuples arrays, tensors `Tensor` (row-major whatever their strides),
 * sparse COO tensors `SparseTensor`, and every instance of a Python class an `InertObject` {module, className,
 * args, state}, whose `state` is a Map of attributes. Objects may refer to each other in circles. Use `torchAt`
 * to reach into it and `stateDict` for all parameters and buffers by their dotted names.
 * @throws EFORMAT naming file, entry and byte, and, for a pickle that names a global outside the list of known
 * harmless ones (`os.system`, `builtins.eval` …), that name. Nothing is ever run.
 * @example const prior = readTorch('prior.pt'); torchAt(prior, 'bulk_bonds', 'model', 'x_0')
 */
export function readTorch(path: string, options: TorchOptions = {}): PickleValue {
  checkOptionNames<TorchOptions>('readTorch', options, { maxBytes: true });
  return withSource(path, (source) => parseTorch(source, options));
}

/** The same from an open source. */
export function parseTorch(source: ByteSource, options: TorchOptions = {}): PickleValue {
  const head = source.read(0, Math.min(4, source.size), 'first bytes');
  if (!looksLikeZip(head)) {
    refuseCheckpoint(source, 'a PyTorch file');
    const rule =
      'must be a zip archive as torch.save writes it since 1.6 (2020); save it again with a newer torch';
    malformed(source.name, 'byte 0', rule);
  }
  const maxBytes = options.maxBytes ?? 64 * 2 ** 20 + 16 * source.size;
  const entries = readZip(source, { maxBytes });
  const pickle = [...entries.keys()].find((name) => /^([^/]+\/)?data\.pkl$/.test(name));
  if (pickle === undefined) return malformed(source.name, 'zip directory', "must have an entry 'data.pkl'");
  const prefix = pickle.slice(0, -'data.pkl'.length);
  if (entries.has(`${prefix}constants.pkl`)) {
    malformed(
      source.name,
      `${prefix}constants.pkl`,
      'must be saved by torch.save; this is a TorchScript program',
    );
  }
  const order = entries.get(`${prefix}byteorder`);
  if (order && new TextDecoder().decode(order.read()) !== 'little') {
    malformed(source.name, `${prefix}byteorder`, 'must be little; save it again on a little-endian machine');
  }
  return unpickle(source.name, pickle, entries, prefix, maxBytes);
}

function unpickle(
  file: string,
  entry: string,
  entries: Map<string, ZipEntry>,
  prefix: string,
  maxBytes: number,
): PickleValue {
  const storages = new Map<string, Storage>();
  const storage = (id: PickleValue): Storage => {
    const [tag, type, key, , count]: (PickleValue | undefined)[] = Array.isArray(id) ? id : [];
    if (tag !== 'storage' || !(type instanceof GlobalName) || typeof key !== 'string') {
      return reader.fail('must refer to a storage');
    }
    const known = storages.get(key);
    if (known) return known;
    const data = entries.get(`${prefix}data/${key}`);
    if (!data) return reader.fail('must refer to a storage of the archive', `data/${key}`);
    const made = tensors.storage(type.name, key, count, data);
    storages.set(key, made);
    return made;
  };
  const allow = (module: string, name: string): boolean | PickleFunction => {
    const rebuild = tensors.rebuilder(module, name);
    return (
      rebuild ??
      numpyGlobal(module, name, reader) ??
      plainGlobal(module, name, reader) ??
      isInert(module, name)
    );
  };
  const bytes = entries.get(entry)!.read();
  const reader: Unpickler = new Unpickler(bytes, {
    file,
    entry,
    allow,
    persistent: (id) => storage(id) as unknown as PickleValue,
    build: (object, state): boolean => numpyBuild(object, state, reader) || isTensor(object),
  });
  const tensors: TensorBuilder = new TensorBuilder(reader, maxBytes);
  return checkDepth(runPickle(reader), reader);
}

/** Python's own containers and the few functions that only wrap data. */
function plainGlobal(module: string, name: string, reader: Unpickler): PickleFunction | undefined {
  const list = (items: PickleValue | undefined): PickleValue[] => {
    const given =
      items instanceof Set || items instanceof Map ? [...items] : Array.isArray(items) ? items : [];
    reader.charge(100 * given.length);
    reader.checkSize(given.length);
    return given;
  };
  switch (`${module}.${name}`) {
    case 'collections.OrderedDict':
    case 'builtins.dict':
      return ([pairs]) => new Map(list(pairs).map(pairOf));
    case 'collections.defaultdict':
      return ([, pairs]) => new Map(list(pairs).map(pairOf));
    case '__builtin__.set':
    case 'builtins.set':
    case '__builtin__.frozenset':
    case 'builtins.frozenset':
      return ([items]) => new Set(list(items));
    case 'builtins.list':
    case '__builtin__.list':
    case 'builtins.tuple':
      return ([items]) => [...list(items)];
    case '_codecs.encode':
      return ([text]) => {
        const string = typeof text === 'string' ? text : '';
        reader.charge(string.length);
        return Uint8Array.from(string, (c) => c.charCodeAt(0));
      };
    case 'torch.Size':
      return ([sizes]) => (Array.isArray(sizes) ? sizes : []);
    case 'torch.serialization._get_layout':
      return ([layout]) => (typeof layout === 'string' ? layout : null);
    case 'copy_reg._reconstructor':
    case 'copyreg._reconstructor':
      return ([type]) => (type instanceof GlobalName ? new InertObject(type.module, type.name, []) : null);
    default:
      return undefined;
  }
}

function pairOf(pair: PickleValue): [PickleValue, PickleValue] {
  return Array.isArray(pair) && pair.length === 2 ? (pair as [PickleValue, PickleValue]) : [pair, null];
}

/** Values inside values, deeper than any real model: refused, so that whoever walks the result may recurse. */
const maxDepth = 1000;

function checkDepth(root: PickleValue, reader: Unpickler): PickleValue {
  const seen = new Set<PickleValue>([root]);
  let level: PickleValue[] = [root];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > maxDepth) reader.fail(`must nest at most ${maxDepth} deep`);
    const next: PickleValue[] = [];
    for (const value of level) {
      for (const part of partsOf(value)) {
        if (typeof part !== 'object' || part === null || seen.has(part)) continue;
        seen.add(part);
        next.push(part);
      }
    }
    level = next;
  }
  return root;
}

function* partsOf(value: PickleValue): Iterable<PickleValue> {
  if (Array.isArray(value) || value instanceof Set) yield* value;
  else if (value instanceof Map) {
    yield* value.keys();
    yield* value.values();
  } else if (value instanceof InertObject) {
    yield value.args;
    yield value.state;
    yield value.items;
    yield value.entries;
  }
}

/** Packages whose classes are read as inert data. None of their code runs; the list keeps surprises out. */
const inertPackages = [
  'mlcg',
  'mlcg_opt_radius',
  'flashschnet',
  'flash_schnet',
  'torch.nn',
  'torch.optim',
  'torch_geometric',
  'torch_scatter',
  'torchmdnet',
  'torchani',
  'schnetpack',
  'ase',
  'pytorch_lightning',
  'lightning',
  'lightning_fabric',
  'argparse',
  'pathlib',
];
const inertNames = new Set([
  ...[
    'int',
    'float',
    'bool',
    'str',
    'bytes',
    'dict',
    'list',
    'tuple',
    'set',
    'complex',
    'slice',
    'object',
  ].flatMap((n) => [`builtins.${n}`, `__builtin__.${n}`]),
  ...['device', 'tanh', 'relu', 'sigmoid', 'Tensor', 'strided', 'sparse_coo'].map((n) => `torch.${n}`),
]);
const torchTypes =
  /^(Float|Double|Half|BFloat16|Long|Int|Short|Char|Byte|Bool|Untyped)Storage$|^(float|double|half|bfloat|u?int|long|short|bool)\d*$/;

function isInert(module: string, name: string): boolean {
  // A dotted name (protocol 4) reaches attributes of a class, so also imported modules: never inert.
  if (!/^\w+$/.test(name)) return false;
  if (inertNames.has(`${module}.${name}`)) return true;
  if ((module === 'torch' || module === 'torch.storage') && torchTypes.test(name)) return true;
  return inertPackages.some((p) => module === p || module.startsWith(`${p}.`));
}

/**
 * The value at a path of keys, attributes and list indices: through Maps by key, through objects by attribute, and
 * through torch modules by the names of their parameters, buffers and submodules, as `a.b.c` does in Python.
 * Undefined where a step finds nothing.
 * @example torchAt(prior, 'bulk_bonds', 'model', 'x_0')
 */
export function torchAt(value: PickleValue, ...path: (string | number)[]): PickleValue | undefined {
  let at: PickleValue | undefined = value;
  for (const key of path) at = step(at, key);
  return at;
}

function step(value: PickleValue | undefined, key: string | number): PickleValue | undefined {
  if (Array.isArray(value)) return typeof key === 'number' ? value.at(key) : undefined;
  if (value instanceof Map) return value.get(key);
  if (!(value instanceof InertObject)) return undefined;
  if (value.entries.has(key)) return value.entries.get(key);
  if (typeof key === 'number' && value.items.length > 0) return value.items.at(key);
  const attributes = value.state;
  if (!(attributes instanceof Map)) return undefined;
  if (attributes.has(key)) return attributes.get(key);
  for (const group of ['_parameters', '_buffers', '_modules']) {
    const members = attributes.get(group);
    if (members instanceof Map && members.has(key)) return members.get(key);
  }
  return undefined;
}

/**
 * All parameters and buffers by dotted name, as `module.state_dict()` has them: of a pickled module, of a state
 * dict, or of a checkpoint with a `state_dict` entry. Buffers that a module marks non-persistent are included.
 * @example stateDict(readTorch('model.ckpt')).get('model.model.embedding_layer.weight')
 */
export function stateDict(value: PickleValue): Map<string, Tensor | SparseTensor> {
  const out = new Map<string, Tensor | SparseTensor>();
  const checkpoint = value instanceof Map ? value.get('state_dict') : undefined;
  const seen = new Set<PickleValue>();
  const queue: [string, PickleValue][] = [['', checkpoint instanceof Map ? checkpoint : value]];
  for (let next = queue.shift(); next; next = queue.shift()) {
    const [prefix, node] = next;
    if (isTensor(node) || isSparseTensor(node)) {
      out.set(prefix, node);
      continue;
    }
    if (seen.has(node)) continue;
    seen.add(node);
    for (const [key, member] of membersOf(node)) queue.push([prefix ? `${prefix}.${key}` : key, member]);
  }
  return out;
}

function membersOf(node: PickleValue): [string, PickleValue][] {
  const named = (map: PickleValue | undefined): [string, PickleValue][] =>
    map instanceof Map ? [...map].filter((e): e is [string, PickleValue] => typeof e[0] === 'string') : [];
  if (node instanceof Map) return named(node);
  if (!(node instanceof InertObject) || !(node.state instanceof Map)) return [];
  const state = node.state;
  return ['_parameters', '_buffers', '_modules'].flatMap((group) => named(state.get(group)));
}
