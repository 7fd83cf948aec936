/** Benchmark proteins: sequences and folds to start from. */

/** A protein by sequence, with the backbone dihedrals it starts from. */
export interface KnownProtein {
  readonly name: string;
  /** One-letter codes. */
  readonly sequence: string;
  /** Number of the first residue in the cited entry. */
  readonly firstResidue: number;
  /** One letter per residue: H helix, E strand, - other. */
  readonly secondaryStructure: string;
  /** Degrees, [φ, ψ] per residue. */
  readonly phiPsi: readonly (readonly [number, number])[];
  /** Where sequence and fold come from. */
  readonly source: string;
}

const helix: readonly [number, number] = [-62, -41];

/** A fold of ideal helices with the given dihedrals elsewhere. */
function withHelices(
  secondaryStructure: string,
  elsewhere: Readonly<Record<number, readonly [number, number]>>,
): (readonly [number, number])[] {
  return [...secondaryStructure].map((_, i) => elsewhere[i] ?? helix);
}

const homeodomain = '-------HHHHHHHHHHHHH-----HHHHHHHHHHH---HHHHHHHHHHHHHHH';

/** Benchmark proteins by name. */
export const sequences: Readonly<Record<'1ENH' | 'CLN025', KnownProtein>> = {
  '1ENH': {
    name: '1ENH',
    sequence: 'RPRTAFSSEQLARLKREFNENRYLTERRRQQLSSELGLNEAQIKIWFQNKRAKI',
    firstResidue: 3,
    secondaryStructure: homeodomain,
    phiPsi: withHelices(homeodomain, {
      0: [-53, -48],
      1: [-55, 160],
      2: [-97, 76],
      3: [-132, 120],
      4: [-75, 123],
      5: [-92, 83],
      6: [-99, 138],
      20: [-139, 82],
      21: [-51, 147],
      22: [-101, 140],
      23: [-139, 16],
      24: [-160, 166],
      36: [111, -151],
      37: [-57, -9],
      38: [-87, 56],
    }),
    source:
      'Engrailed homeodomain, PDB 1ENH (Clarke et al., Protein Sci. 3 (1994) 1779), residues 3-56; helices 10-22, ' +
      '28-38 and 42-56 are those of the crystal. The dihedrals between them come from a search of ours for the most ' +
      'compact arrangement without clashes: a start for dynamics, not the crystal structure.',
  },
  CLN025: {
    name: 'CLN025',
    sequence: 'YYDPETGTWY',
    firstResidue: 1,
    secondaryStructure: '-EE----EE-',
    phiPsi: [
      [-120, 153],
      [-107, 139],
      [-106, 101],
      [-68, -22],
      [-68, -30],
      [-112, -18],
      [72, 23],
      [-120, 139],
      [-68, 132],
      [-140, 150],
    ],
    source:
      'Chignolin variant CLN025 (Honda et al., J. Am. Chem. Soc. 130 (2008) 15327); dihedrals of its hairpin from ' +
      "the structure that comes with mlcg's examples (MIT), to the degree, with flat peptide bonds.",
  },
};
