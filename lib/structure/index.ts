export { type Box, makeBox, orthorhombic, volume } from './box.js';
export { type Residues, Structure, type StructureFields } from './structure.js';
export { Trajectory, type TrajectoryFrame } from './trajectory.js';
