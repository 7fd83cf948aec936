// Rows kept in a file come back for the inputs they were measured of, and for no others.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  accuracyStudy,
  backbonePriors,
  batchStudy,
  beadsFromSequence,
  harmonicWell,
  lennardJones,
  memoryStudy,
  Potential,
  quantisationStudy,
  randomSchnet,
  rooflineStudy,
  sequences,
  stageStudy,
  stepStudy,
  sum,
  type Table,
  throughputStudy,
} from '../../lib/index.js';
import { fingerprint } from '../../lib/studies/inputs.js';

const folder = mkdtempSync(join(tmpdir(), 'mdlab-inputs-'));
test.after(() => rmSync(folder, { recursive: true }));

const shape = {
  hidden: 16,
  filters: 16,
  blocks: 1,
  head: [8],
  rbf: { type: 'expnormal', count: 16 },
} as const;
const model = randomSchnet(shape, { seed: 3, backend: 'cpu' });
const other = randomSchnet(shape, { seed: 4, backend: 'cpu' });
const protein = beadsFromSequence(sequences['CLN025']!);
const moved = protein.with({ positions: protein.positions.map((x, i) => (i === 7 ? x + 0.01 : x)) });
const priors = backbonePriors(protein);
const flash = (): Potential => model.with({ pipeline: 'flash' });
const table = (tolerance: number) => (): Potential => model.with({ pipeline: 'table', tolerance });
// `version` is given, so that neither commit nor the text of a measure can tell rows apart.
const timing = { progress: false, version: '1', repeats: 3, warmup: 0, seconds: 0.01 } as const;

let files = 0;
/** Every change makes a study measure anew, and rows of what came before stay known. */
async function holds<O extends object>(
  study: (options: O & { file: string }) => Promise<Table>,
  base: O,
  changes: readonly Partial<O>[],
): Promise<void> {
  const file = join(folder, `${++files}.jsonl`);
  const lines = (): number => readFileSync(file, 'utf8').trimEnd().split('\n').length;
  const first = await study({ ...base, file });
  assert.not.ok(first.columnNames().includes('error'), JSON.stringify(first.objects()));
  let kept = lines();
  for (const [i, change] of changes.entries()) {
    const anew = await study({ ...base, ...change, file });
    assert.not.ok(anew.columnNames().includes('error'), `change ${i}`);
    assert.ok(lines() > kept, `change ${i} was not measured`);
    kept = lines();
    assert.equal((await study({ ...base, ...change, file })).objects(), anew.objects(), `change ${i}`);
  }
  assert.equal((await study({ ...base, file })).objects(), first.objects());
  assert.is(lines(), kept, 'the same inputs were measured again');
}

test('throughput, accuracy, memory and stages: models, structures, jitter and seeds count', async () => {
  const base = { ...timing, models: { m: flash }, structure: protein };
  const changes = [
    { models: { m: () => other.with({ pipeline: 'flash' }) } },
    { models: { m: () => model.with({ pipeline: 'flash', precision: 'float64' }) } },
    { models: { m: table(1e-3) } },
    { models: { m: table(1e-4) } },
    { models: { m: (): Potential => sum(flash(), priors) } },
    { structure: moved },
    { structure: protein.with({ types: protein.types!.map((t) => (t + 1) % 25) }) },
    { jitter: 0.2 },
    { seed: 2 },
  ];
  await holds(throughputStudy, base as Parameters<typeof throughputStudy>[0], [...changes, { timestep: 4 }]);
  await holds(memoryStudy, base, changes);
  await holds(stageStudy, base, [{ models: { m: table(1e-3) } }, { structure: moved }]);
  const reference = (): Potential => model.with({ backend: 'reference' });
  await holds(accuracyStudy, { ...base, reference }, [
    ...changes,
    { reference: () => other.with({ backend: 'reference' }) },
  ]);
});

test('wells and fluids are told by their parameters, a potential that hides them by its forces; knobs of timing do not count', async () => {
  const well = (k: number) => ({ models: { m: (): Potential => harmonicWell({ k }) } });
  const fluid = (epsilon: number) => ({
    models: { m: (): Potential => lennardJones({ epsilon, sigma: 3, cutoff: 9 }) },
  });
  const hidden = (k: number) => ({
    models: {
      m: (): Potential => {
        const { handle, info } = harmonicWell({ k });
        return new Potential(handle, { ...info, parameters: undefined });
      },
    },
  });
  const base = { ...timing, ...well(1), atoms: [20] };
  await holds(memoryStudy, base, [
    well(2),
    fluid(0.01),
    fluid(0.02),
    { models: { m: () => sum(harmonicWell({ k: 1 }), harmonicWell({ k: 2 })) } },
    hidden(1),
    hidden(2),
  ]);
  const file = join(folder, 'knobs.jsonl');
  const first = await throughputStudy({ ...base, file });
  const again = await throughputStudy({ ...base, file, repeats: 9, seconds: 1, warmup: 3 });
  assert.equal(again.objects(), first.objects());
});

