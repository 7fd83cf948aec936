// Checks, installs and builds what the project needs; runs with no node_modules. Idempotent.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../', import.meta.url));
const run = (command, args) => execFileSync(command, args, { cwd: root, stdio: 'inherit' });
const hash = (texts) => createHash('sha256').update(texts.join('\0')).digest('hex').slice(0, 16);

function installPackages() {
  const lock = hash([readFileSync(join(root, 'package-lock.json'), 'utf8')]);
  const stamp = join(root, 'node_modules', '.mdlab-lock');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return;
  run('npm', ['ci']);
  writeFileSync(stamp, lock);
}

function buildAddon() {
  const folder = join('build', `native-${process.platform}-${process.arch}`);
  mkdirSync(join(root, folder), { recursive: true });
  const launcher = existsSync('/usr/bin/ccache') ? ['-DCMAKE_CXX_COMPILER_LAUNCHER=ccache'] : [];
  run('cmake', ['-S', 'native', '-B', folder, ...launcher]);
  run('cmake', ['--build', folder, '--parallel']);
  const record = join(root, 'build', 'addon.json');
  writeFileSync(`${record}.new`, JSON.stringify({ path: join(folder, 'mdlab.node') }));
  renameSync(`${record}.new`, record);
}

installPackages();
buildAddon();
run(process.execPath, ['node_modules/typescript/bin/tsc', '-b']);
