import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MdlabError } from '../errors.js';

const folder = fileURLToPath(new URL('../../../data/', import.meta.url));

/** What comes with mdlab, by path; a test holds it to the manifest. */
export const dataFiles = [
  'models/schnet-1enh.safetensors',
  'models/schnet-small-untrained.safetensors',
  'models/train/curve.jsonl',
  'models/train/train.py',
  'papers/flashschnet.json',
  'results/cpu-kernel.jsonl',
  'results/cpu-schnet.jsonl',
  'results/flashschnet.jsonl',
  'results/gpu-tests.jsonl',
  'results/h200-teacher.jsonl',
  'results/judge.jsonl',
  'results/stability.jsonl',
] as const;

/**
 * Path of a file that comes with mdlab, wherever the notebook lies.
 * @throws ENOTFOUND naming what there is
 * @example loadModel(dataFile('models/schnet-1enh.safetensors'))
 */
export function dataFile(name: (typeof dataFiles)[number] | (string & {})): string {
  const path = join(folder, name);
  if (existsSync(path)) return path;
  throw new MdlabError(
    'ENOTFOUND',
    `data file '${name}': does not come with mdlab; known are ${dataFiles.join(', ')}`,
  );
}
