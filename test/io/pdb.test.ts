import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeHybrid36, encodeHybrid36 } from '../../lib/io/hybrid36.js';
import { load, loadStructure, loadTrajectory, save } from '../../lib/io/index.js';
import { makeBox, orthorhombic, Structure } from '../../lib/structure/index.js';
import { sample, skip } from '../tools.js';
import { file, refusal, scratch } from './tools.js';

const pdb = (text: string): Structure => loadStructure(file('x.pdb', text));
/** An ATOM record from the columns that matter. */
function atom(serial: string, name: string, rest: string, x = 0, element = ''): string {
  const xyz = [x, 2, -3.5].map((v) => v.toFixed(3).padStart(8)).join('');
  return `ATOM  ${serial.padStart(5)} ${name}${rest.padEnd(14)}${xyz}  1.00  0.00          ${element.padStart(2)}\n`;
}

test('records, cell, title, elements of two letters and bonds', () => {
  const s = pdb(
    'TITLE     A METAL\n' +
      'CRYST1   10.000   20.000   30.000  90.00  90.00  90.00 P 1           1\n' +
      atom('1', ' N  ', ' ALA A   7', 1, 'N') +
      atom('2', ' CA ', ' ALA A   7', 2) +
      atom('3', 'HB11', ' ALA A  -8', 3) +
      atom('4', '1HB ', ' ALA A   8A', 3) +
      'TER       5      ALA A   8\n' +
      atom('6', 'CA  ', '  CA B   1', 4).replace('ATOM  ', 'HETATM') +
      atom('7', 'FE  ', ' HEM B   2', 5) +
      atom('8', ' SD ', ' MET B   3', 5) +
      atom('9', 'CL  ', ' CL  B   4', 5, 'CL') +
      atom('10', ' OW ', ' SOL B   5', 5) +
      'CONECT    1    2    3\nCONECT    2    1\nCONECT    6    7    8    9   10\nCONECT    3   99\nEND\n',
  );
  assert.equal(s.symbols, ['N', 'C', 'H', 'H', 'Ca', 'Fe', 'S', 'Cl', 'O']);
  assert.equal(s.residues!.atomNames.slice(0, 5), ['N', 'CA', 'HB11', '1HB', 'CA']);
  assert.equal([...s.residues!.ids], [7, 7, -8, 8, 1, 2, 3, 4, 5]);
  assert.equal(s.residues!.insertionCodes!.slice(2, 5), ['', 'A', '']);
  assert.equal(s.residues!.chains.slice(3, 5), ['A', 'B']);
  assert.equal([...s.bonds!], [0, 1, 0, 2, 4, 5, 4, 6, 4, 7, 4, 8]);
  assert.equal(s.box, orthorhombic([10, 20, 30]));
  assert.is(s.info['title'], 'A METAL');
  assert.equal([...s.positions.slice(3, 6)], [2, 2, -3.5]);
  assert.is(s.masses![5], 55.845);
});

test('beads keep their names and give no masses where these are unknown', () => {
  const s = pdb(
    atom('1', ' BB ', ' ALA A   1') + atom('2', ' SC1', ' ALA A   1') + atom('3', ' W  ', ' W   A   2'),
  );
  assert.equal(s.symbols, ['BB', 'SC1', 'W']);
  assert.is(s.masses, undefined);
});

test('ions by the names of force fields', () => {
  const lines = [
    atom('1', 'SOD ', ' SOD A   1'),
    atom('2', ' CLA', ' CLA A   2'),
    atom('3', 'NA  ', ' NA  A   3'),
    atom('4', 'Na+ ', ' Na+ A   4'),
    atom('5', ' K  ', ' K   A   5'),
    atom('6', ' CAL', ' CAL A   6'),
    atom('7', 'ZN  ', ' ZN  A   7'),
    atom('8', 'CL1 ', ' LIG A   8'),
    atom('9', ' C12', ' LIG A   8'),
  ];
  assert.equal(pdb(lines.join('')).symbols, ['Na', 'Cl', 'Na', 'Na', 'K', 'Ca', 'Zn', 'Cl', 'C']);
});

