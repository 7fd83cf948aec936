// What setup says where packages cannot be had: in a folder of its own that has no packages, and with no kept ones.
import { execFile, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { skip } from '../tools.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'mdlab-setup-'));
test.after(() => rmSync(folder, { recursive: true }));

interface Ended {
  code: unknown;
  said: string;
}

/** What setup says with the registry at that port. */
function setup(port: number): Promise<Ended> {
  const config = {
    npm_config_registry: `http://127.0.0.1:${port}/`,
    npm_config_cache: join(folder, 'cache'),
    no_proxy: '127.0.0.1',
    NO_PROXY: '127.0.0.1',
  };
  return new Promise((resolve) => {
    const options = { env: { ...process.env, ...config }, timeout: 120_000 };
    execFile(process.execPath, [join(folder, 'kernel', 'setup.mjs')], options, (error, stdout, stderr) =>
      resolve({ code: error?.code, said: `${stdout}${stderr}` }),
    );
  });
}

if (!existsSync(join(root, 'package-lock.json'))) skip('setup', 'a bundle is set up');
else if (spawnSync('npm', ['--version']).status !== 0) skip('setup', 'npm is not installed');
else {
  mkdirSync(join(folder, 'kernel'));
  for (const file of ['kernel/setup.mjs', 'package.json', 'package-lock.json', '.npmrc'])
    cpSync(join(root, file), join(folder, file));

  const server = createServer((_, response) => response.writeHead(404).end('{}'));
  const port = await new Promise<number>((resolve) =>
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port)),
  );

  test('a registry that refuses a ping is asked for packages', async () => {
    const { code, said } = await setup(port);
    server.close();
    assert.is(code, 1);
    assert.match(said, /packages +installing with npm ci/);
    assert.match(said, /E404/);
  });

  test('a registry that does not answer is named at once, with what to do', async () => {
    const started = performance.now();
    const { code, said } = await setup(port);
    // npm by itself is silent for more than a minute.
    assert.ok(performance.now() - started < 30_000);
    assert.is(code, 1);
    assert.match(said, /packages +no answer from the registry, .*ECONNREFUSED/);
    assert.match(said, /takes a bundle: `npm run bundle`/);
  });

  test('packages that `npm ci` by hand installed are kept, and the registry is not asked', async () => {
    const modules = join(folder, 'node_modules');
    mkdirSync(modules, { recursive: true });
    const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
    // What npm writes: neither the project nor what another platform needs.
    const [name, ...others] = Object.keys(lock.packages).filter((k) => k && !lock.packages[k].optional);
    const there = Object.fromEntries([name!, ...others].map((k) => [k, lock.packages[k]]));
    const record = (packages: object) =>
      writeFileSync(join(modules, '.package-lock.json'), JSON.stringify({ ...lock, packages }));
    record(there);
    const { said } = await setup(port);
    assert.match(said, /packages +up to date/);
    for (const stale of [
      { ...there, [name!]: undefined },
      { ...there, [name!]: { ...there[name!], integrity: 'sha512-' } },
    ]) {
      mkdirSync(modules, { recursive: true });
      record(stale);
      assert.match((await setup(port)).said, /packages +no answer from the registry/);
    }
  });
}

test.run();
