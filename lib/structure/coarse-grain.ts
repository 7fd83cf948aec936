/** All-atom proteins reduced to five beads per residue. */
import { invalid } from '../errors.js';
import { type BeadName, beadsOf, beadType, residueLetter } from './beads.js';
import { fiveBeadStructure } from './beads-build.js';
import type { Point } from './beads-geometry.js';
import type { Structure } from './structure.js';

/** Names that stand for one of the twenty: protonation states, disulphides, and the usual modified residues. */
const aliases: Readonly<Record<string, string>> = {
  HID: 'HIS',
  HIE: 'HIS',
  HIP: 'HIS',
  HSD: 'HIS',
  HSE: 'HIS',
  HSP: 'HIS',
  CYX: 'CYS',
  CYM: 'CYS',
  ASH: 'ASP',
  GLH: 'GLU',
  LYN: 'LYS',
  MSE: 'MET',
};
/** Solvent, ions and chain caps, which have no beads. */
const skipped = new Set(
  'HOH WAT TIP TIP3 TP3 SOL SPC NA CL K MG CA ZN NA+ CL- K+ SOD CLA POT CAL ACE NME NMA NH2'.split(' '),
);
/** Other names under which a bead's atom is found, in order of preference. */
const atomAliases: Readonly<Partial<Record<BeadName, readonly string[]>>> = {
  O: ['O', 'OT1', 'O1', 'OC1', 'OXT'],
};

/**
 * Five beads per residue (glycine four) at the positions of N, CA, CB, C and O. Water, ions and caps are left out;
 * HID/HIE/HIP, CYX, MSE and their like count as the residue they stand for; of alternate locations the first is taken.
 * Peptide bonds are where C and the next N of a chain are closer than 2 Å, so that gaps in a chain stay gaps.
 * @throws EINVALID naming the residue that lacks a bead's atom, or whose name is no amino acid
 * @example coarseGrain(load('bpti.pdb'))
 */
export function coarseGrain(structure: Structure): Structure {
  const r = structure.residues;
  if (!r)
    return invalid('structure.residues', 'must name atoms and residues', 'none', 'load it from a PDB file');
  const beads: { name: BeadName; letter: string; at: Point; id: number; chain: string }[] = [];
  for (const { from, to } of residueRanges(structure)) {
    const name = r.names[from]!.trim();
    if (skipped.has(name)) continue;
    const where = `residue ${name} ${r.ids[from]} of chain ${r.chains[from]?.trim() || '?'}`;
    const letter = residueLetter(aliases[name] ?? name);
    if (!letter)
      return invalid(
        'coarseGrain',
        `${where} must be an amino acid, water, an ion or a cap`,
        name,
        'remove it first',
      );
    const atoms = new Map<string, number>();
    for (let i = from; i < to; i++) {
      const atom = r.atomNames[i]!.trim();
      if (!atoms.has(atom)) atoms.set(atom, i);
    }
    for (const bead of beadsOf(letter)) {
      const at = (atomAliases[bead] ?? [bead]).map((a) => atoms.get(a)).find((i) => i !== undefined);
      if (at === undefined)
        return invalid('coarseGrain', `${where} must have an atom ${bead}`, [...atoms.keys()].join(' '));
      const [x, y, z] = structure.positions.subarray(3 * at, 3 * at + 3);
      beads.push({ name: bead, letter, at: [x!, y!, z!], id: r.ids[from]!, chain: r.chains[from]! });
    }
  }
  if (beads.length === 0)
    return invalid('coarseGrain', 'needs at least one amino acid', `${structure.count} other atoms`);
  const out = fiveBeadStructure(beads, structure.name, false);
  return out.with({ box: structure.box });
}

/**
 * Species of a structure that already is a five-bead protein, from its atom and residue names, in its own order.
 * @returns undefined for any other: more atoms, beads missing, no names
 */
export function beadTypes(structure: Structure): Int32Array | undefined {
  const r = structure.residues;
  if (!r || structure.count === 0) return undefined;
  const types = new Int32Array(structure.count);
  for (const { from, to } of residueRanges(structure)) {
    const letter = residueLetter(r.names[from]!.trim());
    const names = r.atomNames.slice(from, to).map((name) => name.trim());
    const wanted = letter ? beadsOf(letter) : [];
    if (!letter || names.length !== wanted.length || !wanted.every((bead) => names.includes(bead)))
      return undefined;
    names.forEach((name, k) => {
      types[from + k] = beadType(name as BeadName, letter);
    });
  }
  return types;
}

/** Runs of atoms with the same residue number, name and chain. */
function residueRanges(structure: Structure): { from: number; to: number }[] {
  const { names, ids, chains } = structure.residues!;
  const out: { from: number; to: number }[] = [];
  for (let i = 0; i < structure.count; i++) {
    const last = out.at(-1);
    const same =
      last && ids[last.from] === ids[i] && chains[last.from] === chains[i] && names[last.from] === names[i];
    if (same) last.to = i + 1;
    else out.push({ from: i, to: i + 1 });
  }
  return out;
}
