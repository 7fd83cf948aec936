/**
 * A complete prior for any five-bead protein, so that dynamics from a sequence needs no outside file.
 *
 * Equilibrium values are the ideal backbone geometry of Engh and Huber (2001; structure/beads-geometry.ts). Force
 * constants and contact distances are rounded from published CGSchNet priors (mlcg, MIT), which were fitted to
 * atomistic simulations: bonds 230-420 kcal/mol/Å² in k (r − r0)², angles 90-160 kcal/mol in cos θ, planarity and
 * handedness 110-190 kcal/mol, contacts 2.4-3.4 Å in (σ/r)⁶ kcal/mol between beads at least five bonds apart. There is
 * no attraction: alone it is a self-avoiding chain, to be used under a learned model or with `secondaryStructure`.
 */
import { checkOptionNames, invalid } from '../errors.js';
import type { BeadName } from '../structure/beads.js';
import { conformations } from '../structure/beads-build.js';
import {
  type BackboneGeometry,
  backboneGeometry,
  dihedralDegrees,
  type Point,
  place,
  placeCb,
} from '../structure/beads-geometry.js';
import { type BeadResidue, type BeadTopology, beadTopology } from '../structure/beads-topology.js';
import type { Structure } from '../structure/structure.js';
import { type PriorOptions, PriorPotential, pairsApart, priorOptionNames } from './priors.js';
import {
  fourierDihedrals,
  harmonicAngles,
  harmonicBonds,
  type PriorTerm,
  repulsion,
} from './priors-terms.js';

/** kcal/mol/Å², in k (r − r0)²; 'C-N' is the peptide bond. */
const bondConstants: Readonly<Record<string, number>> = {
  'N-CA': 260,
  'CA-C': 263,
  'CA-CB': 230,
  'C-O': 418,
  'C-N': 351,
};
/** kcal/mol, in k (cos θ − cos θ0)². */
const angleConstants: Readonly<Record<string, number>> = {
  'N-CA-C': 93,
  'N-CA-CB': 105,
  'C-CA-CB': 92,
  'CA-C-O': 149,
  'CA-C-N': 134,
  'O-C-N': 160,
  'C-N-CA': 132,
};
/** kcal/mol: amplitude of 1 + cos ω, and of 1 − cos for handedness (N CB C CA) and planarity (CA O N C). */
const omegaConstant = 18.7;
const handednessConstant = 190;
const planarityConstant = 110;
/** Contact distances σ, Å. */
const contacts: Readonly<Record<string, number>> = {
  'N-N': 3.02,
  'CA-N': 3.1,
  'C-N': 2.81,
  'N-O': 2.41,
  'CB-N': 3.2,
  'CA-CA': 3.43,
  'C-CA': 3.0,
  'CA-O': 3.09,
  'CA-CB': 3.38,
  'C-C': 3.03,
  'C-O': 2.64,
  'C-CB': 3.22,
  'O-O': 2.47,
  'CB-O': 2.79,
  'CB-CB': 3.4,
};
/** Fewest bonds between two beads that repel. */
const separation = 5;

export interface BackbonePriorOptions extends PriorOptions {
  /**
   * One letter per residue: φ and ψ of H (helix) and E (strand) residues are held near their ideal values by
   * k (1 − cos(φ − φ0)). Default: none are.
   */
  secondaryStructure?: string;
  /** k of those terms, kcal/mol. Default 3: weak against bonds, five times kT at 300 K. */
  torsionStrength?: number;
}

export const backbonePriorOptionNames: Readonly<Record<keyof BackbonePriorOptions, true>> = {
  ...priorOptionNames,
  secondaryStructure: true,
  torsionStrength: true,
};

/**
 * The prior of a five-bead protein: bonds, angles (in cos θ), ω, handedness and carbonyl planarity, excluded volume,
 * and on request weak φ/ψ terms. Every term is zero at ideal geometry but the excluded volume.
 * @param structure from `beadsFromSequence` or `coarseGrain`: its residues count, its positions do not
 * @throws EINVALID for a structure that is no five-bead protein, or a secondary structure of another length
 * @example const prior = backbonePriors(beadsFromSequence(sequences['1ENH']))
 */
export function backbonePriors(structure: Structure, options: BackbonePriorOptions = {}): PriorPotential {
  checkOptionNames<BackbonePriorOptions>('backbonePriors', options, backbonePriorOptionNames);
  const { backend, device, name = 'backbone priors' } = options;
  const topology = beadTopology(structure);
  const names = structure.residues!.atomNames as BeadName[];
  const terms = [
    bonds(topology, names),
    angles(topology, names),
    ...planes(topology),
    excludedVolume(topology, names),
    ...torsions(topology, options),
  ].filter((t) => t.tuples.length > 0);
  return new PriorPotential([{ atoms: structure.count, terms }], undefined, { name, backend, device });
}

const kcal = { energyUnit: 'kcal/mol' } as const;
const radians = Math.PI / 180;

/** Geometry of the residue that a bond or angle with these beads belongs to: the first of two but for C-N-CA. */
function geometryOf(topology: BeadTopology, residue: number): BackboneGeometry {
  const { letter, linked } = topology.residues[residue]!;
  return backboneGeometry(letter, linked ? topology.residues[residue + 1]!.letter : undefined);
}

