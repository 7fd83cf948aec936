// Every measured number that the README and the study notebook's text print is one of the rows that are kept in data/results.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { root } from '../tools.js';

type Row = Record<string, number | string>;
const rowsOf = (file: string): Row[] =>
  readFileSync(join(root, 'data', 'results', file), 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Row);
const judge = rowsOf('judge.jsonl');
const cpu = rowsOf('cpu-schnet.jsonl').filter((r) => r['bench'] === 'schnet');
const kernels = rowsOf('cpu-kernel.jsonl');
const study = rowsOf('flashschnet.jsonl');
const stability = rowsOf('stability.jsonl');

/** The only row with these columns. */
function row(rows: readonly Row[], wanted: Row): (column: string) => number {
  const found = rows.filter((r) => Object.entries(wanted).every(([k, v]) => r[k] === v));
  assert.is(found.length, 1, JSON.stringify(wanted));
  return (column) => {
    const value = found[0]![column];
    assert.type(value, 'number', `${column} of ${JSON.stringify(wanted)}`);
    return value as number;
  };
}

/** The number a text prints, rounded as it prints it, is `value`. */
function prints(text: string, shown: string, value: number): void {
  const plain = shown.replaceAll(',', '');
  const [, mantissa, exponent = '0'] = /^(-?[\d.]+)(?:e(-?\d+))?$/.exec(plain)!;
  const decimals = mantissa!.split('.')[1]?.length ?? 0;
  // Whole numbers that end in zeros are rounded to them.
  const zeros = decimals === 0 && exponent === '0' ? /0*$/.exec(mantissa!)![0].length : 0;
  const unit = 10 ** (Number(exponent) + zeros - decimals);
  assert.ok(
    Math.abs(Number(plain) - value) <= 0.5001 * unit,
    `${text}: prints ${shown}, the row has ${value}`,
  );
}

/** The numbers that a pattern's groups find, in order. */
function numbers(text: string, pattern: RegExp, values: readonly number[]): void {
  const found = pattern.exec(text.replaceAll(/\s+/g, ' '));
  assert.ok(found, `the text has ${pattern}`);
  assert.is(found.length - 1, values.length);
  for (const [k, value] of values.entries()) prints(found[0], found[k + 1]!, value);
}

const n = '(-?[\\d.,]*\\d(?:e-?\\d+)?)';
const pattern = (...parts: string[]): RegExp => new RegExp(parts.join(n));

const readme = readFileSync(join(root, 'README.md'), 'utf8');

test('README: what was measured on a GPU', () => {
  const torch = (what: string) => row(judge, { part: 'PyTorch 15 A', what });
  const [eager, compiled] = [torch('eager'), torch('compile')];
  numbers(readme, pattern('eager and compiled \\| ', ' and ', ' ms \\| \\| ', ' and ', ' GB'), [
    eager('ms'),
    compiled('ms'),
    eager('peak GB'),
    compiled('peak GB'),
  ]);
  for (const [name, part, what] of [
    ['`baseline` \\(what a framework does\\)', 'pipelines 15 A', 'baseline'],
    ['`flash`, 16-bit operands per channel', 'pipelines 15 A', 'W16A16'],
    ['`table`, float32, tolerance 1e-4', 'tables 15 A', 'float32, tolerance 1e-4'],
    ['`table`, float32, tolerance 1e-5', 'tables 15 A', 'float32, tolerance 1e-5'],
  ] as const) {
    const r = row(judge, { part, what });
    const line = pattern(`${name} \\| `, ' ms \\| ', ' \\| ', ' GB');
    numbers(readme, line, [r('ms'), r('force error'), r('peak GB')]);
  }
  const steps = (replicas: number) => row(judge, { part: 'steps', replicas });
  const trained = row(study, { study: 'md throughput', model: 'table', replicas: 128 });
  numbers(
    readme,
    pattern(
      'with priors: ',
      ' ms for one replica, ',
      ' replica-steps/s for 128 \\(random weights\\), ',
      ' with the trained',
    ),
    [steps(1)('ms'), steps(128)('replica-steps/s'), trained('rate')],
  );
});

test('README: what was measured on a CPU', () => {
  const of = (pipeline: string) => row(cpu, { pipeline });
  const [baseline, flash, table] = [of('baseline'), of('1+2+3 flash'), of('table')];
  numbers(
    readme,
    pattern(
      '`baseline` ',
      ' ms and ',
      ' GB, `flash` ',
      ' ms and ',
      ' MB, `table` ',
      ' ms and ',
      ' MB at a force error of ',
      ' \\(`npm',
    ),
    [
      baseline('ms median'),
      baseline('peak MB') / 1000,
      flash('ms median'),
      flash('peak MB'),
      table('ms median'),
      table('peak MB'),
      table('force error'),
    ],
  );
});

