// Where files that belong to a user go, whatever the environment says.
import { chmodSync, mkdtempSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { cacheFolder, homeFolder, privateFolder } from '../lib/folders.js';

test('the cache is in XDG_CACHE_HOME, else in the home', () => {
  assert.is(cacheFolder({ XDG_CACHE_HOME: '/x/cache', HOME: '/h' }), join('/x/cache', 'mdlab'));
  assert.is(cacheFolder({ HOME: '/h' }), join('/h', '.cache', 'mdlab'));
  for (const XDG_CACHE_HOME of ['', 'relative'])
    assert.is(cacheFolder({ XDG_CACHE_HOME, HOME: '/h' }), join('/h', '.cache', 'mdlab'));
});

test('without a HOME it is the one the system knows; where it knows none, one among the temporary folders', () => {
  assert.is(homeFolder({}), homedir());
  const before = process.env['HOME'];
  process.env['HOME'] = '';
  try {
    const home = homeFolder();
    assert.ok(home.startsWith(join(tmpdir(), 'mdlab-')), home);
    assert.is(homeFolder(), home);
    assert.is(cacheFolder({ HOME: '' }), join(home, '.cache', 'mdlab'));
  } finally {
    if (before === undefined) delete process.env['HOME'];
    else process.env['HOME'] = before;
  }
});

test('a temporary folder that others can write, or lead elsewhere, is not taken', () => {
  const place = mkdtempSync(join(tmpdir(), 'mdlab-folders-'));
  const own = join(place, 'own');
  try {
    assert.is(privateFolder(own), own);
    assert.is(privateFolder(own), own);
    assert.is(statSync(own).mode & 0o777, 0o700);
    const link = join(place, 'link');
    symlinkSync(own, link);
    chmodSync(own, 0o777);
    for (const taken of [own, link]) {
      const other = privateFolder(taken);
      assert.ok(other.startsWith(`${taken}-`), other);
      assert.is(statSync(other).mode & 0o777, 0o700);
    }
  } finally {
    rmSync(place, { recursive: true });
  }
});

test.run();
