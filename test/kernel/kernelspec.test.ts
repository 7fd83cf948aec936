// How Jupyter is told about the kernel, as a person does it: without Python.
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { version } from '../../kernel/version.js';
import { cli } from './client.js';
import { temporaryFolder } from './tools.js';

async function mdlab(
  args: string[],
  env: NodeJS.ProcessEnv = {},
): Promise<{ code: number; stdout: string; stderr: string }> {
  try {
    const done = await promisify(execFile)(process.execPath, [cli, ...args], {
      env: { ...process.env, ...env },
    });
    return { code: 0, ...done };
  } catch (e) {
    return e as { code: number; stdout: string; stderr: string };
  }
}

test('kernelspec: install, list, uninstall; nothing is left', async () => {
  const prefix = join(temporaryFolder(), 'venv');
  mkdirSync(prefix);
  const installed = await mdlab(['kernel', 'install', '--prefix', prefix, '--name', 'lab', '--env', 'A=b=c']);
  assert.is(installed.stdout.trim(), join(prefix, 'share', 'jupyter', 'kernels', 'lab'));
  const folder = installed.stdout.trim();
  const spec = JSON.parse(readFileSync(join(folder, 'kernel.json'), 'utf8'));
  assert.equal(spec.argv, [process.execPath, cli, 'kernel', '{connection_file}']);
  assert.is(spec.display_name, `TypeScript (mdlab ${version})`);
  assert.is(spec.language, 'typescript');
  assert.is(spec.interrupt_mode, 'message');
  assert.equal(spec.env, { A: 'b=c' });
  for (const size of [32, 64]) {
    const png = readFileSync(join(folder, `logo-${size}x${size}.png`));
    assert.equal(
      [png.toString('latin1', 1, 4), png.readUInt32BE(16), png.readUInt32BE(20)],
      ['PNG', size, size],
    );
  }
  assert.match((await mdlab(['kernel', 'list', '--prefix', prefix])).stdout, /^lab\t/m);
  assert.is((await mdlab(['kernel', 'install', '--prefix', prefix, '--name', 'lab'])).code, 0);
  assert.is((await mdlab(['kernel', 'uninstall', '--prefix', prefix, '--name', 'lab'])).code, 0);
  assert.equal(readdirSync(prefix), []);
  assert.match(
    (await mdlab(['kernel', 'uninstall', '--prefix', prefix, '--name', 'lab'])).stderr,
    /none is installed/,
  );
  assert.match(
    (await mdlab(['kernel', 'install', '--prefix', prefix, '--name', '../x'])).stderr,
    /must be of letters/,
  );
});

test("kernelspec: the user's folder, and kernels of others are left alone", async () => {
  const data = join(temporaryFolder(), 'data');
  const env = { JUPYTER_DATA_DIR: data };
  const foreign = join(data, 'kernels', 'mdlab');
  mkdirSync(foreign, { recursive: true });
  writeFileSync(join(foreign, 'kernel.json'), '{"argv":["other"]}');
  assert.match((await mdlab(['kernel', 'install'], env)).stderr, /is taken by another kernel/);
  assert.match((await mdlab(['kernel', 'uninstall'], env)).stderr, /is not one of mdlab/);
  assert.is(
    (await mdlab(['kernel', 'install', '--name', 'mdlab2'], env)).stdout.trim(),
    join(data, 'kernels', 'mdlab2'),
  );
  assert.equal((await mdlab(['kernel', 'list'], env)).stdout.match(/^mdlab\S*/gm), ['mdlab2']);
});

test('kernelspec: several versions side by side, and one whose files are gone', async () => {
  const data = join(temporaryFolder(), 'data');
  const env = { JUPYTER_DATA_DIR: data, JUPYTER_PATH: '' };
  const names = ['mdlab', 'mdlab-next', 'mdlab-old'];
  for (const name of names) await mdlab(['kernel', 'install', '--name', name], env);
  await mdlab(['kernel', 'install', '--name', 'mdlab-next', '--display-name', 'Next'], env);
  const old = join(data, 'kernels', 'mdlab-old', 'kernel.json');
  const gone = join(data, 'old-checkout', 'cli.js');
  const spec = JSON.parse(readFileSync(old, 'utf8'));
  spec.argv[1] = gone;
  spec.metadata.version = '0.0.1';
  writeFileSync(old, JSON.stringify(spec));
  const rows = (await mdlab(['kernel', 'list'], env)).stdout
    .trim()
    .split('\n')
    .map((l) => l.split('\t'));
  const own = rows.filter(([, , folder]) => folder!.startsWith(data)).map(([n, v, , s]) => [n, v, s]);
  assert.equal(own, [
    ['mdlab', version, 'TypeScript (mdlab)'],
    ['mdlab-next', version, 'Next'],
    ['mdlab-old', '0.0.1', `broken: ${gone} is gone`],
  ]);
  for (const name of names)
    assert.is((await mdlab(['kernel', 'uninstall', '--name', name], env)).code, 0, name);
  assert.not(existsSync(data));
});

test('kernelspec: a place that cannot be written is told in words', async () => {
  const file = join(temporaryFolder(), 'file');
  writeFileSync(file, '');
  const refused = await mdlab(['kernel', 'install', '--prefix', file]);
  assert.is(refused.code, 1);
  assert.match(
    refused.stderr,
    /kernels.mdlab: cannot be made: a folder of its path is a file; choose another place/,
  );
});

test('kernelspec: what a person put beside it stays', async () => {
  const prefix = temporaryFolder();
  await mdlab(['kernel', 'install', '--prefix', prefix]);
  const other = join(prefix, 'share', 'jupyter', 'kernels', 'other');
  mkdirSync(other);
  await mdlab(['kernel', 'uninstall', '--prefix', prefix]);
  assert.equal(readdirSync(join(prefix, 'share', 'jupyter', 'kernels')), ['other']);
  rmSync(other, { recursive: true });
});

test.run();
