/** Cells as lengths and angles, as PDB and DCD keep them. */
import { invalid } from '../errors.js';
import { type Box, makeBox } from '../structure/index.js';

/** Edge lengths a, b, c in Å; angles α (b,c), β (a,c), γ (a,b) in degrees. */
export interface CellParameters {
  lengths: [number, number, number];
  angles: [number, number, number];
}

/** Cosine of an angle in degrees, exact for 90, 60 and 120. */
function cosine(degrees: number): number {
  if (degrees === 90) return 0;
  if (degrees === 60) return 0.5;
  if (degrees === 120) return -0.5;
  return Math.cos((degrees * Math.PI) / 180);
}

/** The box with a along x and b in the xy plane; undefined where the parameters span no volume. */
export function boxFromCell(cell: CellParameters): Box | undefined {
  const cosines = cell.angles.map(cosine) as [number, number, number];
  return boxFromCosines(cell.lengths, cosines);
}

/** The same from the angles' cosines. */
export function boxFromCosines(
  [a, b, c]: readonly [number, number, number],
  [ca, cb, cg]: readonly [number, number, number],
): Box | undefined {
  const sg = Math.sqrt(1 - cg * cg);
  const cy = (ca - cb * cg) / sg;
  const cz = Math.sqrt(1 - cb * cb - cy * cy);
  if (!(a > 0 && b > 0 && c > 0 && sg > 0 && cz > 0)) return undefined;
  const vectors = [a, 0, 0, b * cg, b * sg, 0, c * cb, c * cy, c * cz];
  return vectors.every(Number.isFinite) && a * b * sg * c * cz > 0 ? makeBox(vectors) : undefined;
}

/**
 * Lengths and angles of a box, for formats that keep nothing else.
 * @throws EINVALID when these would lose the box: not periodic in all directions, or a not along x, b not in xy
 */
export function cellOfBox(box: Box, format: string): CellParameters {
  const v = box.vectors as unknown as number[];
  if (!box.periodic.every(Boolean)) {
    invalid(
      'box.periodic',
      `must be true in all directions for ${format}`,
      box.periodic.join(' '),
      'use extxyz',
    );
  }
  const lengths = [0, 3, 6].map((i) => Math.hypot(v[i]!, v[i + 1]!, v[i + 2]!)) as [number, number, number];
  const tilt = Math.max(Math.abs(v[1]!), Math.abs(v[2]!), Math.abs(v[5]!));
  if (tilt > 1e-6 * Math.max(...lengths) || v[0]! < 0 || v[4]! < 0 || v[8]! < 0) {
    const remedy = 'rotate the system so, or use extxyz';
    invalid('box.vectors', `must have a along x and b in the xy plane for ${format}`, box.vectors, remedy);
  }
  const angle = (i: number, j: number): number => {
    const dot = v[i]! * v[j]! + v[i + 1]! * v[j + 1]! + v[i + 2]! * v[j + 2]!;
    const cos = dot / (lengths[i / 3]! * lengths[j / 3]!);
    return dot === 0 ? 90 : (Math.acos(Math.max(-1, Math.min(1, cos))) * 180) / Math.PI;
  };
  return { lengths, angles: [angle(3, 6), angle(0, 6), angle(0, 3)] };
}
