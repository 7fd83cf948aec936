// `mdlab evaluate` and `mdlab doctor` as a person types them.
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  beadsFromSequence,
  evaluate,
  loadStructure,
  randomGlobule,
  randomSchnet,
  save,
  saveModel,
} from '../../lib/index.js';
import { energyUnits } from '../../lib/units.js';
import { withoutCuda } from '../cuda.js';
import { relativeError, root } from '../tools.js';
import { temporaryFolder } from './tools.js';

const folder = temporaryFolder();
const modelFile = join(folder, 'model.safetensors');
const structureFile = join(folder, 'globule.extxyz');
const units = { energy: 'kcal/mol', length: 'Å' } as const;
const config = {
  hidden: 24,
  filters: 16,
  blocks: 2,
  head: [12],
  rbf: { type: 'expnormal', count: 10 },
} as const;
const model = randomSchnet({ ...config, head: [...config.head] }, { seed: 3, units, backend: 'reference' });
saveModel(modelFile, model, { dtype: 'float64' });
save(structureFile, randomGlobule({ beads: 40, radius: 8, seed: 2 }));
const structure = loadStructure(structureFile);

function mdlab(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [join(root, 'dist', 'kernel', 'cli.js'), ...args], { encoding: 'utf8' });
}

interface Answer {
  energy: number;
  forces: number[][];
  units: object;
  backend: string;
  pipeline: string | null;
  entries: string | null;
  tolerance: number | null;
}

for (const [options, limit] of [
  [['--backend', 'reference'], 1e-12],
  [['--backend', 'cpu', '--pipeline', 'baseline', '--precision', 'float64'], 1e-12],
  [['--pipeline', 'flash'], 1e-5],
  [['--backend', 'cpu', '--pipeline', 'table'], 1e-5],
] as const) {
  test(`evaluate ${options.join(' ')} answers in the model file's units`, () => {
    const { status, stdout, stderr } = mdlab('evaluate', modelFile, structureFile, '--json', ...options);
    assert.is(status, 0, stderr);
    const got = JSON.parse(stdout) as Answer;
    const want = evaluate(model, structure);
    const perUnit = energyUnits['kcal/mol'];
    assert.ok(Math.abs(got.energy * perUnit - want.energy[0]!) < limit * 10 * Math.abs(want.energy[0]!));
    assert.ok(
      relativeError(
        got.forces.flat().map((f) => f * perUnit),
        want.forces,
      ) < limit,
    );
    assert.equal(got.units, units);
    const chosen = withoutCuda() === undefined ? 'cuda' : 'cpu';
    assert.is(got.backend, options[0] === '--backend' ? options[1] : chosen);
    const table = (options as readonly string[]).includes('table');
    assert.equal([got.entries, got.tolerance], table ? ['float32', 3e-6] : [null, null]);
  });
}

test('evaluate says in words what computed, and of a table how exact it is', () => {
  const how = (pipeline: string): string =>
    mdlab('evaluate', modelFile, structureFile, '--backend', 'cpu', '--pipeline', pipeline).stdout.split(
      '\n',
    )[0]!;
  assert.match(how('table'), /: 40 particles \(cpu, table, float32, entries float32, tolerance 3e-6\)$/);
  assert.match(how('flash'), /: 40 particles \(cpu, flash, float32\)$/);
});

test('evaluate says what is wrong in one line', () => {
  const broken = join(folder, 'broken.safetensors');
  writeFileSync(broken, 'not a model');
  const untyped = join(folder, 'untyped.xyz');
  writeFileSync(untyped, '1\n\nC 0 0 0\n');
  const particles = (name: string, ...lines: string[]): string => {
    const frame = `${lines.length}\nProperties=species:S:1:pos:R:3:type:I:1\n${lines.join('\n')}\n`;
    writeFileSync(join(folder, name), frame);
    return join(folder, name);
  };
  const two = join(folder, 'two.extxyz');
  writeFileSync(two, `${readFileSync(structureFile, 'utf8')}${readFileSync(structureFile, 'utf8')}`);
  for (const [args, message] of [
    [
      [modelFile, structureFile, '--pipeline', 'flsh'],
      /--pipeline: must be one of 'baseline', 'flash', 'table', received "flsh"/,
    ],
    [[broken, structureFile], /broken\.safetensors: /],
    [[modelFile, join(folder, 'none.pdb')], /none\.pdb/],
    [[modelFile, untyped], /type/],
    [[modelFile, particles('negative.extxyz', 'C 0 0 0 -1')], /type of atom 0 .* must be 0\.\.24/],
    [[modelFile, particles('overlap.extxyz', 'C 0 0 0 1', 'C 0 0 0 2')], /atoms 0 and 1 .* at one place/],
    [[modelFile, two], /say which with the option `frame`/],
    [[modelFile, structureFile, '--frame', '--json'], /--frame/],
    [[modelFile], /takes a model and a structure/],
    [[modelFile, structureFile, '--nonsense'], /no option '--nonsense'; known are --backend, /],
    [
      [modelFile, modelFile],
      /must be a structure file .* received "safetensors"; loadModel\(\) loads models/,
    ],
  ] as const) {
    const { status, stdout, stderr } = mdlab('evaluate', ...args);
    assert.is.not(status, 0);
    assert.is(stdout, '');
    assert.match(stderr, message);
    assert.not.match(stderr, /^ *at /m);
    assert.is(stderr.trim().split('\n').length, 1, stderr);
  }
});

test('evaluate takes frames from the end', () => {
  const far = join(folder, 'far.extxyz');
  writeFileSync(
    far,
    `1\nProperties=species:S:1:pos:R:3:type:I:1\nC 0 0 0 3\n${readFileSync(structureFile, 'utf8')}`,
  );
  for (const [frame, count] of [
    [['--frame', '-1'], structure.count],
    [['--frame', '-2'], 1],
    [['--frame=-2'], 1],
    [['--frame', '1'], structure.count],
  ] as const) {
    const { status, stdout, stderr } = mdlab('evaluate', modelFile, far, ...frame, '--json');
    assert.is(status, 0, stderr);
    assert.is((JSON.parse(stdout) as Answer).forces.length, count);
  }
});

test('evaluate knows the beads of a five-bead PDB file by their names, and no others', () => {
  const protein = beadsFromSequence('AGW');
  const pdb = join(folder, 'beads.pdb');
  save(pdb, protein);
  const { status, stdout, stderr } = mdlab('evaluate', modelFile, pdb, '--json', '--backend', 'reference');
  assert.is(status, 0, stderr);
  const got = JSON.parse(stdout) as Answer;
  const rounded = loadStructure(pdb).with({ types: protein.types });
  const want = evaluate(model, rounded).energy[0]! / energyUnits['kcal/mol'];
  assert.ok(Math.abs(got.energy - want) < 1e-12 * Math.abs(want));
  writeFileSync(pdb, readFileSync(pdb, 'utf8').replace(/^ATOM.* CB .*\n/m, ''));
  assert.match(mdlab('evaluate', modelFile, pdb).stderr, /must have a type for every particle/);
});

test('doctor compares the backends and names what is missing', () => {
  const { status, stdout } = mdlab('doctor');
  assert.is(status, 0, stdout);
  for (const word of ['native addon', 'CUDA driver', 'Jupyter', 'Chromium', 'forces cpu table float32'])
    assert.ok(stdout.includes(word), `${word} in\n${stdout}`);
});

test.run();
