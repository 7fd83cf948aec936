// SchNet at its edges: few atoms, wrong atoms, wrong options, not enough memory, and what the table says of itself.
import { freemem } from 'node:os';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { loadModel } from '../../lib/models/load.js';
import { evaluate } from '../../lib/models/potential.js';
import { type Schnet, type SchnetOptions, type SchnetTable, schnet } from '../../lib/models/schnet.js';
import { randomSchnet } from '../../lib/models/schnet-random.js';
import { native } from '../../lib/native.js';
import { relativeError } from '../tools.js';
import { atoms, code, globule, jittered, smallConfigs } from './schnet-cases.js';

const config = smallConfigs['gaussian tanh']!;
const ways: SchnetOptions[] = [
  { backend: 'reference' },
  { backend: 'cpu', pipeline: 'baseline' },
  { backend: 'cpu', pipeline: 'baseline', techniques: { messagePassing: true } },
  { backend: 'cpu', pipeline: 'flash' },
  { backend: 'cpu', pipeline: 'table' },
];

for (const way of ways) {
  const model = randomSchnet(config, way);
  const label = way.pipeline ? `${way.pipeline}${way.techniques ? ' fused' : ''}` : 'reference';

  test(`${label}: none, one and lonely atoms`, () => {
    assert.equal([...evaluate(model, atoms()).energy], [0]);
    const one = evaluate(model, atoms(1, 2, 3), { virial: true });
    assert.ok(Number.isFinite(one.energy[0]) && one.energy[0] !== 0);
    assert.equal(
      [...one.forces, ...one.virial].every((v) => v === 0),
      true,
    );
    const far = evaluate(model, [atoms(0, 0, 0, 1e6, 0, 0), atoms(), atoms(5, 5, 5)]);
    assert.ok(Math.abs(far.energy[0]! - 2 * one.energy[0]!) < 1e-5 * Math.abs(one.energy[0]!));
    assert.is(far.energy[1], 0);
  });

  test(`${label}: atoms that coincide, types that are not there`, () => {
    assert.match(
      code(() => evaluate(model, [atoms(0, 0, 0), atoms(0, 0, 0, 1, 1, 1, 1, 1, 1)])),
      /ENUMERIC schnet: atoms 1 and 2 of system 1 are at one place/,
    );
    const wrong = atoms(0, 0, 0, 1, 1, 1).with({ types: Int32Array.of(0, 25) });
    assert.match(
      code(() => evaluate(model, [atoms(0, 0, 0), wrong])),
      /EINVALID schnet: type of atom 1 of system 1 must be 0..24 .*received 25; give the structure the types/,
    );
  });
}

test('options that do not fit are refused by name', () => {
  const cases: [RegExp, SchnetOptions][] = [
    [
      /schnet.pipeline: must be one of 'baseline', 'flash', 'table', received "fast"/,
      { pipeline: 'fast' as 'flash' },
    ],
    [/schnet.backend: must be one of/, { backend: 'gpu' as 'cpu' }],
    [/schnet.precision: must be one of/, { precision: 'float8' as 'float32' }],
    [/schnet.precision: must be one of 'float64'/, { backend: 'reference', precision: 'float32' }],
    [/schnet.pipeline: must be left out/, { backend: 'reference', pipeline: 'flash' }],
    [/schnet.techniques: must go with pipeline 'baseline'/, { techniques: { aggregation: true } }],
    [
      /schnet.tolerance: must go with pipeline 'table', received "flash"/,
      { pipeline: 'flash', tolerance: 1e-4 },
    ],
    [
      /schnet.tolerance: must go with pipeline 'table', received "reference"/,
      { backend: 'reference', tolerance: 1e-4 },
    ],
    [
      /schnet.operands: must be one of .*'int8'.*received "int4"/,
      { pipeline: 'flash', operands: 'int4' as 'int8' },
    ],
    [
      /schnet.operands: must be 'float32' .* backend 'cuda'.*int8 with 'cpu'/,
      { backend: 'cpu', pipeline: 'flash', operands: 'int8' },
    ],
    [
      /schnet.operands: must be 'float16-channel' or left out with techniques.weights16/,
      { pipeline: 'baseline', techniques: { weights16: true }, operands: 'tf32' },
    ],
    [/schnet.techniques: must be one of/, { pipeline: 'baseline', techniques: { flash: true } as object }],
    [
      /weights16: must go with precision 'float32'/,
      { pipeline: 'baseline', precision: 'float64', techniques: { weights16: true } },
    ],
    [/envelopeGradient: can be false only/, { envelopeGradient: false }],
    [/tolerance: must be between/, { tolerance: 0 }],
    [/units.energy: must be one of/, { units: { energy: 'cal' as 'eV', length: 'Å' } }],
  ];
  for (const [want, options] of cases)
    assert.match(
      code(() => randomSchnet(config, options)),
      want,
    );
  assert.match(
    code(() => randomSchnet(config, { seed: -1 })),
    /randomSchnet.seed/,
  );
});

