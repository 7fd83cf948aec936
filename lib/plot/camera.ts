/** How a scene is turned towards the reader. */

/** (3,3) row-major rotation: rows are the reader's right, up and towards-the-eye directions. */
export type Rotation = readonly number[];

/** Turns about x, then y, then z. @param degrees [x, y, z] */
export function eulerRotation(degrees: readonly [number, number, number]): Rotation {
  const [a, b, c] = degrees.map((d) => (d * Math.PI) / 180) as [number, number, number];
  const x = [1, 0, 0, 0, Math.cos(a), -Math.sin(a), 0, Math.sin(a), Math.cos(a)];
  const y = [Math.cos(b), 0, Math.sin(b), 0, 1, 0, -Math.sin(b), 0, Math.cos(b)];
  const z = [Math.cos(c), -Math.sin(c), 0, Math.sin(c), Math.cos(c), 0, 0, 0, 1];
  return product(z, product(y, x));
}

/** The longest extent of the points to the right, the next up: the principal axes of their spread. */
export function principalRotation(positions: ArrayLike<number>): Rotation {
  const n = positions.length / 3;
  const mean = [0, 0, 0];
  for (let i = 0; i < positions.length; i++) mean[i % 3]! += positions[i]! / n;
  const c = new Array<number>(9).fill(0);
  for (let i = 0; i < n; i++) {
    for (let a = 0; a < 3; a++) {
      for (let b = 0; b < 3; b++) {
        c[3 * a + b]! += (positions[3 * i + a]! - mean[a]!) * (positions[3 * i + b]! - mean[b]!);
      }
    }
  }
  const { values, vectors } = symmetricEigen(c);
  const order = [0, 1, 2].sort((a, b) => values[b]! - values[a]!);
  const axis = (k: number): number[] => [0, 1, 2].map((r) => vectors[3 * r + order[k]!]!);
  const [right, up] = [axis(0), axis(1)];
  return [...right, ...up, ...cross(right, up)];
}

function cross(a: readonly number[], b: readonly number[]): number[] {
  return [a[1]! * b[2]! - a[2]! * b[1]!, a[2]! * b[0]! - a[0]! * b[2]!, a[0]! * b[1]! - a[1]! * b[0]!];
}

/** Jacobi's rotations (Golub and Van Loan, Matrix Computations, §8.5); eigenvectors are columns. */
function symmetricEigen(matrix: readonly number[]): { values: number[]; vectors: number[] } {
  let a = [...matrix];
  let v = [1, 0, 0, 0, 1, 0, 0, 0, 1];
  for (let sweep = 0; sweep < 30; sweep++) {
    for (const [p, q] of [
      [0, 1],
      [0, 2],
      [1, 2],
    ] as const) {
      const off = a[3 * p + q]!;
      if (Math.abs(off) < 1e-14 * (Math.abs(a[4 * p]!) + Math.abs(a[4 * q]!))) continue;
      const angle = 0.5 * Math.atan2(2 * off, a[4 * q]! - a[4 * p]!);
      const r = [1, 0, 0, 0, 1, 0, 0, 0, 1];
      r[4 * p] = r[4 * q] = Math.cos(angle);
      r[3 * p + q] = Math.sin(angle);
      r[3 * q + p] = -Math.sin(angle);
      a = product(transposed(r), product(a, r));
      v = product(v, r);
    }
  }
  return { values: [a[0]!, a[4]!, a[8]!], vectors: v };
}

function transposed(m: readonly number[]): number[] {
  return [0, 3, 6, 1, 4, 7, 2, 5, 8].map((i) => m[i]!);
}

function product(a: readonly number[], b: readonly number[]): number[] {
  return Array.from({ length: 9 }, (_, i) => {
    const [r, c] = [3 * Math.floor(i / 3), i % 3];
    return a[r]! * b[c]! + a[r + 1]! * b[c + 3]! + a[r + 2]! * b[c + 6]!;
  });
}

/** The same turn as a unit quaternion [x, y, z, w] (Shepperd, J. Guid. Control 1978, 1, 223). */
export function quaternion(m: Rotation): [number, number, number, number] {
  const [a, b, c, d, e, f, g, h, i] = m as number[];
  const four = [1 + a! - e! - i!, 1 - a! + e! - i!, 1 - a! - e! + i!, 1 + a! + e! + i!];
  const k = four.indexOf(Math.max(...four));
  const rows = [
    [four[0]!, b! + d!, c! + g!, h! - f!],
    [b! + d!, four[1]!, f! + h!, c! - g!],
    [c! + g!, f! + h!, four[2]!, d! - b!],
    [h! - f!, c! - g!, d! - b!, four[3]!],
  ];
  const row = rows[k]!;
  const size = Math.hypot(...row);
  return row.map((v) => v / size) as [number, number, number, number];
}
