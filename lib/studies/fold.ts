/** How near a protein is to its fold: radius of gyration, and which residues touch. */
import { contactMap, radiusOfGyration } from '../analysis/index.js';
import { beadTopology, type Structure } from '../structure/index.js';

/** Å between side beads (glycine: CA) that are in contact. */
const contactDistance = 8;
/** Residues between which contacts are counted, at least. */
const separation = 3;

/** One configuration of a protein, as `foldOf` sees it. */
export interface Folded {
  /** Å, all particles alike. */
  radius: number;
  /** Fraction of the residue pairs near in the fold that are near. */
  native: number;
  /** (pairs) 1 where two residues' side beads are in contact; pairs row by row. */
  touching: Uint8Array;
}

/** What measures configurations, (beads,3) Å, of a protein against its fold. */
export function foldOf(fold: Structure): { pairs: number; measure(positions: Float64Array): Folded } {
  const particles = beadTopology(fold).residues.map(({ beads }) => beads.CB ?? beads.CA);
  const rows = Math.max(0, particles.length - separation);
  const pairs = (rows * (rows + 1)) / 2;
  const near = (positions: Float64Array): Uint8Array => {
    const touching = new Uint8Array(pairs);
    const { probability } = contactMap(positions, { cutoff: contactDistance, particles });
    let at = 0;
    probability.forEach((row, i) => {
      const apart = row.subarray(i + separation);
      touching.set(apart, at);
      at += apart.length;
    });
    return touching;
  };
  const native = near(fold.positions);
  const count = Math.max(
    1,
    native.reduce((a, b) => a + b, 0),
  );
  return {
    pairs,
    measure: (positions) => {
      const touching = near(positions);
      return {
        radius: radiusOfGyration(positions),
        native: touching.reduce((sum, t, p) => sum + t * native[p]!, 0) / count,
        touching,
      };
    },
  };
}
