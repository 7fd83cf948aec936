import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  beadsFromSequence,
  configurations,
  evaluate,
  fiveBeadLists,
  InertObject,
  langevin,
  loadPriors,
  type MlcgLists,
  mlcgLists,
  mlcgPriors,
  mlcgTerms,
  PriorPotential,
  readTorch,
  type Structure,
  sequences,
  simulate,
  type Tensor,
  termEnergies,
} from '../../lib/index.js';
import { archive, global, pickle, tensor, text } from '../io/pickle-tools.js';
import { file } from '../io/tools.js';
import { relativeError, sample, skip } from '../tools.js';
import { termEnergy } from './priors-oracle.js';

const kcal = 0.043364104241800934;
const dense = (shape: number[], data: number[]): Tensor => ({
  shape,
  dtype: 'float32',
  data: Float32Array.from(data),
});
const module = (
  className: string,
  buffers: Record<string, unknown>,
  children: Record<string, unknown> = {},
): InertObject => {
  const made = new InertObject(
    className === 'ModuleDict'
      ? 'torch.nn.modules.container'
      : className === 'GradientsOut'
        ? 'mlcg.nn.gradients'
        : 'mlcg.nn.prior',
    className,
    [],
  );
  made.state = new Map<never, never>(
    Object.entries({
      _buffers: new Map(Object.entries(buffers)),
      _modules: new Map(Object.entries(children)),
    }) as never,
  ) as never;
  return made;
};
const sparse = (shape: number[], entries: [number[], number][]): unknown => ({
  layout: 'coo',
  shape,
  indices: {
    shape: [shape.length, entries.length],
    dtype: 'int64',
    data: BigInt64Array.from(shape.flatMap((_, d) => entries.map(([key]) => BigInt(key[d]!)))),
  },
  values: dense(
    [entries.length],
    entries.map(([, v]) => v),
  ),
});
/** Three beads of types 1, 2, 1 and a fourth of type 3. */
const four = (): Structure =>
  beadsFromSequence('G').with({ types: Int32Array.of(1, 2, 1, 3), residues: undefined, bonds: undefined });

test('dense, sparse and per-tuple tables give the parameters of a tuple, in eV', () => {
  const priors = module(
    'ModuleDict',
    {},
    {
      bonds: module(
        'GradientsOut',
        {},
        {
          model: module('GeneralBonds', {
            x_0: sparse(
              [4, 4],
              [
                [[1, 2], 1.5],
                [[2, 1], 1.5],
              ],
            ),
            k: sparse(
              [4, 4],
              [
                [[1, 2], 100],
                [[2, 1], 90],
                [[2, 1], 10],
              ],
            ),
          }),
        },
      ),
      repel: module('Repulsion', {
        sigma: dense(
          [4, 4],
          Array.from({ length: 16 }, (_, i) => i / 4),
        ),
      }),
      turn: module('Dihedral', {
        v_0: sparse([4, 4, 4, 4], [[[1, 2, 1, 3], 0.5]]),
        k1s: sparse(
          [2, 4, 4, 4, 4],
          [
            [[0, 1, 2, 1, 3], 1],
            [[1, 1, 2, 1, 3], 2],
          ],
        ),
        k2s: sparse([2, 4, 4, 4, 4], [[[1, 1, 2, 1, 3], -4]]),
      }),
      fixed: module('StaticGeneralAngles', { x_0: dense([2], [0.1, 0.2]), k: dense([2, 1], [3, 4]) }),
      wall: module(
        'RestrictedQuartic',
        Object.fromEntries(
          ['a', 'b', 'c', 'd', 'k', 'v_0'].map((n, i) => [n, sparse([4, 4, 4], [[[1, 2, 1], i + 1]])]),
        ),
      ),
      quartic: module('QuarticAngles', {
        v_0: sparse([4, 4, 4], [[[1, 2, 1], 9]]),
        ks: sparse(
          [2, 4, 4, 4],
          [
            [[0, 1, 2, 1], 7],
            [[1, 1, 2, 1], 8],
          ],
        ),
      }),
    },
  );
  const lists: MlcgLists = new Map([
    ['bonds', Int32Array.of(0, 1, 1, 2)],
    ['repel', Int32Array.of(0, 3)],
    ['turn', Int32Array.of(0, 1, 2, 3)],
    ['fixed', Int32Array.of(0, 1, 2, 1, 2, 3)],
    ['wall', Int32Array.of(0, 1, 2)],
    ['quartic', Int32Array.of(0, 1, 2)],
  ]);
  const terms = mlcgTerms(mlcgPriors(priors, 'made.pt'), four(), { lists });
  const got = Object.fromEntries(terms.map((t) => [t.name, [...t.parameters].map((v) => +v.toFixed(9))]));
  const e = (v: number): number => +(v * kcal).toFixed(9);
  assert.equal(got['bonds'], [1.5, e(100), 1.5, e(100)]);
  assert.equal(got['repel'], [e((7 / 4) ** 6)]);
  assert.equal(got['turn'], [0.5, 1, 2, 0, -4].map(e));
  assert.equal(got['fixed'], [+Math.fround(0.1).toFixed(9), e(3), +Math.fround(0.2).toFixed(9), e(4)]);
  assert.equal(got['wall'], [1, 2, 3, 4, 5, 6].map(e));
  assert.equal(got['quartic'], [9, 7, 8].map(e));
  assert.ok(Number.isFinite(evaluate(new PriorPotential([{ atoms: 4, terms }]), four()).energy[0]!));
});

