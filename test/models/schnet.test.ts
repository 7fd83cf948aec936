// SchNet: the energy against its equations written out here, forces and virial against finite differences, symmetries,
// and every pipeline against the reference.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { evaluate, type Potential } from '../../lib/models/potential.js';
import type { Schnet, SchnetOptions } from '../../lib/models/schnet.js';
import type { SchnetConfig } from '../../lib/models/schnet-config.js';
import { randomSchnet } from '../../lib/models/schnet-random.js';
import { native } from '../../lib/native.js';
import { makeBox } from '../../lib/structure/box.js';
import { Structure } from '../../lib/structure/structure.js';
import { energyUnits } from '../../lib/units.js';
import { relativeError } from '../tools.js';
import { globule, jittered, periodicCell, smallConfigs } from './schnet-cases.js';

const mixed = [
  globule(40, 5, 3),
  periodicCell(9, 2),
  globule(1, 5, 1),
  periodicCell(6, 3),
  ...jittered(globule(20, 4, 9), 2, 0.1, 1),
];
const energyOf = (model: Potential, s: Structure): number => evaluate(model, s, { forces: false }).energy[0]!;

const techniques = ['radialBasis', 'messagePassing', 'aggregation'] as const;
const combinations: SchnetOptions[] = Array.from({ length: 8 }, (_, bits) => ({
  backend: 'cpu',
  pipeline: 'baseline',
  techniques: Object.fromEntries(techniques.map((name, k) => [name, (bits & (1 << k)) !== 0])),
}));
const exactWays: SchnetOptions[] = [...combinations, { backend: 'cpu', pipeline: 'flash' }];
const allWays: SchnetOptions[] = [...exactWays, { backend: 'cpu', pipeline: 'table' }];

// An independent reading of the equations (spec: E of two particles at distance r), in JavaScript.
function dimerEnergy(model: Schnet, types: [number, number], r: number): number {
  const c: SchnetConfig = model.config;
  const t = (name: string): ArrayLike<number> => model.tensors.get(name)!.data as Float32Array;
  const act = {
    tanh: Math.tanh,
    ssp: (x: number) => Math.log(0.5 * Math.exp(x) + 0.5),
    silu: (x: number) => x / (1 + Math.exp(-x)),
  }[c.activation];
  const dense = (name: string, x: number[], out: number): number[] => {
    const w = t(`${name}.weight`);
    const b = model.tensors.get(`${name}.bias`)?.data as Float32Array | undefined;
    return Array.from({ length: out }, (_, o) =>
      x.reduce((s, v, k) => s + w[o * x.length + k]! * v, b?.[o] ?? 0),
    );
  };
  const { lower, upper } = c.cutoff;
  const phase = lower > 0 ? Math.PI * ((2 * (r - lower)) / (upper - lower) + 1) : (Math.PI * r) / upper;
  const envelope = r >= upper || (lower > 0 && r <= lower) ? 0 : 0.5 * (Math.cos(phase) + 1);
  const K = c.rbf.count;
  const phi = Array.from({ length: K }, (_, k) => {
    if (c.rbf.type === 'gaussian') {
      const spacing = upper / (K - 1);
      return envelope * Math.exp(-((r - k * spacing) ** 2) / (2 * spacing ** 2));
    }
    const start = Math.exp(lower - upper);
    const mean = start + ((1 - start) * k) / (K - 1);
    const beta = ((2 / K) * (1 - start)) ** -2;
    return envelope * Math.exp(-beta * (Math.exp((5 / (upper - lower)) * (lower - r)) - mean) ** 2);
  });
  const x = types.map((type) =>
    Array.from({ length: c.hidden }, (_, h) => t('embedding_layer.weight')[type * c.hidden + h]!),
  );
  for (let l = 0; l < c.blocks; l++) {
    const block = `interaction_blocks.${l}`;
    const net = `${block}.conv.filter_network.layers`;
    const w = dense(`${net}.2`, dense(`${net}.0`, phi, c.filters).map(act), c.filters);
    const y = x.map((v) => dense(`${block}.conv.lin1`, v, c.filters));
    [0, 1].forEach((i) => {
      const m = y[1 - i]!.map((v, f) => v * w[f]! * envelope);
      const update = dense(`${block}.lin`, dense(`${block}.conv.lin2`, m, c.hidden).map(act), c.hidden);
      x[i] = x[i]!.map((v, h) => v + update[h]!);
    });
  }
  const widths = [...c.head, 1];
  return x
    .map((v) =>
      widths.reduce((h, width, k) => {
        const out = dense(`output_network.layers.${2 * k}`, h, width);
        return k + 1 < widths.length ? out.map(act) : out;
      }, v),
    )
    .reduce((s, e) => s + e[0]!, 0);
}

