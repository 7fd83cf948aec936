import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { native } from '../../lib/native.js';
import { deviceEnvironment } from '../../lib/studies/index.js';
import { skip } from '../tools.js';

const n = native();
let missing: string | undefined;
try {
  n.cudaDevices();
} catch (error) {
  missing = (error as Error).message;
}

const name = 'a GPU’s limits stand in the order its design gives them';
if (missing !== undefined) {
  skip(name, 'no CUDA device');
  test('the environment of a GPU that is not there says what is missing', () => {
    assert.throws(
      () => deviceEnvironment(),
      (error: { code: string; message: string }) => error.code === 'ENOTFOUND' && error.message === missing,
    );
  });
} else {
  test(name, () => {
    const p = n.devicePeaks(0);
    for (const [key, value] of Object.entries(p)) assert.ok(value > 1e10, `${key}: ${value}`);
    assert.ok(p.memory < p.l2 && p.l2 < p.shared, JSON.stringify(p));
    assert.ok(p.float32 < p.tf32 && p.tf32 < p.float16, JSON.stringify(p));
    assert.ok(Math.abs(p.bfloat16 / p.float16 - 1) < 0.1, JSON.stringify(p));
    const e = deviceEnvironment(0);
    assert.match(e.capability, /^\d+\.\d$/);
    assert.throws(() => deviceEnvironment(99), /device: must be below/);
  });
}

test.run();