test('README: the kernel beside others', () => {
  const each = ['mdlab', 'ipykernel 7.4.0', 'deno 2.9.6'].map((kernel) => row(kernels, { kernel }));
  const line = (name: string, between: string, ...columns: string[]): void =>
    numbers(
      readme,
      new RegExp(
        `${name} \\| ${each.map(() => columns.map(() => n).join(', ')).join(`(?:${between})? \\| `)}`,
      ),
      each.flatMap((r) => columns.map((c) => r(c))),
    );
  line('start to `kernel_info`', ' ms', 'ready ms');
  line('first cell after it', ' ms', 'first cell ms');
  line('a small cell, median and 95 %', ' ms', 'cell ms', 'cell p95 ms');
  line('after 1,000 cells', ' MB', 'start MB', '1000 cells MB');
  line('\\(a script of Node.s own: 4\\.2\\)', ' ms', 'loop ms');
  numbers(readme, pattern('a script of Node.s own: ', '\\)'), [
    row(kernels, { kernel: 'plain Node' })('loop ms'),
  ]);
});

const notebook = JSON.parse(readFileSync(join(root, 'notebooks', 'flashschnet.ipynb'), 'utf8')) as {
  cells: { cell_type: string; source: string[] }[];
};
const prose = notebook.cells
  .filter((c) => c.cell_type === 'markdown')
  .map((c) => c.source.join(''))
  .join('\n\n');
const of = (table: string, wanted: Row) => row(study, { study: table, ...wanted });

test('flashschnet.ipynb: what the text says of speed', () => {
  const ms = (model: string): number => of('ablation', { model })('seconds');
  const times = (model: string): number => ms('baseline') / ms(model);
  numbers(prose, pattern('alone ', ' times the baseline, and without it the other three reach ', '\\.'), [
    times('only 2, message passing'),
    times('all but 2'),
  ]);
  numbers(
    prose,
    pattern(
      'radial basis alone brings ',
      ', and more than a third on top of the other three \\(',
      ' to ',
      '\\)',
    ),
    [times('only 1, radial basis'), times('all but 1'), times('all four')],
  );
  numbers(prose, pattern('All four give ', ' times, the table ', '\\.'), [times('all four'), times('table')]);
  const rate = (model: string, replicas = 128): number => of('md throughput', { model, replicas })('rate');
  const speed = (model: string): number => rate(model) / rate('baseline');
  numbers(
    prose,
    pattern(
      'baseline takes ',
      ' replica-steps/s, `flash` ',
      ' \\(',
      ' times; .*16-bit operands ',
      ', and the table, of tolerance 1e-4, ',
      ' \\(',
      ' times\\)',
    ),
    [rate('baseline'), rate('flash'), speed('flash'), rate('flash, 16 bit'), rate('table'), speed('table')],
  );
  numbers(prose, pattern('`flash`: ', ' times our baseline, ', ' % less memory'), [
    speed('flash'),
    100 *
      (1 -
        of('memory', { model: 'flash', replicas: 64 })('peakBytes') /
          of('memory', { model: 'baseline', replicas: 64 })('peakBytes')),
  ]);
  numbers(prose, pattern('`table` \\(tolerance 1e-4\\) is ', ' times the baseline'), [speed('table')]);
  numbers(prose, pattern('One replica takes ', ' ms a step'), [
    1000 * of('md throughput', { model: 'table', replicas: 1 })('seconds'),
  ]);
});

test('flashschnet.ipynb: what the text says of memory and errors', () => {
  const peak = (model: string, replicas: number): number =>
    of('memory', { model, replicas })('peakBytes') / 1e9;
  numbers(
    prose,
    pattern('64 replicas take ', ' GB by the baseline, ', ' GB by `flash` and ', ' GB by `table`'),
    [peak('baseline', 64), peak('flash', 64), peak('table', 64)],
  );
  numbers(prose, pattern("At 128 replicas the baseline's ", " GB .*`flash`'s ", ' GB beside'), [
    peak('baseline', 128),
    peak('flash', 128),
  ]);
  const predicted = (model: string): number => of('largest batch', { model })('predicted');
  const fitting = [
    ' replicas of the baseline fit; of `flash` ',
    ' and of `table` ',
    ' are predicted, and the ',
    ' that',
  ];
  numbers(prose, pattern('', ...fitting), [
    predicted('baseline'),
    predicted('flash'),
    predicted('table'),
    of('largest batch', { model: 'table' })('tried'),
  ]);
  const error = (model: string): number => of('accuracy', { model })('forceError');
  const exact = [
    'baseline',
    'only 1, radial basis',
    'only 2, message passing',
    'only 3, aggregation',
    'flash: all but 4',
  ];
  const coarse = ['only 4, 16 bit', 'all but 1', 'all but 2', 'all but 3', 'all four'].map(error);
  numbers(
    prose,
    pattern(
      'techniques and `flash` are within ',
      ', 16-bit weights cost ',
      ' to ',
      ', and tables .*\\(',
      ', ',
      ' and ',
      ' for 1e-5',
    ),
    [
      Math.max(...exact.map(error)),
      Math.min(...coarse),
      Math.max(...coarse),
      error('table'),
      error('table 1e-4'),
      error('table 1e-3'),
    ],
  );
  numbers(prose, pattern("Without the envelope's gradient forces are ", ' % off'), [
    100 * error('w/o envelope gradient'),
  ]);
  numbers(prose, pattern('keep the forces \\(', '\\)'), [error('all four')]);
});

