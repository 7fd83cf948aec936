// A structure that does not fit its potential is refused as soon as both are given, in the words of an evaluation.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  evaluate,
  harmonicBonds,
  harmonicWell,
  langevin,
  lennardJones,
  type MdlabError,
  minimize,
  type Potential,
  priors,
  randomSchnet,
  resume,
  type SchnetOptions,
  type Structure,
  simulate,
  sum,
} from '../../lib/index.js';
import { cloud } from './shared.js';

const atoms = (count: number, seed = 1): Structure =>
  cloud(count, seed).with({ types: new Int32Array(count) });

const folder = mkdtempSync(join(tmpdir(), 'mdlab-fit-'));
const saved = join(folder, 'saved.checkpoint');
const written = { trajectory: join(folder, 'run.xtc'), checkpoint: join(folder, 'run.checkpoint') };
const integrator = langevin({ temperature: 300, timestep: 1 });

const well = harmonicWell({ k: 1 });
const bonds = priors(4, [harmonicBonds({ tuples: [0, 1], x0: 1, k: 1 })], { backend: 'cpu' });
const pairs = lennardJones({ epsilon: 0.01, sigma: 3.4 });
const net = (how: SchnetOptions): Potential => randomSchnet({ hidden: 8, filters: 8, blocks: 1 }, how);
const typed = atoms(3).with({ types: Int32Array.of(0, 24, 25) });
const flat = atoms(4).with({
  box: { vectors: Float64Array.of(9, 0, 0, 9, 0, 0, 0, 0, 9), periodic: [true, true, true] },
});

const told = (e: unknown): string => `${(e as MdlabError).code} ${(e as MdlabError).message}`;
function refusal(call: () => unknown): string {
  try {
    call();
  } catch (e) {
    return told(e);
  }
  return 'nothing';
}

async function refused(of: Potential, good: Structure, bad: Structure, message: string): Promise<void> {
  const now = refusal(() => simulate([good, bad], of, { integrator, steps: 10, ...written }));
  assert.ok(now.startsWith(message), now);
  assert.is(
    now,
    refusal(() => evaluate(of, [good, bad])),
  );
  assert.is(await minimize([good, bad], of, { maxSteps: 0 }).catch(told), now);

  simulate(bad, well, { integrator, steps: 10 }).save(saved);
  const bytes = readFileSync(saved);
  // One that calls itself what the run was made with.
  const other = { ...well, handle: of.handle } as Potential;
  const resumed = await resume(saved, other, written).catch(told);
  assert.is(resumed, now.replace('system 1', 'system 0'));
  assert.equal(readFileSync(saved), bytes);
  assert.equal(readdirSync(folder), ['saved.checkpoint']);
}

const counted = 'EINVALID harmonicWell: made for 2 atoms, received system 1 of 3';
const bonded =
  'EINVALID bonded: system 1 must have the 4 particles of its topology, received 3; make its terms of this structure';
const boxless = 'EINVALID box of system 1: its periodic vectors must be finite and independent; give vectors';
const lacking =
  "EINVALID schnet: type of atom 2 of system 1 must be 0..24 (the embedding's rows), received 25; give the structure";

const misfits: [string, Potential, Structure, Structure, string][] = [
  ['particles of a well', harmonicWell({ k: [1, 2] }), atoms(2), atoms(3), counted],
  ['particles of bonded terms', bonds, atoms(4), atoms(3), bonded],
  ['a box of bonded terms', bonds, atoms(4), flat, boxless],
  ['a box of pairs', pairs, atoms(4), flat, boxless],
];
for (const how of [
  { backend: 'reference' },
  { backend: 'cpu', pipeline: 'baseline' },
  { backend: 'cpu', pipeline: 'flash' },
  { backend: 'cpu', pipeline: 'table' },
] as SchnetOptions[]) {
  const name = how.pipeline ?? how.backend;
  misfits.push([`a box of ${name}`, net(how), atoms(4), flat, boxless]);
  misfits.push([`types of ${name}`, net(how), atoms(3), typed, lacking]);
}

for (const [what, potential, good, bad, message] of misfits)
  test(`${what} that do not fit are refused before anything moves or is written, alone and in sums`, async () => {
    for (const of of [potential, sum(well, potential), sum(sum(potential, well), well)])
      await refused(of, good, bad, message);
  });

test('the skin counts: a box that neighbours cannot be listed in is refused at once', () => {
  const thin = atoms(2).with({
    box: { vectors: Float64Array.of(1e-3, 0, 0, 0, 9, 0, 0, 0, 9), periodic: [true, false, false] },
  });
  const short = lennardJones({ epsilon: 0.01, sigma: 0.2, cutoff: 1 });
  const run = (skin: number): unknown => simulate(thin, short, { integrator, steps: 1, skin });
  assert.match(
    refusal(() => run(40)),
    /^EINVALID neighbor list: neighbours must be at most 32767 boxes apart/,
  );
  assert.is(
    refusal(() => run(1)),
    'nothing',
  );
});

test('what fits goes on: one potential, several structures of its size', async () => {
  const of = sum(well, bonds);
  assert.is((await simulate([atoms(4), atoms(4, 2)], of, { integrator, steps: 2 }).run()).steps, 2);
  assert.is((await minimize([atoms(4), atoms(4, 2)], of, { maxSteps: 2 })).structures.length, 2);
});

test.after(() => rmSync(folder, { recursive: true }));

test.run();
