import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { load, loadStructure, loadStructures, loadTrajectory, save } from '../../lib/io/index.js';
import { makeBox, orthorhombic, Structure } from '../../lib/structure/index.js';
import { random } from '../tools.js';
import { file, refusal, scratch } from './tools.js';

const xyz = (text: string): Structure => loadStructure(file('x.extxyz', text));

test('columns in any order, quoted values, a tilted lattice, energy and forces', () => {
  const run = loadTrajectory(
    file(
      'm.extxyz',
      '2\n' +
        'energy=-1.5 Properties=forces:R:3:type:I:1:pos:R:3:tag:S:2:species:S:1:velo:R:3:masses:R:1 ' +
        'Lattice="10 0 0 1 9 0 0.5 0.25 8" pbc="T F T" note="a \\"b\\" = c" flag time=20 step=5 k = 7 odd={1 2}\n' +
        '0.1 0.2 0.3  22   1 2 3  p q  CA  1e-3 0 0  12.5\n' +
        '\t-0.1 -0.2 -0.3 1 4.5 5D0 -6 p q CB 0 0 1 13\r\n',
    ),
  );
  const s = run.topology;
  assert.equal(s.symbols, ['CA', 'CB']);
  assert.equal([...s.positions], [1, 2, 3, 4.5, 5, -6]);
  assert.equal([...s.types!], [22, 1]);
  assert.equal([...s.masses!], [12.5, 13]);
  assert.equal([...s.velocities!], [0.001, 0, 0, 0, 0, 1]);
  assert.equal([...s.box!.vectors], [10, 0, 0, 1, 9, 0, 0.5, 0.25, 8]);
  assert.equal(s.box!.periodic, [true, false, true]);
  assert.equal(s.info, { note: 'a "b" = c', flag: true, k: 7, odd: '1 2' });
  const frame = run.frames[0] as { energy?: number; time?: number; step?: number; forces?: Float64Array };
  assert.equal([frame.energy, frame.time, frame.step], [-1.5, 20, 5]);
  assert.equal([...frame.forces!], [0.1, 0.2, 0.3, -0.1, -0.2, -0.3]);
});

test('plain xyz: symbols or atomic numbers, masses from the table, no newline at the end', () => {
  const s = xyz('3\nwater, made by hand\nO 0 0 0\n1 0.96 0 0 extra\nH -0.24 0.93 0');
  assert.equal(s.symbols, ['O', 'H', 'H']);
  assert.equal([...s.masses!], [15.999, 1.008, 1.008]);
  assert.is(s.box, null);
  assert.is(s.info['comment'], 'water, made by hand');
  assert.is(xyz('1\n\nQq 0 0 0\n').masses, undefined);
  assert.equal(xyz('1\nProperties=Z:I:1:pos:R:3\n26 0 0 0\n').symbols, ['Fe']);
});

test('a structure survives a round trip', () => {
  const next = random(3);
  const n = 40;
  const real = (scale: number): Float64Array =>
    Float64Array.from({ length: 3 * n }, () => (next() - 0.5) * scale);
  const s = new Structure({
    positions: real(1e4),
    symbols: Array.from({ length: n }, (_, i) => ['CA', 'CB', 'N', 'Xy1'][i % 4]!),
    types: Int32Array.from({ length: n }, (_, i) => i % 25),
    masses: Float64Array.from({ length: n }, () => 1 + next() * 100),
    velocities: real(1e-2),
    box: makeBox([20, 0, 0, -3, 19.123456789, 0, 1e-3, 2, 21], [true, false, true]),
    info: { text: 'quote " back\\slash\\', number: -2.5e-7, yes: true, no: false, digits: '12' },
    name: 'round',
  });
  const path = `${scratch}/round.extxyz`;
  save(path, s);
  const back = loadStructure(path);
  const close = (a: ArrayLike<number>, b: ArrayLike<number>): void =>
    Array.from(a).forEach((x, i) => {
      assert.ok(Math.abs(x - b[i]!) <= 1e-9 * Math.max(1, Math.abs(x)), `${x} and ${b[i]}`);
    });
  close(back.positions, s.positions);
  close(back.velocities!, s.velocities!);
  assert.equal(back.masses, s.masses);
  assert.equal(back.types, s.types);
  assert.equal(back.symbols, s.symbols);
  assert.equal(back.box, s.box);
  assert.equal(back.info, s.info);
  assert.is(back.name, s.name);
});

