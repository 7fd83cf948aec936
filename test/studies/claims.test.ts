import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { bundle } from '../../kernel/display.js';
import { claims, paperNumbers, type Verdict } from '../../lib/studies/index.js';

const fast = paperNumbers('flashschnet').numbers.find((n) => n.id === '1enh-128-speedup')!;
const judged = (claim: object): Verdict =>
  claims('flashschnet', 'here', [{ what: 'w', published: 10, ours: 11, rule: 'at least', ...claim }]).rows[0]!
    .verdict;

test('verdicts follow the rule, and only where something comparable was measured', () => {
  assert.is(judged({}), 'holds');
  assert.is(judged({ ours: 10 }), 'holds');
  assert.is(judged({ ours: 9.99 }), 'does not hold');
  assert.is(judged({ rule: 'at most' }), 'does not hold');
  assert.is(judged({ rule: 'at most', ours: 10 }), 'holds');
  assert.is(judged({ rule: { within: 0.1 } }), 'holds');
  assert.is(judged({ rule: { within: 0.1 }, ours: 11.1 }), 'does not hold');
  assert.is(judged({ rule: { within: 0.1 }, published: -10, ours: -10.5 }), 'holds');
  assert.is(judged({ rule: false, published: 'words', ours: 'others' }), 'does not hold');
  assert.is(judged({ rule: true, published: 'words', ours: 'others' }), 'holds');
  assert.is(judged({ ours: undefined }), 'not measured');
  assert.is(judged({ ours: Number.NaN, unlike: 'smoke run' }), 'not measured');
  assert.is(judged({ unlike: 'smoke run' }), 'not comparable');
  assert.is(judged({ unlike: false }), 'holds');
});

test('a published number brings unit and hardware', () => {
  const c = claims('flashschnet', 'CPU: x', [
    { what: 'speedup', published: fast, ours: 7, rule: 'at least' },
  ]);
  assert.equal(c.rows, [
    {
      paper: 'flashschnet',
      what: 'speedup',
      published: fast.value,
      ours: 7,
      unit: fast.unit,
      rule: 'at least',
      verdict: 'holds',
      unlike: '',
      publishedOn: fast.hardware,
      measuredOn: 'CPU: x',
    },
  ]);
});

test('a notebook shows a table and keeps the rows', async () => {
  const c = claims('flashschnet', 'here', [
    { what: 'a', published: 1234567, unit: 'ns/day', ours: 2, rule: 'at least' },
    { what: 'b', published: 1, ours: undefined, rule: 'at most', unlike: '8 replicas' },
    { what: 'c', published: 1, ours: 1, rule: { within: 0.05 }, unlike: '8 replicas' },
  ]);
  const shown = await bundle(c);
  assert.equal(shown['application/vnd.mdlab.claims+json'], c.rows);
  for (const form of ['text/html', 'text/plain'])
    for (const words of [
      '1\u202f234\u202f567 ns/day',
      'does not hold',
      'not measured',
      'not comparable: 8 replicas',
      'within 5 %',
    ])
      assert.ok(String(shown[form]).includes(words), `${words} in ${shown[form]}`);
  // The rows survive the file: no value is lost in JSON.
  assert.equal(JSON.parse(JSON.stringify(c.rows)), c.rows);
});

test('an unknown paper, and a rule between words, are refused', () => {
  assert.throws(() => claims('no-paper', 'here', []), /paper: must be one of 'flashschnet'/);
  assert.throws(
    () => judged({ published: 'fast' }),
    /claim 'w': must have numbers for its rule, received "at least"/,
  );
});

test.run();
