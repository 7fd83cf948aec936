import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  aminoAcids,
  beadsFromSequence,
  beadTopology,
  beadType,
  conformations,
  randomGlobule,
  replicas,
  type Structure,
  sequences,
} from '../../lib/index.js';
import { dihedralDegrees, type Point } from '../../lib/structure/beads-geometry.js';

const point = (s: Structure, i: number): Point =>
  [...s.positions.subarray(3 * i, 3 * i + 3)] as unknown as Point;
const distance = (s: Structure, i: number, j: number): number =>
  Math.hypot(...point(s, i).map((x, k) => x - point(s, j)[k]!));
const angle = (s: Structure, i: number, j: number, k: number): number => {
  const [a, b, c] = [distance(s, i, j), distance(s, j, k), distance(s, i, k)];
  return (Math.acos((a * a + b * b - c * c) / (2 * a * b)) * 180) / Math.PI;
};

test('bead types follow the published numbering', () => {
  assert.is(aminoAcids, 'ACDEFGHIKLMNPQRSTVWY');
  const all = [...aminoAcids].filter((l) => l !== 'G').map((l) => beadType('CB', l));
  assert.equal(all, [1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20]);
  assert.equal(
    (['N', 'CA', 'C', 'O'] as const).map((b) => beadType(b, 'W')),
    [21, 22, 23, 24],
  );
  assert.is(beadType('CA', 'G'), 6);
  assert.throws(() => beadType('CB', 'G'), /glycine has no CB/);
  assert.throws(() => beadType('CB', 'X'), /must be made of ACDEF/);
});

test('chignolin has the 49 beads, types and masses of published files', () => {
  const s = beadsFromSequence(sequences.CLN025);
  assert.is(s.count, 49);
  assert.equal(
    [...s.types!],
    [
      ...[21, 22, 20, 23, 24, 21, 22, 20, 23, 24, 21, 22, 3, 23, 24, 21, 22, 13, 23, 24, 21, 22, 4, 23, 24],
      ...[21, 22, 17, 23, 24, 21, 6, 23, 24, 21, 22, 17, 23, 24, 21, 22, 19, 23, 24, 21, 22, 20, 23, 24],
    ],
  );
  assert.is(s.masses![0], 14.007);
  assert.equal(s.residues!.atomNames.slice(0, 5), ['N', 'CA', 'CB', 'C', 'O']);
  assert.equal(s.residues!.names.slice(29, 35), ['THR', 'GLY', 'GLY', 'GLY', 'GLY', 'THR']);
  assert.is(s.bonds!.length / 2, 48);
});

test('1ENH: 269 beads, compact, without clashes', () => {
  const s = beadsFromSequence(sequences['1ENH']);
  assert.is(sequences['1ENH'].sequence.length, 54);
  assert.is(s.count, 269);
  assert.is(s.residues!.ids[0], 3);
  assert.is(s.residues!.ids[268], 56);
  let square = 0;
  for (const x of s.positions) square += x * x;
  const radius = Math.sqrt(square / s.count);
  assert.ok(radius > 9.5 && radius < 11.5, `radius of gyration ${radius}`);
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < s.count; i++)
    for (let j = i + 1; j < s.count; j++)
      if (s.residues!.ids[j]! - s.residues!.ids[i]! > 1) least = Math.min(least, distance(s, i, j));
  assert.ok(least > 2.6, `closest beads of residues not next to each other: ${least} Å`);
});

test('bond lengths and angles are the ideal ones, whatever the fold', () => {
  const s = beadsFromSequence('AGPWAI', { conformation: 'helix' });
  const [n, ca, cb, c, o, n2] = [0, 1, 2, 3, 4, 5];
  const near = (got: number, want: number): void =>
    assert.ok(Math.abs(got - want) < 1e-6, `${got} is not ${want}`);
  near(distance(s, n, ca), 1.459);
  near(distance(s, ca, c), 1.525);
  near(distance(s, ca, cb), 1.52);
  near(distance(s, c, o), 1.229);
  near(distance(s, c, n2), 1.336);
  near(angle(s, n, ca, c), 111);
  near(angle(s, n, ca, cb), 110.1);
  near(angle(s, c, ca, cb), 110.1);
  near(angle(s, ca, c, o), 120.1);
  near(angle(s, ca, c, n2), 117.2);
  near(angle(s, o, c, n2), 122.7);
  // glycine: no CB
  near(distance(s, 5, 6), 1.456);
  near(angle(s, 5, 6, 7), 113.1);
});