test('a triclinic cell: lengths and angles come back, a along x, b in xy', () => {
  const s = pdb(
    `CRYST1   30.000   40.000   50.000  80.00  95.00 110.00 P 1\n${atom('1', ' C  ', ' UNK A   1')}`,
  );
  const v = [...s.box!.vectors];
  assert.equal(v.slice(1, 3), [0, 0]);
  assert.is(v[5], 0);
  const dot = (i: number, j: number): number => v[i]! * v[j]! + v[i + 1]! * v[j + 1]! + v[i + 2]! * v[j + 2]!;
  const angle = (i: number, j: number): number =>
    (Math.acos(dot(i, j) / Math.sqrt(dot(i, i) * dot(j, j))) * 180) / Math.PI;
  assert.ok(Math.abs(Math.sqrt(dot(3, 3)) - 40) < 1e-9 && Math.abs(Math.sqrt(dot(6, 6)) - 50) < 1e-9);
  assert.ok(
    Math.abs(angle(3, 6) - 80) < 1e-9 &&
      Math.abs(angle(0, 6) - 95) < 1e-9 &&
      Math.abs(angle(0, 3) - 110) < 1e-9,
  );
  assert.is(
    pdb(`CRYST1    1.000    1.000    1.000  90.00  90.00  90.00\n${atom('1', ' C  ', ' UNK A   1')}`).box,
    null,
  );
});

test('of alternate locations the one with most occupancy is kept', () => {
  const alternate = (serial: string, name: string, letter: string, occupancy: string, x: number): string =>
    atom(serial, name, `${letter}SER A   1`, x, 'O').replace('  1.00', `  ${occupancy}`);
  const s = pdb(
    atom('1', ' CA ', ' SER A   1', 1, 'C') +
      alternate('2', ' OG ', 'A', '0.40', 2) +
      alternate('3', ' OG ', 'B', '0.60', 3) +
      atom('4', ' C  ', ' SER A   1', 4, 'C'),
  );
  assert.equal(
    [...s.positions].filter((_, i) => i % 3 === 0),
    [1, 3, 4],
  );
  assert.is(s.info['alternatesLeftOut'], 1);
  const equal = pdb(alternate('2', ' OG ', 'A', '0.50', 2) + alternate('3', ' OG ', 'B', '0.50', 3));
  assert.equal(
    [...equal.positions].filter((_, i) => i % 3 === 0),
    [2],
  );
});

test('models: by MODEL and ENDMDL, or by END; a cut last one is left out', () => {
  const model = (i: number): string => `MODEL     ${i}\n${atom('1', ' C  ', ' UNK A   1', i)}ENDMDL\n`;
  const all = model(1) + model(2) + model(3);
  const whole = loadTrajectory(file('m.pdb', `${all}END\n`));
  assert.equal(
    whole.frames.map((f) => f.positions[0]),
    [1, 2, 3],
  );
  assert.not(whole.truncated);
  for (const cut of [all.length - 1, all.length - 20, all.length - 60]) {
    const part = loadTrajectory(file('c.pdb', all.slice(0, cut)));
    // "ENDMDL" without its line end is still a whole model.
    assert.is(part.length, cut === all.length - 1 ? 3 : 2);
    assert.is(part.truncated, cut !== all.length - 1);
  }
  assert.is(loadTrajectory(file('e.pdb', `${atom('1', ' C  ', ' UNK A   1')}END\n`.repeat(2))).length, 2);
  assert.match(
    refusal(() => loadTrajectory(file('f.pdb', model(1).slice(0, -8)))),
    /f\.pdb: line 2: file ends inside its first model/,
  );
});

test('numbers beyond the columns are hybrid-36', () => {
  assert.is(decodeHybrid36('A0000'), 100000);
  assert.is(decodeHybrid36('A0001'), 100001);
  assert.is(decodeHybrid36('a0000'), 43770016);
  assert.is(decodeHybrid36('zzzzz'), 87440031);
  assert.is(decodeHybrid36('A000'), 10000);
  assert.is(decodeHybrid36('zzzz'), 2436111);
  assert.is(decodeHybrid36('A0 00'), undefined);
  for (const n of [-9999, 0, 99999, 100000, 100035, 1234567, 43770015, 43770016, 87440031]) {
    assert.is(decodeHybrid36(encodeHybrid36(n, 5)!), n);
  }
  assert.is(encodeHybrid36(87440032, 5), undefined);
});

test('100 010 atoms with bonds survive a round trip', () => {
  const n = 100_010;
  const s = new Structure({
    positions: Float64Array.from({ length: 3 * n }, (_, i) => (i % 1000) - 499.875),
    symbols: Array.from({ length: n }, () => 'O'),
    residues: {
      atomNames: Array.from({ length: n }, () => 'O'),
      names: Array.from({ length: n }, () => 'HOH'),
      ids: Int32Array.from({ length: n }, (_, i) => i),
      chains: Array.from({ length: n }, () => 'W'),
    },
    bonds: Int32Array.of(0, 1, 99_998, 100_005, 100_005, 100_009),
  });
  save(`${scratch}/large.pdb`, s);
  const back = load(`${scratch}/large.pdb`) as Structure;
  assert.is(back.count, n);
  assert.equal([...back.bonds!], [...s.bonds!]);
  assert.is(back.residues!.ids[100_009], 100_009);
  assert.equal(
    back.positions.slice(-6).map((x) => Math.round(x * 1000)),
    s.positions.slice(-6).map((x) => Math.round(x * 1000)),
  );
});

