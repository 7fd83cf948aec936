/**
 * The five-bead protein model: N, CA, CB, C, O of every residue (glycine has no CB), named and numbered as the
 * CGSchNet models count them.
 */
import { beads as beadProperties } from '../elements.js';
import { invalid } from '../errors.js';

/** One-letter codes in order of bead type: `aminoAcids[k]` has type k+1. */
export const aminoAcids = 'ACDEFGHIKLMNPQRSTVWY';

const threeLetter = 'ALA CYS ASP GLU PHE GLY HIS ILE LYS LEU MET ASN PRO GLN ARG SER THR VAL TRP TYR'.split(
  ' ',
);

/** Beads of a residue in their order; glycine goes without CB. */
export const beadNames = ['N', 'CA', 'CB', 'C', 'O'] as const;
/** Species that the five-bead models count: 0 is nothing's, 1..20 CB, 21..24 N, CA, C, O. */
export const beadTypeCount = 25;
export type BeadName = (typeof beadNames)[number];

/** Three-letter name of a one-letter code. @throws EINVALID for a letter that is none of the twenty */
export function residueName(letter: string): string {
  const name = letter.length === 1 ? threeLetter[aminoAcids.indexOf(letter)] : undefined;
  return name ?? invalid('sequence', `must be made of ${aminoAcids}`, letter);
}

/** One-letter code of a standard three-letter name; undefined for any other. */
export function residueLetter(name: string): string | undefined {
  return aminoAcids[threeLetter.indexOf(name)];
}

/** Beads that a residue has: four for glycine, five for every other. */
export function beadsOf(letter: string): readonly BeadName[] {
  return letter === 'G' ? ['N', 'CA', 'C', 'O'] : beadNames;
}

/**
 * Species index of a bead: N 21, CA 22, C 23, O 24; CB its residue's place 1..20 in `aminoAcids`; the CA of
 * glycine 6.
 * @throws EINVALID for a letter that is no amino acid, or CB of glycine
 */
export function beadType(bead: BeadName, letter: string): number {
  const place = aminoAcids.indexOf(letter) + 1;
  if (place === 0 || letter.length !== 1) residueName(letter);
  switch (bead) {
    case 'N':
      return 21;
    case 'CA':
      return letter === 'G' ? 6 : 22;
    case 'C':
      return 23;
    case 'O':
      return 24;
    case 'CB':
      return letter === 'G' ? invalid('beadType', 'glycine has no CB', bead) : place;
  }
}

/** Mass of a bead: that of the heavy atom it is named after, amu. */
export function beadMass(bead: BeadName): number {
  return beadProperties[bead]!.mass;
}
