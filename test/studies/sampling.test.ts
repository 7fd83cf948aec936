// What studies of molecular dynamics report, against the frames of the same runs.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  backbonePriors,
  batchStudy,
  beadsFromSequence,
  energyDriftOf,
  type Frame,
  langevin,
  quantisationStudy,
  quantisedFormats,
  radiusOfGyration,
  randomSchnet,
  sampleProtein,
  sequences,
  simulate,
  stepStudy,
  velocityVerlet,
} from '../../lib/index.js';
import { planned } from '../../lib/studies/batches.js';

const quiet = { progress: false, version: '1' } as const;
const protein = beadsFromSequence(sequences['CLN025']!);
const priors = backbonePriors(protein);
const model = randomSchnet(
  { hidden: 16, filters: 16, blocks: 1, head: [8], rbf: { type: 'expnormal', count: 16 } },
  { seed: 3 },
);
const mean = (x: ArrayLike<number>): number => Array.from(x).reduce((a, b) => a + b, 0) / x.length;

const within8 = (x: Float64Array, i: number, j: number): boolean =>
  Math.hypot(x[3 * i]! - x[3 * j]!, x[3 * i + 1]! - x[3 * j + 1]!, x[3 * i + 2]! - x[3 * j + 2]!) < 8;

test('sampling gives what the frames of the same run give', async () => {
  const start = [protein, protein, protein];
  const got = await sampleProtein(priors, start, { steps: 400, discard: 80, every: 40, seed: 5 });
  const frames: Frame[] = [];
  const again = simulate(start, priors, {
    integrator: langevin({ temperature: 300, timestep: 2, seed: 5 }),
    velocities: 'maxwell-boltzmann',
    steps: 400,
    every: 40,
    progress: false,
  });
  for await (const f of again) if (f.step > 80) frames.push(f);
  assert.is(got.samples, 3 * frames.length);
  assert.equal(got.last[2]!.positions, frames.at(-1)!.structure(2).positions);

  const ofReplica = (s: number) => frames.map((f) => f.structure(s));
  const radii = start.map((_, s) => mean(radiusOfGyration(ofReplica(s))));
  const center = mean(radii);
  const error = Math.sqrt(radii.reduce((a, r) => a + (r - center) ** 2, 0) / 2 / 3);
  assert.ok(Math.abs(got.radiusOfGyration.mean - center) < 1e-9);
  assert.ok(Math.abs(got.radiusOfGyration.error - error) < 1e-9);
  const { counts, from } = got.radii;
  assert.is(mean(counts) * counts.length, got.samples);
  const middle = mean(counts.map((n, k) => n * (from + k + 0.5) * 0.1)) / mean(counts);
  assert.ok(Math.abs(middle - center) < 0.05);

  // Side beads near in the first structure: a hard count of native contacts, 8 Å for all.
  const near = (f: number, s: number, i: number, j: number): number =>
    Number(within8(frames[f]!.structure(s).positions, i, j));
  const { atomNames, names } = protein.residues!;
  const sites = atomNames.flatMap((a, i) => (a === 'CB' || (a === 'CA' && names[i] === 'GLY') ? [i] : []));
  assert.is(sites.length, 10);
  const pairs = sites.flatMap((a, i) => sites.slice(i + 3).map((b) => [a, b] as const));
  const probability = pairs.map(([a, b]) =>
    mean(start.flatMap((_, s) => frames.map((_f, f) => near(f, s, a, b)))),
  );
  assert.ok(probability.every((p, k) => Math.abs(p - got.contacts[k]!) < 1e-12));
  assert.ok(got.contactError > 0 && got.contactError < 0.5);
  const folded = pairs.flatMap(([a, b], k) => (within8(protein.positions, a, b) ? [k] : []));
  assert.ok(Math.abs(got.nativeContacts.mean - mean(folded.map((k) => probability[k]!))) < 1e-12);
});

