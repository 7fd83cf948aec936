// A run goes on with the potential it was made with, or not at all.
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  backbonePriors,
  beadsFromSequence,
  harmonicWell,
  langevin,
  lennardJones,
  MdlabError,
  type Potential,
  randomSchnet,
  readSafetensors,
  resume,
  type SchnetOptions,
  schnet,
  simulate,
  sum,
  writeSafetensors,
} from '../../lib/index.js';
import type { PotentialRecord } from '../../lib/md/checkpoint.js';
import { finish, hash } from './shared.js';

const file = join(mkdtempSync(join(tmpdir(), 'mdlab-resume-')), 'run.checkpoint');
const start = beadsFromSequence('GYDPET');
const well = harmonicWell({ k: 0.1, center: [0, 0, 0] });
const model = randomSchnet(
  { blocks: 2, hidden: 16, filters: 16 },
  { backend: 'cpu', precision: 'float64', tolerance: 3e-6 },
);

const options = {
  integrator: langevin({ temperature: 300, timestep: 0.5, seed: 6 }),
  steps: 20,
  every: 10,
  progress: false,
};

/** Ten steps stored in `file`. */
async function stored(potential: Potential): Promise<void> {
  const sim = simulate(start, potential, { ...options, steps: 10 });
  await sim.run();
  sim.save(file);
}

/** `file` as an older mdlab wrote it. */
function rewritten(change: (potential: PotentialRecord) => void): void {
  const { metadata, tensors } = readSafetensors(file);
  const header = JSON.parse(metadata['mdlab']!);
  change(header.options.potential);
  writeSafetensors(file, tensors, { mdlab: JSON.stringify(header) });
}

async function refusal(potential: Potential): Promise<string> {
  try {
    await resume(file, potential);
  } catch (error) {
    if (error instanceof MdlabError) return `${error.code} ${error.message}`;
    throw error;
  }
  return 'it was taken';
}

test('another table, another pipeline or other weights are refused, with what was stored and how to have it', async () => {
  await stored(model);
  assert.match(
    await refusal(model.with({ tolerance: 1e-4 })),
    /^EINVALID resume.potential.tolerance: must be 0.000003 as in run.checkpoint, received 0.0001; make it with tolerance 0.000003$/,
  );
  assert.match(
    await refusal(model.with({ entries: 'int16' })),
    /^EINVALID resume.potential.entries: must be 'float32' as in run.checkpoint, received "int16"; make it with entries 'float32'$/,
  );
  assert.match(
    await refusal(model.with({ pipeline: 'flash' })),
    /^EINVALID resume.potential.pipeline: must be 'table'/,
  );
  const tensors = new Map(model.tensors);
  const [name, tensor] = [...tensors].find(([key]) => /interaction_blocks.*weight/.test(key))!;
  const data = Float64Array.from(tensor.data as ArrayLike<number>, Number);
  const exact = schnet(
    model.config,
    new Map(tensors).set(name, { ...tensor, dtype: 'float64', data }),
    model.options,
  );
  assert.is(exact.digest, model.digest, 'however a file holds the same numbers');
  data[0] = data[0]! * (1 + 1e-9);
  const trained = schnet(
    model.config,
    tensors.set(name, { ...tensor, dtype: 'float64', data }),
    model.options,
  );
  assert.match(
    await refusal(trained),
    /^EINVALID resume.potential.weights: must be '[0-9a-f]{16}' as in run.checkpoint, received "[0-9a-f]{16}"; use the potential of the run$/,
  );
  const same = await resume(file, model.with({}), { steps: 20 });
  assert.is(hash(await finish(same)), hash(await finish(simulate(start, model, options))));
});