for (const [name, config] of Object.entries(smallConfigs)) {
  const reference = randomSchnet(config, { backend: 'reference', seed: 7 });

  test(`${name}: energy of a dimer as the equations give it`, () => {
    for (const r of [0.7, 1.3, 2.5, 4.1, 4.99, 8]) {
      const s = new Structure({
        positions: Float64Array.of(1, 2, 3, 1, 2 + r, 3),
        symbols: ['X', 'X'],
        types: Int32Array.of(3, 8),
      });
      const want = dimerEnergy(reference, [3, 8], r);
      assert.ok(Math.abs(energyOf(reference, s) - want) < 1e-12 * (1 + Math.abs(want)), `r = ${r}`);
    }
  });

  test(`${name}: forces and virial of the reference are the energy's derivatives`, () => {
    for (const s of [globule(12, 3.2, 5), periodicCell(5, 2), periodicCell(4, 3)])
      checkDerivatives(reference, s, 1e-7);
  });

  test(`${name}: every pipeline agrees with the reference`, () => {
    const want = evaluate(reference, mixed, { virial: true });
    for (const way of allWays)
      for (const precision of ['float64', 'float32'] as const) {
        const model = reference.with({ backend: 'cpu', ...way, precision });
        const got = evaluate(model, mixed, { virial: true });
        const label = `${JSON.stringify(way)} ${precision}`;
        const exact = precision === 'float64' && way.pipeline !== 'table';
        assert.ok(relativeError(got.forces, want.forces) < (exact ? 1e-12 : 1e-5), `${label} forces`);
        assert.ok(relativeError(got.virial, want.virial) < (exact ? 1e-12 : 1e-5), `${label} virial`);
        assert.ok(relativeError(got.energy, want.energy) < (exact ? 1e-12 : 2e-6), `${label} energy`);
      }
  });
}

/** Fourth-order central differences of the energy in every coordinate and every strain. */
function checkDerivatives(model: Potential, s: Structure, tolerance: number): void {
  const { forces, virial } = evaluate(model, s, { virial: true });
  const derivative = (energyAt: (h: number) => number): number => {
    const h = 1e-4;
    return (8 * (energyAt(h) - energyAt(-h)) - (energyAt(2 * h) - energyAt(-2 * h))) / (12 * h);
  };
  const numeric = forces.map(
    (_, k) =>
      -derivative((h) => {
        const positions = s.positions.slice();
        positions[k]! += h;
        return energyOf(model, s.with({ positions }));
      }),
  );
  assert.ok(relativeError(forces, numeric) < tolerance, `forces ${relativeError(forces, numeric)}`);
  const strained = (a: number, b: number, h: number): Structure => {
    // x' = (1 + ε) x with one component ε_ab = h: moves b's share into a.
    const map = (x: Float64Array): Float64Array => x.map((v, k) => (k % 3 === a ? v + h * x[k - a + b]! : v));
    return s.with({
      positions: map(s.positions),
      box: s.box && makeBox(map(s.box.vectors), s.box.periodic),
    });
  };
  const numericVirial = virial.map(
    (_, k) => -derivative((h) => energyOf(model, strained(Math.floor(k / 3), k % 3, h))),
  );
  assert.ok(
    relativeError(virial, numericVirial) < tolerance,
    `virial ${relativeError(virial, numericVirial)}`,
  );
}

