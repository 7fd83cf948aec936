// What fake-cuda.test.ts runs in a process of its own, under a driver that is not there: the scenario by its name.
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { gpus } from '../../lib/cuda.js';
import {
  backbonePriors,
  beadsFromSequence,
  evaluate,
  langevin,
  type MdlabError,
  neighborList,
  type Potential,
  randomSchnet,
  readSafetensors,
  type SchnetOptions,
  type Simulation,
  type Summary,
  schnetWork,
  sequences,
  simulate,
  sum,
  teacher,
  tempering,
} from '../../lib/index.js';
import { native } from '../../lib/native.js';
import { replicas } from '../../lib/structure/index.js';
import { collectGarbage } from '../../lib/studies/collect.js';
import { timeOnDevice } from '../../lib/studies/place.js';
import { smallConfigs } from '../models/schnet-cases.js';

const n = native();
const start = beadsFromSequence(sequences.CLN025);
const homeodomain = beadsFromSequence(sequences['1ENH']);
const config = { hidden: 32, filters: 32, blocks: 2, head: [32] };
const messageOf = async (body: () => unknown): Promise<string> => {
  try {
    await body();
  } catch (error) {
    return `${(error as MdlabError).code} ${(error as Error).message}`;
  }
  return 'nothing was thrown';
};
const model = (device: number | string, more: SchnetOptions = {}): Potential =>
  randomSchnet(config, { backend: 'cuda', device, scale: 0.1, ...more });
/** The baseline with the techniques whose bits are set: the first three, and 16 bits. */
const techniques = (bits: number): SchnetOptions => ({
  pipeline: 'baseline',
  techniques: {
    radialBasis: (bits & 1) > 0,
    messagePassing: (bits & 2) > 0,
    aggregation: (bits & 4) > 0,
    weights16: (bits & 8) > 0,
  },
});
const protein = (device: number | string, more?: SchnetOptions): Potential =>
  sum(model(device, more), backbonePriors(start));
const held = (): number[] => gpus().map(({ index }) => n.cudaMemory(index).bytes);

const run = (potential: Potential, copies: number, steps = 40): Promise<Summary> =>
  simulate(start, potential, {
    integrator: langevin({ timestep: 2, friction: 5, seed: 3 }),
    tempering: tempering({ temperatures: [300, 330], every: 7 }),
    replicas: copies,
    steps,
    every: 20,
    progress: false,
  }).run();

