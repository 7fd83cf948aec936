/** One call for every file: `load`, `loadTrajectory`, `loadStructures`, `frames`. */
import { setImmediate } from 'node:timers/promises';
import type { ColumnTable } from 'arquero';
import { checkOptionNames, invalid, MdlabError } from '../errors.js';
import { type Structure, Trajectory, type TrajectoryFrame } from '../structure/index.js';
import {
  type Format,
  formatOf,
  isTrajectory,
  knownExtensions,
  openReader,
  refuseCheckpoint,
  sniff,
  type TrajectoryFormat,
} from './formats.js';
import type { FrameReader, StoredFrame } from './frames.js';
import { configurations } from './mlcg.js';
import { parseNpy, parseNpz } from './npy.js';
import type { PickleValue } from './pickle.js';
import { parseSafetensors, type Safetensors } from './safetensors.js';
import { type ByteSource, openSource, withSource } from './source.js';
import { parseTable } from './tables.js';
import type { Tensor } from './tensor.js';
import { parseTorch } from './torch.js';

export interface LoadOptions {
  /** Which frame of a file of several; negative counts from the end. */
  frame?: number;
}

export interface TrajectoryOptions {
  /** The particles, as a structure or a file of one: needed for DCD and XTC, which only hold positions. */
  topology?: Structure | string;
  /** First frame. Default 0. */
  start?: number;
  /** The frame to stop before. Default: the end. */
  stop?: number;
  /** Every how many frames. Default 1. */
  stride?: number;
}

const loadOptionNames = { frame: true } as const;
const trajectoryOptionNames = { topology: true, start: true, stop: true, stride: true } as const;

/** A trajectory from a file. */
export interface LoadedTrajectory extends Trajectory {
  /** The file ends inside a frame (its writer was killed, or the disk was full): the whole ones before are here. */
  readonly truncated: boolean;
}

/** Anything `load` gives. */
export type Loaded =
  | Structure
  | LoadedTrajectory
  | ColumnTable
  | Tensor
  | Map<string, Tensor>
  | Safetensors
  | PickleValue;

/**
 * Loads a file by its extension, or where that is unknown by its first bytes. Lengths come in Å, times in fs,
 * masses in amu (from the symbols where a file has none and all are known).
 *
 * A structure file with several frames needs `frame`, or `loadTrajectory`, or `loadStructures`.
 * @throws EFORMAT for a broken file, naming field and line or byte; EINVALID for an unknown format
 * @example
 * const protein = load('1enh.pdb')                              // Structure
 * const run = load('run.dcd', { topology: protein })            // Trajectory
 * const rates = load('rates.csv')                               // Table
 * const { tensors, metadata } = load('model.safetensors')
 */
export function load(path: `${string}.${'pdb' | 'ent' | 'xyz' | 'extxyz'}`, options?: LoadOptions): Structure;
export function load(path: `${string}.${'dcd' | 'xtc'}`, options: TrajectoryOptions): LoadedTrajectory;
export function load(path: `${string}.${'csv' | 'jsonl'}`): ColumnTable;
export function load(path: `${string}.npy`): Tensor;
export function load(path: `${string}.npz`): Map<string, Tensor>;
export function load(path: `${string}.safetensors`): Safetensors;
export function load(path: `${string}.${'pt' | 'pth' | 'ckpt'}`): PickleValue;
export function load(path: string, options?: LoadOptions & TrajectoryOptions): Loaded;
export function load(path: string, options: LoadOptions & TrajectoryOptions = {}): Loaded {
  checkOptionNames<typeof options>('load', options, { ...loadOptionNames, ...trajectoryOptionNames });
  return withSource(path, (source) => {
    const format = detect(path, source);
    switch (format) {
      case 'npy':
        return parseNpy(source);
      case 'npz':
        return parseNpz(source);
      case 'safetensors':
        return parseSafetensors(source);
      case 'torch':
        return parseTorch(source);
      case 'csv':
      case 'jsonl':
        return parseTable(source, format);
      case 'dcd':
      case 'xtc':
        return readTrajectory(source, format, options);
      default:
        return readStructure(source, format, options.frame);
    }
  });
}

function detect(path: string, source: ByteSource): Format {
  refuseCheckpoint(source, 'a structure, a trajectory or arrays');
  const format = formatOf(path) ?? sniff(source);
  if (!format) {
    const rule = `must be a file of a known format (${knownExtensions.join(' ')})`;
    return invalid(path, rule, source.name);
  }
  return format;
}

