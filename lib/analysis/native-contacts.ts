import { checkOptionNames, invalid, unknownChoice } from '../errors.js';
import { checkCutoff, neighborList, type PairList } from '../neighbors/neighbor-list.js';
import type { Structure } from '../structure/structure.js';
import { residueIndices } from './dihedral.js';
import {
  checkIndex,
  type Frames,
  framesOf,
  heavyParticles,
  type PerFrame,
  partOf,
  perFrame,
  type Selection,
} from './frames.js';

const kinds = ['soft', 'hard'] as const;
const findOptionNames = { cutoff: true, separation: true, particles: true } as const;

export interface NativeContactsOptions extends Selection {
  /** `soft` (default): a smooth switch. `hard`: a contact counts when r < tolerance · r0. */
  kind?: (typeof kinds)[number];
  /** Å; native pairs nearer than this are contacts. Default 4.5 (heavy atoms). For beads 8 to 10 is usual. */
  cutoff?: number;
  /** Contacts join residues more than this many apart in one chain. Default 3. */
  separation?: number;
  /** 1/Å, steepness of the soft switch. Default 5. */
  beta?: number;
  /** Factor on the native distance. Default 1.8 (all-atom); 1.5 is usual for beads. */
  tolerance?: number;
  /** The contacts themselves, instead of cutoff and separation: flat pairs of particles. */
  pairs?: PairList;
}

/**
 * Fraction of native contacts Q, 0 to 1:
 * Q = 1/|S| Σ_S 1 / (1 + exp(β (r − λ r0))), over pairs S of heavy atoms with r0 < 4.5 Å in the native structure and more than
 * three residues apart, β = 5/Å, λ = 1.8 (Best, Hummer, Eaton, PNAS 110, 17874 (2013), equation 1). Particles whose symbol is
 * H are left out unless `particles` says otherwise. Molecules must be whole: boxes are not looked at.
 * @param native the folded structure, with residue names unless `pairs` is given
 * @throws EINVALID when the native structure has no contacts
 */
export function nativeContacts<F extends Frames>(
  frames: F,
  native: Structure,
  options: NativeContactsOptions = {},
): PerFrame<F> {
  checkOptionNames<NativeContactsOptions>('nativeContacts', options, {
    ...findOptionNames,
    kind: true,
    beta: true,
    tolerance: true,
    pairs: true,
  });
  const { kind = 'soft', beta = 5, tolerance = 1.8 } = options;
  if (!kinds.includes(kind)) unknownChoice('nativeContacts.kind', kind, kinds);
  if (!(beta > 0)) invalid('nativeContacts.beta', 'must be positive', beta, 'give 1/Å');
  if (!(tolerance > 0)) invalid('nativeContacts.tolerance', 'must be positive', tolerance);
  const all = framesOf(frames, 'nativeContacts.frames');
  if (all.count !== native.count && all.list.length > 0)
    invalid('nativeContacts.native', `must have ${all.count} particles like the frames`, native.count);
  const { cutoff, particles, separation } = options;
  const pairs = options.pairs ?? findNativeContacts(native, { cutoff, separation, particles });
  const contacts = pairs.length / 2;
  if (!(contacts > 0 && Number.isInteger(contacts)))
    invalid('nativeContacts', 'must have at least one contact', contacts, 'raise the cutoff, or give pairs');
  for (let p = 0; p < pairs.length; p++) checkIndex(pairs[p]!, native.count, 'nativeContacts.pairs');
  const edge = (x: ArrayLike<number>, p: number): number => {
    const [i, j] = [3 * pairs[2 * p]!, 3 * pairs[2 * p + 1]!];
    return Math.hypot(x[i]! - x[j]!, x[i + 1]! - x[j + 1]!, x[i + 2]! - x[j + 2]!);
  };
  const limit = Float64Array.from({ length: contacts }, (_, p) => tolerance * edge(native.positions, p));
  return perFrame(all, (x) => {
    let sum = 0;
    for (let p = 0; p < contacts; p++) {
      const beyond = edge(x, p) - limit[p]!;
      sum += kind === 'hard' ? Number(beyond < 0) : 1 / (1 + Math.exp(beta * beyond));
    }
    return sum / contacts;
  });
}

/** The contacts `nativeContacts` would use: (contacts,2) flat pairs i < j, ordered. @throws EINVALID without residue names */
export function findNativeContacts(
  native: Structure,
  options: Pick<NativeContactsOptions, 'cutoff' | 'separation' | 'particles'> = {},
): Int32Array {
  checkOptionNames<typeof options>('findNativeContacts', options, findOptionNames);
  const { cutoff = 4.5, separation = 3 } = options;
  checkCutoff('nativeContacts.cutoff', cutoff);
  const names = native.residues;
  if (names === undefined)
    return invalid('nativeContacts.native', 'must have residue names', 'none', 'give `pairs` instead');
  const residue = residueIndices(names);
  const chosen = heavyParticles(options, native.count, native, 'nativeContacts');
  const list = neighborList(partOf(native.positions, chosen, null), { cutoff });
  const found: [number, number][] = [];
  for (let a = 0; a < chosen.length; a++)
    for (const b of list.neighbors(a)) {
      const [i, j] = [chosen[a]!, chosen[b]!];
      const near = names.chains[i] === names.chains[j] && Math.abs(residue[i]! - residue[j]!) <= separation;
      if (i < j && !near) found.push([i, j]);
    }
  found.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  return Int32Array.from(found.flat());
}