test('studies of one name in one file do not take each other’s rows', async () => {
  const file = join(folder, 'shared.jsonl');
  const base = { ...timing, name: 'mine', models: { m: flash }, structure: protein, file };
  await throughputStudy(base);
  assert.ok((await memoryStudy(base)).columnNames().includes('heldBytes'));
  assert.ok((await stageStudy(base)).columnNames().includes('stage'));
});

test('roofline: models count', async () => {
  const of = (pipeline: 'flash' | 'table') => ({ models: { m: model.with({ pipeline }) } });
  await holds(rooflineStudy, { ...timing, ...of('flash'), structure: protein }, [of('table')]);
});

test('steps: models, structure, timestep, temperature and seed count', async () => {
  const base: Parameters<typeof stepStudy>[0] = {
    ...timing,
    models: { m: () => sum(flash(), priors) },
    structure: protein,
    steps: 2,
  };
  await holds(stepStudy, base, [
    { models: { m: () => sum(model.with({ pipeline: 'baseline' }), priors) } },
    { models: { m: () => sum(flash(), backbonePriors(protein, { secondaryStructure: 'CEEEECCCEC' })) } },
    { structure: moved },
    { timestep: 1 },
    { temperature: 310 },
    { seed: 2 },
    { steps: 3 },
  ]);
});

test('largest batch: bytes, limit, model and structure count', async () => {
  const { progress, version } = timing;
  const base = {
    progress,
    version,
    models: { m: flash },
    structure: protein,
    bytes: 40e6,
    limit: 3,
    seed: 1,
  };
  await holds(batchStudy, base, [
    { bytes: 41e6 },
    { limit: 2 },
    { models: { m: table(1e-3) } },
    { structure: moved },
    { seed: 2 },
  ]);
});

test('quantisation: formats, reference, priors, structure and every run count', async () => {
  const { progress, version } = timing;
  const base: Omit<Parameters<typeof quantisationStudy>[0], 'file'> = {
    progress,
    version,
    formats: { t: table(1e-2) },
    reference: flash,
    priors,
    structure: protein,
    replicas: 2,
    timedReplicas: 2,
    equilibration: { steps: 4, every: 1 },
    sampling: () => ({ steps: 4, every: 1 }),
  };
  const larger = beadsFromSequence(sequences['1ENH']!);
  await holds(quantisationStudy, base, [
    { formats: { t: table(1e-6) } },
    { reference: () => model.with({ backend: 'reference' }) },
    { equilibrator: flash },
    { priors: undefined },
    { structure: moved },
    { structure: larger, priors: backbonePriors(larger), replicas: 4, formats: { t: table(1e-6) } },
    { replicas: 3 },
    { timedReplicas: 3 },
    { equilibration: { steps: 5, every: 1 } },
    { sampling: () => ({ steps: 4, every: 1, seed: 2 }) },
    { drift: { steps: 4, every: 1 } },
  ]);
});

test('a finished study makes its models to compare them, once, and a model that cannot be made is a failed row', async () => {
  const file = join(folder, 'made.jsonl');
  let made = 0;
  const make = (): Potential => {
    made++;
    return flash();
  };
  const base = { ...timing, models: { m: make }, structure: protein, replicas: [1, 2, 3], file };
  const first = await memoryStudy(base);
  made = 0;
  assert.equal((await memoryStudy(base)).objects(), first.objects());
  assert.is(made, 1);
  const broken = (): Potential => {
    throw new Error('no such file');
  };
  const t = await throughputStudy({ ...base, models: { m: flash, broken } });
  assert.equal(t.array('error'), [null, null, null, 'no such file', 'no such file', 'no such file']);
});

test('digests: the order of keys, signals, names and undefined do not count; numbers that JSON lacks do', () => {
  const signal = new AbortController().signal;
  assert.is(fingerprint({ a: 1, b: [2] }), fingerprint({ b: [2], a: 1, signal, c: undefined }));
  assert.is(fingerprint(protein), fingerprint(protein.with({ name: 'x', info: { from: 'file' } })));
  const all = [
    1,
    null,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    [1],
    Float64Array.of(1),
    Float32Array.of(1),
    '1',
  ];
  assert.is(new Set(all.map(fingerprint)).size, all.length);
  const whole = Float64Array.of(1, 2, 3);
  assert.is(fingerprint(whole.subarray(1)), fingerprint(Float64Array.of(2, 3)));
  const maps = [
    new Map([
      ['a', 1],
      ['b', 2],
    ]),
    new Map([
      ['b', 2],
      ['a', 1],
    ]),
  ];
  assert.is(fingerprint(maps[0]), fingerprint(maps[1]));
});

test.run();