test('names, residues and a tilted cell survive a round trip; what does not fit is refused', () => {
  const s = new Structure({
    positions: Float64Array.of(1.234, -999.999, 9999.999, 0, 0, 0),
    symbols: ['Ca', 'H'],
    residues: {
      atomNames: ['CA', 'HG11'],
      names: ['CA', 'VAL'],
      ids: Int32Array.of(-5, 9999),
      chains: ['A', ''],
      insertionCodes: ['', 'B'],
    },
    box: makeBox([30, 0, 0, 5, 30, 0, -4, 3, 30]),
  });
  save(`${scratch}/r.pdb`, s);
  const back = load(`${scratch}/r.pdb`) as Structure;
  assert.equal(back.symbols, s.symbols);
  assert.equal(back.residues, s.residues);
  assert.equal([...back.positions], [...s.positions]);
  [...back.box!.vectors].forEach((x, i) => {
    assert.ok(Math.abs(x - s.box!.vectors[i]!) < 0.01);
  });
  const far = s.with({ positions: Float64Array.of(10000, 0, 0, 0, 0, 0) });
  assert.match(
    refusal(() => save(`${scratch}/far.pdb`, far)),
    /positions\[0\]: must be within -999\.999\.\.9999\.999 Å for PDB.*use extxyz/,
  );
  const turned = s.with({ box: makeBox([0, 30, 0, 30, 0, 0, 0, 0, 30]) });
  assert.match(
    refusal(() => save(`${scratch}/t.pdb`, turned)),
    /must have a along x and b in the xy plane for PDB/,
  );
});

test('broken files are refused at their line', () => {
  const line = atom('1', ' C  ', ' UNK A   1');
  const cases: [string, RegExp][] = [
    ['', /x\.pdb: line 0: file must have ATOM or HETATM records/],
    ['HELLO\n', /file must have ATOM or HETATM records/],
    [line.replace('   2.000', '        '), /line 1: columns 39-46 must be a coordinate/],
    [line.replace('   2.000', '     NaN'), /columns 39-46 must be a coordinate, received " {5}NaN"/],
    [line.replace('   2.000', '********'), /columns 39-46 must be a coordinate/],
    [line.slice(0, 45), /line 1: columns 47-54 must be a coordinate/],
    [line.replace('A   1', 'A  1x'), /columns 23-26 must be a residue number/],
    [
      `CRYST1   10.000   20.000   30.000  90.00  90.00      x\n${line}`,
      /line 1: CRYST1 must hold three lengths/,
    ],
    [`CRYST1   10.000   20.000   30.000  10.00  90.00  170.00\n${line}`, /line 1: CRYST1 must span a volume/],
    [`MODEL        1\nENDMDL\n${line}`, /line 2: model must have atoms/],
    [`MODEL        1\n${line}MODEL        2\n`, /line 3: MODEL must not start inside a model/],
  ];
  for (const [text, message] of cases)
    assert.match(
      refusal(() => pdb(text)),
      message,
    );
});

test('sample proteins', () => {
  const expected: [string, number, Record<string, number>][] = [
    ['mlcg/cln_5beads.pdb', 49, { C: 29, N: 10, O: 10 }],
    ['mlcg/1L2Y_cg_structure.pdb', 97, {}],
    ['structures/bpti.pdb', 892, { S: 7 }],
    ['structures/5dfr_minimized.pdb', 2489, { S: 7 }],
    ['structures/alanine-dipeptide-explicit.pdb', 2269, { C: 6, N: 2 }],
    ['structures/tip3p.pdb', 2685, { O: 895, H: 1790 }],
  ];
  for (const [path, count, symbols] of expected) {
    const at = sample(path);
    if (!at) return skip('sample proteins', 'sample data absent');
    const s = loadStructure(at);
    assert.is(s.count, count, path);
    assert.is(readFileSync(at, 'utf8').split(/^(?:ATOM|HETATM)/m).length - 1, count);
    for (const [symbol, n] of Object.entries(symbols)) {
      assert.is(s.symbols.filter((x) => x === symbol).length, n, `${path} ${symbol}`);
    }
    assert.ok(s.masses, path);
  }
});

test.run();
