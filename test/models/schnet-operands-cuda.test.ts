// The flash pipeline on a GPU with narrower operands, and the forces without the envelope's gradient.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { evaluate } from '../../lib/models/potential.js';
import type { SchnetOperands, SchnetOptions } from '../../lib/models/schnet.js';
import { randomSchnet } from '../../lib/models/schnet-random.js';
import { onCuda } from '../cuda.js';
import { relativeError } from '../tools.js';
import { globule, jittered, periodicCell, smallConfigs } from './schnet-cases.js';

const systems = [globule(40, 5, 3), periodicCell(9, 2), ...jittered(globule(83, 7, 4), 2, 0.1, 1)];

/** Force error each format must stay below, and (but for single precision) shows. */
const formats: [SchnetOperands, number, number][] = [
  ['float32', 0, 1e-5],
  ['tf32', 1e-5, 2e-3],
  ['float16', 1e-5, 2e-3],
  ['float16-channel', 1e-5, 2e-3],
  ['bfloat16', 1e-4, 2e-2],
  ['int8', 1e-3, 0.3],
  ['int8-channel', 1e-3, 0.3],
];

for (const [name, config] of Object.entries(smallConfigs)) {
  const reference = randomSchnet(config, { backend: 'reference', seed: 11 });
  for (const [operands, least, most] of formats)
    onCuda(`${name}, ${operands}: forces within ${most} of the reference, energy consistent`, () => {
      const model = reference.with({ backend: 'cuda', pipeline: 'flash', operands });
      const want = evaluate(reference, systems, { virial: true });
      const got = evaluate(model, systems, { virial: true });
      const error = relativeError(got.forces, want.forces);
      assert.ok(error >= least && error < most, `forces ${error}`);
      assert.ok(relativeError(got.virial, want.virial) < 2 * most);
      assert.equal(evaluate(model, systems).forces, got.forces, 'the same bits again');
    });
}

onCuda('without the envelope’s gradient forces are those of the host, and not the reference’s', () => {
  const config = smallConfigs['gaussian tanh']!;
  const dropped = { envelopeGradient: false };
  const host = evaluate(randomSchnet(config, { backend: 'cpu', pipeline: 'flash', ...dropped }), systems);
  const exact = evaluate(randomSchnet(config, { backend: 'reference' }), systems);
  const techniques = [{}, { radialBasis: true }, { aggregation: true }, { messagePassing: true }];
  const ways: SchnetOptions[] = [
    { pipeline: 'flash' },
    ...techniques.map((t): SchnetOptions => ({ pipeline: 'baseline', techniques: t })),
  ];
  for (const way of ways) {
    const got = evaluate(randomSchnet(config, { backend: 'cuda', ...way, ...dropped }), systems);
    assert.ok(relativeError(got.forces, host.forces) < 1e-5, JSON.stringify(way));
    assert.ok(relativeError(got.forces, exact.forces) > 1e-3, JSON.stringify(way));
  }
});

test.run();
