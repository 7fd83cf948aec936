// Model files: what is written is read back, and everything a wrong file can hold is named.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readSafetensors, type Tensor, writeSafetensors } from '../../lib/io/index.js';
import { loadModel, saveModel } from '../../lib/models/load.js';
import { evaluate, sum } from '../../lib/models/potential.js';
import { type Schnet, schnet } from '../../lib/models/schnet.js';
import {
  checkSchnetConfig,
  type SchnetActivation,
  type SchnetConfig,
  schnetShapes,
} from '../../lib/models/schnet-config.js';
import { randomSchnet } from '../../lib/models/schnet-random.js';
import { archive, global, pickle, tensor, text } from '../io/pickle-tools.js';
import { file, refusal, scratch } from '../io/tools.js';
import { relativeError } from '../tools.js';
import { globule } from './schnet-cases.js';

const config: SchnetConfig = {
  hidden: 4,
  filters: 3,
  blocks: 2,
  types: 25,
  activation: 'tanh',
  head: [6, 2],
  rbf: { type: 'gaussian', count: 5 },
  cutoff: { lower: 0, upper: 6 },
};
const units = { energy: 'kcal/mol', length: 'Å' } as const;
const model = randomSchnet(config, { units, precision: 'float64', seed: 3 });
const s = globule(20, 4, 1);
const forces = (m: Schnet): Float64Array => evaluate(m, s).forces;
const path = (name: string): string => `${scratch}/${name}`;

test('a saved model comes back with its weights, units, name and provenance', () => {
  saveModel(path('m.safetensors'), model);
  const back = loadModel(path('m.safetensors'), { precision: 'float64' });
  assert.equal(back.config, model.config);
  assert.equal(back.info.units, units);
  assert.is(back.name, model.name);
  assert.match(back.provenance!, /seed 3.*untrained/);
  assert.is(back.parameters, model.parameters);
  assert.equal(forces(back), forces(model));
  assert.is(loadModel(path('m.safetensors'), { pipeline: 'flash' }).pipeline, 'flash');
  assert.is(loadModel(path('m.safetensors'), { backend: 'reference' }).backend, 'reference');
});

test('16-bit files round the weights and nothing else', () => {
  for (const [dtype, error] of [
    ['float64', 0],
    ['float16', 3e-3],
    ['bfloat16', 3e-2],
  ] as const) {
    saveModel(path(dtype), model, { dtype });
    assert.is(readSafetensors(path(dtype)).tensors.get('embedding_layer.weight')!.dtype, dtype);
    const got = relativeError(forces(loadModel(path(dtype), { precision: 'float64' })), forces(model));
    assert.ok(error === 0 ? got === 0 : got < error && got > error / 1e4, `${dtype} ${got}`);
  }
});

function variant(change: (tensors: Map<string, Tensor>, header: Record<string, unknown>) => void): string {
  const { tensors, metadata } = readSafetensors(path('m.safetensors'));
  const header = JSON.parse(metadata['mdlab']!);
  change(tensors, header);
  writeSafetensors(path('bad.safetensors'), tensors, { mdlab: JSON.stringify(header) });
  return refusal(() => loadModel(path('bad.safetensors')));
}

test('a file of another kind is refused by the kinds that there are', () => {
  for (const name of ['notes.md', 'empty.bin'])
    assert.match(
      refusal(() => loadModel(file(name, name === 'notes.md' ? '# not a model' : ''))),
      /^(notes\.md|empty\.bin): format: must be a model: safetensors, or PyTorch's \.pt/,
    );
});

