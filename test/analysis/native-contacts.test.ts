import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { findNativeContacts, nativeContacts, Structure } from '../../lib/index.js';
import { random } from '../tools.js';

/** One particle per residue at the given places, Å. */
function beads(positions: number[], chains?: string[], symbols?: string[]): Structure {
  const n = positions.length / 3;
  return new Structure({
    positions: Float64Array.from(positions),
    symbols: symbols ?? new Array(n).fill('CA'),
    residues: {
      atomNames: new Array(n).fill('CA'),
      names: new Array(n).fill('ALA'),
      ids: Int32Array.from({ length: n }, (_, i) => i + 1),
      chains: chains ?? new Array(n).fill('A'),
    },
  });
}

const line = (...xs: number[]): number[] => xs.flatMap((x) => [x, 0, 0]);

test('contacts are near in space and far along the chain', () => {
  // 0-4 are 4 apart and 4 Å apart; 0-3 only 3 apart; 1-5 4.6 Å.
  const native = beads([0, 0, 0, 20, 0, 0, 40, 0, 0, 1, 0, 0, 4, 0, 0, 24.6, 0, 0]);
  assert.equal([...findNativeContacts(native)], [0, 4]);
  assert.equal([...findNativeContacts(native, { cutoff: 5 })], [0, 4, 1, 5]);
  assert.equal([...findNativeContacts(native, { separation: 2 })], [0, 3, 0, 4]);
  assert.equal([...findNativeContacts(beads(line(0, 2, 4), ['A', 'B', 'B']))], [0, 1, 0, 2]);
});

test('hydrogens are left out unless asked for', () => {
  const native = beads(line(0, 1, 2), ['A', 'B', 'C'], ['C', 'H', 'C']);
  assert.equal([...findNativeContacts(native)], [0, 2]);
  assert.equal([...findNativeContacts(native, { particles: [0, 1] })], [0, 1]);
});

test('Q is the published switch, by hand', () => {
  const native = beads(line(0, 3), ['A', 'B']);
  const at = (r: number, options = {}): number => nativeContacts(beads(line(0, r)), native, options);
  const close = (a: number, b: number): void => assert.ok(Math.abs(a - b) < 1e-12, `${a} is not ${b}`);
  close(at(5.4), 0.5);
  close(at(3), 1 / (1 + Math.exp(5 * (3 - 1.8 * 3))));
  close(at(6), 1 / (1 + Math.exp(5 * 0.6)));
  close(at(5, { beta: 2, tolerance: 1.5 }), 1 / (1 + Math.exp(2 * 0.5)));
  assert.is(at(1e6), 0);
  assert.is(at(5.39, { kind: 'hard' }), 1);
  assert.is(at(5.41, { kind: 'hard' }), 0);
});

test('the native structure has Q near 1, a stretched one near 0, by frame', () => {
  const next = random(3);
  const positions = Array.from({ length: 90 }, () => 12 * next());
  const native = beads(positions);
  const stretched = native.with({ positions: native.positions.map((x) => 10 * x) });
  const q = nativeContacts([native, stretched], native);
  assert.ok(q[0]! > 0.98 && q[0]! <= 1, `${q[0]}`);
  assert.ok(q[1]! < 0.02, `${q[1]}`);
  assert.equal([...nativeContacts([native, stretched], native, { kind: 'hard' })], [1, 0]);
});

test('given pairs need no names', () => {
  const native = new Structure({ positions: Float64Array.from(line(0, 2, 9)), symbols: ['X', 'X', 'X'] });
  assert.is(nativeContacts(native, native, { pairs: [0, 1, 1, 2], kind: 'hard' }), 1);
  assert.throws(() => nativeContacts(native, native), /must have residue names.*give `pairs` instead/);
  assert.throws(
    () => nativeContacts(native, native, { pairs: [0, 3] }),
    /must name particles 0..2, received 3/,
  );
  assert.throws(
    () => findNativeContacts(native, { cutoff: -1 }),
    /nativeContacts\.cutoff: must be positive and finite, received -1/,
  );
  assert.throws(() => nativeContacts(native, native, { pairs: [] }), /must have at least one contact/);
  assert.throws(
    () => nativeContacts(native, native, { kind: 'x' as never, pairs: [0, 1] }),
    /'soft', 'hard'/,
  );
});

test.run();
