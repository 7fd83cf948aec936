/**
 * A run in a file, to go on from exactly: a safetensors file with the state's arrays, the structures, and one JSON
 * string `mdlab` in its metadata, beside a digest of both. Written to a second name, put on the disk and renamed, so that
 * a killed process leaves the last whole checkpoint.
 */
import { createHash } from 'node:crypto';
import { MdlabError, malformed } from '../errors.js';
import { checkpointFormat as format } from '../io/formats.js';
import { readSafetensors, type Safetensors, type Tensor, writeSafetensors } from '../io/index.js';
import { withSource } from '../io/source.js';
import type { Way } from '../models/potential.js';
import type { NativeDynamicsState } from '../native.js';
import { Structure, type StructureFields } from '../structure/index.js';
import type { RunOptions } from './options.js';

const version = 1;

/**
 * What tells one potential from another. `null` where it has no such thing; checkpoints of before lack all but the first
 * four, or `parameters`, and are compared by what they tell. A sum's terms are told one by one.
 */
export interface PotentialRecord extends Readonly<{ [K in keyof Way]?: Way[K] | null }> {
  name: string;
  backend: string;
  precision: string;
  pipeline: string | undefined;
  /** Digests. */
  weights?: string | null;
  parameters?: string | null;
  terms?: PotentialRecord[];
}

/** What beside the state a run is made of. */
export interface CheckpointOptions extends RunOptions {
  /** The potential as it called itself; a resumed run must bring the same. */
  potential: PotentialRecord;
  /** Of a checkpoint that a run wrote on its way, which `resume` goes on writing; absent from one that was saved. */
  outputs: { checkpointEvery: number; trajectory: { file: string; frames: number } | undefined } | undefined;
}

export interface Checkpoint {
  options: CheckpointOptions;
  structures: Structure[];
  /** (systems' atoms) species indices the potential gave. */
  types: Int32Array;
  state: NativeDynamicsState;
}

const arrays = [
  'positions',
  'velocities',
  'forces',
  'potential',
  'virial',
  'listBuiltAt',
  'kT',
  'rung',
  'attempted',
  'accepted',
] as const;

/** Writes a checkpoint. */
export function writeCheckpoint(file: string, checkpoint: Checkpoint): void {
  const { metadata, tensors } = encoded(checkpoint);
  writeSafetensors(file, tensors, metadata);
}

/** Whether a file is this very checkpoint. */
export function holdsCheckpoint(file: string, checkpoint: Checkpoint): boolean {
  try {
    return readSafetensors(file).metadata['sha256'] === encoded(checkpoint).metadata['sha256'];
  } catch {
    return false;
  }
}

function encoded(checkpoint: Checkpoint): Safetensors {
  const { options, state, structures, types } = checkpoint;
  const tensors = new Map<string, Tensor>();
  for (const name of arrays) tensors.set(name, vector('float64', state[name]));
  tensors.set('types', vector('int32', types));
  structures.forEach((s, k) => {
    const part = (
      name: string,
      dtype: 'float64' | 'int32',
      data: Float64Array | Int32Array | undefined,
    ): void => {
      if (data) tensors.set(`structure.${k}.${name}`, vector(dtype, data));
    };
    part('positions', 'float64', s.positions);
    part('types', 'int32', s.types);
    part('masses', 'float64', s.masses);
    part('bonds', 'int32', s.bonds);
    part('residues', 'int32', s.residues?.ids);
    part('box', 'float64', s.box?.vectors);
  });
  const header = {
    format,
    version,
    step: state.step,
    options,
    structures: structures.map((s) => ({
      name: s.name,
      info: s.info,
      symbols: s.symbols,
      periodic: s.box?.periodic,
      residues: s.residues && {
        atomNames: s.residues.atomNames,
        names: s.residues.names,
        chains: s.residues.chains,
      },
    })),
  };
  const mdlab = JSON.stringify(header);
  return { tensors, metadata: { mdlab, sha256: digestOf(mdlab, tensors) } };
}

