import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { load, loadStructure, loadTrajectory, save } from '../../lib/io/index.js';
import { column, desc, from, op, type Table, table, toCSV } from '../../lib/tables/index.js';

const folder = mkdtempSync(join(tmpdir(), 'mdlab-table-'));
test.after(() => rmSync(folder, { recursive: true }));

/** A table to a file, and back. */
const through = (t: Table, name: `${string}.csv` | `${string}.jsonl`): Table => {
  save(join(folder, name), t);
  return load(join(folder, name)) as Table;
};

const sample = table({ n: [1, 2, 3], rate: [1.5, Number.NaN, 1e-9], name: ['a', 'b, "c"', 'd\ne'] });

test('columns of different lengths, and lists without names, are refused', () => {
  const refused = (columns: unknown): string => {
    try {
      return String(table(columns as never).numRows());
    } catch (e) {
      return (e as Error).message;
    }
  };
  assert.is(refused({ a: [1, 2], b: [1] }), "table.b: must be as long as 'a', 2 values, received 1");
  for (const odd of [[1, 2, 3], 'abc', { a: 5 }, { a: 'abc' }, null])
    assert.match(refused(odd), /^table\.columns: must be lists by name|^0$/, JSON.stringify(odd));
  assert.is(refused(new Map([['a', Float64Array.of(1, 2)]])), '2');
  assert.is(refused([['a', [1, 2]]]), '2');
  assert.is(refused({}), '0');
  assert.equal(table({ a: [1], b: [2] }, ['b']).columnNames(), ['b']);
});

test('arquero’s verbs work through our names', () => {
  const t = table({ k: ['x', 'y', 'x'], v: [1, 2, 3] });
  const sums = t
    .groupby('k')
    .rollup({ sum: (d: { v: number }) => op.sum(d.v) })
    .orderby(desc('sum'));
  assert.equal(sums.objects(), [
    { k: 'x', sum: 4 },
    { k: 'y', sum: 2 },
  ]);
});

test('JSON lines keep numbers, NaN and text', () => {
  assert.equal(through(sample, 'a.jsonl').objects(), sample.objects());
});

test('CSV quotes what needs quoting and comes back', () => {
  assert.match(toCSV(sample), /"b, ""c"""/);
  const back = through(sample, 'a.csv');
  assert.equal(back.array('n'), [1, 2, 3]);
  assert.equal(back.get('name', 1), 'b, "c"');
});

test('a last line cut short by a crash is left out; another broken line is named', () => {
  const file = join(folder, 'cut.jsonl') as `${string}.jsonl`;
  writeFileSync(file, '{"a":1}\n{"a":2}\n{"a":');
  assert.equal(load(file).array('a'), [1, 2]);
  writeFileSync(file, '{"a":1}\nnonsense\n{"a":2}\n');
  assert.throws(() => load(file), /line 2: must be a JSON object, received "nonsense"/);
});

test('columns as numbers', () => {
  assert.equal(column(sample, 'n'), Float64Array.from([1, 2, 3]));
  assert.ok(Number.isNaN(column(from([{ a: null }, { a: 1 }]), 'a')[0]!));
  assert.throws(() => column(sample, 'nn'), /column: must be one of 'n', 'rate', 'name'/);
  assert.throws(() => column(sample, 'name'), /column 'name': must hold numbers/);
});

test('a file that is not there, or cannot be written, is told in words', () => {
  assert.throws(() => load(join(folder, 'none.csv')), /none\.csv: .*no such file/);
  assert.throws(
    () => save(join(folder, 'none', 'a.csv'), sample),
    /a\.csv: cannot be written: its folder does not exist/,
  );
  const file = join(folder, 'file');
  save(`${file}.csv`, sample);
  assert.throws(
    () => save(join(`${file}.csv`, 'a.csv'), sample),
    /a\.csv: cannot be written: a folder of its path is a file/,
  );
});

test('endings that cannot hold a table, and tables that are none, are refused', () => {
  assert.throws(() => save(join(folder, 'a.xlsx'), sample), /must have a known extension .*\.csv \.jsonl/);
  for (const name of ['a.xyz', 'a.npy', 'a.safetensors'])
    assert.throws(() => save(join(folder, name), sample), /what is saved: must be /, name);
  assert.throws(
    () => save(join(folder, 'a.csv'), { x: { dtype: 'float64', shape: [1], data: Float64Array.of(1) } }),
    /what is saved: must be a table for .*a\.csv/,
  );
  const file = join(folder, 'b.csv');
  save(file, sample);
  assert.throws(
    () => loadStructure(file),
    /must be a structure file .*received "csv"; .*load\(\) arrays and tables/,
  );
  assert.throws(
    () => loadTrajectory(file),
    /must be a trajectory, received "csv"; load\(\) reads arrays and tables/,
  );
});

test.run();
