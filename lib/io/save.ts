/** `save`: anything to a file, the format by its extension. */
import { renameSync, rmSync } from 'node:fs';
import { ColumnTable } from 'arquero';
import { checkOptionNames, invalid } from '../errors.js';
import { Structure, Trajectory } from '../structure/index.js';
import { formatExtxyz } from './extxyz.js';
import { formatOf, knownExtensions, type TrajectoryFormat } from './formats.js';
import { writeNpy, writeNpz } from './npy.js';
import { formatAtoms, formatBonds, formatCell } from './pdb-write.js';
import { type Safetensors, writeSafetensors } from './safetensors.js';
import { isTensor } from './sparse.js';
import { formatTable } from './tables.js';
import type { Tensor } from './tensor.js';
import { checkWritable, partOf, writeWhole } from './write-whole.js';
import { openTrajectory, type TrajectoryWriterOptions } from './writer.js';

/** What `save` takes. */
export type Savable =
  | Structure
  | readonly Structure[]
  | Trajectory
  | ColumnTable
  | Tensor
  | ReadonlyMap<string, Tensor>
  | Safetensors
  | Readonly<Record<string, Tensor>>;

export type SaveOptions = Pick<TrajectoryWriterOptions, 'precision'>;

/**
 * Saves a structure (.pdb .xyz .extxyz .dcd .xtc), several structures (.extxyz .xyz), a trajectory (.extxyz .xyz .pdb
 * .dcd .xtc), a table (.csv .jsonl), an array (.npy) or named arrays (.npz .safetensors). The file appears whole or not at all.
 * @throws EINVALID for an unknown extension, or one that cannot hold what is given
 * @example save('beads.extxyz', structure); save('run.xtc', trajectory); save('rates.csv', table)
 */
export function save(path: string, thing: Savable, options: SaveOptions = {}): void {
  checkOptionNames<SaveOptions>('save', options, { precision: true });
  const format =
    formatOf(path) ?? invalid(path, `must have a known extension (${knownExtensions.join(' ')})`, path);
  switch (format) {
    case 'torch':
      invalid(path, 'must not be a PyTorch file: these are only read', format, 'use .safetensors');
      break;
    case 'npy':
      writeNpy(path, isTensor(thing) ? thing : wrong(path, 'one array', thing));
      break;
    case 'npz':
    case 'safetensors':
      saveTensors(path, format, thing);
      break;
    case 'csv':
    case 'jsonl':
      writeWhole(path, [
        formatTable(thing instanceof ColumnTable ? thing : wrong(path, 'a table', thing), format),
      ]);
      break;
    default:
      if (thing instanceof Trajectory) saveTrajectory(path, format, thing, options);
      else if (thing instanceof Structure) saveStructure(path, format, thing, options);
      else saveStructures(path, format, thing);
  }
}

function saveStructures(path: string, format: TrajectoryFormat, thing: Savable): void {
  const several = Array.isArray(thing) && thing.length > 0 && thing.every((s) => s instanceof Structure);
  if (!several || (format !== 'extxyz' && format !== 'xyz')) {
    wrong(path, several ? 'one structure or a trajectory' : 'a structure or a trajectory', thing);
  }
  const texts = (thing as Structure[]).map((s) => formatExtxyz(s, { positions: s.positions }));
  writeWhole(path, texts);
}

function wrong(path: string, what: string, thing: unknown): never {
  return invalid('what is saved', `must be ${what} for ${path}`, thing);
}

function saveStructure(path: string, format: TrajectoryFormat, s: Structure, options: SaveOptions): void {
  const frame = { positions: s.positions };
  if (format === 'pdb') {
    writeWhole(path, [formatCell(s, frame), formatAtoms(s, frame), formatBonds(s), 'END\n']);
  } else if (format === 'dcd' || format === 'xtc')
    saveTrajectory(path, format, new Trajectory(s, [frame]), options);
  else writeWhole(path, [formatExtxyz(s, frame)]);
}

function saveTrajectory(
  path: string,
  format: TrajectoryFormat,
  trajectory: Trajectory,
  options: SaveOptions,
): void {
  checkWritable(path, 'whole');
  const part = partOf(path);
  const writer = openTrajectory(part, trajectory.topology, { ...options, format });
  try {
    for (const frame of trajectory.frames) writer.write(frame);
    writer.close();
    renameSync(part, path);
  } catch (error) {
    writer.close();
    rmSync(part, { force: true });
    throw error;
  }
}

function saveTensors(path: string, format: 'npz' | 'safetensors', thing: Savable): void {
  const whole = thing as Partial<Safetensors>;
  const named = whole.tensors instanceof Map ? whole.tensors : thing;
  const tensors = named as ReadonlyMap<string, Tensor> | Readonly<Record<string, Tensor>>;
  const values = tensors instanceof Map ? [...tensors.values()] : Object.values(tensors);
  if (isTensor(thing) || Array.isArray(thing) || !values.every(isTensor)) wrong(path, 'named arrays', thing);
  if (format === 'npz') writeNpz(path, tensors);
  else writeSafetensors(path, tensors, named === thing ? {} : whole.metadata);
}
