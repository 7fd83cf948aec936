// Tables of 16 bits a coefficient: what they cost against the exact network, on both backends the same.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { dataFile } from '../../lib/io/data-file.js';
import type { Tensor } from '../../lib/io/tensor.js';
import { loadModel } from '../../lib/models/load.js';
import { evaluate } from '../../lib/models/potential.js';
import {
  type Schnet,
  type SchnetEntries,
  type SchnetOptions,
  type SchnetTable,
  schnet,
} from '../../lib/models/schnet.js';
import { randomSchnet } from '../../lib/models/schnet-random.js';
import { beadsFromSequence, sequences } from '../../lib/structure/index.js';
import { onCuda } from '../cuda.js';
import { relativeError } from '../tools.js';
import { atoms, code, globule, jittered, periodicCell, smallConfigs } from './schnet-cases.js';

const onCpu = { backend: 'cpu', pipeline: 'table' } as const;
const int16: SchnetOptions = { ...onCpu, entries: 'int16' };
const float16: SchnetOptions = { ...onCpu, entries: 'float16' };
const mixed = [
  globule(40, 5, 3),
  periodicCell(9, 2),
  globule(1, 5, 1),
  globule(83, 7, 4),
  ...jittered(globule(20, 4, 9), 2, 0.1, 1),
];
/** A model, and what is evaluated with it. */
const cases = [
  ...Object.entries(smallConfigs).map(
    ([name, config]) => [name, randomSchnet(config, { backend: 'reference', seed: 7 }), mixed] as const,
  ),
  [
    'published shape',
    randomSchnet({ rbf: { type: 'gaussian', count: 64 } }, { backend: 'reference' }),
    [globule(100, 10, 1)],
  ] as const,
  [
    'trained, CLN025',
    loadModel(dataFile('models/schnet-1enh.safetensors'), { backend: 'reference' }) as Schnet,
    [beadsFromSequence(sequences.CLN025)],
  ] as const,
];

for (const [name, reference, systems] of cases) {
  const want = evaluate(reference, systems, { virial: true });

  test(`${name}: forces of an int16 table are the network's to 1e-4`, () => {
    for (const precision of ['float64', 'float32'] as const) {
      const model = reference.with({ ...int16, precision });
      assert.is(model.table!.tolerance, 1e-4);
      assert.ok(model.table!.worstError < 1.5e-4, `${model.table!.worstError}`);
      const got = evaluate(model, systems, { virial: true });
      const error = relativeError(got.forces, want.forces);
      assert.ok(error < 1e-4 && error > 1e-6, `forces ${error}`);
      assert.ok(relativeError(got.energy, want.energy) < 2e-4, `${relativeError(got.energy, want.energy)}`);
    }
  });

  test(`${name}: its digits leave less than half of that`, () => {
    const fine = reference.with({ ...int16, tolerance: 1e-5 });
    const error = relativeError(evaluate(fine, systems).forces, want.forces);
    assert.ok(error < 5e-5, `forces ${error}`);
  });

  test(`${name}: forces of a float16 table are the network's to some 2e-4, however fine it is`, () => {
    const forceError = (options: SchnetOptions): number =>
      relativeError(evaluate(reference.with(options), systems).forces, want.forces);
    const model = reference.with(float16);
    assert.is(model.table!.tolerance, 1e-3);
    assert.ok(model.table!.worstError <= 1.01e-3, `${model.table!.worstError}`);
    const [usual, fine, fixed] = [
      forceError(float16),
      forceError({ ...float16, tolerance: 1e-5 }),
      forceError({ ...int16, tolerance: 1e-5 }),
    ];
    assert.ok(usual < 1e-3, `${usual}`);
    assert.ok(fine > 5e-5 && fine < 1e-3, `${fine}`);
    assert.ok(fine > 3 * fixed, `as many bits in whole numbers: ${fixed}, in halves: ${fine}`);
  });

  for (const entries of ['float16', 'int16'] as const)
    onCuda(`${name}: a GPU computes with the same rounded numbers, ${entries}`, () => {
      const one: SchnetOptions = { ...onCpu, entries, tolerance: 1e-4 };
      const here = evaluate(reference.with({ ...one, precision: 'float64' }), systems, { virial: true });
      const model = reference.with({ ...one, backend: 'cuda' });
      const there = evaluate(model, systems, { virial: true });
      for (const [what, least] of [
        ['energy', 2e-6],
        ['forces', 5e-6],
        ['virial', 5e-6],
      ] as const) {
        const error = relativeError(there[what], here[what]);
        assert.ok(error < least, `${what} ${error}`);
      }
      assert.equal(evaluate(model, systems, { virial: true }).forces, there.forces);
    });
}

