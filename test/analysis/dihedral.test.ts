import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { dihedral, ramachandran, Trajectory } from '../../lib/index.js';
import { random } from '../tools.js';
import { backbone, cloud, moved } from './configurations.js';

const near = (a: number, b: number): void => assert.ok(Math.abs(a - b) < 1e-12, `${a} is not ${b}`);

// Seen along the middle bond (+z) with the near bond up (+y), −x is to the right: a clockwise turn of the far bond is positive
// (IUPAC).
test('known angles, with their sign', () => {
  for (const degrees of [-179, -120, -60, -1, 0, 1, 30, 90, 135, 180]) {
    const phi = (degrees * Math.PI) / 180;
    const x = Float64Array.of(0, 1, -1, 0, 0, 0, 0, 0, 1, -Math.sin(phi), Math.cos(phi), 2);
    near(Math.cos(dihedral(x, [0, 1, 2, 3])), Math.cos(phi));
    near(Math.sin(dihedral(x, [0, 1, 2, 3])), Math.sin(phi));
    near(dihedral(x, [3, 2, 1, 0]), dihedral(x, [0, 1, 2, 3]));
  }
});

test('the sign is that of atan2(−m·n2, n1·n2) with m = n1 × b2/|b2|', () => {
  const cross = (a: number[], b: number[]): number[] => [
    a[1]! * b[2]! - a[2]! * b[1]!,
    a[2]! * b[0]! - a[0]! * b[2]!,
    a[0]! * b[1]! - a[1]! * b[0]!,
  ];
  const dot = (a: number[], b: number[]): number => a.reduce((s, v, k) => s + v * b[k]!, 0);
  const unit = (a: number[]): number[] => a.map((v) => v / Math.hypot(...a));
  for (let seed = 1; seed < 50; seed++) {
    const x = cloud(4, seed);
    const b = (k: number): number[] => [0, 1, 2].map((c) => x[3 * k + 3 + c]! - x[3 * k + c]!);
    const n1 = unit(cross(b(0), b(1)));
    const n2 = unit(cross(b(1), b(2)));
    const m = cross(n1, unit(b(1)));
    near(dihedral(x, [0, 1, 2, 3]), Math.atan2(-dot(m, n2), dot(n1, n2)));
  }
});

test('a turn or shift of the whole changes nothing, a mirror the sign', () => {
  const x = cloud(4, 3);
  const angle = dihedral(x, [0, 1, 2, 3]);
  near(dihedral(moved(x, [1, 2, 3], 2, [5, 6, 7]), [0, 1, 2, 3]), angle);
  near(
    dihedral(
      x.map((v) => -v),
      [0, 1, 2, 3],
    ),
    -angle,
  );
});

test('points in line have no dihedral', () => {
  assert.ok(Number.isNaN(dihedral(Float64Array.of(0, 0, 0, 1, 0, 0, 2, 0, 0, 3, 1, 0), [0, 1, 2, 3])));
});

test('a backbone built with given phi and psi gives them back', () => {
  const next = random(5);
  const phi = Array.from({ length: 12 }, () => 2 * Math.PI * next() - Math.PI);
  const psi = phi.map(() => 2 * Math.PI * next() - Math.PI);
  const chain = backbone(phi, psi);
  const found = ramachandran(chain);
  assert.is(found.residues.length, 12);
  assert.equal(found.residues[3], { name: 'ALA', id: 4, chain: 'A' });
  assert.ok(Number.isNaN(found.phi[0]) && Number.isNaN(found.psi[11]));
  for (let r = 0; r < 12; r++) {
    if (r > 0) near(found.phi[r]!, phi[r]!);
    if (r < 11) near(found.psi[r]!, psi[r]!);
  }
});

test('an alpha helix lies at −57, −47 degrees', () => {
  const rad = Math.PI / 180;
  const { phi, psi } = ramachandran(backbone(new Array(8).fill(-57 * rad), new Array(8).fill(-47 * rad)));
  near(phi[4]! / rad, -57);
  near(psi[4]! / rad, -47);
});

test('a chain break or a missing residue is no bond', () => {
  const chain = backbone(new Array(6).fill(-1), new Array(6).fill(2));
  const { atomNames, names, ids, chains } = chain.residues!;
  const two = chain.with({
    residues: { atomNames, names, ids, chains: chains.map((_, i) => (i < 9 ? 'A' : 'B')) },
  });
  const gap = chain.with({
    residues: { atomNames, names, ids: ids.map((id) => (id > 3 ? id + 5 : id)), chains },
  });
  for (const broken of [two, gap]) {
    const { phi, psi } = ramachandran(broken);
    assert.equal([...phi].map(Number.isNaN), [true, false, false, true, false, false]);
    assert.equal([...psi].map(Number.isNaN), [false, false, true, false, false, true]);
  }
});

test('frames follow each other; names may come from elsewhere', () => {
  const [a, b] = [backbone([-1, -1, -1], [1, 1, 1]), backbone([-2, -2, -2], [2, 2, 2])];
  const two = ramachandran(new Trajectory(a, [{ positions: a.positions }, { positions: b.positions }]));
  assert.is(two.phi.length, 6);
  near(two.phi[1]!, -1);
  near(two.phi[4]!, -2);
  near(two.psi[3]!, 2);
  assert.equal([...ramachandran([a.positions, b.positions], a).psi].map(String), [...two.psi].map(String));
  assert.throws(() => ramachandran(a.positions), /ramachandran: must have residue names/);
  assert.equal([...dihedral([a, b], [2, 3, 4, 5])].length, 2);
  assert.throws(() => dihedral(a, [0, 1, 2, 9]), /dihedral.particles: must name particles 0..8, received 9/);
});

test.run();