test('sampling and steps that would measure nothing are refused', async () => {
  const refused = async (what: () => Promise<unknown>, message: RegExp): Promise<void> => {
    const error: unknown = await Promise.resolve()
      .then(what)
      .catch((e: unknown) => e);
    assert.is((error as { code?: string }).code, 'EINVALID', String(error));
    assert.match(String(error), message);
  };
  await refused(() => sampleProtein(priors, [], { steps: 10 }), /start: must hold at least one structure/);
  await refused(() => sampleProtein(priors, [protein], { steps: 10, every: 50 }), /more than discard \(2\)/);
  await refused(() => sampleProtein(priors, [protein], { steps: -1 }), /steps: .*received -1/);
  const models = { priors };
  await refused(() => stepStudy({ ...quiet, models, structure: protein, replicas: [0] }), /received 0/);
  await refused(() => stepStudy({ ...quiet, models, structure: protein, stretch: -1 }), /stretch: .* -1/);
  const unmade = (): never => assert.unreachable('made') as never;
  const given = {
    formats: { t: unmade },
    reference: unmade,
    structure: protein,
    equilibration: { steps: 100 },
  };
  for (const [wrong, message] of [
    [
      { equilibration: { steps: 10 } },
      /quantisationStudy\.equilibration\.steps: must be more than discard \(2\)/,
    ],
    [{ sampling: { steps: 0 } }, /quantisationStudy\.sampling\.steps: .*received 0/],
    [{ sampling: () => ({ steps: 90, every: -1 }) }, /quantisationStudy\.sampling\.every: .*received -1/],
    [{ drift: { steps: 1.5 } }, /quantisationStudy\.drift\.steps: .*received 1\.5/],
    [{ replicas: 0 }, /quantisationStudy\.replicas: .*received 0/],
    [{ timedReplicas: -2 }, /quantisationStudy\.timedReplicas: .*received -2/],
    [{ formats: { t: priors as never } }, /quantisationStudy\.formats\.t: must be a function/],
  ] as const)
    await refused(() => quantisationStudy({ ...quiet, ...given, ...wrong }), message);
});

test('formats are named by their whole tolerance; one that tables cannot have is refused', () => {
  const names = (tolerances: number[]) =>
    Object.keys(quantisedFormats(model, 'cpu', tolerances)).filter((name) => name.startsWith('table'));
  const finest = ['table 1e-4', 'table 1.4e-4', 'table 3e-6'];
  assert.equal(names([1e-4, 1.4e-4, 3e-6]).slice(-3), finest);
  const { options } = quantisedFormats(model, 'cpu', [1e-4, 1.4e-4])['table int16 1.4e-4']!();
  assert.is(options.tolerance, 1.4e-4);
  for (const wrong of [0, -1e-4, 1e-13, 0.2, Number.NaN])
    assert.throws(
      () => quantisedFormats(model, 'cpu', [1e-3, wrong]),
      `quantisedFormats.tolerances[1]: must be between 1e-12 and 0.1, received ${wrong}`,
    );
});

test('drift is the slope of the total energy, in meV per particle and ns', async () => {
  const start = (await sampleProtein(priors, [protein, protein], { steps: 200, seed: 2 })).last;
  const got = await energyDriftOf(priors, start, { steps: 400, timestep: 2, every: 10 });
  const sim = simulate(start, priors, {
    integrator: velocityVerlet({ timestep: 2 }),
    velocities: 'structure',
    steps: 400,
    every: 10,
    progress: false,
  });
  const { drift, frames } = await sim.run();
  // The summary's drift is in kT at each replica's own temperature.
  const heat = [0, 1].map((s) => mean(frames.temperature.filter((_, k) => frames.replica[k] === s)));
  const kT = [0, 1].map((s) => (drift![s]! * heat[s]!) / 300);
  assert.ok(Math.abs(got.perDegree.mean / mean(kT) - 1) < 1e-6, `${got.perDegree.mean} ${mean(kT)}`);
  const milli = got.perDegree.mean * 8.617333262e-5 * 300 * 3 * 1000;
  assert.ok(Math.abs(got.perParticle.mean / milli - 1) < 1e-6);
  assert.ok(got.fluctuation > 0);
});

test('steps: seconds, rate and simulated time belong together', async () => {
  const t = await stepStudy({
    ...quiet,
    models: { priors },
    structure: protein,
    replicas: [2],
    steps: 50,
    timestep: 4,
    repeats: 3,
  });
  const [row] = t.objects() as Record<string, number>[];
  assert.ok(row!['seconds_p5']! <= row!['seconds']! && row!['seconds']! <= row!['seconds_p95']!);
  assert.ok(Math.abs(row!['rate']! * row!['seconds']! - 2) < 1e-9);
  assert.ok(Math.abs(row!['nsPerDay']! / row!['rate']! - 0.3456) < 1e-9);
  assert.is(row!['backend'], 'cpu');
});

test('largest batch: what is predicted evaluates, and a little more than the memory does not', async () => {
  const bytes = 40e6;
  const make = () => model.with({ pipeline: 'baseline' });
  const t = await batchStudy({ ...quiet, models: { baseline: make }, structure: protein, bytes });
  const [row] = t.objects() as Record<string, number>[];
  assert.is(row!['fits'] as unknown, true);
  assert.is(row!['tried'], row!['predicted']);
  const used = row!['peakBytes']! / bytes;
  assert.ok(used > 0.9 && used <= 1, `${used} of the memory`);
});

