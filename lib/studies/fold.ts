/** How near a protein is to its fold: radius of gyration, and which residues touch. */
import { radiusOfGyration } from '../analysis/index.js';
import { beadTopology, type Structure } from '../structure/index.js';

/** Å between side beads that are in contact. */
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
  const pairs = residuePairs(fold);
  const native = near(fold.positions, pairs);
  const count = Math.max(
    1,
    native.reduce((a, b) => a + b, 0),
  );
  return {
    pairs: pairs.length,
    measure: (positions) => {
      const touching = near(positions, pairs);
      return {
        radius: radiusOfGyration(positions),
        native: touching.reduce((sum, t, p) => sum + t * native[p]!, 0) / count,
        touching,
      };
    },
  };
}

/** Side beads (glycine: CA) of residues at least `separation` apart. */
function residuePairs(structure: Structure): [number, number][] {
  const sites = beadTopology(structure).residues.map(({ beads }) => beads.CB ?? beads.CA);
  return sites.flatMap((a, i) => sites.slice(i + separation).map((b): [number, number] => [a, b]));
}

/** 1 for each pair within the contact distance, else 0. */
function near(x: ArrayLike<number>, pairs: readonly [number, number][]): Uint8Array {
  return Uint8Array.from(pairs, ([a, b]) => {
    const [i, j] = [3 * a, 3 * b];
    const d2 = (x[i]! - x[j]!) ** 2 + (x[i + 1]! - x[j + 1]!) ** 2 + (x[i + 2]! - x[j + 2]!) ** 2;
    return Number(d2 < contactDistance ** 2);
  });
}
