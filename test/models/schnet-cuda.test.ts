// SchNet on a GPU: every pipeline against the reference, forces and virial against finite differences of the energy it
// gives itself, batches against their systems, repeated runs, and what is refused.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { usableGpu } from '../../lib/cuda.js';
import { evaluate, type Potential } from '../../lib/models/potential.js';
import type { SchnetOptions } from '../../lib/models/schnet.js';
import { randomSchnet } from '../../lib/models/schnet-random.js';
import { native } from '../../lib/native.js';
import { makeBox } from '../../lib/structure/box.js';
import type { Structure } from '../../lib/structure/structure.js';
import { onCuda } from '../cuda.js';
import { relativeError } from '../tools.js';
import { atoms, code, globule, jittered, periodicCell, smallConfigs } from './schnet-cases.js';

const mixed = [
  globule(40, 5, 3),
  periodicCell(9, 2),
  globule(1, 5, 1),
  periodicCell(6, 3),
  globule(83, 7, 4),
  ...jittered(globule(20, 4, 9), 2, 0.1, 1),
];
const techniques = ['radialBasis', 'messagePassing', 'aggregation'] as const;
const combinations: SchnetOptions[] = Array.from({ length: 8 }, (_, bits) => ({
  backend: 'cuda',
  pipeline: 'baseline',
  techniques: Object.fromEntries(techniques.map((name, k) => [name, (bits & (1 << k)) !== 0])),
}));
// Finer than the default, so that what is left is rounding.
const table: SchnetOptions = { backend: 'cuda', pipeline: 'table', tolerance: 3e-6 };
const flash: SchnetOptions = { backend: 'cuda', pipeline: 'flash' };
const ways = [...combinations, flash, table];
/** Scatter-add by atomics: the order of sums, hence the last bits, differ from run to run. */
const scatters = (way: SchnetOptions): boolean =>
  way.pipeline === 'baseline' && way.techniques?.aggregation !== true;

for (const [name, config] of Object.entries(smallConfigs)) {
  const reference = randomSchnet(config, { backend: 'reference', seed: 7 });
  for (const way of ways) {
    const label = `${name}, ${way.pipeline} ${JSON.stringify(way.techniques ?? {})}`;
    onCuda(`${label}: agrees with the reference`, () => {
      const want = evaluate(reference, mixed, { virial: true });
      const got = evaluate(reference.with(way), mixed, { virial: true });
      assert.ok(
        relativeError(got.energy, want.energy) < 2e-6,
        `energy ${relativeError(got.energy, want.energy)}`,
      );
      assert.ok(
        relativeError(got.forces, want.forces) < 1e-5,
        `forces ${relativeError(got.forces, want.forces)}`,
      );
      assert.ok(
        relativeError(got.virial, want.virial) < 1e-5,
        `virial ${relativeError(got.virial, want.virial)}`,
      );
      const alone = evaluate(reference.with(way), mixed, { forces: false });
      assert.equal(scatters(way) ? [] : alone.energy, scatters(way) ? [] : got.energy);
    });
  }
}

onCuda('the published shape: a protein-sized globule and sixteen replicas, open and in a box', () => {
  const one = globule(269, 14, 1);
  const reference = randomSchnet({}, { backend: 'reference', seed: 3 });
  const boxed = one.with({ box: makeBox([31, 0, 0, 0, 32, 0, 3, 0, 33], [true, true, true]) });
  for (const systems of [[one], [boxed], jittered(one, 16, 0.1, 2)]) {
    const want = evaluate(reference, systems.slice(0, 2), { virial: true });
    for (const way of [flash, table]) {
      const got = evaluate(reference.with(way), systems, { virial: true });
      const forces = got.forces.subarray(0, want.forces.length);
      assert.ok(
        relativeError(forces, want.forces) < 1e-5,
        `${way.pipeline} ${relativeError(forces, want.forces)}`,
      );
      const virial = got.virial.subarray(0, want.virial.length);
      assert.ok(
        relativeError(virial, want.virial) < 1e-5,
        `${way.pipeline} ${relativeError(virial, want.virial)}`,
      );
    }
  }
});