test('largest batch: it is predicted by the kernels that it takes, where few replicas take others', async () => {
  // Bytes as the table pipeline takes them on an H200: nearly twice as many of each replica up to 47 of 269 beads.
  const table = (n: number): number => (n <= 47 ? 5e6 + 4_118_383 * n : 5e6 + 2_218_621 * n);
  const even = (n: number): number => 5e6 + 2_555_328 * n;
  const growing = (n: number): number => (n <= 200 ? 1e6 * n : 2e6 * n);
  const room = 145e9;
  const plan = async (law: (n: number) => number, limit: number, bytes: number = room) => {
    const counts: number[] = [];
    const got = await planned([law(8), law(32)], bytes, limit, async (count) => {
      counts.push(count);
      return { peakBytes: law(count), failure: law(count) > bytes ? 'out of memory' : '' };
    });
    return { ...got, counts };
  };
  for (const law of [table, even, growing]) {
    const { counts, predicted, tried } = await plan(law, 1e6);
    assert.is(tried, predicted);
    assert.ok(law(predicted) <= room && law(predicted + 2) > room, `${predicted}: ${law(predicted) / room}`);
    assert.ok(counts.at(-1)! >= Math.floor(tried / 2), `${counts}`);
  }
  assert.equal((await plan(even, 1e6)).counts.length, 1, 'a prediction that holds is checked once');
  const limited = await plan(table, 32_768);
  assert.equal([limited.tried, limited.counts], [32_768, [16_384]]);
  assert.ok(limited.predicted > 65_000);
  assert.equal((await plan(table, 16)).counts, [], 'no more replicas than the limit');
  const over = await plan((n) => (n <= 32 ? 1e6 * n : 9e6 * n), 1e6, 1e9);
  assert.equal(
    [over.predicted, over.tried],
    [111, 111],
    `what fits is found below what does not: ${over.counts}`,
  );
  const fewer = await plan((n) => (n <= 16 ? 4e6 * n : 5e5 * n), 1e6, 1e9);
  assert.equal([fewer.predicted, fewer.tried], [2000, 2000], 'probes of other kernels each');
  assert.equal((await plan(even, 1e6, 1e6)).predicted, 0, 'not even one');
});

test('quantisation: fewer bits, larger errors; rows carry distributions and drift', async () => {
  const formats = quantisedFormats(model, 'cpu', [1e-2, 1e-6]);
  assert.equal(Object.keys(formats).slice(-4), [
    'table float16 1e-2',
    'table int16 1e-2',
    'table 1e-2',
    'table 1e-6',
  ]);
  const t = await quantisationStudy({
    ...quiet,
    formats,
    reference: () => model.with({ backend: 'reference' }),
    priors,
    structure: protein,
    replicas: 3,
    timedReplicas: 2,
    equilibration: { steps: 100 },
    sampling: (format) => (format === 'float64' ? undefined : { steps: 100, every: 10 }),
    drift: { steps: 40, every: 4 },
  });
  const rows = t.objects() as Record<string, number>[];
  const of = (format: string) => rows.find((r) => (r['format'] as unknown) === format)!;
  assert.equal(Object.keys(formats), t.array('format'));
  assert.ok(
    rows.every((r) => r['error'] == null),
    JSON.stringify(rows.map((r) => r['error'])),
  );
  const error = (format: string): number => of(format)['forceError']!;
  assert.ok(error('float64') < 1e-12 && error('float32') < 1e-5);
  assert.ok(error('float32') < error('float16 per channel'));
  assert.ok(error('table 1e-6') < error('table 1e-2'));
  assert.ok(of('table 1e-6')['intervals']! > of('table 1e-2')['intervals']!);
  for (const [format, tolerance] of [
    ['table float16 1e-2', 1e-2],
    ['table int16 1e-2', 1e-2],
    ['table 1e-6', 1e-6],
  ] as const)
    assert.ok(of(format)['tableError']! <= 1.01 * tolerance, format);
  assert.is(of('float64')['rg'], null);
  const exact = Math.min(...rows.slice(1).map((r) => r['forceError']!));
  for (const r of rows.slice(1)) {
    const other = of(String(r['comparedTo']));
    assert.is(other['forceError'], exact);
    assert.is(r['contactShift'] === 0 && r['contactNoise'] === 0, r === other);
    assert.ok(r['rg']! > 3 && r['rgError']! > 0 && Number.isFinite(r['drift']!) && r['peakBytes']! > 0);
    assert.is((r['contacts'] as unknown as number[]).length, (7 * 8) / 2);
  }
});

test.run();
