// The trained model and the teacher it learned from, for the benchmarks that compare them. Each is made when it is called.
import { dataFile } from '../../lib/io/data-file.js';
import { loadModel } from '../../lib/models/load.js';
import { type Potential, sum } from '../../lib/models/potential.js';
import { backbonePriors } from '../../lib/models/priors-backbone.js';
import type { SchnetOptions } from '../../lib/models/schnet.js';
import { teacher } from '../../lib/models/teacher.js';
import { beadsFromSequence, type KnownProtein } from '../../lib/structure/index.js';

/** The model is the network, as a table of the tolerance asked for, and the priors that it was trained beside. */
export function trained(
  protein: KnownProtein,
  options: { backend: 'cpu' | 'cuda'; tolerance?: number },
): Record<'teacher' | 'model', () => Potential> {
  const { secondaryStructure } = protein;
  const on = { backend: options.backend };
  const table: SchnetOptions = { ...options, pipeline: 'table' };
  return {
    teacher: () => teacher(protein, on),
    model: () =>
      sum(
        loadModel(dataFile('models/schnet-1enh.safetensors'), table),
        backbonePriors(beadsFromSequence(protein), { ...on, secondaryStructure }),
      ),
  };
}