onCuda('a table takes all pairs of small systems, and a list of others', () => {
  const config = smallConfigs['gaussian tanh']!;
  const reference = randomSchnet(config, { backend: 'reference', seed: 4 });
  const lonely = atoms(0, 0, 0, 1e3, 0, 0, 2e3, 0, 0);
  for (const systems of [
    [globule(512, 12, 5), lonely],
    [globule(513, 12, 5), lonely, globule(30, 4, 6)],
    [globule(17, 4, 7), lonely, globule(300, 9, 8), globule(300, 9, 9)],
  ]) {
    const want = evaluate(reference, systems);
    const got = evaluate(reference.with(table), systems);
    const label = systems.map((s) => s.count).join(' + ');
    const error = relativeError(got.forces, want.forces);
    assert.ok(error < 1e-5, `${label}: ${error}`);
    assert.equal(evaluate(reference.with(table), systems).forces, got.forces, label);
    assert.is(got.edges > 0, systems[0]!.count > 512, label);
  }
});

onCuda('forces and virial are the derivatives of the energy that the GPU gives', () => {
  // Float32 energies: steps wide enough that their rounding does not show.
  const energyOf = (model: Potential, s: Structure): number =>
    evaluate(model, s, { forces: false }).energy[0]!;
  const h = 2e-2;
  const derivative = (at: (h: number) => number): number =>
    (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h);
  for (const way of [combinations[0]!, flash, table]) {
    const model = randomSchnet(smallConfigs['gaussian tanh']!, { ...way, seed: 5 });
    for (const s of [globule(9, 3.2, 5), periodicCell(5, 3)]) {
      const { forces, virial } = evaluate(model, s, { virial: true });
      const numeric = forces.map(
        (_, k) =>
          -derivative((d) => {
            const positions = s.positions.slice();
            positions[k]! += d;
            return energyOf(model, s.with({ positions }));
          }),
      );
      assert.ok(relativeError(forces, numeric) < 3e-3, `${way.pipeline} ${relativeError(forces, numeric)}`);
      // x' = (1 + ε) x with one component ε_ab = d: moves b's share into a.
      const strained = (a: number, b: number, d: number): Structure => {
        const map = (x: Float64Array): Float64Array =>
          x.map((v, k) => (k % 3 === a ? v + d * x[k - a + b]! : v));
        return s.with({
          positions: map(s.positions),
          box: s.box && makeBox(map(s.box.vectors), s.box.periodic),
        });
      };
      const strains = virial.map(
        (_, k) => -derivative((d) => energyOf(model, strained(Math.floor(k / 3), k % 3, d / 4))) * 4,
      );
      assert.ok(relativeError(virial, strains) < 3e-3, `${way.pipeline} ${relativeError(virial, strains)}`);
    }
  }
});

onCuda('two runs give the same bits, and a batch what its systems give alone to rounding', () => {
  for (const way of ways.filter((w) => !scatters(w))) {
    const model = randomSchnet(smallConfigs['expnormal tanh, lower cutoff']!, way);
    const label = `${way.pipeline} ${JSON.stringify(way.techniques ?? {})}`;
    const together = evaluate(model, mixed, { virial: true });
    const again = evaluate(model, mixed, { virial: true });
    assert.equal(again.forces, together.forces, label);
    assert.equal(again.energy, together.energy, label);
    assert.equal(again.virial, together.virial, label);
    // Which path `table` takes, and how the library splits a product of `baseline`, may depend on the batch.
    const limit = way.pipeline === 'flash' ? 0 : 3e-6;
    mixed.forEach((s, k) => {
      const alone = evaluate(model, s);
      const same = together.forces.subarray(3 * together.offsets[k]!, 3 * together.offsets[k + 1]!);
      const [e, batched] = [alone.energy[0]!, together.energy[k]!];
      assert.ok(Math.abs(e - batched) <= limit * Math.abs(e), `${label} energy of system ${k}`);
      if (s.count > 1)
        assert.ok(relativeError(alone.forces, same) <= limit, `${label} forces of system ${k}`);
    });
  }
});