test('weak and silent channels keep their digits: each has a scale of its own', () => {
  const { config, tensors } = randomSchnet({ blocks: 1 }, { backend: 'reference', seed: 3 });
  const systems = [globule(60, 6, 1)];
  /** The filters of every other channel times `factor`, and what multiplies them divided by it. */
  const scaled = (factor: number): Schnet => {
    const changed = new Map(tensors);
    const rows = (name: string, by: number): void => {
      const { data, ...rest } = tensors.get(`interaction_blocks.0.${name}`)! as Tensor & {
        data: Float32Array;
      };
      const width = rest.shape[1] ?? 1;
      const times = data.map((x, k) => (Math.floor(k / width) % 2 ? x : x * by));
      changed.set(`interaction_blocks.0.${name}`, { ...rest, data: times });
    };
    rows('conv.filter_network.layers.2.weight', factor);
    if (factor > 0) rows('conv.lin1.weight', 1 / factor);
    return schnet(config, changed, { backend: 'reference' });
  };
  for (const factor of [1, 2 ** -20, 0]) {
    const reference = scaled(factor);
    const want = evaluate(reference, systems).forces;
    for (const [options, least] of [
      [float16, 1e-3],
      [int16, 1e-4],
    ] as const) {
      const error = relativeError(evaluate(reference.with(options), systems).forces, want);
      assert.ok(error < least && error > 0, `${options.entries}, ${factor}: ${error}`);
    }
  }
});

const published = randomSchnet({ rbf: { type: 'gaussian', count: 64 } }, { backend: 'reference' });
const tableOf = (entries: SchnetEntries, tolerance: number): SchnetTable => {
  const model = published.with({ ...onCpu, entries, tolerance });
  const table = model.table!;
  assert.is(table.tolerance, tolerance);
  const met = table.worstError <= tolerance;
  assert.is(model.reached, met ? undefined : table.worstError, 'it says whether the tolerance was met');
  return table;
};

test('a tolerance that 16 bits can meet is met with as few intervals as that takes', () => {
  const enough = {
    int16: { '1e-2': 64, '1e-3': 136, '3e-4': 208, '1e-4': 296, '3e-5': 440 },
    float16: { '1e-2': 72, '1e-3': 144, '3e-4': 224 },
  };
  for (const entries of ['int16', 'float16'] as const)
    for (const [tolerance, intervals] of Object.entries(enough[entries])) {
      const table = tableOf(entries, Number(tolerance));
      assert.is(table.intervals, intervals, `${entries} ${tolerance}`);
      assert.ok(table.worstError <= Number(tolerance), `${entries} ${tolerance}: ${table.worstError}`);
    }
});

test('one that is out of reach takes no more intervals than help', () => {
  // What 1016 intervals, the most there are, leave.
  const least = { int16: 2.037e-5, float16: 2.096e-4 };
  for (const [entries, tolerance, most] of [
    ['float16', 1e-4, 350],
    ['float16', 1e-5, 350],
    ['float16', 3e-6, 350],
    ['int16', 1e-5, 750],
    ['int16', 3e-6, 800],
  ] as const) {
    const table = tableOf(entries, tolerance);
    const label = `${entries} ${tolerance}: ${table.intervals} intervals, ${table.worstError}`;
    assert.ok(table.intervals < most && table.worstError > tolerance, label);
    assert.ok(table.worstError < 1.1 * least[entries], label);
    // Whole numbers end the values' error first: the slopes', which forces follow, is not given up with it.
    if (entries === 'int16') assert.ok(table.slopeError < 7e-6, label);
  }
});

onCuda('a 16-bit table on a GPU takes any batch, and gives each replica what it gets alone', () => {
  const model = randomSchnet({}, { backend: 'cuda', entries: 'int16' });
  const replicas = jittered(globule(269, 14, 1), 64, 0.1, 2);
  const { forces } = evaluate(model, replicas);
  for (const k of [0, 63]) {
    const alone = evaluate(model, replicas[k]!).forces;
    assert.ok(relativeError(forces.subarray(3 * 269 * k, 3 * 269 * (k + 1)), alone) < 1e-6);
  }
  const lonely = evaluate(model, atoms(0, 0, 0, 1e6, 0, 0));
  assert.ok(Math.abs(lonely.energy[0]! - 2 * evaluate(model, atoms(1, 2, 3)).energy[0]!) < 1e-6);
  assert.ok(lonely.forces.every((f) => f === 0));
});

test('entries are refused where there is no table, and do not follow into another pipeline', () => {
  const config = smallConfigs['gaussian tanh']!;
  const asked = (options: SchnetOptions): string => code(() => randomSchnet(config, options));
  assert.match(
    asked({ entries: 'int8' as 'int16' }),
    /EINVALID schnet.entries: must be one of 'float32', 'float16', 'int16'.*received "int8"/,
  );
  assert.match(
    asked({ pipeline: 'flash', entries: 'int16' }),
    /EINVALID schnet.entries: must go with pipeline 'table'/,
  );
  assert.match(
    asked({ backend: 'reference', entries: 'int16' }),
    /EINVALID schnet.entries: must go with pipeline 'table'/,
  );
  const table = randomSchnet(config, int16);
  assert.is(table.with({ precision: 'float64' }).options.entries, 'int16');
  assert.is(table.with({ pipeline: 'flash' }).options.entries, undefined);
});

test.run();
