// Jupyter's own conformance suite, where Python has it (`pip install jupyter_kernel_test`; MDLAB_TEST_PYTHON names the Python).
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { installKernelspec } from '../../kernel/kernelspec.js';
import { root, skip } from '../tools.js';
import { temporaryFolder } from './tools.js';

const own = join(root, 'build', 'venv', 'bin', 'python3');
const pythons = [process.env['MDLAB_TEST_PYTHON'], own, 'python3', '/usr/bin/python3'].filter(
  (p) => p !== undefined,
);
const python = pythons.find(
  (p) => spawnSync(p, ['-c', 'from jupyter_kernel_test import IopubWelcomeTests']).status === 0,
);

if (!python) skip("Jupyter's conformance suite", 'no python3 with jupyter_kernel_test');
else
  test("Jupyter's conformance suite", async () => {
    const data = temporaryFolder();
    process.env['JUPYTER_DATA_DIR'] = data;
    await installKernelspec();
    const folders = {
      JUPYTER_DATA_DIR: data,
      JUPYTER_RUNTIME_DIR: join(data, 'runtime'),
      XDG_STATE_HOME: data,
    };
    const env = { ...process.env, ...folders };
    const r = spawnSync(python, [join(root, 'test', 'kernel', 'conformance.py')], {
      env,
      encoding: 'utf8',
      cwd: data,
    });
    assert.is(r.status, 0, r.stderr);
    assert.match(r.stderr, /Ran 13 tests[\s\S]*\nOK\n/);
  });

test.run();