test('a misspelt option is refused by whoever is given it, naming its own', () => {
  const options = { backend: 'cpu' as const, pipeline: 'table' as const, entires: 'int16', tolerance: 1e-4 };
  const model = randomSchnet(config, { backend: 'cpu' });
  const names = "'backend', 'device', 'pipeline'.*'entries'.*'provenance'";
  const none = ', received "entires"$';
  assert.match(
    code(() => model.with(options)),
    new RegExp(`^EINVALID schnet option: must be one of ${names}${none}`),
  );
  assert.match(
    code(() => schnet(config, model.tensors, options)),
    new RegExp(`^EINVALID schnet option: .*${none}`),
  );
  assert.match(
    code(() => randomSchnet(config, options)),
    new RegExp(`^EINVALID randomSchnet option: must be one of ${names}, 'seed', 'scale'${none}`),
  );
  assert.match(
    code(() => loadModel('none.safetensors', options)),
    new RegExp(`^EINVALID loadModel option: must be one of ${names}, 'config'${none}`),
  );
  const undecided = { device: undefined, entries: undefined } as object;
  assert.is(model.with(undecided).pipeline, 'table', 'a known one may be undefined');
});

test('a pipeline is switched on one model; options of the old one do not follow', () => {
  const model = randomSchnet(config, { pipeline: 'baseline', techniques: { aggregation: true } });
  const table = model.with({ pipeline: 'table', tolerance: 1e-4 });
  assert.is(table.pipeline, 'table');
  assert.is(table.precision, 'float32');
  assert.is(table.with({ backend: 'reference' }).precision, 'float64');
  assert.is(table.with({ backend: 'reference' }).pipeline, undefined);
  assert.is(table.with({ precision: 'float64' }).options.tolerance, 1e-4);
});

test('options that are not named stay where they still mean something', () => {
  const table = randomSchnet(config, { backend: 'cpu', entries: 'int16', tolerance: 1e-4 });
  for (const same of [{}, { backend: 'cpu' }, { pipeline: 'table' }, { precision: 'float64' }] as const) {
    const { entries, tolerance } = table.with(same).options;
    assert.equal({ entries, tolerance }, { entries: 'int16', tolerance: 1e-4 }, JSON.stringify(same));
  }
  const finer = table.with({ pipeline: 'table', tolerance: 1e-5 });
  assert.is(finer.options.entries, 'int16');
  assert.is(finer.table!.tolerance, 1e-5);
  const rounded = (model: Schnet): number => model.table!.worstError;
  const finest = table.with({ pipeline: 'table', tolerance: 1e-7 });
  assert.ok(rounded(finest) > 5 * rounded(finest.with({ entries: 'float32' })), 'it computes with 16 bits');

  const exact = table.with({ backend: 'reference' });
  assert.equal([exact.options.entries, exact.options.tolerance], [undefined, undefined]);
  const back = exact.with({ backend: 'cpu' });
  assert.equal([back.pipeline, back.precision], ['table', 'float32']);
  assert.is(back.table!.tolerance, 3e-6, 'a default that was never asked for is the new way’s own');
  const flash = table.with({ pipeline: 'flash' });
  assert.is(flash.with({ pipeline: 'table' }).table!.tolerance, 3e-6);

  const techniques = { aggregation: true };
  const baseline = randomSchnet(config, { pipeline: 'baseline', techniques, envelopeGradient: false });
  assert.equal(baseline.with({ backend: 'cpu' }).options.techniques, techniques);
  assert.equal(baseline.with({ pipeline: 'baseline' }).options.techniques, techniques);
  assert.is(baseline.with({ pipeline: 'flash' }).options.techniques, undefined);
  assert.is(baseline.with({ pipeline: 'flash' }).options.envelopeGradient, false);
  assert.is(baseline.with({ pipeline: 'table' }).options.envelopeGradient, undefined);
  assert.is(baseline.with({ backend: 'reference' }).options.envelopeGradient, undefined);
});