onCuda('a big batch gives each replica what it gets alone', () => {
  const one = globule(269, 14, 1);
  // Kernels take tiles of another size for each of these.
  for (const count of [3, 5, 8, 13, 32, 64]) {
    const replicas = jittered(one, count, 0.1, 2);
    for (const way of [flash, table]) {
      const model = randomSchnet({}, way);
      const { forces, energy } = evaluate(model, replicas);
      for (const k of [0, count >> 1, count - 1]) {
        const alone = evaluate(model, replicas[k]!);
        const error = relativeError(forces.subarray(3 * 269 * k, 3 * 269 * (k + 1)), alone.forces);
        assert.ok(error < 1e-6, `${way.pipeline} replica ${k} of ${count}: ${error}`);
        assert.ok(Math.abs(energy[k]! - alone.energy[0]!) < 1e-6 * Math.abs(alone.energy[0]!));
      }
    }
  }
});

for (const way of [combinations[0]!, combinations[2]!, flash, table]) {
  const config = smallConfigs['gaussian tanh']!;
  const label = `${way.pipeline} ${JSON.stringify(way.techniques ?? {})}`;

  onCuda(`${label}: none, one and lonely atoms`, () => {
    const model = randomSchnet(config, way);
    assert.equal([...evaluate(model, atoms()).energy], [0]);
    const one = evaluate(model, atoms(1, 2, 3), { virial: true });
    assert.ok(Number.isFinite(one.energy[0]) && one.energy[0] !== 0);
    assert.ok([...one.forces, ...one.virial].every((v) => v === 0));
    const far = evaluate(model, [atoms(0, 0, 0, 1e6, 0, 0), atoms(), atoms(5, 5, 5)]);
    assert.ok(Math.abs(far.energy[0]! - 2 * one.energy[0]!) < 1e-5 * Math.abs(one.energy[0]!));
    assert.is(far.energy[1], 0);
  });

  onCuda(`${label}: wrong atoms are refused, and the model lives on`, () => {
    const model = randomSchnet(config, way);
    const fine = globule(20, 4, 2);
    const before = evaluate(model, fine).energy[0];
    assert.match(
      code(() => evaluate(model, [atoms(0, 0, 0), atoms(0, 0, 0, 1, 1, 1, 1, 1, 1)])),
      /ENUMERIC schnet: atoms 1 and 2 of system 1 are at one place/,
    );
    assert.match(
      code(() =>
        evaluate(model, [atoms(0, 0, 0), atoms(0, 0, 0, 1, 1, 1).with({ types: Int32Array.of(0, 25) })]),
      ),
      /EINVALID schnet: type of atom 1 of system 1 must be 0..24 .*received 25/,
    );
    assert.match(
      code(() => evaluate(model, atoms(0, 0, 0, 1, Number.NaN, 1))),
      /EINVALID/,
    );
    const after = evaluate(model, fine).energy[0]!;
    if (scatters(way)) assert.ok(Math.abs(after - before!) < 1e-6 * Math.abs(after));
    else assert.is(after, before);
  });
}

onCuda('too large for the GPU: asked and free are named, and everything lives on', () => {
  const model = randomSchnet({ blocks: 12, filters: 256 }, { backend: 'cuda', pipeline: 'baseline' });
  const one = globule(269, 14, 1);
  const before = evaluate(model, one).energy[0]!;
  const { edges } = evaluate(model, one);
  const replicas = Math.ceil((2 * native().cudaSpace(0).free) / model.estimateBytes(edges, 269));
  const message = code(() =>
    evaluate(
      model,
      Array.from({ length: replicas }, () => one),
    ),
  );
  assert.match(message, /ENOMEM .*free/);
  assert.ok(Math.abs(evaluate(model, one).energy[0]! - before) < 1e-6 * Math.abs(before));
});

