/**
 * An analytic potential of a five-bead protein, made to be learned: its true answer is known, so that a trained model's
 * error can be told from every other one. Not a claim about nature.
 *
 * On top of `backbonePriors`, residues attract or repel by the HPS model (Dignon, Zheng, Kim, Best, Mittal, PLoS Comput.
 * Biol. 14, e1005941 (2018)): an Ashbaugh-Hatch potential with the hydropathies λ of Kapcha and Rossky (J. Mol. Biol. 426,
 * 484 (2014)), ε = 0.2 kcal/mol, and charges screened over 10 Å in water (ε_r = 80). Both act between the CB (glycine: CA)
 * of every two residues, so that they depend on species and distance alone, as a SchNet model sees them.
 *
 * Where it departs from HPS: σ is 0.8 of the published one, because a residue's backbone has excluded volume of its own
 * here, and CB are 5 to 6 Å apart in helices and between strands; contacts are stronger by a factor, because at the
 * published strength, fitted to disordered proteins, the helices of a homeodomain come apart; and both terms go to zero
 * between 9 and 13 Å, inside a model's cutoff.
 */
import { checkOptionNames, invalid } from '../errors.js';
import { beadsFromSequence } from '../structure/beads-build.js';
import { beadTopology } from '../structure/beads-topology.js';
import type { KnownProtein } from '../structure/sequences.js';
import type { Structure } from '../structure/structure.js';
import { coulomb } from '../units.js';
import { PriorPotential } from './priors.js';
import { type BackbonePriorOptions, backbonePriorOptionNames, backbonePriors } from './priors-backbone.js';
import { ashbaughHatch, type PriorTerm, type Switch, screenedCoulomb } from './priors-terms.js';

/** One-letter code -> [λ, σ in Å, charge in e]: as the supplement of Dignon et al. lists them. */
const hps: Readonly<Record<string, readonly [number, number, number]>> = {
  A: [0.73, 5.04, 0],
  R: [0, 6.56, 1],
  N: [0.432, 5.68, 0],
  D: [0.378, 5.58, -1],
  C: [0.595, 5.48, 0],
  Q: [0.514, 6.02, 0],
  E: [0.459, 5.92, -1],
  G: [0.649, 4.5, 0],
  H: [0.514, 6.08, 0.5],
  I: [0.973, 6.18, 0],
  L: [0.973, 6.18, 0],
  K: [0.514, 6.36, 1],
  M: [0.838, 6.18, 0],
  F: [1, 6.36, 0],
  P: [1, 5.56, 0],
  S: [0.595, 5.18, 0],
  T: [0.676, 5.62, 0],
  W: [0.946, 6.78, 0],
  Y: [0.865, 6.46, 0],
  V: [0.892, 5.86, 0],
};
/** kcal/mol. */
const contactEnergy = 0.2;
/** Å. */
const screeningLength = 10;
const relativePermittivity = 80;

export interface TeacherOptions extends BackbonePriorOptions {
  /** Factor on the published 0.2 kcal/mol of a contact. Default 6. */
  contactStrength?: number;
  /** Factor on the published energy of two charges. Default 1. */
  chargeStrength?: number;
  /** Factor on the published contact distances σ. Default 0.8. */
  size?: number;
  /** Å between which contacts and charges go to zero. Default [9, 13]. */
  switch?: Switch;
}

const teacherOptionNames: Readonly<Record<keyof TeacherOptions, true>> = {
  ...backbonePriorOptionNames,
  contactStrength: true,
  chargeStrength: true,
  size: true,
  switch: true,
};

/**
 * Hydrophobic contacts and screened charges between the residues of a five-bead protein: what `teacher` adds to the
 * backbone's priors, and a model learns. λ and σ of a pair are the means of its residues'.
 * @throws EINVALID for a structure that is no five-bead protein, or a factor out of range
 */
export function residueInteractions(structure: Structure, options: TeacherOptions = {}): PriorTerm[] {
  checkOptionNames<TeacherOptions>('residueInteractions', options, teacherOptionNames);
  const { contactStrength = 6, chargeStrength = 1, size = 0.8 } = options;
  for (const [key, value] of Object.entries({ contactStrength, chargeStrength, size }))
    if (!(value >= 0 && Number.isFinite(value))) invalid(`teacher.${key}`, 'must be at least 0', value);
  const [on, off] = options.switch ?? [9, 13];
  if (!(on >= 0 && on < off)) invalid('teacher.switch', 'must begin before it ends', `${on} to ${off} Å`);
  const sites = beadTopology(structure).residues.map(({ letter, beads }) => ({
    particle: beads.CB ?? beads.CA,
    of: hps[letter]!,
  }));
  const pairs = sites.flatMap((a, k) => sites.slice(k + 1).map((b) => ({ a, b })));
  const charged = pairs.filter(({ a, b }) => a.of[2] * b.of[2] !== 0);
  const tuples = (list: typeof pairs): number[] => list.flatMap(({ a, b }) => [a.particle, b.particle]);
  return [
    ashbaughHatch({
      name: 'hydrophobic contacts',
      energyUnit: 'kcal/mol',
      tuples: tuples(pairs),
      epsilon: contactStrength * contactEnergy,
      sigma: pairs.map(({ a, b }) => (size * (a.of[1] + b.of[1])) / 2),
      lambda: pairs.map(({ a, b }) => (a.of[0] + b.of[0]) / 2),
      switch: [on, off],
    }),
    screenedCoulomb({
      name: 'screened charges',
      tuples: tuples(charged),
      strength: charged.map(
        ({ a, b }) => (chargeStrength * coulomb * a.of[2] * b.of[2]) / relativePermittivity,
      ),
      kappa: 1 / screeningLength,
      switch: [on, off],
    }),
  ].filter((term) => term.tuples.length > 0);
}

/**
 * The whole analytic potential of a protein: `backbonePriors` and `residueInteractions`.
 * @param protein a five-bead structure, or a known protein, whose secondary structure the priors then hold
 * @example const truth = teacher(sequences['1ENH'])
 */
export function teacher(protein: Structure | KnownProtein, options: TeacherOptions = {}): PriorPotential {
  checkOptionNames<TeacherOptions>('teacher', options, teacherOptionNames);
  const { backend, device, name = 'teacher potential', torsionStrength } = options;
  const known = 'sequence' in protein ? protein : undefined;
  const structure = 'sequence' in protein ? beadsFromSequence(protein) : protein;
  const { secondaryStructure = known?.secondaryStructure } = options;
  // Only the terms are wanted of it, wherever it would compute.
  const backbone = backbonePriors(structure, { secondaryStructure, torsionStrength });
  const terms = [...backbone.topologies[0]!.terms, ...residueInteractions(structure, options)];
  return new PriorPotential([{ atoms: structure.count, terms }], undefined, { name, backend, device });
}