test('what is wrong with a file is named', () => {
  saveModel(path('m.safetensors'), model);
  const lin = 'interaction_blocks.1.lin.weight';
  const cases: [RegExp, Parameters<typeof variant>[0]][] = [
    [/bad.safetensors: .*interaction_blocks.1.lin.weight: must be there, shape 4x4/, (t) => t.delete(lin)],
    [/extra: is not a tensor of this/, (t) => t.set('extra', t.get(lin)!)],
    [/must have shape \[4, 4\], received "\[2, 8\]"/, (t) => t.set(lin, { ...t.get(lin)!, shape: [2, 8] })],
    [
      /lin.weight\[5\]: must be finite, received NaN/,
      (t) => {
        t.get(lin)!.data[5] = Number.NaN;
      },
    ],
    [/config.hidden: must be a whole number/, (_, h) => Object.assign(h['config']!, { hidden: -1 })],
    [/config.hidden: must be a whole number/, (_, h) => Object.assign(h['config']!, { hidden: '128' })],
    [/config.activation: must be one of/, (_, h) => Object.assign(h['config']!, { activation: 'relu' })],
    [
      /config.cutoff.upper: must be above/,
      (_, h) => Object.assign(h['config']!, { cutoff: { lower: 3, upper: 2 } }),
    ],
    [
      /config.rbf.type: must be one of/,
      (_, h) => Object.assign(h['config']!, { rbf: { type: 'bessel', count: 5 } }),
    ],
    [/config.head: must be a list/, (_, h) => Object.assign(h['config']!, { head: 3 })],
    [/config.cutoff.lower/, (_, h) => Object.assign(h['config']!, { cutoff: undefined })],
    [
      /embedding_layer.weight.*must have shape \[26, 4\]/,
      (_, h) => Object.assign(h['config']!, { types: 26 }),
    ],
    [/units.energy.*must be one of eV/, (_, h) => Object.assign(h, { units: undefined })],
    [/\.family.*must be 'schnet'/, (_, h) => Object.assign(h, { family: 'ani' })],
    [/\.config.*must be an object/, (_, h) => Object.assign(h, { config: null })],
    [
      /rbf_layer.offset\[1\]: must be 1.5/,
      (t) => {
        t.set('rbf_layer.offset', { shape: [5], dtype: 'float32', data: Float32Array.of(0, 1, 2, 3, 4) });
        t.set('rbf_layer.coeff', { shape: [], dtype: 'float32', data: Float32Array.of(-0.5) });
      },
    ],
  ];
  for (const [want, change] of cases) assert.match(variant(change), want);
  writeSafetensors(path('plain.safetensors'), new Map());
  assert.match(
    refusal(() => loadModel(path('plain.safetensors'))),
    /plain.safetensors.*'mdlab'.*must be there/,
  );
  writeSafetensors(path('text.safetensors'), new Map(), { mdlab: '{' });
  assert.match(
    refusal(() => loadModel(path('text.safetensors'))),
    /must be JSON/,
  );
  assert.match(
    refusal(() => loadModel(path('absent.safetensors'))),
    /absent/,
  );
  assert.match(
    refusal(() => loadModel(file('empty', ''))),
    /empty/,
  );
  assert.match(
    refusal(() => saveModel(path('x'), sum(model, model))),
    /must be a model with weights/,
  );
});

test('the buffers of the basis are checked, and used where they were trained', () => {
  saveModel(path('m.safetensors'), model);
  const { tensors, metadata } = readSafetensors(path('m.safetensors'));
  const set = (centers: number[], coeff: number): void => {
    tensors.set('rbf_layer.offset', { shape: [5], dtype: 'float32', data: Float32Array.from(centers) });
    tensors.set('rbf_layer.coeff', { shape: [], dtype: 'float32', data: Float32Array.of(coeff) });
  };
  set([0, 1.5, 3, 4.5, 6], -0.5 / 1.5 ** 2);
  writeSafetensors(path('buffers.safetensors'), tensors, metadata);
  assert.ok(
    relativeError(forces(loadModel(path('buffers.safetensors'), { precision: 'float64' })), forces(model)) <
      1e-7,
  );
  set([0.2, 1.4, 3.1, 4.5, 6], -0.3);
  const header = JSON.parse(metadata['mdlab']!);
  header.config.rbf.trained = true;
  writeSafetensors(path('trained.safetensors'), tensors, { mdlab: JSON.stringify(header) });
  const trained = loadModel(path('trained.safetensors'), { precision: 'float64' });
  assert.ok(relativeError(forces(trained), forces(model)) > 1e-3);
});