test('the table meets its tolerance, says what it reached, and forces follow it', () => {
  const s = globule(40, 5, 3);
  const exact = evaluate(randomSchnet(config, { backend: 'reference' }), s).forces;
  let intervals = 0;
  for (const tolerance of [1e-3, 1e-5, 1e-7, 1e-9]) {
    const model = randomSchnet(config, { precision: 'float64', tolerance });
    const t = model.table!;
    assert.ok(t.valueError <= tolerance && t.slopeError <= tolerance, `${tolerance} ${t.slopeError}`);
    assert.is(t.tolerance, tolerance);
    assert.ok(t.worstError >= t.slopeError && t.worstError < 1.01 * tolerance, `${t.worstError}`);
    assert.ok(t.slopeError > tolerance / 100 && t.maxSlopeError >= t.slopeError / 100);
    assert.ok(t.intervals > intervals, 'more intervals for less error');
    intervals = t.intervals;
    const error = relativeError(evaluate(model, s).forces, exact);
    assert.ok(error < 10 * tolerance && error > tolerance / 1000, `force error ${error} at ${tolerance}`);
  }
  assert.is(randomSchnet(config, { pipeline: 'flash' }).table, null);
  // Single precision ends before this.
  const single = (tolerance: number): SchnetTable =>
    randomSchnet(config, { backend: 'cpu', precision: 'float32', tolerance }).table!;
  const [near, beyond] = [single(3e-8), single(1e-10)];
  assert.ok(beyond.worstError > 3e-8 && beyond.worstError < 4e-8, `${beyond.worstError}`);
  assert.is(beyond.intervals, near.intervals, 'no more of them where they bring nothing');
});

test('estimated bytes are those allocated', () => {
  const systems = jittered(globule(120, 9, 5), 3, 0.1, 1);
  for (const way of ways.slice(1)) {
    const model = randomSchnet({ ...config, hidden: 64, filters: 64 }, way);
    const before = native().memory().bytes;
    native().resetPeak();
    const { edges } = evaluate(model, systems);
    const peak = native().memory().peak - before;
    // The neighbour list is the caller's.
    const want = model.estimateBytes(edges, 360) + (way.pipeline === 'table' ? -model.table!.bytes : 0);
    const list = 4 * edges + 8 * 361;
    assert.ok(peak - list < 1.15 * want + 2e6 && peak > 0.6 * want, `${JSON.stringify(way)} ${peak} ${want}`);
  }
});

test('an evaluation that cannot fit is refused before it starts', () => {
  const big = { ...config, hidden: 64, filters: 256, blocks: 12 };
  const model = randomSchnet(big, { backend: 'cpu', pipeline: 'baseline' });
  const s = globule(269, 14, 1);
  const edges = evaluate(randomSchnet(config, { pipeline: 'table' }), s).edges;
  const replicas = Math.ceil((2 * freemem()) / model.estimateBytes(edges, 269)) + 1;
  const message = code(() =>
    evaluate(
      model,
      Array.from({ length: replicas }, () => s),
    ),
  );
  assert.match(
    message,
    /ENOMEM schnet: this evaluation needs .* GB, .* GB are free; evaluate fewer replicas/,
  );
});

test('stages of an evaluation are timed', () => {
  const model = randomSchnet(config, { backend: 'cpu', pipeline: 'baseline' });
  assert.equal(model.stages, {});
  const { seconds } = evaluate(model, globule(40, 5, 3));
  const stages = model.stages;
  for (const name of [
    'geometry',
    'filter',
    'message',
    'aggregate',
    'node',
    'head',
    'filter reverse',
    'forces',
  ])
    assert.ok(stages[name]! >= 0, name);
  const total = Object.values(stages).reduce((a, b) => a + b, 0);
  assert.ok(total <= seconds.evaluate && total > 0.3 * seconds.evaluate, `${total} of ${seconds.evaluate}`);
});

test.run();