test('flashschnet.ipynb: what the text says of dynamics in fewer bits', () => {
  const q = (format: string) => of('quantisation', { format });
  const force = (format: string): number => q(format)('forceError');
  numbers(
    prose,
    pattern(
      'forces are ',
      ' off in float16, .*, ',
      ' in bfloat16 and ',
      ' in int8; .* is at ',
      ' and faster',
    ),
    [force('float16'), force('bfloat16'), force('int8'), force('table 1e-4')],
  );
  numbers(prose, pattern('whole numbers hold forces to ', ' at a tolerance .* float16 leave ', ' however'), [
    force('table int16 1e-4'),
    force('table float16 1e-4'),
  ]);
  const column = (name: string, formats = /./): number[] =>
    study
      .filter((r) => r['study'] === 'quantisation' && r[name] != null && formats.test(String(r['format'])))
      .map((r) => r[name] as number);
  assert.ok(q('table float16 1e-4')('tableError') > 2e-4, 'out of reach of float16');
  const drift = (format: string): number[] => [q(format)('drift'), q(format)('driftError')];
  numbers(
    prose,
    pattern(
      'int8 it is that of doubles, ',
      ' ± ',
      ' meV .* within 0\\.06: ',
      ' ± ',
      ' for float16, ',
      ' ± ',
      ' for bfloat16, ',
      ' ± ',
      ' for the table of 1e-4\\. .*\\(',
      ' ± ',
      '\\)\\.',
    ),
    ['float64 table', 'float16', 'bfloat16', 'table 1e-4', 'int8'].flatMap(drift),
  );
  const [exact] = drift('float64 table') as [number];
  for (const d of column('drift', /^(?!int8)/)) assert.ok(Math.abs(d - exact) < 0.06, `drift ${d}`);
  const chance = column('contactNoise').filter((noise) => noise > 0);
  numbers(
    prose,
    pattern('by more than ', ' in contact probability, where independent runs would by ', ' to ', '\\.'),
    [Math.max(...column('contactShift')), Math.min(...chance), Math.max(...chance)],
  );
  const rg = q('float64 table')('rg');
  numbers(prose, pattern('Radius of gyration\\.\\*\\* ', ' ± ', ' Å in doubles'), [
    rg,
    q('float64 table')('rgError'),
  ]);
  for (const other of column('rg')) assert.ok(Math.abs(other - rg) < 0.015, `Rg ${other}`);
  const long = (what: string): number[] =>
    ['Rg', '± Rg'].map((key) => row(stability, { what, protein: '1ENH' })(key));
  numbers(prose, pattern("over 40 ns the model's is ", ' ± ', " Å, over 4 ns its teacher's ", ' ± ', ' Å'), [
    ...long('model'),
    ...long('teacher'),
  ]);
});

test('flashschnet.ipynb: what the text says of the roofline', () => {
  const kernels = study.filter((r) => r['study'] === 'roofline');
  const of = (model: string, names: RegExp, stages = /./): Row[] =>
    kernels.filter(
      (r) => r['model'] === model && names.test(String(r['kernel'])) && stages.test(String(r['stage'])),
    );
  const percent = (rows: Row[], column: string): number[] => rows.map((r) => 100 * (r[column] as number));
  const sum = (all: number[]): number => all.reduce((a, b) => a + b, 0);
  const messages = ['baseline', 'flash', 'table'].map((m) => sum(percent(of(m, /./, /^message/), 'share')));
  const products = of('baseline', /^cublasLtMatmul$/);
  const atomics = of('baseline', /^edgeScatter$/);
  const whole = percent(
    of('baseline', /^edge(Product|Scale|Activate|ActivateReverse)$/, /^message/),
    'reached',
  );
  const flash = percent(of('flash', /^flash(Forward|Reverse)$/), 'reached');
  numbers(
    prose,
    pattern(
      'On the H200\\*\\* ',
      ' to ',
      ' % of the time are messages.* Of the baseline ',
      " % are the library's products, at ",
      ' % of what float32 allows, and ',
      ' % sums by atomics, at ',
      ' % and ',
      ' % of what memory allows; .* run at ',
      ' to ',
      " % of memory's speed.* reach ",
      ' to ',
      " % of the tensor cores, the table's ",
      ' % of shared memory forward and ',
      ' % of all instructions',
    ),
    [
      ...[Math.min(...messages), Math.max(...messages)],
      ...[sum(percent(products, 'share')), percent(products, 'reached')[0]!],
      ...[sum(percent(atomics, 'share')), ...percent(atomics, 'reached')],
      ...[Math.min(...whole), Math.max(...whole)],
      ...[Math.min(...flash), Math.max(...flash)],
      ...percent(of('table', /^tournament(Forward|Reverse)$/), 'reached'),
    ],
  );
  for (const r of kernels)
    assert.ok((r['reached'] as number) < 1.02, `${r['kernel']}: a floor above its time`);
});

