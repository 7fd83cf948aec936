// Writes data/models/schnet-1enh-untrained.safetensors: the published CGSchNet shape with seeded random weights, for
// timing and demonstration. `npm run demo-model`; the same bytes on every machine.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { saveModel } from '../lib/models/load.js';
import { defaultSchnetConfig, randomSchnet } from '../lib/models/schnet-random.js';
import { root } from './tools.js';

const folder = join(root, 'data', 'models');
mkdirSync(folder, { recursive: true });
const model = randomSchnet(defaultSchnetConfig, {
  seed: 1,
  scale: 0.3,
  units: { energy: 'kcal/mol', length: 'Å' },
  name: 'schnet-1enh-untrained',
  pipeline: 'flash',
});
saveModel(join(folder, 'schnet-1enh-untrained.safetensors'), model, { dtype: 'float16' });