test('forces of the table are the exact gradient of the tabulated energy, however coarse', () => {
  const config = smallConfigs['gaussian tanh']!;
  const model = randomSchnet(config, { precision: 'float64', tolerance: 1e-3 });
  assert.ok(model.table!.slopeError > 1e-5);
  // Within a cubic piece only: differences across a knot see the jump of the second derivative.
  checkDerivatives(model, globule(7, 2.6, 4), 1e-5);
  const fine = randomSchnet(config, { precision: 'float64', tolerance: 1e-9 });
  checkDerivatives(fine, globule(12, 3.2, 5), 1e-7);
});

test('rotation, translation, permutation and exchange of images leave energies alone', () => {
  const config = smallConfigs['expnormal ssp']!;
  for (const model of [
    randomSchnet(config, { backend: 'reference' }),
    randomSchnet(config, { pipeline: 'flash', precision: 'float64' }),
    randomSchnet(config, { precision: 'float64' }),
  ]) {
    const s = globule(20, 4, 2);
    const { energy, forces } = evaluate(model, s);
    const [c, si] = [Math.cos(0.7), Math.sin(0.7)];
    const turn = (x: Float64Array): Float64Array =>
      x.map((v, k) => {
        const [a, b] = [x[k - (k % 3)]!, x[k - (k % 3) + 1]!];
        return k % 3 === 0 ? c * a - si * b : k % 3 === 1 ? si * a + c * b : v;
      });
    const turned = evaluate(model, s.with({ positions: turn(s.positions).map((v, k) => v + (k % 3) * 11) }));
    assert.ok(Math.abs(turned.energy[0]! - energy[0]!) < 1e-12 * Math.abs(energy[0]!));
    assert.ok(relativeError(turned.forces, turn(forces)) < 1e-11);
    const order = Array.from({ length: 20 }, (_, k) => (7 * k + 3) % 20);
    const pick = (x: Float64Array): Float64Array =>
      Float64Array.from(order.flatMap((i) => [...x.subarray(3 * i, 3 * i + 3)]));
    const shuffled = evaluate(
      model,
      s.with({ positions: pick(s.positions), types: Int32Array.from(order, (i) => s.types![i]!) }),
    );
    assert.ok(relativeError(shuffled.forces, pick(forces)) < 1e-12);
    const cell = periodicCell(7, 2);
    const moved = cell.positions.map((x, k) =>
      k < 3 ? x + cell.box!.vectors[k]! - 2 * cell.box!.vectors[3 + k]! : x,
    );
    const a = energyOf(model, cell);
    assert.ok(Math.abs(energyOf(model, cell.with({ positions: moved })) - a) < 1e-12 * Math.abs(a));
  }
});

test('a periodic cell and its doubled copy have one energy per particle', () => {
  const cell = periodicCell(5, 2);
  const [ax, ay, az] = cell.box!.vectors;
  const doubled = new Structure({
    positions: Float64Array.from([
      ...cell.positions,
      ...cell.positions.map((x, k) => x + [ax!, ay!, az!][k % 3]!),
    ]),
    symbols: [...cell.symbols, ...cell.symbols],
    types: Int32Array.from([...cell.types!, ...cell.types!]),
    box: makeBox(
      cell.box!.vectors.map((v, k) => (k < 3 ? 2 * v : v)),
      cell.box!.periodic,
    ),
  });
  for (const way of [
    { backend: 'reference' },
    { backend: 'cpu', pipeline: 'flash' },
    { backend: 'cpu' },
  ] as const) {
    const model = randomSchnet(smallConfigs['gaussian tanh']!, way);
    const one = energyOf(model, cell);
    assert.ok(Math.abs(energyOf(model, doubled) - 2 * one) < 2e-6 * Math.abs(one), JSON.stringify(way));
  }
});