/** Of all that a run goes on from: one flipped bit of a velocity or an option would end elsewhere without a word. */
function digestOf(header: string, tensors: ReadonlyMap<string, Tensor>): string {
  const hash = createHash('sha256').update(header);
  for (const name of [...tensors.keys()].sort()) {
    const { data, dtype, shape } = tensors.get(name)!;
    hash.update(JSON.stringify([name, dtype, shape]));
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.digest('hex');
}

/**
 * Reads what `writeCheckpoint` wrote.
 * @throws EFORMAT naming the part that is missing or does not fit, or where the bytes are not those that were written
 */
export function readCheckpoint(file: string): Checkpoint {
  // What is no safetensors file at all is another file, not a damaged one.
  withSource(file, (source) => {
    if (source.size > 8 && source.read(8, 1, 'header')[0] !== 0x7b)
      notOfRun(source.name, 'another kind of file');
  });
  const content = readSafetensors(file);
  const { mdlab, sha256 } = content.metadata;
  const header = parseHeader(file, mdlab);
  // Checkpoints of before have none.
  if (sha256 !== undefined && sha256 !== digestOf(mdlab!, content.tensors))
    malformed(file, '__metadata__.sha256', 'must be the digest of the contents: the file is damaged', sha256);
  const reader = new Reader(file, content);
  const structures = header.structures.map((fields, k) => structureOf(reader, fields, k));
  const own = structures.reduce((sum, s) => sum + s.count, 0);
  const atoms = own * header.options.replicas;
  const systems = structures.length * header.options.replicas;
  const state = {
    step: header.step,
    listRebuilds: 0,
    kinetic: new Float64Array(systems),
  } as NativeDynamicsState;
  for (const name of arrays) state[name] = reader.floats(name);
  const ladder = header.options.tempering?.temperatures.length ?? 0;
  const fit = (name: (typeof arrays)[number], ...allowed: number[]): void => {
    if (!allowed.includes(state[name].length)) {
      malformed(file, name, `must hold ${allowed.join(' or ')} numbers`, state[name].length);
    }
  };
  for (const name of ['positions', 'velocities', 'forces'] as const) fit(name, 3 * atoms);
  fit('listBuiltAt', 0, 3 * atoms);
  fit('potential', systems);
  fit('kT', systems);
  fit('virial', 0, 9 * systems);
  fit('rung', ladder > 0 ? systems : 0);
  for (const name of ['attempted', 'accepted'] as const) fit(name, Math.max(0, ladder - 1));
  for (const name of arrays) {
    const bad = state[name].findIndex((x) => !Number.isFinite(x));
    if (bad >= 0) malformed(file, `${name}[${bad}]`, 'must be finite', state[name][bad]);
  }
  return { options: header.options, structures, types: reader.ints('types'), state };
}

interface StoredStructure {
  name: string;
  info: StructureFields['info'];
  symbols: string[];
  periodic?: [boolean, boolean, boolean];
  residues?: { atomNames: string[]; names: string[]; chains: string[] };
}

interface Header {
  step: number;
  options: CheckpointOptions;
  structures: StoredStructure[];
}

function notOfRun(name: string, received: string): never {
  const remedy = "resume takes what a run's option checkpoint or save wrote";
  throw new MdlabError(
    'EFORMAT',
    `${name}: must be the checkpoint of a run, received ${received}; ${remedy}`,
  );
}

function parseHeader(file: string, text: string | undefined): Header {
  if (text === undefined) notOfRun(file, 'a safetensors file without one');
  let header: Partial<Header & { format: string; version: number }> | null = null;
  try {
    header = JSON.parse(text);
  } catch {
    malformed(file, '__metadata__.mdlab', 'must be JSON');
  }
  if (header?.format !== format)
    malformed(file, '__metadata__.mdlab.format', `must be '${format}'`, header?.format);
  if (header.version !== version) {
    malformed(file, '__metadata__.mdlab.version', `must be ${version}`, header.version);
  }
  const { options, step, structures } = header;
  if (!(Number.isSafeInteger(step) && step! >= 0)) malformed(file, 'step', 'must be a whole number', step);
  if (!Array.isArray(structures) || structures.length === 0) malformed(file, 'structures', 'must be a list');
  if (!(Number.isSafeInteger(options?.replicas) && options!.replicas > 0)) {
    malformed(file, 'options.replicas', 'must be a whole number', options?.replicas);
  }
  return { step: step!, options: options!, structures: structures! };
}

class Reader {
  constructor(
    private readonly file: string,
    private readonly content: Safetensors,
  ) {}

  optional(name: string): Tensor['data'] | undefined {
    return this.content.tensors.get(name)?.data;
  }

  floats(name: string): Float64Array {
    const data = this.optional(name);
    if (!(data instanceof Float64Array)) return malformed(this.file, name, 'must be an F64 tensor');
    return data;
  }

  ints(name: string): Int32Array {
    const data = this.optional(name);
    if (!(data instanceof Int32Array)) return malformed(this.file, name, 'must be an I32 tensor');
    return data;
  }

  optionalFloats(name: string): Float64Array | undefined {
    return this.optional(name) ? this.floats(name) : undefined;
  }

  optionalInts(name: string): Int32Array | undefined {
    return this.optional(name) ? this.ints(name) : undefined;
  }

  /** Runs a check that knows nothing of files, and names this one where it fails. */
  named<T>(where: string, body: () => T): T {
    try {
      return body();
    } catch (error) {
      if (error instanceof MdlabError && error.code === 'EINVALID')
        malformed(this.file, where, error.message);
      throw error;
    }
  }
}

function structureOf(reader: Reader, fields: StoredStructure, k: number): Structure {
  const at = `structure.${k}`;
  return reader.named(at, () => {
    const vectors = reader.optionalFloats(`${at}.box`);
    const ids = reader.optionalInts(`${at}.residues`);
    return new Structure({
      name: fields.name,
      info: fields.info,
      symbols: fields.symbols,
      positions: reader.floats(`${at}.positions`),
      types: reader.optionalInts(`${at}.types`),
      masses: reader.optionalFloats(`${at}.masses`),
      bonds: reader.optionalInts(`${at}.bonds`),
      box: vectors && fields.periodic ? { vectors, periodic: fields.periodic } : null,
      residues: ids && fields.residues ? { ...fields.residues, ids } : undefined,
    });
  });
}

function vector(dtype: 'float64' | 'int32', data: Float64Array | Int32Array): Tensor {
  return { dtype, shape: [data.length], data };
}
