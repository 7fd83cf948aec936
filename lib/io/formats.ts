/** Which format a file has: by its extension, then by its first bytes. */
import { extname } from 'node:path';
import { invalid } from '../errors.js';
import { DcdReader } from './dcd.js';
import { ExtxyzReader } from './extxyz.js';
import type { FrameReader } from './frames.js';
import { PdbReader } from './pdb.js';
import type { ByteSource } from './source.js';
import { XtcReader } from './xtc.js';
import { looksLikeZip, readZip } from './zip.js';

export type TrajectoryFormat = 'extxyz' | 'xyz' | 'pdb' | 'dcd' | 'xtc';
export type TableFormat = 'csv' | 'jsonl';
export type Format = TrajectoryFormat | TableFormat | 'npy' | 'npz' | 'safetensors' | 'torch';

export const trajectoryFormats: readonly TrajectoryFormat[] = ['extxyz', 'xyz', 'pdb', 'dcd', 'xtc'];

const extensions: Readonly<Record<string, Format>> = {
  '.extxyz': 'extxyz',
  '.xyz': 'xyz',
  '.pdb': 'pdb',
  '.ent': 'pdb',
  '.dcd': 'dcd',
  '.xtc': 'xtc',
  '.csv': 'csv',
  '.jsonl': 'jsonl',
  '.npy': 'npy',
  '.npz': 'npz',
  '.safetensors': 'safetensors',
  '.pt': 'torch',
  '.pth': 'torch',
  '.ckpt': 'torch',
};

/** Extensions that `load` knows. */
export const knownExtensions: readonly string[] = Object.keys(extensions);

/** By extension alone; undefined for an unknown one. */
export function formatOf(path: string): Format | undefined {
  const extension = extname(path).toLowerCase();
  return Object.hasOwn(extensions, extension) ? extensions[extension] : undefined;
}

/** The trajectory format of an extension. */
export function trajectoryFormatOf(path: string): TrajectoryFormat | undefined {
  const format = formatOf(path);
  return format && isTrajectory(format) ? format : undefined;
}

export const isTrajectory = (format: Format): format is TrajectoryFormat =>
  (trajectoryFormats as readonly Format[]).includes(format);

/** By the first bytes; undefined where nothing fits. */
export function sniff(source: ByteSource): Exclude<Format, TableFormat> | undefined {
  const head = source.read(0, Math.min(512, source.size), 'first bytes');
  const text = new TextDecoder('latin1').decode(head);
  if (looksLikeZip(head)) {
    return [...readZip(source).keys()].some((name) => /^([^/]+\/)?data\.pkl$/.test(name)) ? 'torch' : 'npz';
  }
  if (text.startsWith('\x93NUMPY')) return 'npy';
  if (text.slice(4, 8) === 'CORD' || text.slice(8, 12) === 'CORD') return 'dcd';
  const word = head.length < 4 ? 0 : new DataView(head.buffer).getInt32(0);
  if (word === 1995 || word === 2023) return 'xtc';
  if (text[8] === '{' && text.slice(5, 8) === '\0\0\0') return 'safetensors';
  if (/^(HEADER|TITLE|REMARK|CRYST1|MODEL|ATOM|HETATM|COMPND|AUTHOR)\b/m.test(text)) return 'pdb';
  if (/^\s*\d+\s*\r?\n/.test(text)) return 'extxyz';
  return undefined;
}

/** What a run's checkpoint, a safetensors file, calls itself at its beginning. */
export const checkpointFormat = 'mdlab-checkpoint';

/**
 * Points to `resume`, whatever a run's checkpoint is called.
 * @param what the file should hold instead
 * @throws EINVALID for a checkpoint
 */
export function refuseCheckpoint(source: ByteSource, what: string): void {
  const head = source.read(0, Math.min(512, source.size), 'first bytes');
  const text = new TextDecoder('latin1').decode(head);
  if (text[8] !== '{' || !text.includes(`\\"${checkpointFormat}\\"`)) return;
  const remedy = `go on with it by resume('${source.name}', potential); readSafetensors gives its arrays`;
  invalid(source.name, `must be ${what}`, 'the checkpoint of a run', remedy);
}

/** A reader of the frames of an open trajectory or structure file. */
export function openReader(format: TrajectoryFormat, source: ByteSource): FrameReader {
  switch (format) {
    case 'xyz':
    case 'extxyz':
      return new ExtxyzReader(source);
    case 'pdb':
      return new PdbReader(source);
    case 'dcd':
      return new DcdReader(source);
    case 'xtc':
      return new XtcReader(source);
  }
}