onCuda('the model says where it computes, what its stages took and what it holds', () => {
  const model = randomSchnet(smallConfigs['gaussian tanh']!);
  assert.is(model.backend, 'cuda');
  assert.is(model.info.deviceName, usableGpu()?.name);
  evaluate(model, globule(40, 5, 3));
  for (const stage of ['geometry', 'message', 'node', 'head', 'message reverse', 'node reverse', 'forces'])
    assert.ok(model.stages[stage]! > 0, stage);
  assert.ok(native().cudaMemory(model.info.device!).peak > 0);
  const exact = model.with({ backend: 'reference' });
  assert.is(exact.backend, 'reference');
  assert.is(randomSchnet({}, { precision: 'float64' }).backend, 'cpu');
  assert.is(randomSchnet({}, { device: usableGpu()!.name }).info.device, 0);
});

onCuda(
  'a model that no GPU holds goes to the CPU, unless a GPU was asked for; a wrong one is refused',
  () => {
    const deep = { ...smallConfigs['gaussian tanh']!, head: [8, 8, 8, 8, 8, 8, 8] };
    assert.is(randomSchnet(deep).backend, 'cpu');
    assert.is(randomSchnet(deep).table!.tolerance, 3e-6);
    for (const options of [{ backend: 'cuda' }, { device: 0 }] as const)
      assert.match(
        code(() => randomSchnet(deep, options)),
        /EUNSUPPORTED schnet: on a GPU .* at most 6 hidden layers, received 7/,
      );
  },
);

onCuda('a table on a GPU is made to 1e-5 unless told, and says where it could not be', () => {
  const fine = randomSchnet(smallConfigs['gaussian tanh']!).table!;
  assert.is(fine.tolerance, 1e-5);
  assert.ok(fine.worstError <= 1e-5, `${fine.worstError}`);
  const coarse = randomSchnet({}, { backend: 'cuda', tolerance: 1e-9 }).table!;
  assert.is(coarse.tolerance, 1e-9);
  assert.ok(coarse.worstError > 1e-9 && coarse.worstError < 5e-6, `${coarse.worstError}`);
  assert.ok(coarse.intervals > 500 && coarse.intervals < 1016, `${coarse.intervals}`);
});

onCuda('16-bit weights and activations cost about three digits', () => {
  const config = smallConfigs['expnormal tanh, lower cutoff']!;
  const s = globule(40, 5, 3);
  const exact = evaluate(randomSchnet(config, { backend: 'reference' }), s);
  for (const fused of [false, true]) {
    const model = randomSchnet(config, {
      backend: 'cuda',
      pipeline: 'baseline',
      techniques: { weights16: true, messagePassing: fused, radialBasis: fused, aggregation: fused },
    });
    const error = relativeError(evaluate(model, s).forces, exact.forces);
    assert.ok(error > 1e-6 && error < 2e-3, `${error}`);
  }
});

test('a backend, device or precision that is not there is refused by name', () => {
  const asked = (options: SchnetOptions): string =>
    code(() => randomSchnet(smallConfigs['gaussian tanh'], options));
  assert.match(asked({ backend: 'cpu', device: 0 }), /EINVALID schnet.device: must go with backend 'cuda'/);
  if (usableGpu() === undefined) assert.match(asked({ backend: 'cuda' }), /ENOTFOUND/);
  else {
    assert.match(asked({ backend: 'cuda', device: 99 }), /EINVALID device: must be one of 0/);
    assert.match(
      asked({ backend: 'cuda', precision: 'float64' }),
      /EINVALID schnet.precision: must be 'float32' with backend 'cuda'/,
    );
  }
});

test.run();
