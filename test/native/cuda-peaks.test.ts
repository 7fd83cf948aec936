// What a GPU can do, by its own clock.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { backbonePriors, beadsFromSequence, harmonicWell, sequences } from '../../lib/index.js';
import { native } from '../../lib/native.js';
import { deviceEnvironment } from '../../lib/studies/index.js';
import { timeOnDevice } from '../../lib/studies/place.js';
import { onCuda, withoutCuda } from '../cuda.js';

const n = native();
const protein = beadsFromSequence(sequences['CLN025']!);

onCuda('a GPU’s limits stand in the order its design gives them', () => {
  const p = n.devicePeaks(0);
  for (const [key, value] of Object.entries(p)) assert.ok(value > 1e10, `${key}: ${value}`);
  assert.ok(p.memory < p.l2 && p.l2 < p.shared, JSON.stringify(p));
  assert.ok(p.float32 < p.tf32 && p.tf32 < p.float16, JSON.stringify(p));
  assert.ok(Math.abs(p.bfloat16 / p.float16 - 1) < 0.1, JSON.stringify(p));
  assert.match(deviceEnvironment(0).capability, /^\d+\.\d$/);
  assert.throws(() => deviceEnvironment(99), /device: must be one of 0/);
});

onCuda('more replicas take more time on the device', () => {
  const priors = backbonePriors(protein, { backend: 'cuda' });
  const few = timeOnDevice(priors, [protein], 5);
  const many = timeOnDevice(priors, Array(5000).fill(protein), 5);
  assert.is(few.seconds.length, 5);
  assert.ok(Math.min(...many.seconds) > Math.max(...few.seconds));
});

test('what computes on a CPU cannot be timed by a GPU’s clock', () => {
  assert.throws(() => timeOnDevice(harmonicWell({ k: 1 }), [protein], 3), /must compute on a GPU/);
});

const missing = withoutCuda();
if (missing !== undefined)
  test('the environment of a GPU that is not there says what is missing', () => {
    assert.throws(
      () => deviceEnvironment(),
      (error: { code: string }) => error.code === 'ENOTFOUND',
    );
  });

test.run();
