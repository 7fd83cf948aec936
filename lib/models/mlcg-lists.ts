/** Which particles each mlcg prior acts on: from the neighbour lists of a file, or worked out from a protein. */
import { malformed } from '../errors.js';
import { isTensor, type PickleValue, torchAt } from '../io/index.js';
import { residueName } from '../structure/beads.js';
import { type BeadTuple, beadTopology } from '../structure/beads-topology.js';
import type { Structure } from '../structure/structure.js';
import { pairsApart } from './priors.js';

/** Particles that each prior acts on: name -> (m, order) flat. */
export type MlcgLists = ReadonlyMap<string, Int32Array>;

/** Beads of mlcg's five-bead proteins repel when they are at least this many bonds apart. */
const mlcgSeparation = 5;

/**
 * The neighbour lists of a configuration.
 * @param value what `readTorch` gave for `configurations.pt`
 * @param index which configuration of the list. Default 0
 * @throws EFORMAT naming the list whose shape does not fit, or when there are none
 * @example mlcgLists(readTorch('configurations.pt'), 'configurations.pt').get('bulk_bonds')
 */
export function mlcgLists(value: PickleValue, file: string, index = 0): MlcgLists {
  const data = (Array.isArray(value) ? value[index] : value) ?? null;
  const lists = torchAt(data, '_store', '_mapping', 'neighbor_list') ?? torchAt(data, 'neighbor_list');
  if (!(lists instanceof Map)) return malformed(file, `configuration ${index}`, 'must have a neighbor_list');
  const out = new Map<string, Int32Array>();
  for (const [name, list] of lists) {
    const mapping = torchAt(list as PickleValue, 'index_mapping');
    if (!isTensor(mapping) || mapping.shape.length !== 2)
      return malformed(
        file,
        `configuration ${index} neighbor_list.${String(name)}`,
        'must have an index_mapping of two axes',
      );
    const [order, count] = mapping.shape as readonly [number, number];
    const tuples = new Int32Array(order * count);
    for (let t = 0; t < count; t++)
      for (let a = 0; a < order; a++) tuples[t * order + a] = Number(mapping.data[a * count + t]);
    out.set(String(name), tuples);
  }
  return out;
}

/**
 * The same lists from a five-bead protein itself, so that priors apply to any sequence: bonds and angles that touch the
 * first or last residue of a chain apart from the bulk, φ and ψ by residue, X-Pro peptide bonds apart from the others.
 */
export function fiveBeadLists(structure: Structure): MlcgLists {
  const t = beadTopology(structure);
  const lists = new Map<string, number[]>();
  const put = (name: string, tuple: BeadTuple): void => {
    const list = lists.get(name) ?? [];
    list.push(...tuple.particles);
    lists.set(name, list);
  };
  const ends = { n: 'n_term', c: 'c_term', bulk: 'bulk' } as const;
  const residue = (d: BeadTuple): string => residueName(t.residues[d.residue]!.letter);
  for (const b of t.bonds) put(`${ends[b.end]}_bonds`, b);
  for (const a of t.angles) put(`${ends[a.end]}_angles`, a);
  for (const d of t.phi) put(`${residue(d)}_phi`, d);
  for (const d of t.psi) put(`${residue(d)}_psi`, d);
  for (const d of t.omega) put(t.residues[d.residue + 1]!.letter === 'P' ? 'pro_omega' : 'non_pro_omega', d);
  for (const d of t.gamma1) put('gamma_1', d);
  for (const d of t.gamma2) put('gamma_2', d);
  const out = new Map<string, Int32Array>([...lists].map(([name, list]) => [name, Int32Array.from(list)]));
  const bonds = t.bonds.flatMap((b) => b.particles);
  out.set('non_bonded', pairsApart(structure.count, bonds, mlcgSeparation));
  return out;
}
