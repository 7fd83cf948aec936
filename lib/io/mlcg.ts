/** Structures of mlcg's `configurations.pt`: a pickled list of AtomicData. */
import { malformed } from '../errors.js';
import { Structure } from '../structure/index.js';
import { InertObject, type PickleValue } from './pickle.js';
import { isTensor } from './sparse.js';
import type { Tensor } from './tensor.js';
import { float64Of, int32Of } from './tensor-bytes.js';
import { torchAt } from './torch.js';

/** mlcg's mass unit in amu: with Å, ps-like time and kcal/mol, masses are stored as amu/418.4. */
const amuPerMlcgMass = 418.4;

/** Types 1..20 are CB beads (the CA of glycine is 6), 21..24 N, CA, C, O. */
const glycine = 6;
const backbone: Readonly<Record<number, string>> = { 21: 'N', 22: 'CA', 23: 'C', 24: 'O', [glycine]: 'CA' };

function beadName(type: number): string {
  return backbone[type] ?? (type >= 1 && type <= 20 ? 'CB' : `X${type}`);
}

/** True for a list of AtomicData, as `configurations.pt` holds one. */
export function isConfigurations(value: PickleValue): value is InertObject[] {
  const isData = (v: PickleValue): boolean => v instanceof InertObject && v.className === 'AtomicData';
  return Array.isArray(value) && value.length > 0 && value.every(isData);
}

/**
 * Structures of a list of AtomicData (or a single one): `pos` (n,3) Å, `atom_types`, and `masses` made amu.
 * @param value what `readTorch` gave
 * @param file named in errors
 * @throws EFORMAT naming the configuration and field that is missing or has another shape
 * @example const [start] = configurations(readTorch('configurations.pt'), 'configurations.pt')
 */
export function configurations(value: PickleValue, file: string): Structure[] {
  const list = Array.isArray(value) ? value : [value];
  return list.map((data, i) => configuration(data, file, `configuration ${i}`));
}

function configuration(data: PickleValue, file: string, where: string): Structure {
  const pos = field(data, 'pos');
  if (pos?.shape.length !== 2 || pos.shape[1] !== 3) {
    return malformed(file, `${where} pos`, 'must be a tensor of shape (n,3)', pos?.shape.join(' x '));
  }
  const n = pos.shape[0]!;
  const types = field(data, 'atom_types');
  if (!types || types.data.length !== n) {
    return malformed(file, `${where} atom_types`, `must be a tensor of ${n} entries`, types?.data.length);
  }
  const masses = field(data, 'masses');
  if (masses && masses.data.length !== n) {
    malformed(file, `${where} masses`, `must be a tensor of ${n} entries`, masses.data.length);
  }
  const positions = float64Of(pos);
  const bad = positions.findIndex((x) => !Number.isFinite(x));
  if (bad >= 0) malformed(file, `${where} pos[${Math.floor(bad / 3)}]`, 'must be finite', positions[bad]);
  const kinds = int32Of(types, `${where} atom_types`);
  return new Structure({
    positions,
    symbols: [...kinds].map(beadName),
    types: kinds,
    ...(masses ? { masses: float64Of(masses).map((m) => m * amuPerMlcgMass) } : {}),
    name: file.replace(/\.\w+$/, ''),
  });
}

/** A tensor of an AtomicData: torch_geometric keeps them in `_store._mapping`, older versions as attributes. */
function field(data: PickleValue, name: string): Tensor | undefined {
  const value = torchAt(data, '_store', '_mapping', name) ?? torchAt(data, name);
  return isTensor(value) ? value : undefined;
}
