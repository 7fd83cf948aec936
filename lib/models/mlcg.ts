/** Published mlcg priors applied to a molecule. */
import { checkOptionNames, invalid } from '../errors.js';
import { readTorch } from '../io/index.js';
import type { Structure } from '../structure/structure.js';
import { type EnergyUnit, energyUnits } from '../units.js';
import { fiveBeadLists, type MlcgLists } from './mlcg-lists.js';
import { type MlcgPrior, mlcgPriors } from './mlcg-priors.js';
import { type PriorOptions, PriorPotential, priorOptionNames } from './priors.js';
import { type PriorTerm, tupleSize } from './priors-terms.js';

export interface MlcgOptions {
  /** What each prior acts on. Default: worked out from the residues of the structure. */
  lists?: MlcgLists;
  /** Energy unit of the file. Default kcal/mol. */
  energyUnit?: EnergyUnit;
}

const mlcgOptionNames: Readonly<Record<keyof MlcgOptions, true>> = { lists: true, energyUnit: true };

/**
 * The terms of mlcg priors for one molecule.
 * @throws EINVALID naming prior, particles and types where the file has no parameters for a tuple, or a list that no
 * prior of the file answers to
 */
export function mlcgTerms(
  priors: readonly MlcgPrior[],
  structure: Structure,
  options: MlcgOptions = {},
): PriorTerm[] {
  checkOptionNames<MlcgOptions>('mlcgTerms', options, mlcgOptionNames);
  if (!structure.types)
    return invalid('structure.types', 'must be given for mlcg priors', 'none', 'use beadsFromSequence');
  const lists = options.lists ?? fiveBeadLists(structure);
  const scale = energyUnits[options.energyUnit ?? 'kcal/mol'];
  const known = new Set(priors.map((p) => p.name));
  for (const [name, tuples] of lists)
    if (tuples.length > 0 && !known.has(name))
      invalid('mlcg priors', `must have a prior '${name}' for this molecule`, [...known].join(', '));
  return priors
    .filter((p) => (lists.get(p.name)?.length ?? 0) > 0)
    .map((p) => termOf(p, lists.get(p.name)!, structure.types!, scale));
}

function termOf(prior: MlcgPrior, tuples: Int32Array, types: Int32Array, scale: number): PriorTerm {
  const { name, coordinate, form } = prior;
  const size = tupleSize[coordinate];
  if (tuples.length % size !== 0)
    invalid(`${name}.tuples`, `must hold ${size} particles each`, tuples.length);
  const parameters: number[] = [];
  for (let t = 0; t * size < tuples.length; t++) {
    const particles = [...tuples.subarray(t * size, (t + 1) * size)];
    const kinds = particles.map(
      (p) => types[p] ?? invalid(`${name}.tuples`, `must name particles 0..${types.length - 1}`, p),
    );
    const row = prior.parameters(kinds, t);
    if (!row)
      return invalid(
        `prior ${name}`,
        'must have parameters for every tuple of the molecule',
        `none for particles ${particles.join(', ')} of types ${kinds.join(', ')}`,
        'these priors were made for another molecule',
      );
    parameters.push(...toInternal(prior, row, scale));
  }
  return { name, coordinate, form, tuples, parameters: Float64Array.from(parameters) };
}

/** A file's row in eV; a repulsion's σ (Å) becomes ε σ⁶ with ε one unit of energy. */
function toInternal(prior: MlcgPrior, row: readonly number[], scale: number): number[] {
  if (prior.form === 'repulsion') return [scale * row[0]! ** 6];
  if (prior.form === 'harmonic') return [row[0]!, scale * row[1]!];
  return row.map((v) => scale * v);
}

/**
 * Reads priors of mlcg and makes them a potential for one molecule (any number of replicas).
 * @param path `prior.pt`, or `model_and_prior.pt`, of which the priors are taken
 * @param structure with types, and with residues unless `lists` are given
 * @throws EFORMAT for a file that holds no priors, EINVALID where it lacks parameters for the molecule
 * @example const prior = loadPriors('prior.pt', beadsFromSequence(sequences.CLN025))
 * @example const prior = loadPriors('prior.pt', start, { lists: mlcgLists(readTorch('configurations.pt'), 'configurations.pt') })
 */
export function loadPriors(
  path: string,
  structure: Structure,
  options: MlcgOptions & PriorOptions = {},
): PriorPotential {
  checkOptionNames<typeof options>('loadPriors', options, { ...mlcgOptionNames, ...priorOptionNames });
  const { backend, device, energyUnit, lists, name = 'mlcg priors' } = options;
  const terms = mlcgTerms(mlcgPriors(readTorch(path), path), structure, { lists, energyUnit });
  return new PriorPotential([{ atoms: structure.count, terms }], undefined, { name, backend, device });
}