test('dihedrals are those asked for, peptide bonds are trans and residues L', () => {
  const phiPsi = [...'ADKGTW'].map((_, i): [number, number] => [-60 - 7 * i, 130 + 9 * i]);
  const s = beadsFromSequence('ADKGTW', { phiPsi });
  const t = beadTopology(s);
  const at = (p: readonly number[]): number =>
    dihedralDegrees(...(p.map((i) => point(s, i)) as [Point, Point, Point, Point]));
  const close = (got: number, want: number): void => {
    const d = ((((got - want) % 360) + 540) % 360) - 180;
    assert.ok(Math.abs(d) < 1e-6, `${got} is not ${want}`);
  };
  for (const { particles, residue } of t.phi) close(at(particles), phiPsi[residue]![0]);
  for (const { particles, residue } of t.psi) close(at(particles), phiPsi[residue]![1]);
  for (const { particles } of t.omega) close(at(particles), 180);
  // CORN rule: seen from the side of H, CO, R and N follow clockwise
  for (const { beads: b } of t.residues) {
    if (b.CB === undefined) continue;
    const [n, c, r] = [b.N, b.C, b.CB].map((i) => point(s, i).map((x, k) => x - point(s, b.CA)[k]!)) as [
      number[],
      number[],
      number[],
    ];
    const triple =
      n[0]! * (c[1]! * r[2]! - c[2]! * r[1]!) -
      n[1]! * (c[0]! * r[2]! - c[2]! * r[0]!) +
      n[2]! * (c[0]! * r[1]! - c[1]! * r[0]!);
    assert.ok(triple > 2, `handedness ${triple}`);
  }
  const rise = beadsFromSequence('A'.repeat(30), { conformation: 'helix' });
  const perResidue = distance(rise, 1, 1 + 5 * 18) / 18;
  assert.ok(
    perResidue > 1.4 && perResidue < 1.6,
    `an alpha helix rises 1.5 Å per residue, this ${perResidue}`,
  );
});

test('what is no sequence or no fold is refused', () => {
  assert.throws(() => beadsFromSequence(''), /must name at least one residue/);
  assert.throws(
    () => beadsFromSequence('AXA'),
    /sequence: must be made of ACDEFGHIKLMNPQRSTVWY, received "X"/,
  );
  assert.throws(
    () => beadsFromSequence('AA', { phiPsi: [[0, 0]] }),
    /must hold one pair per residue \(2\), received 1/,
  );
  assert.throws(() => beadsFromSequence('AA', { secondaryStructure: 'H' }), /one letter per residue/);
  assert.throws(
    () => beadsFromSequence('A', { conformation: 'helix', secondaryStructure: 'H' }),
    /takes one of/,
  );
  assert.throws(() => beadsFromSequence('A', { conformation: 'coil' as 'helix' }), /must be one of 'helix'/);
  assert.is(beadsFromSequence('G').count, 4);
  assert.is(Object.keys(conformations).length, 4);
});

test('a globule keeps its distances and its seed', () => {
  const s = randomGlobule({ seed: 4 });
  assert.is(s.count, 269);
  for (let i = 0; i < s.count; i++) {
    assert.ok(Math.hypot(...point(s, i)) <= 14);
    assert.ok(s.types![i]! >= 1 && s.types![i]! <= 24);
    for (let j = 0; j < i; j++) assert.ok(distance(s, i, j) >= 1.4);
  }
  assert.equal(randomGlobule({ seed: 4 }).positions, s.positions);
  assert.not.equal(randomGlobule({ seed: 5 }).positions, s.positions);
  assert.is(new Set(s.types!).size, 24);
  // uniform in the sphere: half of the beads lie outside r = 14 / 2^(1/3); 3 standard deviations are 25 beads
  const outside = Array.from({ length: 269 }, (_, i) => Math.hypot(...point(s, i))).filter(
    (r) => r > 14 / Math.cbrt(2),
  );
  assert.ok(Math.abs(outside.length - 134.5) < 25, `${outside.length}`);
  assert.throws(() => randomGlobule({ beads: 1000, radius: 3 }), /must fit 1000 beads/);
  assert.throws(() => randomGlobule({ beads: 1.5 }), /must be a whole number/);
  assert.is(randomGlobule({ beads: 0 }).count, 0);
});

test('replicas move by less than the jitter, each its own way', () => {
  const s = randomGlobule({ beads: 20 });
  const list = replicas(s, 3, { jitter: 0.1, seed: 9 });
  assert.is(list.length, 3);
  for (const r of list) {
    const moved = r.positions.map((x, k) => Math.abs(x - s.positions[k]!));
    assert.ok(Math.max(...moved) < 0.1 && Math.max(...moved) > 0.08);
  }
  assert.not.equal(list[0]!.positions, list[1]!.positions);
  assert.equal(replicas(s, 3, { jitter: 0.1, seed: 9 })[2]!.positions, list[2]!.positions);
  assert.equal(replicas(s, 1)[0]!.positions, s.positions);
});

test.run();
