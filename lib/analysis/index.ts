export { type BlockAverage, type BlockLevel, blockAverage } from './block-average.js';
export { type ContactMap, type ContactMapOptions, contactMap } from './contact-map.js';
export { dihedral, type Ramachandran, ramachandran } from './dihedral.js';
export { type DriftFit, type DriftFitOptions, driftFit } from './drift-fit.js';
export type { Coordinates, Frames, PerFrame, Selection } from './frames.js';
export {
  type MeanSquaredDisplacement,
  type MeanSquaredDisplacementOptions,
  meanSquaredDisplacement,
  unwrap,
} from './mean-squared-displacement.js';
export { findNativeContacts, type NativeContactsOptions, nativeContacts } from './native-contacts.js';
export { type RadiusOfGyrationOptions, radiusOfGyration } from './radius-of-gyration.js';
export { type Rdf, type RdfOptions, rdf } from './rdf.js';
export { type RmsdOptions, rmsd, type Superposed, type SuperposeOptions, superpose } from './superpose.js';