test('what the file lacks or gets wrong is named', () => {
  const bonds = (x0: unknown): InertObject =>
    module('ModuleDict', {}, { bonds: module('HarmonicBonds', { x_0: x0, k: dense([2, 2], [1, 1, 1, 1]) }) });
  const lists: MlcgLists = new Map([['bonds', Int32Array.of(0, 1)]]);
  const missing = mlcgPriors(bonds(dense([2, 2], [1, 1, 1, 1])), 'made.pt');
  assert.throws(
    () => mlcgTerms(missing, four(), { lists }),
    /prior bonds: must have parameters .* particles 0, 1 of types 1, 2/,
  );
  assert.throws(() => mlcgPriors(bonds(undefined), 'made.pt'), /made.pt: bonds.x_0: must be a table/);
  assert.throws(
    () => mlcgPriors(bonds(dense([2], [1, 1])), 'made.pt'),
    /bonds.x_0: must have 2 axes, received "2"/,
  );
  const nan = mlcgPriors(bonds(dense([4, 4], new Array(16).fill(Number.NaN))), 'made.pt');
  const wide = new Map([['bonds', Int32Array.of(0, 2)]]);
  assert.throws(
    () => mlcgTerms(nan, four(), { lists: wide }),
    /made.pt: bonds.x_0\[1, 1\]: must be finite, received NaN/,
  );
  assert.throws(
    () => mlcgPriors(module('ModuleDict', {}, { e: module('ExpRepulsion', {}) }), 'made.pt'),
    /e: must be one of HarmonicBonds.*ExpRepulsion/,
  );
  assert.throws(() => mlcgPriors(module('ModuleDict', {}), 'made.pt'), /must hold priors of mlcg/);
  const other: MlcgLists = new Map([
    ['bonds', Int32Array.of(0, 2)],
    ['angles', Int32Array.of(0, 1, 2)],
  ]);
  assert.throws(() => mlcgTerms(missing, four(), { lists: other }), /must have a prior 'angles'/);
  const nothing = (): unknown => mlcgTerms(missing, four().with({ types: undefined }));
  assert.throws(nothing, /structure.types: must be given/);
});

test('a file of priors is read from its bytes', () => {
  // {bonds: HarmonicBonds(x_0 = k = 3 x 3 table)} as torch.save would pickle it
  const dict = (...pairs: (readonly [string, Uint8Array])[]): Uint8Array =>
    Buffer.concat([
      Buffer.from(`${global('collections', 'OrderedDict')})R(`),
      ...pairs.flatMap(([k, v]) => [text(k), v]),
      Buffer.from('u'),
    ]);
  const object = (where: string, name: string, state: Uint8Array): Uint8Array =>
    Buffer.concat([Buffer.from(`${global(where, name)})\x81`, 'latin1'), state, Buffer.from('b')]);
  const table = tensor('FloatStorage', '0', 9, 0, [3, 3], [3, 1]);
  const bonds = object(
    'mlcg.nn.prior',
    'HarmonicBonds',
    dict(['_buffers', dict(['x_0', table], ['k', table])]),
  );
  const bytes = archive(
    pickle(object('torch.nn.modules.container', 'ModuleDict', dict(['_modules', dict(['bonds', bonds])]))),
    {
      '0': new Uint8Array(Float32Array.from([0, 0, 0, 0, 0, 2, 0, 2, 0]).buffer),
    },
  );
  const s = four();
  const lists: MlcgLists = new Map([['bonds', Int32Array.of(0, 1)]]);
  const potential = loadPriors(file('prior.pt', bytes), s, { lists, energyUnit: 'eV' });
  const r = Math.hypot(...[0, 1, 2].map((k) => s.positions[k]! - s.positions[3 + k]!));
  assert.ok(Math.abs(evaluate(potential, s).energy[0]! - 2 * (r - 2) ** 2) < 1e-12);
});

