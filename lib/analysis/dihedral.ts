import { invalid } from '../errors.js';
import type { Residues, Structure } from '../structure/structure.js';
import { type Coordinates, checkIndex, type Frames, framesOf, type PerFrame, perFrame } from './frames.js';

/**
 * Dihedral angle of four points, radians in (−π, π]: the turn about b2 between the planes of b1, b2 and b2, b3,
 * φ = atan2(|b2| b1·(b2×b3), (b1×b2)·(b2×b3)), positive for a clockwise turn of the far bond seen along b2 (IUPAC 1970;
 * the sign of MDTraj). NaN where three points are in line.
 */
function dihedralAngle(x: Coordinates, i: number, j: number, k: number, l: number): number {
  const bond = (a: number, b: number): [number, number, number] => [
    x[3 * b]! - x[3 * a]!,
    x[3 * b + 1]! - x[3 * a + 1]!,
    x[3 * b + 2]! - x[3 * a + 2]!,
  ];
  const b1 = bond(i, j);
  const b2 = bond(j, k);
  const n1 = cross(b1, b2);
  const n2 = cross(b2, bond(k, l));
  const sine = Math.hypot(...b2) * dot(b1, n2);
  const cosine = dot(n1, n2);
  return sine === 0 && cosine === 0 ? Number.NaN : Math.atan2(sine, cosine);
}

/**
 * A dihedral angle of every frame, radians in (−π, π]; molecules must be whole.
 * @param particles the four particles in the order of their bonds
 * @throws EINVALID for other than four particles, or one that is not there
 */
export function dihedral<F extends Frames>(
  frames: F,
  particles: readonly [number, number, number, number],
): PerFrame<F> {
  const all = framesOf(frames, 'dihedral.frames');
  if (particles.length !== 4)
    invalid('dihedral.particles', 'must be four', (particles as readonly number[]).length);
  for (const p of particles) checkIndex(p, all.count, 'dihedral.particles');
  return perFrame(all, (x) => dihedralAngle(x, ...particles));
}

/** Backbone angles of a protein. */
export interface Ramachandran {
  /** Residues that have N, CA and C, in the order of the structure. */
  residues: { name: string; id: number; chain: string }[];
  /** (frames,residues) radians in (−π, π]; NaN where the neighbouring residue is missing. C(i−1) N CA C. */
  phi: Float64Array;
  /** (frames,residues) radians. N CA C N(i+1). */
  psi: Float64Array;
}

/**
 * φ and ψ of every residue, from atoms named N, CA and C: all-atom structures and five-bead ones alike.
 * Residues are linked when they follow each other in one chain with numbers at most one apart.
 * @param topology residue names; default those of the frames
 * @throws EINVALID when there are no residue names
 */
export function ramachandran(frames: Frames, topology?: Structure): Ramachandran {
  const all = framesOf(frames, 'ramachandran.frames');
  const named = (topology ?? all.topology)?.residues;
  if (named === undefined)
    return invalid(
      'ramachandran',
      'must have residue names',
      'none',
      'give a structure read from a PDB file',
    );
  if (named.names.length !== all.count)
    invalid('ramachandran.topology', `must have ${all.count} particles like the frames`, named.names.length);
  const backbone = backboneOf(named);
  const n = backbone.length;
  const phi = new Float64Array(all.list.length * n).fill(Number.NaN);
  const psi = phi.slice();
  all.list.forEach((x, f) => {
    for (let r = 0; r + 1 < n; r++) {
      const [a, b] = [backbone[r]!, backbone[r + 1]!];
      if (a.chain !== b.chain || Math.abs(b.id - a.id) > 1 || b.index !== a.index + 1) continue;
      psi[f * n + r] = dihedralAngle(x, a.N, a.CA, a.C, b.N);
      phi[f * n + r + 1] = dihedralAngle(x, a.C, b.N, b.CA, b.C);
    }
  });
  return { residues: backbone.map(({ name, id, chain }) => ({ name, id, chain })), phi, psi };
}

/** Number of the residue each particle belongs to, counted through all chains. */
export function residueIndices(residues: Residues): Int32Array {
  const { names, ids, chains } = residues;
  const out = new Int32Array(names.length);
  for (let i = 1; i < names.length; i++) {
    const next = names[i] !== names[i - 1] || ids[i] !== ids[i - 1] || chains[i] !== chains[i - 1];
    out[i] = out[i - 1]! + (next ? 1 : 0);
  }
  return out;
}

interface Backbone {
  index: number;
  name: string;
  id: number;
  chain: string;
  N: number;
  CA: number;
  C: number;
}

function backboneOf(residues: Residues): Backbone[] {
  const byResidue = new Map<number, Partial<Backbone>>();
  residueIndices(residues).forEach((index, i) => {
    const atom = residues.atomNames[i]!.trim();
    if (atom !== 'N' && atom !== 'CA' && atom !== 'C') return;
    const entry = byResidue.get(index) ?? {
      index,
      name: residues.names[i]!,
      id: residues.ids[i]!,
      chain: residues.chains[i]!,
    };
    entry[atom] ??= i;
    byResidue.set(index, entry);
  });
  return [...byResidue.values()].filter(
    (b): b is Backbone => b.N !== undefined && b.CA !== undefined && b.C !== undefined,
  );
}

function cross(a: readonly number[], b: readonly number[]): [number, number, number] {
  return [a[1]! * b[2]! - a[2]! * b[1]!, a[2]! * b[0]! - a[0]! * b[2]!, a[0]! * b[1]! - a[1]! * b[0]!];
}
function dot(a: readonly number[], b: readonly number[]): number {
  return a[0]! * b[0]! + a[1]! * b[1]! + a[2]! * b[2]!;
}
