// Format and lint of everything, and what older compilers make of our declarations.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
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

test("our declarations load in tslab's TypeScript 5.0", () => {
  const folder = mkdtempSync(join(root, 'build', 'declarations-'));
  try {
    const file = join(folder, 'use.ts');
    writeFileSync(
      file,
      "import { evaluate, Structure } from 'mdlab';\nexport const a: typeof Structure = evaluate;\n",
    );
    const fork = join(root, 'node_modules', '@tslab', 'typescript-for-tslab', 'bin', 'tsc');
    const options =
      '--noEmit --strict --target es2022 --lib es2022,dom --module nodenext --moduleResolution nodenext --types node';
    const { stdout } = spawnSync(process.execPath, [fork, ...options.split(' '), file], {
      cwd: root,
      encoding: 'utf8',
    });
    const errors = stdout.split('\n').filter((l) => /error TS/.test(l));
    // The wrong line of ours above is seen, so the names resolve; packages' own declarations do not concern us.
    assert.is(errors.filter((l) => l.includes('use.ts')).length, 1, stdout);
    assert.equal(
      errors.filter((l) => l.startsWith('dist/')),
      [],
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.run();
