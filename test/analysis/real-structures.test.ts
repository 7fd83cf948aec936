// Known facts about real structures; skipped by name where the sample data is absent.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  findNativeContacts,
  load,
  nativeContacts,
  radiusOfGyration,
  ramachandran,
  rdf,
  Structure,
  superpose,
  Trajectory,
} from '../../lib/index.js';
import { sample, skip } from '../tools.js';

async function structureOf(path: string): Promise<Structure | undefined> {
  const file = sample(path);
  if (file === undefined) {
    skip(`real structures: ${path}`, 'sample data is not beside the checkout');
    return undefined;
  }
  const loaded = await load(file);
  if (loaded instanceof Trajectory) return loaded.at(0);
  return loaded instanceof Structure ? loaded : undefined;
}
const degrees = (x: number): number => (180 / Math.PI) * x;

// Water at 300 K: first O-O peak at 2.75 Å, near 2.8 for TIP3P (Mark and Nilsson, J. Phys. Chem. A 105, 9954 (2001)).
test('TIP3P water has its first shell', async () => {
  const water = await structureOf('structures/tip3p.pdb');
  if (!water) return;
  const oxygens = [...water.symbols.keys()].filter((i) => water.symbols[i] === 'O');
  const { r, g, coordination } = rdf(water, { cutoff: 8, bins: 80, particles: oxygens });
  const peak = g.indexOf(Math.max(...g));
  assert.ok(Math.abs(r[peak]! - 2.75) < 0.11, `peak at ${r[peak]}`);
  assert.ok(Math.abs(g[peak]! - 2.8) < 0.4, `height ${g[peak]}`);
  assert.ok(coordination[33]! > 4 && coordination[33]! < 5.5, `${coordination[33]} neighbours within 3.4 Å`);
  assert.ok(g.slice(0, 22).every((x) => x < 0.05));
});

// Bovine pancreatic trypsin inhibitor: helix 47-56; strand residue 31 (Deisenhofer and Steigemann 1975).
test('the helix of BPTI is where it is known to be', async () => {
  const protein = await structureOf('structures/bpti.pdb');
  if (!protein) return;
  const { residues, phi, psi } = ramachandran(protein);
  assert.is(residues.length, 58);
  residues.forEach(({ id }, r) => {
    if (id >= 48 && id <= 54)
      assert.ok(
        degrees(phi[r]!) > -110 && degrees(phi[r]!) < -45 && degrees(psi[r]!) > -60 && degrees(psi[r]!) < 0,
        `residue ${id}: ${degrees(phi[r]!)} ${degrees(psi[r]!)}`,
      );
  });
  const strand = residues.findIndex(({ id }) => id === 31);
  assert.ok(degrees(psi[strand]!) > 90);
  assert.ok(Math.abs(radiusOfGyration(protein, { weights: 'mass' }) - 11.2) < 0.3);
});

test('contacts of BPTI: all in the native structure, few where it is stretched', async () => {
  const protein = await structureOf('structures/bpti.pdb');
  if (!protein) return;
  assert.ok(findNativeContacts(protein).length / 2 > 300);
  const stretched = protein.with({ positions: protein.positions.map((x) => 3 * x) });
  const q = nativeContacts([protein, superpose(protein, stretched), stretched], protein);
  assert.ok(q[0]! > 0.999 && Math.abs(q[1]! - q[0]!) < 1e-12 && q[2]! < 0.05, `${q}`);
});

// Chignolin CLN025 turns at glycine 7, the one residue with a positive φ.
test('five-bead chignolin has backbone angles', async () => {
  const beads = await structureOf('mlcg/cln_5beads.pdb');
  if (!beads) return;
  const { residues, phi } = ramachandran(beads);
  assert.is(residues.length, 10);
  assert.is(residues[6]!.name, 'GLY');
  assert.equal(
    [...phi].flatMap((x, r) => (x > 0 ? [r + 1] : [])),
    [7],
  );
});

test.run();
