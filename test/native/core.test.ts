import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { native } from '../../lib/native.js';

// Known answers of Random123's kat_vectors for philox4x32-10.
test('philox gives the published known answers', () => {
  const n = native();
  assert.equal(
    [...n.philox(Uint32Array.of(0, 0, 0, 0), 0, 0)],
    [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
  );
  const ones = 0xffffffff;
  assert.equal(
    [...n.philox(Uint32Array.of(ones, ones, ones, ones), ones, ones)],
    [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
  );
  assert.equal(
    [...n.philox(Uint32Array.of(0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344), 0xa4093822, 0x299f31d0)],
    [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
  );
});

test('threads can be set and refuse nonsense', () => {
  const n = native();
  const before = n.threads();
  n.setThreads(3);
  assert.is(n.threads(), 3);
  n.setThreads(before);
  assert.throws(() => n.setThreads(0), /threads: must be 1..256, received 0/);
});

test('memory is counted, its peak kept, and too much of it refused', () => {
  const n = native();
  n.resetPeak();
  const { bytes } = n.memory();
  assert.is(n.poolCheck(1000, 1, 'allocate').sum, 8000);
  assert.is(n.memory().bytes, bytes);
  assert.is(n.memory().peak, bytes + 8000);
  for (const count of [2 ** 45, 2 ** 61, 2 ** 62 + 2 ** 20])
    assert.throws(
      () => n.poolCheck(count, 1, 'allocate'),
      (e: Error & { code: string }) =>
        e.code === 'ENOMEM' && /could not allocate \d+ values of 8 bytes/.test(e.message),
    );
  assert.is(n.memory().bytes, bytes);
});

test.run();