test('several frames: a structure needs a choice, structures may differ, a trajectory may not', () => {
  const two = file('two.xyz', '1\n\nH 0 0 0\n2\n\nH 0 0 1\nH 0 0 2\n\n');
  assert.match(
    refusal(() => load(two as 'two.xyz')),
    /two\.xyz: must hold one frame.*the option `frame`.*loadTrajectory/,
  );
  assert.is((load(two, { frame: -1 }) as Structure).count, 2);
  assert.is((load(two, { frame: 0 }) as Structure).count, 1);
  assert.match(
    refusal(() => load(two, { frame: 2 })),
    /frame: must be within the 2 frames of two\.xyz, received 2/,
  );
  assert.equal(
    loadStructures(two).map((s) => s.count),
    [1, 2],
  );
  assert.match(
    refusal(() => loadTrajectory(two)),
    /must have the 2 particles of two\.xyz, received 1/,
  );
  const swapped = file('swap.xyz', '2\n\nH 0 0 0\nO 0 0 1\n2\n\nO 0 0 0\nH 0 0 1\n');
  assert.match(
    refusal(() => loadTrajectory(swapped)),
    /particle 0 is H first, later, received "O"; loadStructures/,
  );
});

test('broken files are refused at their line', () => {
  const p = 'Properties=species:S:1:pos:R:3';
  const cases: [string, RegExp][] = [
    ['', /must hold a structure, the file is empty/],
    ['two\n\n', /x\.extxyz: line 1: must be the number of particles of a frame, received "two"/],
    ['-1\n\n', /line 1: must be the number of particles/],
    ['2147483647\n\nH 0 0 0\n', /line 2: file ends inside its first frame/],
    ['2\n\nH 0 0 0\n', /file ends inside its first frame/],
    ['1\n\nH 0 0\n', /line 3: must have 4 columns, received 3/],
    ['1\n\nH 0 zero 0\n', /line 3: pos must be finite numbers, received "zero"/],
    ['1\n\nH 0 NaN 0\n', /line 3: pos must be finite numbers, received "NaN"/],
    ['1\n\nH 0 1e999 0\n', /line 3: pos must be finite/],
    [`1\n${p} Lattice="1 0 0 0 1 0 0 0"\nH 0 0 0\n`, /line 2: Lattice must hold 9 finite numbers/],
    [`1\n${p} Lattice="1 0 0 1 0 0 0 0 1"\nH 0 0 0\n`, /line 2: Lattice must span a volume/],
    [`1\n${p} Lattice="1 0 0 0 1 0 0 0 1" pbc="T T"\nH 0 0 0\n`, /line 2: pbc must hold three of T or F/],
    [`1\n${p} x="open\nH 0 0 0\n`, /line 2: value of 'x' must end with "/],
    ['1\nProperties=species:S:1:pos:R:2\nH 0 0 0\n', /pos must have 3 columns, received 2/],
    ['1\nProperties=species:S:1:pos:Q:3\nH 0 0 0\n', /types S R I L/],
    ['1\nProperties=species:S:1:pos\nH 0 0 0\n', /must be name:type:columns/],
    ['1\nProperties=species:S:1\nH 0 0 0\n', /must have pos:R:3/],
    ['1\nProperties=pos:R:3\n0 0 0 0\n', /must have species:S:1/],
    [`1\n${p}:pos:R:3\nH 0 0 0 0 0 0\n`, /name a column once/],
    [`1\n${p}:type:I:1\nH 0 0 0 1.5\n`, /line 3: type must be a whole number, received "1\.5"/],
    [`1\n${p}:type:I:1\nH 0 0 0 4294967296\n`, /type must be a whole number/],
  ];
  for (const [text, message] of cases)
    assert.match(
      refusal(() => xyz(text)),
      message,
    );
});

test('a lone frame cut inside its last number is refused where its lines have one width', () => {
  const text = '2\n\nH    0.250   1.500   2.125\nH    3.250   1.500   2.125';
  assert.is(xyz(text).positions[5], 2.125);
  assert.match(
    refusal(() => xyz(text.slice(0, -1))),
    /file ends inside its first frame/,
  );
  assert.match(
    refusal(() => xyz(text.slice(0, -4))),
    /file ends inside its first frame/,
  );
});

test('a long comment of open brackets takes no long time', () => {
  const started = Date.now();
  assert.match(
    refusal(() => xyz(`1\nProperties=species:S:1:pos:R:3 ${'a={ '.repeat(200_000)}\nH 0 0 0\n`)),
    /must end with }/,
  );
  assert.match(
    refusal(() => xyz('9'.repeat(6_000_000))),
    /line 1: must be shorter than/,
  );
  assert.ok(Date.now() - started < 5000);
});

test('a zero frame and an empty box', () => {
  assert.is(xyz('0\n\n').count, 0);
  assert.is(
    xyz('1\nLattice="0 0 0 0 0 0 0 0 0" pbc="F F F" Properties=species:S:1:pos:R:3\nH 0 0 0\n').box,
    null,
  );
  const boxed = new Structure({
    positions: new Float64Array(3),
    symbols: ['H'],
    box: orthorhombic([1, 2, 3]),
  });
  save(`${scratch}/boxed.xyz`, boxed);
  assert.equal((load(`${scratch}/boxed.xyz`) as Structure).box, boxed.box);
});

test.run();
