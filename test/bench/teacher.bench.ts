// The trained model beside the teacher it learned from, in the canonical ensemble at 300 K: radius of gyration, native contacts,
// contact map; and whether the model's dynamics is stable over all the steps. Replicas start folded and are independent, so
// standard errors come from the scatter of their means.
// Options: --backend cpu|cuda (cpu), --protein 1ENH, --replicas N (64), --steps N of each replica (160000: 10^7 in all), --every N
// (400), --timestep fs (4), --tolerance of the table, --only teacher|model, --output FILE (JSON lines, appended), --smoke.
import { appendFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { environment } from '../../lib/environment.js';
import { jsonLines } from '../../lib/io/tables.js';
import { placeOf } from '../../lib/models/place.js';
import type { Potential } from '../../lib/models/potential.js';
import { beadsFromSequence, sequences } from '../../lib/structure/index.js';
import { average, type Sampled, sampleProtein } from '../../lib/studies/sampling.js';
import { trained } from './potentials.js';
import { type Row, report } from './tools.js';

const { values } = parseArgs({
  options: {
    backend: { type: 'string', default: 'cpu' },
    protein: { type: 'string', default: '1ENH' },
    replicas: { type: 'string', default: '64' },
    steps: { type: 'string', default: '160000' },
    every: { type: 'string', default: '400' },
    timestep: { type: 'string', default: '4' },
    tolerance: { type: 'string' },
    only: { type: 'string' },
    output: { type: 'string' },
    smoke: { type: 'boolean', default: false },
  },
});
const { smoke } = values;
const name = (smoke ? 'CLN025' : values.protein) as keyof typeof sequences;
const protein = sequences[name];
const replicas = smoke ? 4 : Number(values.replicas);
const steps = smoke ? 500 : Number(values.steps);
const every = smoke ? 50 : Number(values.every);
const timestep = Number(values.timestep);
const folded = beadsFromSequence(protein);
const start = Array.from({ length: replicas }, () => folded);

const { model, teacher } = trained(protein, {
  backend: values.backend as 'cpu' | 'cuda',
  ...(values.tolerance === undefined ? {} : { tolerance: Number(values.tolerance) }),
});
// As many again of the teacher: what two samples of one potential differ by.
const potentials: Record<string, () => Potential> = { teacher, 'teacher, other seed': teacher, model };

/** Root mean square over pairs of the contact probabilities' difference. */
const apart = (a: Sampled, b: Sampled): number =>
  Math.sqrt(a.contacts.reduce((s, c, p) => s + (c - b.contacts[p]!) ** 2, 0) / a.contacts.length);

function correlation(x: readonly number[], y: readonly number[]): number {
  const [mx, my] = [average(x), average(y)];
  const along = x.reduce((s, v, k) => s + (v - mx) * (y[k]! - my), 0);
  const size = (v: readonly number[], m: number): number =>
    Math.sqrt(v.reduce((s, u) => s + (u - m) ** 2, 0));
  return along / size(x, mx) / size(y, my);
}

/** Part of two histograms that they share, 0 to 1. */
function overlap(a: Sampled['radii'], b: Sampled['radii']): number {
  const [na, nb] = [a, b].map((h) => h.counts.reduce((s, c) => s + c, 0)) as [number, number];
  return a.counts.reduce((s, c, k) => s + Math.min(c / na, (b.counts[k + a.from - b.from] ?? 0) / nb), 0);
}

const rows: Row[] = [];
const lines: object[] = [];
let truth: Sampled | undefined;
for (const [seed, [what, make]] of Object.entries(potentials).entries()) {
  if (values.only !== undefined && !what.startsWith(values.only)) continue;
  let place = {};
  const began = performance.now();
  const row: Row = { what, protein: name, replicas, steps, 'replica-steps': replicas * steps };
  let got: Sampled | undefined;
  try {
    const potential = make();
    place = placeOf(potential);
    got = await sampleProtein(potential, start, { steps, every, timestep, seed: seed + 1 });
    truth ??= got;
    Object.assign(row, {
      Rg: got.radiusOfGyration.mean,
      '± Rg': got.radiusOfGyration.error,
      Q: got.nativeContacts.mean,
      '± Q': got.nativeContacts.error,
      'contacts off': apart(got, truth),
      'by chance': Math.hypot(got.contactError, truth.contactError),
      'contacts r': correlation(got.contacts, truth.contacts),
      'Rg overlap': overlap(got.radii, truth.radii),
      'T (K)': got.temperature.mean,
    });
  } catch (error) {
    row['failed'] = (error as Error).message;
  }
  row['s'] = (performance.now() - began) / 1000;
  rows.push(row);
  const { contacts = [], radii } = got ?? {};
  lines.push({
    bench: 'teacher',
    ...row,
    timestep,
    every,
    temperature: 300,
    radii,
    contacts: contacts.map((c) => Math.round(1e4 * c) / 1e4),
    ...environment(),
    ...place,
    date: new Date().toISOString(),
  });
}
report('teacher', rows, [
  ...['what', 'replica-steps', 'Rg', '± Rg', 'Q', '± Q', 'contacts off', 'by chance', 'contacts r'],
  ...['Rg overlap', 'T (K)', 's', 'failed'],
]);
if (values.output) appendFileSync(values.output, jsonLines(lines as Record<string, unknown>[]));