for (const [dtype, error] of [
  ['float64', 1e-12],
  ['float16', 1e-2],
  ['bfloat16', 0.1],
] as const)
  for (const type of ['gaussian', 'expnormal'] as const)
    test(`a ${dtype} file may hold the ${type} basis, rounded with the rest, and is computed as it stands`, () => {
      // The formulas of the specification, written out.
      const upper = 6;
      const count = 9;
      const exact = randomSchnet(
        { ...config, rbf: { type, count } },
        { units, backend: 'reference', seed: 4 },
      );
      const start = Math.exp(-upper);
      const [centers, widths] =
        type === 'gaussian'
          ? [
              Array.from({ length: count }, (_, k) => (upper * k) / (count - 1)),
              [-0.5 / (upper / (count - 1)) ** 2],
            ]
          : [
              Array.from({ length: count }, (_, k) => start + ((1 - start) * k) / (count - 1)),
              Array.from({ length: count }, () => ((2 / count) * (1 - start)) ** -2),
            ];
      const names = type === 'gaussian' ? ['offset', 'coeff'] : ['means', 'betas'];
      saveModel(path('exact'), exact, { dtype: 'float64' });
      const { tensors, metadata } = readSafetensors(path('exact'));
      [centers, widths].forEach((values, k) => {
        const shape = values.length === 1 ? [] : [count];
        tensors.set(`rbf_layer.${names[k]}`, { shape, dtype: 'float64', data: Float64Array.from(values!) });
      });
      writeSafetensors(path('basis64'), tensors, metadata);
      const options = { backend: 'reference' } as const;
      const whole = loadModel(path('basis64'), options);
      assert.ok(relativeError(forces(whole), forces(exact)) < 1e-12);
      saveModel(path('basis'), whole, { dtype });
      const rounded = loadModel(path('basis'), options);
      const change = relativeError(forces(rounded), forces(whole));
      assert.ok(change < error, `rounding changes the forces by ${change}`);
      // The same numbers, widened: what PyTorch computes after load_state_dict.
      saveModel(path('widened'), rounded, { dtype: 'float64' });
      assert.equal(forces(loadModel(path('widened'), options)), forces(rounded));
      const bare = new Map([...rounded.tensors].filter(([name]) => !name.startsWith('rbf_layer')));
      const formula = relativeError(forces(schnet(rounded.config, bare, rounded.options)), forces(rounded));
      assert.ok(
        dtype === 'float64' ? formula < 1e-12 : formula > 1e-6,
        `the basis itself is used: ${formula}`,
      );
    });

test('activations are known in the spellings that files have', () => {
  for (const [spelt, want] of [
    ['shifted softplus', 'ssp'],
    ['ShiftedSoftplus', 'ssp'],
    ['shifted_softplus', 'ssp'],
    ['SiLU', 'silu'],
    ['swish', 'silu'],
    ['Tanh', 'tanh'],
  ])
    assert.is(checkSchnetConfig({ ...config, activation: spelt as SchnetActivation }).activation, want);
  for (const other of ['softplus', 'relu', 'constructor', '__proto__'])
    assert.throws(
      () => checkSchnetConfig({ ...config, activation: other as SchnetActivation }),
      /must be one of/,
    );
});

test('Gaussians begin at 0, or at the lower cutoff where the file says so', () => {
  const cutoff = { lower: 1, upper: 6 };
  const lower = randomSchnet({ ...config, cutoff }, { units, backend: 'reference', seed: 4 });
  saveModel(path('lower'), lower, { dtype: 'float64' });
  const withOffsets = (first: number): Float64Array => {
    const { tensors, metadata } = readSafetensors(path('lower'));
    const spacing = (cutoff.upper - first) / 4;
    const data = Float64Array.from({ length: 5 }, (_, k) => first + k * spacing);
    tensors.set('rbf_layer.offset', { shape: [5], dtype: 'float64', data });
    const coeff = Float64Array.of(-0.5 / spacing ** 2);
    tensors.set('rbf_layer.coeff', { shape: [], dtype: 'float64', data: coeff });
    writeSafetensors(path('offsets'), tensors, metadata);
    return forces(loadModel(path('offsets'), { backend: 'reference' }));
  };
  assert.ok(relativeError(withOffsets(0), forces(lower)) < 1e-12);
  assert.ok(relativeError(withOffsets(1), forces(lower)) > 1e-3);
});

