/** Five-bead proteins built from a sequence and its backbone dihedrals. */
import { checkOptionNames, invalid, unknownChoice } from '../errors.js';
import { type BeadName, beadMass, beadsOf, beadType, residueName } from './beads.js';
import { backboneGeometry, type Point, place, placeCb } from './beads-geometry.js';
import { fiveBeadBonds } from './beads-topology.js';
import type { KnownProtein } from './sequences.js';
import { Structure } from './structure.js';

/** φ, ψ in degrees by name. Helix: mean of crystal structures (Barlow and Thornton, J. Mol. Biol. 168 (1988) 601). */
export const conformations: Readonly<
  Record<'helix' | 'strand' | 'polyproline' | 'extended', readonly [number, number]>
> = {
  helix: [-62, -41],
  strand: [-120, 130],
  polyproline: [-75, 145],
  extended: [-150, 150],
};
export type Conformation = keyof typeof conformations;

export interface SequenceOptions {
  /** All residues alike. Default `'extended'` for a plain sequence, the known fold for a `KnownProtein`. */
  conformation?: Conformation;
  /** One letter per residue: H helix, E strand, P polyproline, anything else extended. */
  secondaryStructure?: string;
  /** Degrees, one [φ, ψ] per residue; the first φ has no effect, the last ψ turns O only. */
  phiPsi?: readonly (readonly [number, number])[];
  /** Chain name. Default A. */
  chain?: string;
  /** Number of the first residue. Default 1, or the known protein's. */
  firstResidue?: number;
  name?: string;
}

const letters: Readonly<Record<string, Conformation>> = { H: 'helix', E: 'strand', P: 'polyproline' };

function backboneAngles(sequence: string, options: SequenceOptions): readonly (readonly [number, number])[] {
  const { conformation = 'extended', secondaryStructure, phiPsi } = options;
  const given = [options.conformation, secondaryStructure, phiPsi].filter((v) => v !== undefined).length;
  if (given > 1)
    invalid(
      'beadsFromSequence',
      'takes one of conformation, secondaryStructure and phiPsi',
      `${given} of them`,
    );
  if (phiPsi) {
    if (phiPsi.length !== sequence.length)
      invalid(
        'beadsFromSequence.phiPsi',
        `must hold one pair per residue (${sequence.length})`,
        phiPsi.length,
      );
    phiPsi.forEach((pair, i) => {
      for (const v of pair)
        if (!Number.isFinite(v)) invalid(`beadsFromSequence.phiPsi[${i}]`, 'must be finite degrees', v);
    });
    return phiPsi;
  }
  if (secondaryStructure !== undefined) {
    if (secondaryStructure.length !== sequence.length)
      invalid(
        'beadsFromSequence.secondaryStructure',
        `must have one letter per residue (${sequence.length})`,
        secondaryStructure.length,
      );
    return [...secondaryStructure].map((l) => conformations[letters[l] ?? 'extended']);
  }
  const known = conformations[conformation];
  if (!known)
    return unknownChoice('beadsFromSequence.conformation', conformation, Object.keys(conformations));
  return [...sequence].map(() => known);
}

/** Backbone N, CA, C of every residue from φ, ψ (ω = 180°), ideal geometry, degrees and Å. */
function backbone(sequence: string, angles: readonly (readonly [number, number])[]): [Point, Point, Point][] {
  const geometry = (i: number) => backboneGeometry(sequence[i]!, sequence[i + 1]);
  const first = geometry(0);
  const tilt = ((180 - first.nCaC) * Math.PI) / 180;
  const ca: Point = [first.nCa, 0, 0];
  const out: [Point, Point, Point][] = [
    [[0, 0, 0], ca, [ca[0] + first.caC * Math.cos(tilt), first.caC * Math.sin(tilt), 0]],
  ];
  for (let i = 1; i < sequence.length; i++) {
    const before = geometry(i - 1);
    const own = geometry(i);
    const [pn, pca, pc] = out[i - 1]!;
    const n = place(pn, pca, pc, before.cN, before.caCN, angles[i - 1]![1]);
    const alpha = place(pca, pc, n, own.nCa, own.cNCa, 180);
    out.push([n, alpha, place(pc, n, alpha, own.caC, own.nCaC, angles[i]![0])]);
  }
  return out;
}

/**
 * A protein of five beads per residue (glycine four) with ideal bond lengths and angles, centred on the origin.
 * Types, masses, residues and bonds are filled in. Order in a residue: N, CA, CB, C, O.
 * @param protein one-letter sequence, or an entry of `sequences`, which comes in its known fold
 * @throws EINVALID for a letter that is none of the twenty amino acids, or angles that do not fit the sequence
 * @example beadsFromSequence('GYDPETGTWG', { conformation: 'strand' })
 * @example beadsFromSequence(sequences['1ENH']) // 269 beads, three helices
 */
export function beadsFromSequence(protein: string | KnownProtein, options: SequenceOptions = {}): Structure {
  checkOptionNames<SequenceOptions>('beadsFromSequence', options, {
    ...{ conformation: true, secondaryStructure: true, phiPsi: true },
    ...{ chain: true, firstResidue: true, name: true },
  });
  const known = typeof protein === 'string' ? undefined : protein;
  const sequence = typeof protein === 'string' ? protein : protein.sequence;
  if (sequence.length === 0) invalid('sequence', 'must name at least one residue', sequence);
  for (const letter of sequence) residueName(letter);
  const chosen = options.conformation ?? options.secondaryStructure ?? options.phiPsi;
  const angles = backboneAngles(
    sequence,
    known && chosen === undefined ? { ...options, phiPsi: known.phiPsi } : options,
  );
  const chainName = options.chain ?? 'A';
  const first = options.firstResidue ?? known?.firstResidue ?? 1;
  const beads: { name: BeadName; letter: string; at: Point; id: number }[] = [];
  backbone(sequence, angles).forEach(([n, ca, c], i) => {
    const letter = sequence[i]!;
    const geometry = backboneGeometry(letter, sequence[i + 1]);
    const at: Record<BeadName, Point> = {
      N: n,
      CA: ca,
      C: c,
      CB: placeCb(n, ca, c, geometry),
      O: place(n, ca, c, geometry.cO, geometry.caCO, angles[i]![1] + 180),
    };
    for (const name of beadsOf(letter)) beads.push({ name, letter, at: at[name], id: first + i });
  });
  return fiveBeadStructure(
    beads.map((b) => ({ ...b, chain: chainName })),
    options.name ?? known?.name ?? sequence,
    true,
  );
}

/** Makes the structure of a list of beads: types, masses, residues, bonds. @param centre move it to the origin */
export function fiveBeadStructure(
  beads: readonly { name: BeadName; letter: string; at: Point; id: number; chain: string }[],
  name: string,
  centre: boolean,
): Structure {
  const mean = [0, 1, 2].map((k) => (centre ? beads.reduce((s, b) => s + b.at[k]!, 0) / beads.length : 0));
  const structure = new Structure({
    positions: Float64Array.from(beads.flatMap((b) => b.at.map((x, k) => x - mean[k]!))),
    symbols: beads.map((b) => b.name),
    types: Int32Array.from(beads, (b) => beadType(b.name, b.letter)),
    masses: Float64Array.from(beads, (b) => beadMass(b.name)),
    residues: {
      atomNames: beads.map((b) => b.name),
      names: beads.map((b) => residueName(b.letter)),
      ids: Int32Array.from(beads, (b) => b.id),
      chains: beads.map((b) => b.chain),
    },
    name,
  });
  return structure.with({ bonds: fiveBeadBonds(structure) });
}
