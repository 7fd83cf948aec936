// A short run of `npm run fuzz`: mutated files for every loader.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { loaders } from '../fuzz/loaders.js';
import { feedWatched, fileOf } from '../fuzz/run-loader.js';

for (const { name, seeds, wrap, load } of loaders) {
  test(`${name}: 300 mutated files load or are refused`, async () => {
    // The files to start from are whole ones, else nothing behind the first check would be reached.
    for (const seed of seeds()) load(wrap ? wrap(seed) : seed);
    const outcome = await feedWatched({ loader: name, count: 300, seed: 2026 });
    assert.equal(outcome.failures, []);
    assert.is(outcome.loaded + outcome.refused, 300);
    assert.ok(
      outcome.refused > 30 && outcome.loaded > 3,
      `${outcome.loaded} loaded, ${outcome.refused} refused`,
    );
  });
}

test('a campaign has the same files every time', () => {
  const campaign = { loader: 'extxyz', count: 3, seed: 5 };
  assert.equal(fileOf(campaign, 2), fileOf(campaign, 2));
  assert.not.equal(fileOf(campaign, 2), fileOf(campaign, 1));
});

test.run();
