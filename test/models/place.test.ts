// What a potential tells of how it computes: in its info, in rows of studies, in summaries of runs, and in words.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { describeOwn } from '../../kernel/describe.js';
import { langevin, simulate } from '../../lib/md/index.js';
import { harmonicWell, sum } from '../../lib/models/index.js';
import { placeOf } from '../../lib/models/place.js';
import type { SchnetOptions } from '../../lib/models/schnet.js';
import { randomSchnet } from '../../lib/models/schnet-random.js';
import { globule, smallConfigs } from './schnet-cases.js';

const config = smallConfigs['gaussian tanh']!;
const cpu = (options: SchnetOptions) => randomSchnet(config, { backend: 'cpu', name: 'm', ...options });
const words = (value: unknown): string => describeOwn(value)!;

test('each way of computing is told apart', () => {
  const told = (options: SchnetOptions): unknown => {
    const { name: _, cutoff: __, typesOf: ___, units: ____, ...info } = cpu(options).info;
    return info;
  };
  const common = { backend: 'cpu', precision: 'float32' };
  assert.equal(told({}), { ...common, pipeline: 'table', entries: 'float32', tolerance: 3e-6 });
  assert.equal(told({ entries: 'int16', tolerance: 1e-5, precision: 'float64' }), {
    ...common,
    ...{ precision: 'float64', pipeline: 'table', entries: 'int16', tolerance: 1e-5 },
  });
  assert.equal(told({ pipeline: 'flash' }), { ...common, pipeline: 'flash' });
  assert.equal(
    told({ pipeline: 'baseline', techniques: { weights16: true, aggregation: true, radialBasis: false } }),
    {
      ...common,
      ...{ pipeline: 'baseline', operands: 'float16-channel', techniques: 'aggregation weights16' },
    },
  );
  assert.equal(told({ pipeline: 'flash', envelopeGradient: false }), {
    ...common,
    ...{ pipeline: 'flash', envelopeGradient: false },
  });
  assert.equal(told({ backend: 'reference' }), { backend: 'reference', precision: 'float64' });
});

test('rows and summaries have it, and leave out what a potential does not have', async () => {
  const coarse = cpu({ entries: 'float16', tolerance: 1e-2 });
  assert.equal(placeOf(coarse), {
    ...{ backend: 'cpu', pipeline: 'table', precision: 'float32', entries: 'float16', tolerance: 1e-2 },
  });
  assert.equal(placeOf(cpu({ pipeline: 'flash', envelopeGradient: false })), {
    ...{ backend: 'cpu', pipeline: 'flash', precision: 'float32', envelopeGradient: 'left out' },
  });
  assert.equal(Object.keys(placeOf(harmonicWell({ k: 1 }))), ['backend', 'pipeline', 'precision']);
  const { environment } = await simulate(
    globule(12, 4, 1).with({ masses: new Float64Array(12).fill(100) }),
    coarse,
    {
      integrator: langevin({ temperature: 10, timestep: 0.1, seed: 1 }),
      steps: 2,
      progress: false,
    },
  ).run();
  assert.equal([environment['entries'], environment['tolerance']], ['float16', 1e-2]);
});

test('of a sum, rows tell what any of its terms has, and all of it where they differ', () => {
  const table = cpu({ entries: 'int16', tolerance: 1e-3 });
  const well = harmonicWell({ k: 1 });
  const expected = {
    backend: 'cpu + reference',
    pipeline: 'table',
    precision: 'float32 + float64',
    entries: 'int16',
    tolerance: 1e-3,
  };
  assert.equal(placeOf(sum(table, well)), expected);
  assert.equal(placeOf(sum(sum(table, table), well)), expected);
  assert.equal(placeOf(sum(well, table)), {
    ...expected,
    backend: 'reference + cpu',
    precision: 'float64 + float32',
  });
  assert.equal(placeOf(sum(table, cpu({ tolerance: 1e-4 }), cpu({ pipeline: 'flash' }))), {
    backend: 'cpu',
    pipeline: 'table + flash',
    precision: 'float32',
    entries: 'int16 + float32',
    tolerance: '0.001 + 0.0001',
  });
  assert.equal(placeOf(sum(well, well)), {
    backend: 'reference',
    pipeline: 'none',
    precision: 'float64',
  });
  const { entries, parameters, tolerance } = sum(table, well).info;
  assert.equal([entries, tolerance, parameters], [undefined, undefined, undefined]);
});

test('in words: what is not the usual, and what was reached instead of the tolerance', () => {
  assert.is(words(cpu({})).split('\n')[0], 'Schnet m: table on cpu, float32, tolerance 3e-6, cutoff 6 Å');
  assert.match(
    words(cpu({ entries: 'float16', tolerance: 1e-8 })),
    /: table on cpu, float32, entries float16, tolerance 1e-8 out of reach \(error 0\.000\d+\), cutoff/,
  );
  assert.match(words(cpu({ entries: 'int16' })), /float32, entries int16, tolerance 0\.0001, cutoff/);
  assert.match(
    words(cpu({ pipeline: 'baseline', techniques: { weights16: true }, envelopeGradient: false })),
    /: baseline on cpu, float32, operands float16-channel, techniques weights16, without the gradient of the envelope, cutoff/,
  );
});

test('in words of a sum and of its run: each term by itself', () => {
  const both = sum(cpu({ entries: 'int16' }), harmonicWell({ k: 1 }));
  const lines = [
    'Potential m + harmonic well: sum of 2, cutoff 6 Å',
    '  Schnet m: table on cpu, float32, entries int16, tolerance 0.0001, cutoff 6 Å',
    '  Potential harmonic well: reference, float64',
  ];
  assert.equal(words(both).split('\n').slice(0, 3), lines);
  const run = simulate(globule(12, 4, 1).with({ masses: new Float64Array(12).fill(100) }), both, {
    integrator: langevin({ temperature: 300, timestep: 1 }),
    steps: 1,
  });
  assert.equal(
    words(run).split('\n').slice(-3),
    lines.map((line) => `  ${line}`),
  );
});

test.run();
