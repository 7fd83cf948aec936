import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MdlabError } from '../errors.js';

const folder = fileURLToPath(new URL('../../../data/', import.meta.url));

/**
 * Path of a file that comes with mdlab, wherever the notebook lies.
 * @throws ENOTFOUND naming what there is
 * @example loadModel(dataFile('models/schnet-1enh.safetensors'))
 */
export function dataFile(name: string): string {
  const path = join(folder, name);
  if (existsSync(path)) return path;
  const known = (readdirSync(folder, { recursive: true }) as string[]).filter((f) => /\.\w+$/.test(f)).sort();
  throw new MdlabError(
    'ENOTFOUND',
    `data file '${name}': does not come with mdlab; known are ${known.join(', ')}`,
  );
}