test("the trained model's card: ten million steps", () => {
  const whole = readFileSync(join(root, 'data', 'models', 'README.md'), 'utf8');
  const [card, small] = whole.split('One replica of CLN025') as [string, string];
  const [model, teacher] = ['model', 'teacher'].map((what) => row(stability, { what, protein: '1ENH' })) as [
    (column: string) => number,
    (column: string) => number,
  ];
  assert.ok(stability.every((r) => (r['diverged'] as unknown) === false));
  numbers(card, pattern('One replica took ', ' steps \\(', ' ns\\) .*, ', ' ms each'), [
    ...['steps', 'ns', 'ms/step'].map(model),
  ]);
  numbers(card, pattern('Rg goes from ', ' to ', ' Å'), ['least Rg', 'most Rg'].map(model));
  assert.is(model('stretches'), 4);
  assert.match(card, /in four stretches/);
  assert.is(model('steps'), 1e7);
  assert.match(readme, /is stable over ten million\s+steps/);
  const { radii } = stability.find((r) => r['what'] === 'model' && r['protein'] === '1ENH') as unknown as {
    radii: { from: number; counts: number[] };
  };
  const part = (over: number): number =>
    radii.counts.reduce((sum, c, k) => sum + (radii.from + k >= 10 * over ? c : 0), 0) /
    radii.counts.reduce((sum, c) => sum + c, 0);
  assert.match(card, /wider than 16 Å half of the time/);
  assert.ok(Math.abs(part(16) - 0.5) < 0.05, `${part(16)}`);
  const columns = ['Rg', '± Rg', 'Q', '± Q', 'E (eV)', '± E', 'T (K)', '± T'];
  const line = (name: string): RegExp =>
    pattern(`\\| ${name} \\| `, ...columns.slice(1).map((_, k) => (k % 2 ? ' \\| ' : ' ± ')), ' \\|');
  numbers(card, line('model, one run of 40 ns'), columns.map(model));
  numbers(card, line('teacher, 32 runs of 4 ns'), columns.map(teacher));
  const { tenths } = stability.find((r) => r['what'] === 'teacher' && r['protein'] === '1ENH') as unknown as {
    tenths: Record<string, number[]>;
  };
  const late = (key: string): number => tenths[key]!.slice(4).reduce((sum, x) => sum + x / 6, 0);
  numbers(card, pattern('from 1\\.6 ns on they have ', ' Å, ', ' and ', ' eV'), ['Rg', 'Q', 'E'].map(late));

  const [ours, theirs] = ['model', 'teacher'].map((what) => row(stability, { what, protein: 'CLN025' })) as [
    (column: string) => number,
    (column: string) => number,
  ];
  assert.is(ours('steps'), 1e7);
  assert.is(ours('stretches'), 2);
  numbers(small, pattern('without diverging, ', ' ms each, in two stretches'), [ours('ms/step')]);
  numbers(small, pattern('Rg goes from ', ' to ', ' Å'), ['least Rg', 'most Rg'].map(ours));
  numbers(small, line('model, one run of 40 ns'), columns.map(ours));
  numbers(small, line('teacher, 32 runs of 4 ns'), columns.map(theirs));
  const apart = (key: string): number =>
    (ours(key) - theirs(key)) / Math.hypot(...[ours, theirs].map((of) => of(`± ${key.split(' ')[0]}`)));
  for (const key of ['Q', 'E (eV)']) assert.ok(Math.abs(apart(key)) < 2, `${key}: ${apart(key)}`);
  numbers(small, pattern("model's Rg is ", ' of them larger, ', ' Å'), [
    apart('Rg'),
    ours('Rg') - theirs('Rg'),
  ]);
});

test.run();
