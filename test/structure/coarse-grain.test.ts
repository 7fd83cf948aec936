import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  beadsFromSequence,
  beadTopology,
  coarseGrain,
  load,
  Structure,
  save,
  sequences,
} from '../../lib/index.js';
import { sample, skip } from '../tools.js';

/** Atoms of PDB text, first alternate location included as it comes: only what this test needs. */
function atoms(text: string): Structure {
  const lines = text.split('\n').filter((l) => /^(ATOM|HETATM)/.test(l));
  return new Structure({
    positions: Float64Array.from(lines.flatMap((l) => [30, 38, 46].map((c) => Number(l.slice(c, c + 8))))),
    symbols: lines.map(() => 'C'),
    residues: {
      atomNames: lines.map((l) => l.slice(12, 16).trim()),
      names: lines.map((l) => l.slice(17, 20).trim()),
      ids: Int32Array.from(lines, (l) => Number(l.slice(22, 26))),
      chains: lines.map((l) => l.slice(21, 22).trim()),
    },
  });
}

const small = `
ATOM      1  CH3 ACE A   0       0.000   4.000   0.000
ATOM      2  N   HIE A   1       0.000   0.000   0.000
ATOM      3  H   HIE A   1       0.000  -1.000   0.000
ATOM      4  CA AHIE A   1       1.459   0.000   0.000
ATOM      5  CA BHIE A   1       1.700   0.300   0.000
ATOM      6  CB  HIE A   1       1.985  -0.700   1.200
ATOM      7  C   HIE A   1       2.006   1.424   0.000
ATOM      8  O   HIE A   1       1.246   2.390   0.000
ATOM      9  N   GLY A   2       3.300   1.520   0.000
ATOM     10  CA  GLY A   2       3.970   2.800   0.000
ATOM     11  C   GLY A   2       5.480   2.700   0.000
ATOM     12  OXT GLY A   2       6.100   1.640   0.000
HETATM   13  O   HOH A   3       9.000   9.000   9.000
HETATM   14 SE   MSE B   1      22.000  20.000  20.000
ATOM     15  N   MSE B   1      20.000  20.000  20.000
ATOM     16  CA  MSE B   1      21.459  20.000  20.000
ATOM     17  CB  MSE B   1      21.985  19.300  21.200
ATOM     18  C   MSE B   1      22.006  21.424  20.000
ATOM     19  O   MSE B   1      21.246  22.390  20.000
`;

test('atoms become beads in the order N, CA, CB, C, O; names that stand for another are known', () => {
  const s = coarseGrain(atoms(small));
  assert.equal(s.residues!.atomNames, [
    'N',
    'CA',
    'CB',
    'C',
    'O',
    'N',
    'CA',
    'C',
    'O',
    'N',
    'CA',
    'CB',
    'C',
    'O',
  ]);
  assert.equal([...s.types!], [21, 22, 7, 23, 24, 21, 6, 23, 24, 21, 22, 11, 23, 24]);
  assert.equal(s.residues!.names.slice(-1), ['MET']);
  assert.equal([...s.positions.subarray(3, 6)], [1.459, 0, 0], 'the first alternate location');
  assert.equal([...s.positions.subarray(24, 27)], [6.1, 1.64, 0], 'OXT where O is missing');
  assert.is(s.bonds!.length / 2, 4 + 3 + 1 + 4, 'one peptide bond, none between chains');
});

test('a missing atom and an unknown residue are named', () => {
  const without = (pattern: RegExp): Structure =>
    atoms(
      small
        .split('\n')
        .filter((l) => !pattern.test(l))
        .join('\n'),
    );
  assert.throws(() => coarseGrain(without(/ CB {2}HIE/)), /residue HIE 1 of chain A must have an atom CB/);
  assert.throws(
    () => coarseGrain(atoms(small.replace(/MSE/g, 'LIG'))),
    /residue LIG 1 of chain B must be an amino acid/,
  );
  assert.throws(() => coarseGrain(atoms(small.split('\n')[1]!)), /needs at least one amino acid/);
  const bare = new Structure({ positions: new Float64Array(3), symbols: ['C'] });
  assert.throws(() => coarseGrain(bare), /must name atoms and residues/);
});

test('a gap in a chain is no bond', () => {
  const gapped = atoms(small.replaceAll(/(GLY A {3}2 {6})( \d\.\d{3})/g, (_, a: string) => `${a} 9.000`));
  const topology = beadTopology(coarseGrain(gapped));
  assert.is(topology.residues[0]!.linked, false);
  assert.is(topology.phi.length, 0);
});

test('coarse-graining a five-bead protein changes nothing', () => {
  const s = beadsFromSequence(sequences['1ENH']);
  const again = coarseGrain(s);
  assert.equal(again.positions, s.positions);
  assert.equal(again.types, s.types);
  assert.equal(again.bonds, s.bonds);
});

test('a five-bead protein goes through a PDB file and comes back', async () => {
  const s = beadsFromSequence(sequences.CLN025);
  const path = join(mkdtempSync(join(tmpdir(), 'mdlab-beads-')), 'beads.pdb');
  await save(path, s);
  const loaded = await load(path);
  assert.ok(loaded instanceof Structure);
  const back = coarseGrain(loaded);
  assert.equal(back.types, s.types);
  assert.equal(back.bonds, s.bonds);
  assert.ok(back.positions.every((x, k) => Math.abs(x - s.positions[k]!) < 0.00051));
});

test('topology of 1ENH: counts follow from 54 residues, one of them glycine', () => {
  const t = beadTopology(beadsFromSequence(sequences['1ENH']));
  assert.is(t.bonds.length, 54 * 4 - 1 + 53);
  // per residue: 3 at CA (1 in Gly), 1 + 2 linked at C, 1 linked at N
  assert.is(t.angles.length, 53 * 3 + 1 + 54 + 53 * 2 + 53);
  for (const list of [t.phi, t.psi, t.omega, t.gamma2]) assert.is(list.length, 53);
  assert.is(t.gamma1.length, 53);
});

for (const [file, residues] of [
  ['structures/bpti.pdb', 58],
  ['structures/5dfr_minimized.pdb', 159],
] as const) {
  const path = sample(file);
  if (!path) skip(`coarse-graining of ${file}`, 'sample data is not here');
  else
    test(`${file} becomes ${residues} residues with protein geometry`, () => {
      const s = coarseGrain(atoms(readFileSync(path, 'utf8')));
      const t = beadTopology(s);
      assert.is(t.residues.length, residues);
      const glycines = t.residues.filter((r) => r.letter === 'G').length;
      assert.is(s.count, 5 * residues - glycines);
      assert.is(t.phi.length, residues - 1, 'every peptide bond is found');
      for (const { particles } of t.bonds) {
        const [i, j] = particles as [number, number];
        const d = Math.hypot(...[0, 1, 2].map((k) => s.positions[3 * i + k]! - s.positions[3 * j + k]!));
        assert.ok(d > 1.15 && d < 1.65, `bond ${i}-${j} of ${d} Å`);
      }
    });
}

test.run();