/**
 * A structure from a path that is only known at run time: as `load`, but always a Structure.
 * @throws EINVALID when the file is of another kind
 * @example const protein = loadStructure(path)
 */
export function loadStructure(path: string, options: LoadOptions = {}): Structure {
  checkOptionNames<LoadOptions>('loadStructure', options, loadOptionNames);
  return withSource(path, (source) => {
    const format = detect(path, source);
    if (format === 'torch')
      return pick(configurations(parseTorch(source), source.name), options.frame, source.name);
    return readStructure(source, structureFormat(path, format), options.frame);
  });
}

/** The format, where its files name their particles. */
function structureFormat(path: string, format: Format): 'extxyz' | 'xyz' | 'pdb' {
  if (format === 'extxyz' || format === 'xyz' || format === 'pdb') return format;
  const rule = 'must be a structure file (.pdb .xyz .extxyz .pt)';
  const remedy = isTrajectory(format)
    ? 'use loadTrajectory with a topology'
    : 'loadModel() loads models, load() arrays and tables';
  return invalid(path, rule, format, remedy);
}

function pick(list: Structure[], frame: number | undefined, file: string): Structure {
  const found = list.at(frame ?? 0);
  if (frame === undefined && list.length !== 1) severalFrames(file);
  return found ?? invalid('frame', `must be within the ${list.length} frames of ${file}`, frame);
}

function severalFrames(file: string): never {
  const remedy = 'say which with the option `frame`, or take all with loadTrajectory or loadStructures';
  return invalid(file, 'must hold one frame to load as a structure', 'several', remedy);
}

function noTrajectory(path: string, format: Format): never {
  return invalid(path, 'must be a trajectory', format, 'load() reads arrays and tables');
}

/**
 * Loads all frames of a trajectory: DCD, XTC (these need `topology`), extxyz, PDB models, and mlcg's
 * `configurations.pt`.
 * @throws EINVALID for a file that is no trajectory or does not fit its topology, EFORMAT for a broken one
 * @example const run = loadTrajectory('run.xtc', { topology: 'start.pdb', stride: 10 })
 */
export function loadTrajectory(path: string, options: TrajectoryOptions = {}): LoadedTrajectory {
  checkOptionNames<TrajectoryOptions>('loadTrajectory', options, trajectoryOptionNames);
  return withSource(path, (source) => {
    const format = detect(path, source);
    if (format === 'torch') return fromStructures(configurations(parseTorch(source), source.name), options);
    if (!isTrajectory(format)) noTrajectory(path, format);
    return readTrajectory(source, format, options);
  });
}

/** Every frame of a file as a structure of its own: a data set whose frames may differ in their particles. */
export function loadStructures(path: string): Structure[] {
  return withSource(path, (source) => {
    const format = detect(path, source);
    if (format === 'torch') return configurations(parseTorch(source), source.name);
    const reader = openReader(structureFormat(path, format), source);
    const out: Structure[] = [];
    for (let f = reader.next(); f; f = reader.next()) if (f.structure) out.push(f.structure);
    return out;
  });
}

/**
 * Frames one by one, in a few MB of memory whatever the file's size. DCD and XTC give positions; the others a
 * `structure` with each frame too.
 * @throws EINVALID for a file that is no trajectory or does not fit its topology, EFORMAT for a broken one
 * @example for await (const frame of frames('run.xtc', { stride: 100 })) …
 */
export async function* frames(
  path: string,
  options: TrajectoryOptions = {},
): AsyncGenerator<StoredFrame, void, undefined> {
  checkOptionNames<TrajectoryOptions>('frames', options, trajectoryOptionNames);
  const source = openSource(path);
  try {
    const format = detect(path, source);
    if (!isTrajectory(format)) noTrajectory(path, format);
    const atoms = options.topology === undefined ? undefined : topologyOf(options.topology).count;
    let paused = Date.now();
    for (const frame of selected(openReader(format, source), options)) {
      if (atoms !== undefined) checkCount(source.name, frame, atoms);
      yield frame;
      if (Date.now() - paused > 10) {
        await setImmediate();
        paused = Date.now();
      }
    }
  } finally {
    source.close();
  }
}

