// Bonded terms in plain TypeScript, written from the equations and apart from the native code.
import type { PriorTerm } from '../../lib/models/index.js';

type V3 = [number, number, number];
const sub = (a: V3, b: V3): V3 => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
const dot = (a: V3, b: V3): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const cross = (a: V3, b: V3): V3 => [
  a[1] * b[2] - a[2] * b[1],
  a[2] * b[0] - a[0] * b[2],
  a[0] * b[1] - a[1] * b[0],
];
const norm = (a: V3): number => Math.sqrt(dot(a, a));

/** Value of a tuple's coordinate in an open system. */
export function coordinate(kind: PriorTerm['coordinate'], x: ArrayLike<number>, tuple: number[]): number {
  const p = tuple.map((i): V3 => [x[3 * i]!, x[3 * i + 1]!, x[3 * i + 2]!]);
  if (kind === 'distance') return norm(sub(p[1]!, p[0]!));
  if (kind === 'dihedral') {
    const b1 = sub(p[1]!, p[0]!);
    const b2 = sub(p[2]!, p[1]!);
    const b3 = sub(p[3]!, p[2]!);
    const n1 = cross(b1, b2);
    const n2 = cross(b2, b3);
    return Math.atan2(norm(b2) * dot(b1, n2), dot(n1, n2));
  }
  const u = sub(p[0]!, p[1]!);
  const w = sub(p[2]!, p[1]!);
  const c = dot(u, w) / norm(u) / norm(w);
  return kind === 'cosine' ? c : Math.acos(c);
}

/** Energy of one tuple from its coordinate, eV. */
export function energyOf(term: PriorTerm, x: number, p: ArrayLike<number>): number {
  switch (term.form) {
    case 'harmonic': {
      let d = x - p[0]!;
      if (term.coordinate === 'dihedral') d = Math.atan2(Math.sin(d), Math.cos(d));
      return p[1]! * d * d;
    }
    case 'polynomial':
      return Array.from(p).reduce((sum, k, n) => sum + k * x ** n, 0);
    case 'repulsion':
      return p[0]! / x ** 6;
    case 'restricted': {
      const [a, b, e, d, k, v0] = p as unknown as V3 & number[];
      return a! * x ** 4 + b! * x ** 3 + e! * x ** 2 + d! * x + k! / (1 - x * x) + v0!;
    }
    case 'ashbaughHatch': {
      const [epsilon, sigma, lambda, on, off] = Array.from(p) as [number, number, number, number, number];
      const lj = 4 * epsilon * ((sigma / x) ** 12 - (sigma / x) ** 6);
      return switchAt(x, on, off) * (x <= 2 ** (1 / 6) * sigma ? lj + (1 - lambda) * epsilon : lambda * lj);
    }
    case 'screenedCoulomb': {
      const [strength, kappa, on, off] = Array.from(p) as [number, number, number, number];
      return (switchAt(x, on, off) * strength * Math.exp(-kappa * x)) / x;
    }
    case 'fourier': {
      const orders = (p.length - 1) / 2;
      let sum = p[0]!;
      for (let n = 1; n <= orders; n++) sum += p[n]! * Math.sin(n * x) + p[orders + n]! * Math.cos(n * x);
      return sum;
    }
  }
}

function switchAt(x: number, on: number, off: number): number {
  const t = Math.min(1, Math.max(0, (x - on) / (off - on)));
  return 1 - 10 * t ** 3 + 15 * t ** 4 - 6 * t ** 5;
}

/** Energy of a whole term in an open system, eV. */
export function termEnergy(term: PriorTerm, x: ArrayLike<number>): number {
  const size = { distance: 2, cosine: 3, angle: 3, dihedral: 4 }[term.coordinate];
  const count = term.tuples.length / size;
  const stride = term.parameters.length / count;
  let sum = 0;
  for (let t = 0; t < count; t++) {
    const tuple = [...term.tuples.subarray(t * size, (t + 1) * size)];
    const p = term.parameters.subarray(t * stride, (t + 1) * stride);
    sum += energyOf(term, coordinate(term.coordinate, x, tuple), p);
  }
  return sum;
}