function bonds(topology: BeadTopology, names: readonly BeadName[]): PriorTerm {
  const kinds = topology.bonds.map(({ particles: [i, j] }) => `${names[i!]}-${names[j!]}`);
  const lengths: Readonly<Record<string, keyof BackboneGeometry>> = {
    'N-CA': 'nCa',
    'CA-C': 'caC',
    'CA-CB': 'caCb',
    'C-O': 'cO',
    'C-N': 'cN',
  };
  return harmonicBonds({
    ...kcal,
    name: 'bonds',
    tuples: topology.bonds.flatMap((b) => b.particles),
    x0: topology.bonds.map((b, k) => geometryOf(topology, b.residue)[lengths[kinds[k]!]!]),
    k: kinds.map((kind) => bondConstants[kind]!),
  });
}

function angles(topology: BeadTopology, names: readonly BeadName[]): PriorTerm {
  const fields: Readonly<Record<string, keyof BackboneGeometry>> = {
    'N-CA-C': 'nCaC',
    'N-CA-CB': 'nCaCb',
    'C-CA-CB': 'cCaCb',
    'CA-C-O': 'caCO',
    'CA-C-N': 'caCN',
    'O-C-N': 'oCN',
    'C-N-CA': 'cNCa',
  };
  const kinds = topology.angles.map(({ particles: [i, j, k] }) => {
    const forward = `${names[i!]}-${names[j!]}-${names[k!]}`;
    return fields[forward] ? forward : `${names[k!]}-${names[j!]}-${names[i!]}`;
  });
  return harmonicAngles({
    ...kcal,
    name: 'angles',
    tuples: topology.angles.flatMap((a) => a.particles),
    x0: topology.angles.map((a, k) => {
      const own = a.residue + (kinds[k] === 'C-N-CA' ? 1 : 0);
      return Math.cos(geometryOf(topology, own)[fields[kinds[k]!]!] * radians);
    }),
    k: kinds.map((kind) => angleConstants[kind]!),
  });
}

/** k (1 − cos(φ − φ0)) as a Fourier term, φ0 in degrees per tuple. */
function around(name: string, tuples: readonly number[], phi0: readonly number[], k: number): PriorTerm {
  return fourierDihedrals({
    ...kcal,
    name,
    tuples,
    v0: k,
    k1: [phi0.map((v) => -k * Math.sin(v * radians))],
    k2: [phi0.map((v) => -k * Math.cos(v * radians))],
  });
}

/** Trans peptide bonds, L residues, flat carbonyls. */
function planes(topology: BeadTopology): PriorTerm[] {
  const particles = (list: readonly { particles: readonly number[] }[]): number[] =>
    list.flatMap((t) => [...t.particles]);
  const flat = (list: readonly unknown[], degrees: number): number[] => list.map(() => degrees);
  const { omega, gamma1, gamma2 } = topology;
  return [
    around('omega', particles(omega), flat(omega, 180), omegaConstant),
    around(
      'handedness',
      particles(gamma1),
      gamma1.map((g) => handedness(geometryOf(topology, g.residue))),
      handednessConstant,
    ),
    around('planarity', particles(gamma2), flat(gamma2, 0), planarityConstant),
  ];
}

/** Dihedral N CB C CA of an L residue with ideal geometry, degrees. */
function handedness(geometry: BackboneGeometry): number {
  const n: Point = [0, 0, 0];
  const ca: Point = [geometry.nCa, 0, 0];
  const c = place([0, 1, 0], n, ca, geometry.caC, geometry.nCaC, 0);
  return dihedralDegrees(n, placeCb(n, ca, c, geometry), c, ca);
}

function excludedVolume(topology: BeadTopology, names: readonly BeadName[]): PriorTerm {
  const bonded = topology.bonds.flatMap((b) => b.particles);
  const pairs = pairsApart(names.length, bonded, separation);
  const sigma = new Float64Array(pairs.length / 2);
  for (let p = 0; p < sigma.length; p++) {
    const [a, b] = [names[pairs[2 * p]!]!, names[pairs[2 * p + 1]!]!];
    sigma[p] = contacts[a < b ? `${a}-${b}` : `${b}-${a}`]!;
  }
  return repulsion({ ...kcal, name: 'excluded volume', tuples: pairs, sigma });
}

function torsions(topology: BeadTopology, options: BackbonePriorOptions): PriorTerm[] {
  const { secondaryStructure, torsionStrength = 3 } = options;
  if (!(torsionStrength >= 0 && Number.isFinite(torsionStrength)))
    invalid('backbonePriors.torsionStrength', 'must be an energy in kcal/mol', torsionStrength);
  if (secondaryStructure === undefined) return [];
  const { residues }: { residues: readonly BeadResidue[] } = topology;
  if (secondaryStructure.length !== residues.length)
    invalid(
      'backbonePriors.secondaryStructure',
      `must have one letter per residue (${residues.length})`,
      secondaryStructure.length,
    );
  const ideal = (residue: number): readonly [number, number] | undefined =>
    ({ H: conformations.helix, E: conformations.strand })[secondaryStructure[residue]!];
  return (['phi', 'psi'] as const).map((name, which) => {
    const held = topology[name].filter((d) => ideal(d.residue));
    return around(
      name,
      held.flatMap((d) => [...d.particles]),
      held.map((d) => ideal(d.residue)![which]!),
      torsionStrength,
    );
  });
}