test('a batch gives what its systems give alone, to the last bit, on any number of threads', () => {
  const before = native().threads();
  try {
    for (const way of allWays) {
      const model = randomSchnet(smallConfigs['gaussian tanh']!, way);
      native().setThreads(2);
      const together = evaluate(model, mixed, { virial: true });
      for (const threads of [1, 3, 7]) {
        native().setThreads(threads);
        assert.equal(evaluate(model, mixed, { virial: true }).forces, together.forces, `${threads} threads`);
      }
      mixed.forEach((s, k) => {
        const alone = evaluate(model, s);
        assert.is(alone.energy[0], together.energy[k], `${JSON.stringify(way)} system ${k}`);
        // The slabs of a fused scatter-add are cut from the whole batch: equal up to rounding only.
        const [from, to] = [3 * together.offsets[k]!, 3 * together.offsets[k + 1]!];
        const scatter = way.techniques?.messagePassing && !way.techniques.aggregation;
        if (scatter && s.count > 1)
          assert.ok(relativeError(alone.forces, together.forces.subarray(from, to)) < 1e-5);
        else assert.equal(alone.forces, together.forces.slice(from, to), JSON.stringify(way));
      });
    }
  } finally {
    native().setThreads(before);
  }
});

test('units of the model are converted at the edge', () => {
  const config = smallConfigs['gaussian tanh']!;
  const s = globule(20, 4, 2);
  const plain = evaluate(randomSchnet(config, { backend: 'reference' }), s, { virial: true });
  for (const way of [
    { backend: 'reference' },
    { precision: 'float64', pipeline: 'flash' },
    { backend: 'cpu' },
  ] as const) {
    const model = randomSchnet(config, { ...way, units: { energy: 'kcal/mol', length: 'nm' } });
    assert.is(model.cutoff, 60);
    const big = evaluate(model, s.with({ positions: s.positions.map((x) => 10 * x) }), { virial: true });
    const e = energyUnits['kcal/mol'];
    assert.ok(
      relativeError(
        big.energy,
        plain.energy.map((v) => v * e),
      ) < 1e-6,
    );
    assert.ok(
      relativeError(
        big.forces,
        plain.forces.map((v) => (v * e) / 10),
      ) < 1e-5,
    );
    assert.ok(
      relativeError(
        big.virial,
        plain.virial.map((v) => v * e),
      ) < 1e-5,
    );
  }
});

test('without the envelope gradient the energy stays and the forces are wrong', () => {
  const config = smallConfigs['gaussian tanh']!;
  const s = globule(40, 5, 3);
  const exact = evaluate(randomSchnet(config, { backend: 'reference' }), s);
  for (const way of exactWays) {
    const wrong = evaluate(
      randomSchnet(config, { ...way, precision: 'float64', envelopeGradient: false }),
      s,
    );
    assert.ok(relativeError(wrong.energy, exact.energy) < 1e-12);
    const error = relativeError(wrong.forces, exact.forces);
    assert.ok(error > 0.01 && error < 2, `${error}`);
  }
});

test('16-bit weights cost about three digits', () => {
  const config = smallConfigs['expnormal tanh, lower cutoff']!;
  const s = globule(40, 5, 3);
  const exact = evaluate(randomSchnet(config, { backend: 'reference' }), s);
  for (const fused of [false, true]) {
    const model = randomSchnet(config, {
      backend: 'cpu',
      pipeline: 'baseline',
      techniques: { weights16: true, messagePassing: fused, radialBasis: fused, aggregation: fused },
    });
    const error = relativeError(evaluate(model, s).forces, exact.forces);
    assert.ok(error > 1e-5 && error < 1e-2, `${error}`);
  }
});

test.run();
