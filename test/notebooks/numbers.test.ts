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

test.run();
