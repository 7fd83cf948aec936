// Writes the untrained model of data/models: seeded random weights, for timing and demonstration.
// `npm run demo-model`; the same bytes on every machine.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { saveModel } from '../lib/models/load.js';
import type { SchnetConfig } from '../lib/models/schnet-config.js';
import { defaultSchnetConfig, randomSchnet } from '../lib/models/schnet-random.js';
import { root } from './tools.js';

const folder = join(root, 'data', 'models');
mkdirSync(folder, { recursive: true });

function write(name: string, config: SchnetConfig): void {
  const units = { energy: 'kcal/mol', length: 'Å' } as const;
  const model = randomSchnet(config, { seed: 1, scale: 0.3, units, name, pipeline: 'flash' });
  saveModel(join(folder, `${name}.safetensors`), model, { dtype: 'float16' });
}

// One that moves 64 replicas of 1ENH on two cores while a person watches.
write('schnet-small-untrained', {
  ...defaultSchnetConfig,
  hidden: 32,
  filters: 32,
  blocks: 2,
  head: [32, 16],
  rbf: { type: 'expnormal', count: 20 },
  cutoff: { lower: 0, upper: 8 },
});
