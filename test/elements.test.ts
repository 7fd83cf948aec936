import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { appearance, beads, element, elements, massOf, normalizeSymbol } from '../lib/elements.js';

test('the table runs from hydrogen to bismuth without a hole', () => {
  assert.is(elements.length, 83);
  assert.is(new Set(elements.map((e) => e.symbol)).size, 83);
  for (const e of elements) {
    assert.ok(e.mass > 0 && e.covalentRadius > 0.2 && e.covalentRadius < 2.5, e.symbol);
    assert.ok(e.vanDerWaalsRadius === undefined || e.vanDerWaalsRadius > e.covalentRadius, e.symbol);
    assert.match(e.color, /^#[0-9a-f]{6}$/);
  }
});

test('atomic numbers are where chemistry puts them', () => {
  const known: [string, number][] = [
    ['H', 1],
    ['C', 6],
    ['Ne', 10],
    ['Ar', 18],
    ['Fe', 26],
    ['Kr', 36],
    ['Ag', 47],
    ['Xe', 54],
    ['La', 57],
    ['Lu', 71],
    ['Au', 79],
    ['Bi', 83],
  ];
  for (const [symbol, number] of known) assert.is(element(symbol).number, number, symbol);
  assert.is(element(8).symbol, 'O');
});

test('masses rise with atomic number but for the known inversions', () => {
  const inverted = elements.filter((e, i) => i > 0 && e.mass < elements[i - 1]!.mass).map((e) => e.symbol);
  assert.equal(inverted, ['K', 'Ni', 'I']);
});

test('a bead name is no element: CA is an alpha carbon, Ca calcium', () => {
  assert.is(massOf('CA'), 12.011);
  assert.is(massOf('Ca'), 40.078);
  assert.is(appearance('CB'), beads['CB']);
  assert.is(appearance('O').color, '#ff0d0d');
  assert.is(normalizeSymbol(' FE'), 'Fe');
  assert.is(normalizeSymbol('Qq'), undefined);
  assert.is(massOf('Qq'), undefined);
  assert.throws(() => element('Qq'), /element: must be one of 'H'/);
});

test.run();
