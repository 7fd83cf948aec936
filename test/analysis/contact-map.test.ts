// Contact probabilities, against pairs counted by hand and by a loop over all pairs and images.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  beadsFromSequence,
  contactMap,
  figure,
  heatmap,
  makeBox,
  orthorhombic,
  Structure,
  sequences,
  Trajectory,
} from '../../lib/index.js';
import { random } from '../tools.js';
import { structure } from './configurations.js';

/** Particles on the x axis. */
const line = (...x: number[]): Float64Array => Float64Array.from(x.flatMap((v) => [v, 0, 0]));
const rowsOf = (map: { probability: Float64Array[] }): number[][] => map.probability.map((r) => [...r]);

test('three particles on a line, over four frames', () => {
  const frames = [line(0, 3, 6), line(0, 5, 6), line(0, 4, 4.5), line(9, 6, 0)];
  const wanted = [
    [1, 0.5, 0],
    [0.5, 1, 0.75],
    [0, 0.75, 1],
  ];
  const map = contactMap(frames, { cutoff: 4 });
  // 4 Å are not nearer than 4 Å.
  assert.equal(rowsOf(map), wanted);
  assert.equal(map.residues, []);
  assert.equal([...map.particles], [0, 1, 2]);
  assert.equal(rowsOf(contactMap(frames, { cutoff: 4, particles: [2, 1] })), [
    [1, 0.75],
    [0.75, 1],
  ]);
  assert.equal(
    rowsOf(
      contactMap(
        frames.map((x) => structure(x)),
        { cutoff: 4 },
      ),
    ),
    wanted,
  );
  const trajectory = new Trajectory(
    structure(frames[0]!),
    frames.map((positions) => ({ positions: Float32Array.from(positions) })),
  );
  assert.equal(rowsOf(contactMap(trajectory, { cutoff: 4 })), wanted);
  assert.equal(rowsOf(contactMap(frames[0]!, { cutoff: 4 })), [
    [1, 1, 0],
    [1, 1, 1],
    [0, 1, 1],
  ]);
});

// GLY 7: C, H; ALA 8: C, H; ALA 8 of chain B: C. Hydrogens stand between the residues.
const residues = {
  atomNames: ['CA', 'HA', 'CA', 'HA', 'CA'],
  names: ['GLY', 'GLY', 'ALA', 'ALA', 'ALA'],
  ids: Int32Array.of(7, 7, 8, 8, 8),
  chains: ['A', 'A', 'A', 'A', 'B'],
};
const peptide = new Structure({
  positions: line(0, 2.5, 6, 3.5, 9),
  symbols: ['C', 'H', 'C', 'H', 'C'],
  residues,
});

test('residues touch by any of their particles, hydrogens only where they are chosen', () => {
  const heavy = contactMap(peptide, { cutoff: 4 });
  assert.equal(rowsOf(heavy), [
    [1, 0, 0],
    [0, 1, 1],
    [0, 1, 1],
  ]);
  assert.equal(heavy.residues, [
    { name: 'GLY', id: 7, chain: 'A' },
    { name: 'ALA', id: 8, chain: 'A' },
    { name: 'ALA', id: 8, chain: 'B' },
  ]);
  assert.equal([...heavy.particles], [0, 2, 4]);
  const all = contactMap(peptide, { cutoff: 4, particles: [4, 3, 2, 1, 0] });
  // By two pairs of particles, yet once.
  assert.equal(rowsOf(all), [
    [1, 1, 0],
    [1, 1, 1],
    [0, 1, 1],
  ]);
  assert.equal(all.residues, heavy.residues, 'in the order of the structure');
  const some = contactMap(peptide, { cutoff: 4, particles: [4, 0] });
  assert.equal(
    some.residues.map((r) => r.chain),
    ['A', 'B'],
  );
  assert.equal(rowsOf(contactMap(peptide, { cutoff: 4, rows: 'particles', particles: [1, 3, 4] })), [
    [1, 1, 0],
    [1, 1, 0],
    [0, 0, 1],
  ]);
});