const scenarios: Record<string, () => Promise<void>> = {
  /** Says why there is no GPU. */
  async why() {
    console.log(await messageOf(() => n.cudaDevices()));
    console.log(await messageOf(() => n.nvrtcVersion()));
    console.log(await messageOf(() => n.cudaSelfTest(0, false)));
    console.log(`default ${randomSchnet(config).backend}`);
    console.log(await messageOf(() => randomSchnet(config, { backend: 'cuda' })));
  },

  async choice() {
    const of = (device: number | string): number | undefined => model(device).info.device;
    assert.equal([0, 1, '0', '1', 'a100', 'H200', ' h200 ', 'NVIDIA'].map(of), [0, 1, 0, 1, 1, 0, 0, 0]);
    assert.is(randomSchnet(config).info.device, 0);
    assert.is(model('a100').info.deviceName, 'NVIDIA A100-SXM4-80GB');
    const known = 'must be one of 0 \\(NVIDIA H200\\), 1 \\(NVIDIA A100-SXM4-80GB\\), received';
    for (const wrong of [2, -1, 0.5, '2', '', 'B200']) {
      const refused = RegExp(`^EINVALID device: ${known} ${JSON.stringify(wrong)}$`);
      assert.match(await messageOf(() => model(wrong)), refused);
      const list = { cutoff: 5, backend: 'cuda' as const, device: wrong };
      assert.match(await messageOf(() => neighborList(start, list)), refused);
      assert.match(await messageOf(() => teacher(start, { backend: 'cuda', device: wrong })), refused);
    }
    assert.match(
      await messageOf(() => neighborList(start, { cutoff: 5, device: 1 })),
      /must go with backend/,
    );
    assert.is(sum(model(1), backbonePriors(start)).terms[1]!.info.device, 1, 'priors go where the model is');
  },

  /** Tables are made on the host: their grids and errors are a real GPU's. */
  async tables() {
    const shape = { rbf: { type: 'gaussian' as const, count: 64 } };
    const table = (options: SchnetOptions, of: object = shape) =>
      randomSchnet(of, { pipeline: 'table', ...options }).table!;
    const single = (tolerance: number, of?: object) => table({ backend: 'cuda', tolerance }, of);
    for (const [tolerance, intervals] of [
      [1e-3, 184],
      [1e-4, 392],
      [1e-5, 832],
    ] as const) {
      const { intervals: got, worstError } = single(tolerance);
      assert.ok(got === intervals && worstError <= tolerance, `${tolerance}: ${got}, ${worstError}`);
    }
    // Out of reach: 1016 intervals, the most there are, leave 5.03e-6.
    const beyond = single(3e-6);
    assert.ok(beyond.intervals < 1016 && beyond.worstError > 3e-6 && beyond.worstError < 1.1 * 5.03e-6);
    // Of a smooth network rounding grows with the intervals: 1016 leave 8.8e-6, a quarter of them 2.6e-6.
    const smooth = single(1e-7, smallConfigs['gaussian tanh']!);
    assert.ok(smooth.intervals < 300 && smooth.worstError < 1.1 * 2.63e-6, `${smooth.worstError}`);
    for (const entries of ['float16', 'int16'] as const)
      for (const tolerance of [1e-3, 1e-4, 1e-5, 3e-6]) {
        const [here, there] = (['cpu', 'cuda'] as const).map((backend) =>
          table({ backend, entries, tolerance }),
        );
        const label = `${entries} ${tolerance}`;
        assert.is(there!.intervals, here!.intervals, label);
        assert.is(there!.worstError > tolerance, here!.worstError > tolerance, label);
      }
  },

  /** All that computes, on two devices in turn and at once: the driver ends the process where one is taken for the other. */
  async two() {
    const ways: SchnetOptions[] = [
      { pipeline: 'table' },
      { pipeline: 'table', entries: 'float16' },
      { pipeline: 'table', entries: 'int16' },
      { pipeline: 'flash' },
      { pipeline: 'flash', operands: 'int8-channel' },
      ...[8, 1, 2, 11, 4, 5, 14, 7].map(techniques),
    ];
    for (const way of ways) {
      const [a, b] = [protein(0, way), protein('A100', way)];
      for (const count of [1, 3, 40, 2])
        for (const p of [a, b]) {
          evaluate(p, replicas(start, count, { jitter: 0.1, seed: 1 }), { virial: true });
          timeOnDevice(p, replicas(start, count, { jitter: 0.1, seed: 1 }), 2);
        }
      await Promise.all([run(a, 4), run(b, 6), run(a, 2), run(b, 2)]);
      evaluate(sum(a.terms[0]!, b.terms[0]!), start);
      await run(sum(a.terms[0]!, b.terms[0]!), 2, 3);
    }
    // The published shape fills shared memory.
    const one = randomSchnet({}, { backend: 'cuda', device: 1 });
    evaluate(one, replicas(homeodomain, 30, { jitter: 0.1, seed: 1 }), { virial: true });
    for (const way of [{}, { pipeline: 'flash' }, { entries: 'int16' }] as SchnetOptions[])
      for (const count of [1, 30]) evaluate(one.with(way), replicas(start, count, { jitter: 0.1, seed: 1 }));
    for (const device of [0, 1, 0]) {
      neighborList([start, start], { cutoff: 5, backend: 'cuda', device, exclusions: [0, 1] });
      neighborList(start, { cutoff: 5, backend: 'cuda', device, algorithm: 'cells' });
    }
    const more = model(1);
    const [zero, before] = held();
    evaluate(more, replicas(start, 40, { jitter: 0.1, seed: 1 }));
    assert.is(held()[0], zero, 'memory is counted where it is');
    assert.ok(held()[1]! > before!);
    for (const device of [0, 1]) n.devicePeaks(device);
    const peaks = await Promise.all([run(model(0), 2), run(model(1), 60)]);
    assert.ok(peaks[1]!.peakBytes > peaks[0]!.peakBytes, 'each run tells its own GPU’s');
    assert.ok(peaks[0]!.peakBytes > 1e5 && peaks[0]!.environment['device'] === 'NVIDIA H200');
    assert.is(peaks[1]!.environment['device'], 'NVIDIA A100-SXM4-80GB');
  },

  /** Every kernel that an evaluation launches is counted, and no other. */
  async counted() {
    const systems = [[start], replicas(homeodomain, 64, { jitter: 0.1, seed: 1 })];
    const ways: SchnetOptions[] = [
      { pipeline: 'table' },
      { pipeline: 'table', entries: 'int16' },
      { pipeline: 'flash' },
      { pipeline: 'flash', operands: 'float16-channel' },
      ...[0, 1, 4, 5, 7, 8, 13, 15].map(techniques),
    ];
    const seen = new Set<string>();
    for (const device of [0, 1])
      for (const way of ways)
        for (const batch of systems) {
          const one = randomSchnet({ blocks: 3 }, { backend: 'cuda', device, ...way });
          evaluate(one, batch);
          const told = one.times.map(({ kernel, stage }) => `${stage}: ${kernel}`);
          const has = (kernel: string): boolean => told.some((t) => t.endsWith(`: ${kernel}`));
          const counted = schnetWork(one.config, 1000, 100, {
            ...way,
            listed: !has('tournamentBegin'),
            headApart: has('nodeTopReverse'),
          });
          assert.equal(told.sort(), counted.map(({ kernel, stage }) => `${stage}: ${kernel}`).sort());
          for (const { kernel, launches, seconds, stage } of one.times) {
            assert.ok(launches! > 0 && seconds >= 0, kernel);
            assert.ok(one.stages[stage]! >= seconds);
            seen.add(kernel!);
          }
        }
    for (const kernel of ['tournamentBegin', 'tableBegin', 'nodeTopReverse', 'cublasLtMatmul', 'edgeBasis'])
      assert.ok(seen.has(kernel), kernel);
  },

  /** Kernels that could not be loaded once are asked for again. */
  async again() {
    const many = replicas(homeodomain, 30, { jitter: 0.1, seed: 1 });
    const model = randomSchnet({ blocks: 2 }, { backend: 'cuda', device: 0 });
    process.env['FAKE_CUDA_LOAD'] = '200';
    let refused = 0;
    for (const every of [1, 2, 3, 4, 5])
      for (const systems of [[start], many]) {
        process.env['FAKE_CUDA_LOAD_EVERY'] = String(every);
        const p = model.with({});
        for (let k = 0; k < (every === 1 ? 3 : 20); k++) {
          const message = await messageOf(() => evaluate(p, systems));
          if (message === 'nothing was thrown') break;
          assert.match(message, /^EUNSUPPORTED kernels of /);
          refused++;
        }
      }
    assert.ok(refused > 12, `${refused} refusals`);
  },

  /** With ever more memory: an error that says so each time, nothing kept of it, and in the end a result. */
  async small() {
    const many = replicas(start, 12, { jitter: 0.1, seed: 1 });
    for (const way of [{ pipeline: 'table' }, { pipeline: 'flash' }, { pipeline: 'baseline' }] as const) {
      const p = protein(0, way);
      process.env['FAKE_CUDA_MEMORY'] = '';
      evaluate(p, start);
      await collectGarbage();
      const enough = held()[0]!;
      let refused = 0;
      for (let bytes = 0; ; bytes = Math.ceil(1.2 * bytes + 1000)) {
        process.env['FAKE_CUDA_MEMORY'] = String(enough + bytes);
        const message = await messageOf(async () => {
          evaluate(p, many);
          await run(p, 12);
        });
        if (message === 'nothing was thrown') break;
        assert.match(
          message,
          /^ENOMEM device memory: asked for \d+ bytes on NVIDIA H200 with \d+ held and \d+/,
        );
        refused++;
        // A smaller batch still has its room.
        await collectGarbage();
        process.env['FAKE_CUDA_MEMORY'] = String(2 * enough + 100_000);
        evaluate(p, start);
      }
      assert.ok(refused > 5, `${refused} refusals`);
    }
  },

  /** Models that nobody holds any more do not fill the GPU. */
  async dropped() {
    const many = replicas(start, 100, { jitter: 0.1, seed: 1 });
    const one = randomSchnet(config, { backend: 'cuda', pipeline: 'flash' });
    evaluate(one, many);
    const each = held()[0]!;
    process.env['FAKE_CUDA_MEMORY'] = String(50 * each);
    for (let round = 0; round < 10; round++) {
      // Held for a while, so that they are no young objects, which are collected soon in any case.
      const models = Array.from({ length: 20 }, () =>
        randomSchnet(config, { backend: 'cuda', pipeline: 'flash' }),
      );
      for (const one of models) {
        evaluate(one, many);
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
  },

  /** The GPU is lost somewhere: always that error, the last checkpoint is whole, and the process lives on. */
  async lost() {
    const table = protein(0, { pipeline: 'table' });
    const file = join(mkdtempSync(join(tmpdir(), 'mdlab-lost-')), 'run.checkpoint');
    let sim: Simulation | undefined;
    let seen = 0;
    const message = await messageOf(async () => {
      evaluate(table, start);
      sim = simulate(start, table, {
        integrator: langevin({ temperature: 300, timestep: 2, seed: 1 }),
        replicas: 3,
        steps: 100_000,
        every: 5,
        checkpoint: file,
        progress: false,
      });
      for await (const frame of sim) seen = frame.step;
    });
    if (sim) {
      assert.is(sim.step, seen);
      assert.is(sim.state.step, seen, 'the state is that of the last frame');
      const { metadata, tensors } = readSafetensors(file);
      assert.is((JSON.parse(metadata['mdlab']!) as { step: number }).step, seen);
      assert.equal(tensors.get('positions')!.data, sim.state.positions);
      assert.is(sim.summary().steps, seen, 'it can still be asked');
    }
    assert.match(message, /^EDEVICE .*this process cannot use the GPU any more.*restart/);
    assert.match(await messageOf(() => evaluate(table, start)), /^EDEVICE CUDA: the device was lost earlier/);
    assert.match(await messageOf(() => n.cudaMemory(0)), /^EDEVICE/);
    const onHost = simulate(start, backbonePriors(start), {
      integrator: langevin({ temperature: 300, timestep: 2, seed: 1 }),
      steps: 5,
      progress: false,
    });
    await onHost.run();
    await collectGarbage();
  },
};

await scenarios[process.argv[2]!]!();
