// Notebook 6 as a person uses it: the newest that some distributions have.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { frontEnd } from './front-end.js';
import { frontEndTests } from './front-end-tests.js';

const found = frontEnd('classic');
if (found)
  test('a machine with Notebook 6 alone is served by that', () => {
    assert.is(found.kind, 'notebook');
    assert.match(found.version, /^6\./);
  });

frontEndTests('classic');