test('what a gradient left out and techniques change is refused too', async () => {
  const baseline = (more: SchnetOptions): Potential =>
    model.with({ pipeline: 'baseline', precision: 'float32', ...more });
  await stored(baseline({ techniques: { aggregation: true } }));
  assert.match(
    await refusal(baseline({ techniques: { aggregation: true }, envelopeGradient: false })),
    /^EINVALID resume.potential.envelopeGradient: must be absent as in run.checkpoint, received false/,
  );
  assert.match(
    await refusal(baseline({ techniques: { aggregation: true, weights16: true } })),
    /^EINVALID resume.potential.operands: must be absent as in run.checkpoint, received "float16-channel"/,
  );
  assert.match(
    await refusal(baseline({ techniques: { radialBasis: true } })),
    /^EINVALID resume.potential.techniques: must be 'aggregation' as in run.checkpoint, received "radialBasis"/,
  );
  assert.is(await refusal(baseline({ techniques: { aggregation: true } })), 'it was taken');
});

test('of a sum, every term counts', async () => {
  await stored(sum(well, model));
  assert.match(
    await refusal(sum(well, model.with({ tolerance: 1e-4 }))),
    /^EINVALID resume.potential.terms\[1\].tolerance: must be 0.000003 as in run.checkpoint, received 0.0001/,
  );
  assert.match(
    await refusal(sum(well, model.with({ pipeline: 'flash' }))),
    /^EINVALID resume.potential.terms\[1\].pipeline: must be 'table'/,
  );
  assert.is(await refusal(sum(well, model)), 'it was taken');
});

test('other parameters of priors, wells and fluids are refused, where energies cannot tell them apart either', async () => {
  const folded = 'HHHHHH';
  const priors = (torsionStrength: number): Potential =>
    backbonePriors(start, { secondaryStructure: folded, torsionStrength });
  const digests =
    'must be \'[0-9a-f]{16}\' as in run.checkpoint, received "[0-9a-f]{16}"; use the potential of the run$';
  for (const [own, other] of [
    [priors(3), priors(3 + 1e-9)],
    [well, harmonicWell({ k: 0.1 * (1 + 1e-9), center: [0, 0, 0] })],
    [well, harmonicWell({ k: 0.1, center: [0, 0, 1e-9] })],
    [
      lennardJones({ epsilon: 0.01, sigma: 1, cutoff: 4 }),
      lennardJones({ epsilon: 0.01, sigma: 1, cutoff: 4, switchFrom: 3.6 + 1e-9 }),
    ],
  ] as const) {
    await stored(own);
    assert.match(await refusal(other), new RegExp(`^EINVALID resume.potential.parameters: ${digests}`));
    await stored(sum(model, own));
    assert.match(
      await refusal(sum(model, other)),
      new RegExp(`^EINVALID resume.potential.terms\\[1\\].parameters: ${digests}`),
    );
    assert.is(await refusal(sum(model, own)), 'it was taken');
  }
  await stored(priors(3));
  assert.is(await refusal(priors(3)), 'it was taken', 'made anew from the same numbers');
});

test('a checkpoint that tells no parameters is compared by the rest', async () => {
  await stored(sum(model, well));
  rewritten((potential) => {
    for (const term of potential.terms!) delete term.parameters;
  });
  assert.is(await refusal(sum(model, harmonicWell({ k: 0.1, center: [0, 0, 1e-9] }))), 'it was taken');
  assert.match(
    await refusal(sum(model.with({ precision: 'float32' }), well)),
    /^EINVALID resume.potential.precision: must be 'float64'/,
  );
  await stored(sum(well, model));
  assert.match(
    await refusal(sum(well, model.with({ precision: 'float32' }))),
    /^EINVALID resume.potential.terms\[1\].precision: must be 'float64' .*; make it with precision 'float64'$/,
  );
});

test('a checkpoint of before, which tells less, is compared by what it tells', async () => {
  await stored(model);
  rewritten((potential) => {
    for (const key of Object.keys(potential) as (keyof PotentialRecord)[])
      if (!['backend', 'name', 'pipeline', 'precision'].includes(key)) delete potential[key];
  });
  assert.is(await refusal(model), 'it was taken');
  assert.is(await refusal(model.with({ tolerance: 1e-5 })), 'it was taken');
  assert.match(await refusal(model.with({ pipeline: 'flash' })), /^EINVALID resume.potential.pipeline/);
});

test.run();
