export { joinBatch } from './batch.js';
export {
  aminoAcids,
  type BeadName,
  beadMass,
  beadNames,
  beadsOf,
  beadType,
  beadTypeCount,
  residueLetter,
  residueName,
} from './beads.js';
export { beadsFromSequence, type Conformation, conformations, type SequenceOptions } from './beads-build.js';
export { type GlobuleOptions, randomGlobule, replicas } from './beads-globule.js';
export {
  type BeadResidue,
  type BeadTopology,
  type BeadTuple,
  beadResidues,
  beadTopology,
  fiveBeadBonds,
} from './beads-topology.js';
export { type Box, makeBox, orthorhombic, volume } from './box.js';
export { beadTypes, coarseGrain } from './coarse-grain.js';
export { type KnownProtein, sequences } from './sequences.js';
export { type Residues, Structure, type StructureFields } from './structure.js';
export { Trajectory, type TrajectoryFrame } from './trajectory.js';
