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

test.run();
