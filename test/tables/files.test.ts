import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { column, desc, from, loadTable, op, saveTable, table, toCSV } from '../../lib/tables/index.js';

const folder = mkdtempSync(join(tmpdir(), 'mdlab-table-'));
test.after(() => rmSync(folder, { recursive: true }));

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
  const file = saveTable(sample, join(folder, 'a.jsonl'));
  const back = loadTable(file);
  assert.equal(back.objects(), sample.objects());
});

test('CSV quotes what needs quoting and comes back', () => {
  assert.match(toCSV(sample), /"b, ""c"""/);
  const back = loadTable(saveTable(sample, join(folder, 'a.csv')));
  assert.equal(back.array('n'), [1, 2, 3]);
  assert.equal(back.get('name', 1), 'b, "c"');
});

test('a last line cut short by a crash is left out; another broken line is named', () => {
  const file = join(folder, 'cut.jsonl');
  writeFileSync(file, '{"a":1}\n{"a":2}\n{"a":');
  assert.equal(loadTable(file).array('a'), [1, 2]);
  writeFileSync(file, '{"a":1}\nnonsense\n{"a":2}\n');
  assert.throws(() => loadTable(file), /line 2: must be a JSON object, received "nonsense"/);
});

test('columns as numbers', () => {
  assert.equal(column(sample, 'n'), Float64Array.from([1, 2, 3]));
  assert.ok(Number.isNaN(column(from([{ a: null }, { a: 1 }]), 'a')[0]!));
  assert.throws(() => column(sample, 'nn'), /column: must be one of 'n', 'rate', 'name'/);
  assert.throws(() => column(sample, 'name'), /column 'name': must hold numbers/);
});

test('a file that is not there, or cannot be written, is told in words', () => {
  assert.throws(() => loadTable(join(folder, 'none.csv')), /none\.csv: cannot be read: no such file/);
  assert.throws(
    () => saveTable(sample, join(folder, 'none', 'a.csv')),
    /a\.csv: cannot be written: its folder does not exist/,
  );
  const file = join(folder, 'file');
  saveTable(sample, `${file}.csv`);
  assert.throws(
    () => saveTable(sample, join(`${file}.csv`, 'a.csv')),
    /a\.csv: cannot be written: a folder of its path is a file/,
  );
});

test('unknown endings name the known ones', () => {
  assert.throws(
    () => saveTable(sample, join(folder, 'a.xlsx')),
    /table file: must be one of '\.csv', '\.jsonl'/,
  );
});

test.run();
