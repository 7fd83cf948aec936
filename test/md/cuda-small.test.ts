// Every kernel once, on the smallest systems that take it, held against the host. Race detection costs a kernel thousands of times
// its own time, so that this file alone is for it: compute-sanitizer --tool racecheck --target-processes all … run.js cuda-small

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  backbonePriors,
  beadsFromSequence,
  evaluate,
  langevin,
  neighborList,
  orthorhombic,
  randomSchnet,
  type SchnetConfig,
  type SchnetOptions,
  Structure,
  simulate,
  sum,
  tempering,
} from '../../lib/index.js';
import { onCuda } from '../cuda.js';
import { globule, jittered, periodicCell } from '../models/schnet-cases.js';
import { random, relativeError } from '../tools.js';
import { finish, hash } from './shared.js';

const published: Partial<SchnetConfig> = {
  blocks: 2,
  rbf: { type: 'gaussian', count: 16 },
  cutoff: { lower: 0, upper: 6 },
};
const narrow: Partial<SchnetConfig> = { ...published, hidden: 20, filters: 13, head: [17] };
const mixed = [globule(20, 4, 1), periodicCell(9, 2), globule(1, 1, 3), globule(37, 5, 4)];
const open = (copies: number, atoms: number): Structure[] =>
  jittered(globule(atoms, 6 * Math.cbrt(atoms / 60), 5), copies, 0.05, 1);

/**
 * Two channels a lane and one; a list and all pairs; the tiles of few atoms and of many; tournaments of several small systems
 * a block, and of one large system.
 */
const batches: [name: string, config: Partial<SchnetConfig>, systems: Structure[]][] = [
  ['mixed systems', published, mixed],
  ['mixed systems of odd widths', narrow, mixed],
  ['one open system', published, open(1, 60)],
  ['36 open systems', published, open(36, 60)],
  ['270 small open systems', published, open(270, 20)],
  ['540 small open systems of odd widths', narrow, open(540, 20)],
  ['24 large open systems', { ...published, filters: 96 }, open(24, 300)],
];
const table: [SchnetOptions, number][] = [
  [{ pipeline: 'table', tolerance: 1e-4 }, 5e-4],
  [{ pipeline: 'table', entries: 'float16' }, 2e-3],
  [{ pipeline: 'table', entries: 'int16', tolerance: 1e-4 }, 5e-4],
];
const others: [SchnetOptions, number][] = [
  [{ pipeline: 'flash' }, 1e-5],
  [{ pipeline: 'flash', operands: 'float16-channel' }, 2e-2],
  [{ pipeline: 'flash', operands: 'tf32' }, 2e-2],
  [{ pipeline: 'flash', operands: 'int8' }, 1],
  [{ pipeline: 'baseline' }, 1e-5],
  [{ pipeline: 'baseline', techniques: { radialBasis: true } }, 1e-5],
  [{ pipeline: 'baseline', techniques: { aggregation: true } }, 1e-5],
  [
    { pipeline: 'baseline', techniques: { radialBasis: true, messagePassing: true, aggregation: true } },
    1e-5,
  ],
];

for (const [name, config, systems] of batches)
  for (const [options, limit] of systems.length < 10 ? [...table, ...others] : table)
    onCuda(`${name}: ${JSON.stringify(options)}`, () => {
      const at = (more: SchnetOptions): ReturnType<typeof randomSchnet> =>
        randomSchnet(config, { seed: 2, ...more });
      const want = evaluate(at({ backend: 'cpu', pipeline: 'flash', precision: 'float64' }), systems, {
        virial: true,
      });
      const potential = at({ backend: 'cuda', ...options });
      const got = evaluate(potential, systems, { virial: true });
      const { energy } = evaluate(potential, systems, { forces: false });
      assert.ok(relativeError(energy, got.energy) < 1e-5, 'energy alone');
      for (const key of ['energy', 'forces', 'virial'] as const) {
        const error = relativeError(got[key]!, want[key]!);
        assert.ok(error < limit, `${key}: ${error}`);
      }
    });

const start = beadsFromSequence('YYDPETGTWY');
for (const [pipeline, copies] of [
  ['table', 2],
  ['table', 36],
  ['flash', 2],
] as const)
  onCuda(`steps of ${copies} replicas: ${pipeline}`, async () => {
    const schnet = randomSchnet(narrow, { backend: 'cuda', pipeline, scale: 0.05 });
    const potential = sum(schnet, backbonePriors(start));
    const run = () =>
      finish(
        simulate(start, potential, {
          integrator: langevin({ timestep: 2, seed: 1 }),
          tempering: tempering({ temperatures: [300, 330], every: 2 }),
          replicas: copies,
          steps: 6,
          every: 3,
          skin: 0.1,
          progress: false,
        }),
      );
    const state = await run();
    assert.ok(state.positions.every(Number.isFinite));
    assert.is(hash(state), hash(await run()));
  });

onCuda('lists of all pairs and of cells', () => {
  const next = random(3);
  for (const [atoms, length] of [
    [40, 12],
    [4000, 36],
  ] as const) {
    const gas = new Structure({
      positions: Float64Array.from({ length: 3 * atoms }, () => length * next()),
      symbols: new Array<string>(atoms).fill('Ar'),
      box: orthorhombic([length, length, length]),
    });
    const [cpu, cuda] = (['cpu', 'cuda'] as const).map((backend) =>
      neighborList(gas, { cutoff: 5, backend }),
    );
    assert.equal(cuda!.column, cpu!.column);
    assert.equal(cuda!.rowStart, cpu!.rowStart);
  }
});

test.run();