// ---- PyTorch files ----

const storages: Record<string, Uint8Array> = {};
const pieces = new Map<string, Uint8Array>();
for (const [name, shape] of [
  ...schnetShapes(config),
  ['rbf_layer.offset', [5]] as const,
  ['rbf_layer.coeff', []] as const,
]) {
  const data =
    (model.tensors.get(name)?.data as Float32Array | undefined) ??
    (name.endsWith('offset') ? Float32Array.of(0, 1.5, 3, 4.5, 6) : Float32Array.of(-0.5 / 1.5 ** 2));
  storages[name] = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const stride = shape.map((_, k) => shape.slice(k + 1).reduce((a, b) => a * b, 1));
  pieces.set(name, tensor('FloatStorage', name, data.length, 0, shape, stride));
}
const dict = (entries: [string, Uint8Array][]): Uint8Array =>
  Buffer.concat([Buffer.from('}('), ...entries.flatMap(([k, v]) => [text(k), v]), Buffer.from('u')]);
const object = (module: string, name: string, state: [string, Uint8Array][]): Uint8Array =>
  Buffer.concat([
    Buffer.from(`${global(module, name)})`),
    Uint8Array.of(0x81),
    dict(state),
    Buffer.from('b'),
  ]);

const stateDictFile = (prefix: string): string =>
  file(
    'model.ckpt',
    archive(
      pickle(dict([['state_dict', dict([...pieces].map(([k, v]) => [`${prefix}${k}`, v]))]])),
      storages,
    ),
  );

test('a checkpoint is read by its tensors; what they leave open is asked for', () => {
  const checkpoint = stateDictFile('model.model.');
  assert.match(
    refusal(() => loadModel(checkpoint)),
    /config.activation: must be given/,
  );
  const options = { precision: 'float64', config: { activation: 'tanh' } } as const;
  assert.match(
    refusal(() => loadModel(checkpoint, options)),
    /units: must be given.*kcal\/mol/,
  );
  const back = loadModel(checkpoint, { ...options, units });
  assert.equal(back.config, config);
  assert.ok(relativeError(forces(back), forces(model)) < 1e-7);
  assert.match(
    refusal(() => loadModel(file('none.pt', archive(pickle('}'))))),
    /none.pt.*exactly once/,
  );
});

test('a pickled module tells activation, cutoff and units itself', () => {
  const group = (prefix: string): [string, Uint8Array][] => {
    const members = new Map<string, [string, Uint8Array][]>();
    const own: [string, Uint8Array][] = [];
    for (const [name, data] of pieces) {
      if (!name.startsWith(prefix)) continue;
      const [first, ...rest] = name.slice(prefix.length).split('.') as [string, ...string[]];
      if (rest.length === 0) own.push([first, data]);
      else if (!members.has(first)) members.set(first, []);
    }
    const state: [string, Uint8Array][] = [['_parameters', dict(own)]];
    const modules: [string, Uint8Array][] = [...members.keys()].map((key) => [
      key,
      object('torch.nn.modules.container', 'Module', group(`${prefix}${key}.`)),
    ]);
    if (prefix.endsWith('layers.')) modules.push(['1', object('torch.nn.modules.activation', 'Tanh', [])]);
    if (prefix === 'rbf_layer.') {
      const ends: [string, Uint8Array][] = [0, 6].map((v, k) => [
        k ? 'cutoff_upper' : 'cutoff_lower',
        Uint8Array.of(0x4b, v),
      ]);
      state.push(['cutoff', object('mlcg.nn.cutoff', 'CosineCutoff', ends)]);
    }
    return [...state, ['_modules', dict(modules)]];
  };
  const net = object('mlcg.nn.schnet', 'StandardSchNet', group(''));
  const outer = object('mlcg.nn.gradients', 'GradientsOut', [['_modules', dict([['model', net]])]]);
  const back = loadModel(file('whole.pt', archive(pickle(outer), storages)), { precision: 'float64' });
  assert.equal(back.config, config);
  assert.equal(back.info.units, units);
  assert.ok(relativeError(forces(back), forces(model)) < 1e-7);
});

test.run();
