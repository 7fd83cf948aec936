/**
 * Ideal backbone geometry and placement by internal coordinates.
 * Bond lengths and angles: R. A. Engh, R. Huber, "Structure quality and target parameters", International Tables
 * for Crystallography F (2001), ch. 18.3, table 18.3.2.3, the revision of Acta Cryst. A47 (1991) 392.
 */

const radians = Math.PI / 180;

/** Å and degrees of one residue's backbone. */
export interface BackboneGeometry {
  readonly nCa: number;
  readonly caC: number;
  readonly caCb: number;
  readonly cO: number;
  /** Peptide bond to the next residue. */
  readonly cN: number;
  readonly nCaC: number;
  readonly nCaCb: number;
  readonly cCaCb: number;
  readonly caCO: number;
  /** To the next residue's N. */
  readonly caCN: number;
  readonly oCN: number;
  /** From the previous residue's C. */
  readonly cNCa: number;
}

const general: BackboneGeometry = {
  nCa: 1.459,
  caC: 1.525,
  caCb: 1.53,
  cO: 1.229,
  cN: 1.336,
  nCaC: 111.0,
  nCaCb: 110.1,
  cCaCb: 110.1,
  caCO: 120.1,
  caCN: 117.2,
  oCN: 122.7,
  cNCa: 121.7,
};
const special: Readonly<Record<string, Partial<BackboneGeometry>>> = {
  A: { caCb: 1.52 },
  G: { nCa: 1.456, caC: 1.514, nCaC: 113.1, cNCa: 122.3, caCO: 120.6, caCN: 116.2, oCN: 123.2 },
  I: { caCb: 1.544, nCaCb: 110.8, cCaCb: 111.6 },
  P: { nCa: 1.468, caC: 1.524, caCb: 1.531, nCaC: 112.1, nCaCb: 103.3, cCaCb: 111.7, cNCa: 119.3 },
  T: { caCb: 1.529, nCaCb: 110.3, cCaCb: 111.6 },
  V: { caCb: 1.543, nCaCb: 111.5, cCaCb: 111.4 },
};

/** Ideal geometry of a residue by one-letter code; `next` sets the peptide bond (shorter before a regular residue). */
export function backboneGeometry(letter: string, next?: string): BackboneGeometry {
  const own = { ...general, ...special[letter] };
  // X-Pro: the peptide bond is 1.338 Å and its angles differ by under half a degree from the general ones.
  return next === 'P' ? { ...own, cN: 1.338, caCN: 117.1, oCN: 360 - 117.1 - own.caCO } : own;
}

export type Point = readonly [number, number, number];

const subtract = (a: Point, b: Point): Point => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
export const dot = (a: Point, b: Point): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
export const cross = (a: Point, b: Point): Point => [
  a[1] * b[2] - a[2] * b[1],
  a[2] * b[0] - a[0] * b[2],
  a[0] * b[1] - a[1] * b[0],
];
export const unit = (a: Point): Point => {
  const length = Math.hypot(...a);
  return [a[0] / length, a[1] / length, a[2] / length];
};
const combine = (origin: Point, ...parts: [number, Point][]): Point => [
  parts.reduce((s, [w, v]) => s + w * v[0], origin[0]),
  parts.reduce((s, [w, v]) => s + w * v[1], origin[1]),
  parts.reduce((s, [w, v]) => s + w * v[2], origin[2]),
];

/**
 * Places d so that |cd| = length (Å), angle b-c-d and dihedral a-b-c-d (degrees, IUPAC sign) are as given: the
 * natural extension reference frame (Parsons et al., J. Comput. Chem. 26 (2005) 1063).
 */
export function place(a: Point, b: Point, c: Point, length: number, angle: number, dihedral: number): Point {
  const bc = unit(subtract(c, b));
  const normal = unit(cross(subtract(b, a), bc));
  const inPlane = cross(normal, bc);
  const sine = length * Math.sin(angle * radians);
  return combine(
    c,
    [-length * Math.cos(angle * radians), bc],
    [sine * Math.cos(dihedral * radians), inPlane],
    [sine * Math.sin(dihedral * radians), normal],
  );
}

/** Places CB of an L-amino acid from N, CA, C: at the ideal length and at both ideal angles. */
export function placeCb(n: Point, ca: Point, c: Point, geometry: BackboneGeometry): Point {
  const u = unit(subtract(n, ca));
  const v = unit(subtract(c, ca));
  const [cu, cv] = [Math.cos(geometry.nCaCb * radians), Math.cos(geometry.cCaCb * radians)];
  const uv = dot(u, v);
  const alongU = (cu - uv * cv) / (1 - uv * uv);
  const alongV = (cv - uv * cu) / (1 - uv * uv);
  const w = unit(cross(u, v));
  const up = Math.sqrt(Math.max(0, 1 - alongU * cu - alongV * cv));
  const r = geometry.caCb;
  return combine(ca, [r * alongU, u], [r * alongV, v], [r * up, w]);
}

/** Dihedral a-b-c-d in degrees, IUPAC sign. */
export function dihedralDegrees(a: Point, b: Point, c: Point, d: Point): number {
  const b1 = subtract(b, a);
  const b2 = subtract(c, b);
  const b3 = subtract(d, c);
  const n2 = cross(b2, b3);
  return Math.atan2(Math.hypot(...b2) * dot(b1, n2), dot(cross(b1, b2), n2)) / radians;
}
