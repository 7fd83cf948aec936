// Seeded configurations shared by the analysis tests.
import { Structure } from '../../lib/index.js';
import { random } from '../tools.js';

/** Standard normal numbers (Box-Muller). */
export function normals(seed: number): () => number {
  const next = random(seed);
  return () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
}

export function cloud(count: number, seed: number): Float64Array {
  const next = normals(seed);
  return Float64Array.from({ length: 3 * count }, () => 5 * next());
}

/** Turned by `angle` about a unit axis (Rodrigues), then shifted. */
export function moved(x: Float64Array, axis: number[], angle: number, shift: number[]): Float64Array {
  const length = Math.hypot(...axis);
  const [u, v, w] = axis.map((a) => a / length) as [number, number, number];
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  const out = new Float64Array(x.length);
  for (let i = 0; i < x.length; i += 3) {
    const [a, b, d] = [x[i]!, x[i + 1]!, x[i + 2]!];
    const along = (u * a + v * b + w * d) * (1 - c);
    out[i] = a * c + (v * d - w * b) * s + u * along + shift[0]!;
    out[i + 1] = b * c + (w * a - u * d) * s + v * along + shift[1]!;
    out[i + 2] = d * c + (u * b - v * a) * s + w * along + shift[2]!;
  }
  return out;
}

export function structure(positions: Float64Array, fields: object = {}): Structure {
  return new Structure({ positions, symbols: new Array(positions.length / 3).fill('C'), ...fields });
}

/**
 * A backbone N, CA, C per residue grown with given dihedrals (radians) and ideal geometry: each atom is placed by bond
 * length, angle and dihedral from the three before it, independently of the code under test.
 */
export function backbone(phi: number[], psi: number[]): Structure {
  const atoms: number[][] = [
    [0, 0, 0],
    [1.458, 0, 0],
    [1.458 + 1.525 * Math.cos(1.2), 1.525 * Math.sin(1.2), 0],
  ];
  const place = (bond: number, angle: number, dihedral: number): void => {
    const [a, b, c] = atoms.slice(-3) as [number[], number[], number[]];
    const sub = (p: number[], q: number[]): number[] => p.map((v, k) => v - q[k]!);
    const unit = (p: number[]): number[] => p.map((v) => v / Math.hypot(...p));
    const cross = (p: number[], q: number[]): number[] => [
      p[1]! * q[2]! - p[2]! * q[1]!,
      p[2]! * q[0]! - p[0]! * q[2]!,
      p[0]! * q[1]! - p[1]! * q[0]!,
    ];
    const bc = unit(sub(c, b));
    const n = unit(cross(sub(b, a), bc));
    const m = cross(n, bc);
    const d = [-Math.cos(angle), Math.sin(angle) * Math.cos(dihedral), Math.sin(angle) * Math.sin(dihedral)];
    atoms.push(c.map((v, k) => v + bond * (d[0]! * bc[k]! + d[1]! * m[k]! + d[2]! * n[k]!)));
  };
  for (let r = 0; r + 1 < phi.length; r++) {
    place(1.329, 2.035, psi[r]!);
    place(1.458, 2.124, Math.PI);
    place(1.525, 1.941, phi[r + 1]!);
  }
  const names = ['N', 'CA', 'C'];
  return new Structure({
    positions: Float64Array.from(atoms.flat()),
    symbols: atoms.map((_, i) => names[i % 3]![0]!),
    residues: {
      atomNames: atoms.map((_, i) => names[i % 3]!),
      names: atoms.map(() => 'ALA'),
      ids: Int32Array.from(atoms, (_, i) => 1 + Math.floor(i / 3)),
      chains: atoms.map(() => 'A'),
    },
  });
}
