import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { MdlabError, makeBox, Structure, volume } from '../../lib/index.js';

test('a structure refuses arrays of another length', () => {
  assert.throws(
    () => new Structure({ positions: new Float64Array(5), symbols: ['C', 'C'] }),
    (e: unknown) =>
      e instanceof MdlabError && /structure.positions: must have 6 entries, received 5/.test(e.message),
  );
});

test('a structure refuses NaN positions and names the particle', () => {
  assert.throws(
    () => new Structure({ positions: Float64Array.of(0, 0, 0, 0, Number.NaN, 0), symbols: ['C', 'C'] }),
    /positions\[1\]: must be finite, received NaN/,
  );
});

test('a structure is what another is made from', () => {
  const one = new Structure({ positions: new Float64Array(3), symbols: ['N'], info: { of: 'a test' } });
  const moved = new Structure({ ...one, positions: Float64Array.of(1, 2, 3) });
  assert.equal([moved.symbols, moved.info, moved.positions[2]], [['N'], { of: 'a test' }, 3]);
});

test('the volume of a triclinic box is its determinant', () => {
  assert.is(volume(makeBox([2, 0, 0, 1, 3, 0, 1, 1, 4])), 24);
  assert.throws(() => makeBox([1, 0, 0, 2, 0, 0, 0, 0, 1]), /must span a volume/);
});

test.run();
