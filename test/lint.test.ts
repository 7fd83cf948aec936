// Format and lint of everything.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { root, skip } from './tools.js';

test('biome finds nothing', () => {
  const biome = join(root, 'node_modules', '@biomejs', 'biome', 'bin', 'biome');
  const { status, stdout, stderr } = spawnSync(process.execPath, [biome, 'check', '.'], {
    cwd: root,
    encoding: 'utf8',
  });
  assert.is(status, 0, `${stdout}${stderr}`);
});

const clangFormat = spawnSync('clang-format', ['--version']).status === 0;
if (!clangFormat) skip('native code is formatted', 'clang-format is not installed');
else {
  test('native code is formatted', () => {
    const sources = (readdirSync(join(root, 'native'), { recursive: true }) as string[])
      .filter((f) => /\.(h|cpp|cu)$/.test(f))
      .map((f) => join('native', f));
    const args = ['--dry-run', '-Werror', ...sources];
    const { status, stderr } = spawnSync('clang-format', args, { cwd: root, encoding: 'utf8' });
    assert.is(status, 0, stderr);
  });
}

test.run();
