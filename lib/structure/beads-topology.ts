/** Which beads of a five-bead protein are bonded, and the angles and dihedrals that priors act on. */
import { invalid } from '../errors.js';
import type { BeadName } from './beads.js';
import { beadNames, residueLetter } from './beads.js';
import type { Structure } from './structure.js';

/** One residue: where its beads are, and whether the next residue in the list is bonded to it. */
export interface BeadResidue {
  readonly letter: string;
  readonly chain: string;
  readonly id: number;
  /** Particle of each bead; no CB in glycine. */
  readonly beads: Readonly<Partial<Record<BeadName, number>>> & {
    readonly N: number;
    readonly CA: number;
    readonly C: number;
    readonly O: number;
  };
  linked: boolean;
}

/** Longest C-N distance that still counts as a peptide bond where a structure lists no bonds, Å. */
const longestPeptideBond = 2.0;

/**
 * Residues of a five-bead structure in order.
 * @throws EINVALID when it has no residue names, or a residue lacks a bead or has one too many
 */
export function beadResidues(structure: Structure): BeadResidue[] {
  const r = structure.residues;
  if (!r)
    return invalid(
      'structure.residues',
      'must name the residues of the beads',
      'none',
      'build it with beadsFromSequence or coarseGrain',
    );
  const out: BeadResidue[] = [];
  for (let i = 0; i < structure.count; ) {
    const begin = i;
    const beads: Partial<Record<BeadName, number>> = {};
    const where = `residue ${r.names[i]} ${r.ids[i]} of chain ${r.chains[i] || '?'}`;
    for (
      ;
      i < structure.count &&
      r.ids[i] === r.ids[begin] &&
      r.chains[i] === r.chains[begin] &&
      r.names[i] === r.names[begin];
      i++
    ) {
      const name = r.atomNames[i] as BeadName;
      if (!beadNames.includes(name))
        invalid(where, `must consist of beads ${beadNames.join(', ')}`, name, 'use coarseGrain');
      if (beads[name] !== undefined) break; // a second residue of the same name and number
      beads[name] = i;
    }
    const letter =
      residueLetter(r.names[begin]!) ??
      invalid(where, 'must be one of the twenty amino acids', r.names[begin]);
    const { N, CA, C, O, CB } = beads;
    if (
      N === undefined ||
      CA === undefined ||
      C === undefined ||
      O === undefined ||
      (letter === 'G') !== (CB === undefined)
    )
      return invalid(
        where,
        `must have the beads N, CA${letter === 'G' ? '' : ', CB'}, C, O`,
        Object.keys(beads).join(', '),
      );
    out.push({
      letter,
      chain: r.chains[begin]!,
      id: r.ids[begin]!,
      beads: { ...beads, N, CA, C, O },
      linked: false,
    });
  }
  link(structure, out);
  return out;
}

function link(structure: Structure, residues: BeadResidue[]): void {
  const bonded = new Set<string>();
  const { bonds, positions } = structure;
  if (bonds)
    for (let b = 0; b < bonds.length; b += 2)
      bonded.add(`${bonds[b]}-${bonds[b + 1]}`).add(`${bonds[b + 1]}-${bonds[b]}`);
  residues.forEach((a, k) => {
    const next = residues[k + 1];
    if (!next || next.chain !== a.chain) return;
    const [c, n] = [a.beads.C, next.beads.N];
    const distance = Math.hypot(...[0, 1, 2].map((d) => positions[3 * c + d]! - positions[3 * n + d]!));
    a.linked = bonds ? bonded.has(`${c}-${n}`) : distance < longestPeptideBond;
  });
}