test('in a triclinic box that changes: what a loop over all pairs and images counts', () => {
  const next = random(11);
  const count = 30;
  const cutoff = 3;
  const frames = Array.from({ length: 15 }, (_, f) => {
    const box = makeBox(
      [12 + 0.1 * f, 0, 0, 4, 11, 0, -3, 2, 10],
      f % 2 ? [true, true, true] : [true, false, true],
    );
    // Some stand outside the box.
    const positions = Float64Array.from({ length: 3 * count }, () => 16 * (next() - 0.5));
    return { positions, box };
  });
  const topology = structure(frames[0]!.positions, {
    residues: {
      atomNames: Array(count).fill('X'),
      names: Array(count).fill('RES'),
      ids: Int32Array.from({ length: count }, (_, i) => Math.floor(i / 3)),
      chains: Array(count).fill('A'),
    },
  });
  const near = (f: number, i: number, j: number): boolean => {
    const { box, positions: x } = frames[f]!;
    const v = box.vectors;
    const reach = (k: number): number[] => (box.periodic[k] ? [-3, -2, -1, 0, 1, 2, 3] : [0]);
    for (const a of reach(0))
      for (const b of reach(1))
        for (const c of reach(2)) {
          const d = (k: number): number =>
            x[3 * j + k]! - x[3 * i + k]! + a * v[k]! + b * v[3 + k]! + c * v[6 + k]!;
          if (Math.hypot(d(0), d(1), d(2)) < cutoff) return true;
        }
    return false;
  };
  const met = frames.map((_, f) =>
    Array.from({ length: count }, (_, i) => Array.from({ length: count }, (_, j) => near(f, i, j))),
  );
  const loop = (members: number[][]): number[][] =>
    members.map((a) =>
      members.map((b) => met.filter((m) => a.some((i) => b.some((j) => m[i]![j]))).length / frames.length),
    );
  const trajectory = new Trajectory(topology, frames);
  const each = Array.from({ length: count }, (_, i) => [i]);
  const single = rowsOf(contactMap(trajectory, { cutoff, rows: 'particles' }));
  assert.equal(single, loop(each));
  assert.ok(single.flat().some((p) => p > 0 && p < 0.5));
  const triples = Array.from({ length: 10 }, (_, r) => each.slice(3 * r, 3 * r + 3).flat());
  assert.equal(rowsOf(contactMap(trajectory, { cutoff })), loop(triples));
  assert.equal(
    rowsOf(
      contactMap(
        frames.map((f) => topology.with(f)),
        { cutoff },
      ),
    ),
    loop(triples),
    'of structures too',
  );
});

test('beads are mapped by residue, and drawn', async () => {
  const protein = beadsFromSequence(sequences.CLN025);
  const { probability, residues: named } = contactMap([protein, protein], { cutoff: 8 });
  assert.is(probability.length, 10);
  assert.is(named[1]!.name, 'TYR');
  probability.forEach((row, i) => {
    row.forEach((p, j) => {
      assert.is(p, probability[j]![i]);
      assert.ok(p === 0 || p === 1);
      if (Math.abs(i - j) < 2) assert.is(p, 1);
    });
  });
  const drawn = figure(heatmap(probability, { label: 'contact probability', range: [0, 1] }), {
    x: 'residue',
    y: 'residue',
  });
  assert.match(JSON.stringify(drawn), /heatmap/);
});

test('a cell smaller than the cutoff: each touches all', () => {
  const x = structure(line(0, 1, 2), { box: orthorhombic([3, 3, 3]) });
  assert.equal(rowsOf(contactMap(x, { cutoff: 4 })).flat(), Array(9).fill(1));
});

test('what cannot be counted is refused', () => {
  const refuse = (frames: unknown, options: object, message: RegExp): void => {
    assert.throws(() => contactMap(frames as Structure, { cutoff: 4, ...options }), message);
  };
  refuse(peptide, { cutoff: 0 }, /contactMap.cutoff: must be positive and finite, received 0/);
  refuse(
    peptide,
    { cutoff: undefined },
    /contactMap.cutoff: must be positive and finite, received undefined/,
  );
  refuse(peptide, { rows: 'chains' }, /contactMap.rows: must be one of 'residues', 'particles'/);
  refuse(line(0, 1), { rows: 'residues' }, /contactMap.frames: must have residue names/);
  refuse([], {}, /contactMap.frames: must be at least one, received "none"/);
  refuse([line(0, 1), line(0)], {}, /contactMap.frames\[1\]: must have 2 particles like the first/);
  refuse(line(0, 1), { particles: [2] }, /contactMap.particles: must name particles 0\.\.1, received 2/);
  refuse(line(0, 1), { particles: [] }, /contactMap.particles: must name at least one particle/);
  refuse(
    structure(line(0, 1)).with({ symbols: ['H', 'H'] }),
    {},
    /contactMap: must have a particle that is not hydrogen/,
  );
});

test.run();