const files = { prior: sample('mlcg/prior.pt'), start: sample('mlcg/cln_configurations_demo.pt') };
if (!files.prior || !files.start) skip('priors of chignolin', 'sample data is not here');
else chignolin(files.prior, files.start);

function chignolin(prior: string, start: string): void {
  const raw = readTorch(start);
  const structures = configurations(raw, start);
  const lists = mlcgLists(raw, start);
  const potential = loadPriors(prior, structures[0]!, { lists });

  test('chignolin: energies of every term are those computed apart from this code (kcal/mol)', () => {
    // computed in Python from the same files, with the equations of spec and format only
    const want: Record<string, [number, number]> = {
      n_term_bonds: [1.614335166, 3.743259983],
      bulk_bonds: [8.699559338, 16.178230435],
      c_term_bonds: [1.966312055, 4.70886971],
      n_term_angles: [1.981293515, 7.160682543],
      bulk_angles: [18.30748156, 17.348003977],
      c_term_angles: [2.612324044, 2.45692659],
      ASP_phi: [-3.650530595, -4.063518331],
      THR_phi: [-8.331188763, -7.895528248],
      GLY_psi: [-3.456242338, -3.772909997],
      PRO_phi: [-4.060383907, -4.282723413],
      pro_omega: [-4.330353006, -4.418856171],
      non_pro_omega: [-49.784041364, -49.156089125],
      gamma_1: [-43.188919198, -43.140219128],
      gamma_2: [-59.126208067, -59.954209905],
      non_bonded: [11.04797098, 20.15633714],
    };
    const got = termEnergies(potential, [structures[0]!, structures[7]!]);
    assert.is(got.size, 25);
    for (const [name, values] of Object.entries(want))
      for (const [k, v] of values.entries())
        assert.ok(Math.abs(got.get(name)![k]! / kcal - v) < 2e-8 * Math.abs(v) + 1e-8, `${name} ${k}`);
    const { energy } = evaluate(potential, [structures[0]!, structures[7]!]);
    assert.ok(Math.abs(energy[0]! / kcal + 174.81645547296324) < 1e-6);
    assert.ok(Math.abs(energy[1]! / kcal + 149.776407535097) < 1e-6);
  });

  test('chignolin: one tuple of each kind by hand from positions and parameters in print', () => {
    const pick = (name: string, particles: number[]): number => {
      const term = potential.topologies[0]!.terms.find((t) => t.name === name)!;
      const size = particles.length;
      const at = Array.from({ length: term.tuples.length / size }, (_, t) => t).find((t) =>
        particles.every((p, a) => term.tuples[t * size + a] === p),
      )!;
      const stride = (term.parameters.length * size) / term.tuples.length;
      const only = {
        ...term,
        tuples: Int32Array.from(particles),
        parameters: term.parameters.slice(at * stride, (at + 1) * stride),
      };
      return evaluate(new PriorPotential([{ atoms: 49, terms: [only] }]), structures[0]!).energy[0]! / kcal;
    };
    // N (-8.756, 0.918, -7.422), CA (-9.037, 1.105, -6.053)
    const bond = Math.hypot(-9.037 + 8.756, 1.105 - 0.918, -6.053 + 7.422);
    assert.ok(Math.abs(pick('n_term_bonds', [0, 1]) - 265.946533 * (bond - 1.47857738) ** 2) < 1e-4);
    // N (-6.926, 0.68, -4.755), CA (-5.815, 1.083, -3.9), C (-4.631, 0.062, -3.901)
    const [u, w] = [
      [-1.111, -0.403, -0.855],
      [1.184, -1.021, -0.001],
    ];
    const cosine = (u[0]! * w[0]! + u[1]! * w[1]! + u[2]! * w[2]!) / Math.hypot(...u) / Math.hypot(...w);
    assert.ok(Math.abs(pick('bulk_angles', [5, 6, 8]) - 93.1486588 * (cosine + 0.376167) ** 2) < 1e-4);
    // C 8, N 10 (-3.501, 0.69, -3.696), CA 11 (-2.174, 0.16, -3.69), C 13 (-1.365, 0.942, -2.675)
    const b1 = [1.13, 0.628, 0.205];
    const b2 = [1.327, -0.53, 0.006];
    const b3 = [0.809, 0.782, 1.015];
    const cross = (a: number[], b: number[]): number[] => [
      a[1]! * b[2]! - a[2]! * b[1]!,
      a[2]! * b[0]! - a[0]! * b[2]!,
      a[0]! * b[1]! - a[1]! * b[0]!,
    ];
    const dot = (a: number[], b: number[]): number => a.reduce((sum, v, k) => sum + v * b[k]!, 0);
    const [n1, n2] = [cross(b1, b2), cross(b2, b3)];
    const angle = Math.atan2(Math.hypot(...b2) * dot(b1, n2), dot(n1, n2));
    const dihedral =
      -0.895321369 +
      2.752678633 * Math.sin(angle) -
      2.383430481 * Math.sin(2 * angle) +
      0.509599864 * Math.sin(3 * angle) -
      0.969251454 * Math.cos(angle) +
      0.835031807 * Math.cos(2 * angle) +
      1.763341665 * Math.cos(3 * angle);
    assert.ok(Math.abs(pick('ASP_phi', [8, 10, 11, 13]) - dihedral) < 1e-4);
    // N 0 and CB 7 (-6.414, 1.298, -2.478) repel with sigma 3.129
    const distance = Math.hypot(-6.414 + 8.756, 1.298 - 0.918, -2.478 + 7.422);
    assert.ok(Math.abs(pick('non_bonded', [0, 7]) - (3.129 / distance) ** 6) < 1e-6);
  });

  test('chignolin: forces and virial are slopes of the energy; plain equations agree term by term', () => {
    const s = structures[3]!;
    const { forces } = evaluate(potential, s);
    const h = 1e-5;
    const slopes = s.positions.map((_, k) => {
      const at = (d: number): number => {
        const positions = s.positions.slice();
        positions[k]! += d;
        return evaluate(potential, s.with({ positions }), { forces: false }).energy[0]!;
      };
      return -(8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h);
    });
    assert.ok(relativeError(forces, slopes) < 1e-7, `${relativeError(forces, slopes)}`);
    for (const term of potential.topologies[0]!.terms) {
      const want = termEnergy(term, s.positions);
      assert.ok(
        Math.abs(termEnergies(potential, s).get(term.name)![0]! - want) < 1e-8 * (1 + Math.abs(want)),
        term.name,
      );
    }
  });

  test('chignolin: lists worked out from the sequence are those of the file', () => {
    const own = fiveBeadLists(beadsFromSequence(sequences.CLN025));
    const sorted = (list: Int32Array | undefined, size: number): string[] =>
      Array.from({ length: (list?.length ?? 0) / size }, (_, t) =>
        list!.slice(t * size, (t + 1) * size).join(' '),
      ).sort();
    let compared = 0;
    for (const [name, list] of lists) {
      const size = /bonds|non_bonded/.test(name) ? 2 : /angles/.test(name) ? 3 : 4;
      assert.equal(sorted(own.get(name), size), sorted(list, size), name);
      compared += list.length / size;
    }
    assert.is(lists.get('non_bonded')!.length / 2, 924);
    assert.ok(compared > 1000);
    for (const name of own.keys()) assert.ok(lists.has(name), name);
  });

  test('chignolin: Langevin dynamics on the priors keeps its temperature and its bonds', async () => {
    const start = structures[0]!;
    const sim = simulate(start, potential, {
      integrator: langevin({ temperature: 300, timestep: 2, friction: 5, seed: 7 }),
      replicas: 8,
      steps: 4000,
      every: 200,
      progress: false,
    });
    let mean = 0;
    let frames = 0;
    for await (const frame of sim) {
      if (frame.step < 1000) continue;
      for (const t of frame.temperature) mean += t / 8;
      frames++;
    }
    mean /= frames;
    assert.ok(Math.abs(mean - 300) < 15, `mean temperature ${mean}`);
    const bonds = potential.topologies[0]!.terms.find((t) => t.name === 'bulk_bonds')!.tuples;
    for (let r = 0; r < 8; r++) {
      const x = sim.state.positions.subarray(3 * 49 * r, 3 * 49 * (r + 1));
      for (let b = 0; b < bonds.length; b += 2) {
        const d = Math.hypot(...[0, 1, 2].map((k) => x[3 * bonds[b]! + k]! - x[3 * bonds[b + 1]! + k]!));
        assert.ok(d > 1 && d < 1.8, `bond of ${d} Å`);
      }
    }
  });

  const other = sample('mlcg/prior_tag_prior_model.pt');
  if (other)
    test('priors made for another protein refuse chignolin by name', () => {
      assert.throws(
        () => loadPriors(other, beadsFromSequence(sequences.CLN025)),
        /must have a(re)? prior|must have parameters/,
      );
      const own = beadsFromSequence('NLYIQWLKDGGPSSGRPPPS', { conformation: 'helix' });
      const { energy } = evaluate(loadPriors(other, own), own);
      assert.ok(Number.isFinite(energy[0]!));
    });
}

test.run();