/** Bonds of a five-bead structure, (m,2) flat: N-CA, CA-CB, CA-C, C-O and the peptide bonds C-N. */
export function fiveBeadBonds(structure: Structure): Int32Array {
  return Int32Array.from(
    beadResidues(structure).flatMap(({ beads: b, linked }, k, all) => [
      ...[b.N, b.CA],
      ...(b.CB === undefined ? [] : [b.CA, b.CB]),
      ...[b.CA, b.C, b.C, b.O],
      ...(linked ? [b.C, all[k + 1]!.beads.N] : []),
    ]),
  );
}

/** A tuple of particles and the residue it belongs to. */
export interface BeadTuple {
  readonly particles: readonly number[];
  /** Index into `residues`; of a tuple across a peptide bond, the first of the two. */
  readonly residue: number;
  /** End of its chain that any of its beads belongs to. */
  readonly end: 'n' | 'c' | 'bulk';
}

/** Everything that priors of a five-bead protein act on. */
export interface BeadTopology {
  readonly residues: readonly BeadResidue[];
  /** Pairs, lower particle first. */
  readonly bonds: readonly BeadTuple[];
  /** Triples around the middle particle, lower end first. */
  readonly angles: readonly BeadTuple[];
  /** C(i-1) N CA C, by residue i. */
  readonly phi: readonly BeadTuple[];
  /** N CA C N(i+1), by residue i. */
  readonly psi: readonly BeadTuple[];
  /** CA C N CA; `residue` is the first, so that the bond is X-Pro when `residues[residue + 1]` is proline. */
  readonly omega: readonly BeadTuple[];
  /** N CB C CA: handedness of the residue. */
  readonly gamma1: readonly BeadTuple[];
  /** CA O N(i+1) C: planarity of the carbonyl. */
  readonly gamma2: readonly BeadTuple[];
}

/** Lists every bond, angle and named dihedral of a five-bead protein. Equal to mlcg's lists for such a molecule. */
export function beadTopology(structure: Structure): BeadTopology {
  const residues = beadResidues(structure);
  const owner = new Map<number, number>();
  residues.forEach((r, k) => {
    for (const p of Object.values(r.beads)) owner.set(p, k);
  });
  const first = residues.map((_, k) => k === 0 || !residues[k - 1]!.linked);
  const last = residues.map((r) => !r.linked);
  const tuple = (...particles: number[]): BeadTuple => {
    const of = particles.map((p) => owner.get(p)!);
    const end = of.some((k) => first[k]) ? 'n' : of.some((k) => last[k]) ? 'c' : 'bulk';
    return { particles, residue: Math.min(...of), end };
  };
  const neighbors: number[][] = Array.from({ length: structure.count }, () => []);
  const flat = fiveBeadBonds(structure);
  const bonds: BeadTuple[] = [];
  for (let b = 0; b < flat.length; b += 2) {
    const [i, j] = [Math.min(flat[b]!, flat[b + 1]!), Math.max(flat[b]!, flat[b + 1]!)];
    neighbors[i]!.push(j);
    neighbors[j]!.push(i);
    bonds.push(tuple(i, j));
  }
  const angles = neighbors.flatMap((list, j) => {
    const ends = [...list].sort((a, b) => a - b);
    return ends.flatMap((i, a) => ends.slice(a + 1).map((k) => tuple(i, j, k)));
  });
  const linked = residues.flatMap((r, k) =>
    r.linked ? [[r.beads, residues[k + 1]!.beads, k] as const] : [],
  );
  return {
    residues,
    bonds,
    angles,
    phi: linked.map(([a, b, k]) => ({ ...tuple(a.C, b.N, b.CA, b.C), residue: k + 1 })),
    psi: linked.map(([a, b]) => tuple(a.N, a.CA, a.C, b.N)),
    omega: linked.map(([a, b]) => tuple(a.CA, a.C, b.N, b.CA)),
    gamma1: residues.flatMap(({ beads: b }) => (b.CB === undefined ? [] : [tuple(b.N, b.CB, b.C, b.CA)])),
    gamma2: linked.map(([a, b]) => tuple(a.CA, a.O, b.N, a.C)),
  };
}