/** The frames of a reader that start, stop and stride choose. */
function* selected(reader: FrameReader, options: TrajectoryOptions): Generator<StoredFrame> {
  const { start = 0, stop = Number.POSITIVE_INFINITY, stride = 1 } = options;
  if (!Number.isInteger(start) || start < 0) invalid('start', 'must be a whole number of frames', start);
  if (!(stop >= 0)) invalid('stop', 'must be a number of frames', stop);
  if (!Number.isInteger(stride) || stride < 1) invalid('stride', 'must be a positive whole number', stride);
  for (let i = 0; i < stop; i++) {
    if (i >= start && (i - start) % stride === 0) {
      const frame = reader.next();
      if (!frame) return;
      yield frame;
    } else if (reader.skip ? !reader.skip() : !reader.next()) {
      // One more `next` tells whether the file was cut.
      reader.next();
      return;
    }
  }
}

function readStructure(source: ByteSource, format: TrajectoryFormat, wanted: number | undefined): Structure {
  const reader = openReader(format, source);
  if (wanted === undefined) {
    const only = reader.next()?.structure;
    if (only && !reader.next() && !reader.truncated) return only;
    if (!only) throw new MdlabError('EFORMAT', `${source.name}: must hold a structure, the file is empty`);
    return severalFrames(source.name);
  }
  if (!Number.isInteger(wanted)) invalid('frame', 'must be a whole number', wanted);
  const last: StoredFrame[] = [];
  let count = 0;
  for (let f = reader.next(); f; f = reader.next()) {
    if (count === wanted && f.structure) return f.structure;
    if (wanted < 0) last.push(f);
    if (last.length > -wanted) last.shift();
    count++;
  }
  const found = wanted < 0 && last.length === -wanted ? last[0]?.structure : undefined;
  return found ?? invalid('frame', `must be within the ${count} frames of ${source.name}`, wanted);
}

function topologyOf(topology: Structure | string): Structure {
  return typeof topology === 'string' ? loadStructure(topology, { frame: 0 }) : topology;
}

function checkCount(file: string, frame: TrajectoryFrame, atoms: number): void {
  if (frame.positions.length !== 3 * atoms) {
    const remedy = 'give the structure the trajectory was made from';
    invalid('topology', `must have the ${frame.positions.length / 3} particles of ${file}`, atoms, remedy);
  }
}

class FileTrajectory extends Trajectory implements LoadedTrajectory {
  constructor(
    topology: Structure,
    frames: readonly TrajectoryFrame[],
    readonly truncated: boolean,
  ) {
    super(topology, frames);
  }
}

function readTrajectory(
  source: ByteSource,
  format: TrajectoryFormat,
  options: TrajectoryOptions,
): LoadedTrajectory {
  let topology = options.topology === undefined ? undefined : topologyOf(options.topology);
  if (!topology && (format === 'dcd' || format === 'xtc')) {
    const rule = `must be given for ${format.toUpperCase()}, which holds positions only`;
    const remedy = `loadTrajectory('${source.name}', { topology: 'start.pdb' })`;
    return invalid('topology', rule, undefined, remedy);
  }
  const reader = openReader(format, source);
  const out: TrajectoryFrame[] = [];
  for (const frame of selected(reader, options)) {
    const { structure, ...plain } = frame;
    topology ??= structure;
    checkCount(source.name, plain, topology?.count ?? 0);
    if (structure && structure !== topology && !options.topology)
      sameParticles(source.name, topology!, structure);
    out.push(plain);
  }
  if (!topology) throw new MdlabError('EFORMAT', `${source.name}: must hold a frame, none was selected`);
  return new FileTrajectory(topology, out, reader.truncated);
}

function sameParticles(file: string, topology: Structure, other: Structure): void {
  const i = other.symbols.findIndex((s, k) => s !== topology.symbols[k]);
  if (i >= 0) {
    const rule = `must name the same particles in every frame, particle ${i} is ${topology.symbols[i]} first, later`;
    invalid(file, rule, other.symbols[i], 'loadStructures reads frames that differ');
  }
}

function fromStructures(list: Structure[], options: TrajectoryOptions): LoadedTrajectory {
  const [first] = list;
  if (!first) return invalid('configurations', 'must hold a frame', 0);
  let i = 0;
  const reader: FrameReader = { next: () => list[i++], end: 0, truncated: false };
  const chosen = [...selected(reader, options)].map(({ positions, box = null }) => ({ positions, box }));
  return new FileTrajectory(options.topology ? topologyOf(options.topology) : first, chosen, false);
}
