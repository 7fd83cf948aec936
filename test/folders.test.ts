// Where files that belong to a user go, whatever the environment says.
import { homedir, tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { cacheFolder, homeFolder } from '../lib/folders.js';

test('the cache is in XDG_CACHE_HOME, else in the home', () => {
  assert.is(cacheFolder({ XDG_CACHE_HOME: '/x/cache', HOME: '/h' }), join('/x/cache', 'mdlab'));
  assert.is(cacheFolder({ HOME: '/h' }), join('/h', '.cache', 'mdlab'));
  for (const XDG_CACHE_HOME of ['', 'relative'])
    assert.is(cacheFolder({ XDG_CACHE_HOME, HOME: '/h' }), join('/h', '.cache', 'mdlab'));
});

test('without a HOME it is the one the system knows; where it knows none, the folder of temporary files', () => {
  assert.is(homeFolder({}), homedir());
  const before = process.env['HOME'];
  process.env['HOME'] = '';
  try {
    assert.is(homeFolder(), tmpdir());
    assert.ok(isAbsolute(cacheFolder({ HOME: '' })));
  } finally {
    if (before === undefined) delete process.env['HOME'];
    else process.env['HOME'] = before;
  }
});

test.run();
