import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { harmonicWell, MdlabError, minimize } from '../../lib/index.js';
import { type ProgressSink, type ProgressState, progressSink } from '../../lib/progress.js';
import { atOrigin, cloud } from './shared.js';

test('FIRE finds the bottom of wells of very different stiffness', async () => {
  const k = Float64Array.from({ length: 20 }, (_, i) => 0.5 * 1.4 ** i);
  const center = cloud(20, 7).positions;
  const found = await minimize(cloud(20), harmonicWell({ k, center }), {
    forceTolerance: 1e-4,
    maxSteps: 5000,
  });
  assert.ok(found.converged);
  assert.ok(found.maxForce[0]! <= 1e-4);
  found.structure.positions.forEach((x, j) => {
    assert.ok(Math.abs(x - center[j]!) <= 1e-4 / k[Math.floor(j / 3)]! + 1e-12, `coordinate ${j}`);
  });
  assert.ok(found.energy[0]! < 1e-6);
});

test('every structure has its own clock: alone or in a batch, the same steps', async () => {
  const well = harmonicWell({ k: 3 });
  const all = [cloud(5, 1), atOrigin(4), cloud(9, 2, 20)];
  const together = await minimize(all, well);
  assert.ok(together.converged);
  assert.is(together.steps[1], 0, 'a structure at its minimum does not move');
  assert.ok(together.steps[2]! > together.steps[0]!);
  for (const s of [0, 2]) {
    const alone = await minimize(all[s]!, well);
    assert.equal(alone.structure.positions, together.structures[s]!.positions);
    assert.is(alone.steps[0], together.steps[s]);
  }
});

test('running out of steps is told, not thrown', async () => {
  const found = await minimize(cloud(5, 1, 100), harmonicWell({ k: 1 }), { maxSteps: 3 });
  assert.not.ok(found.converged);
  assert.equal([...found.steps], [3]);
  assert.ok(found.maxForce[0]! > 0.01);
  const untouched = await minimize(cloud(5), harmonicWell({ k: 1 }), { maxSteps: 0 });
  assert.equal(untouched.structure.positions, cloud(5).positions);
});

test('no particle moves farther than told', async () => {
  const start = cloud(5, 1, 50);
  const { structure } = await minimize(start, harmonicWell({ k: 100 }), { maxSteps: 10, maxMove: 0.05 });
  for (let i = 0; i < 5; i++) {
    const moved = Math.hypot(
      ...[0, 1, 2].map((k) => structure.positions[3 * i + k]! - start.positions[3 * i + k]!),
    );
    assert.ok(moved <= 10 * 0.05 + 1e-12, `particle ${i} moved ${moved} Å`);
  }
});

test('an aborted minimisation rejects', async () => {
  const signal = AbortSignal.abort();
  let error: unknown;
  let last: ProgressState | undefined;
  const place = globalThis as { [progressSink]?: ProgressSink | undefined };
  place[progressSink] = { show: (state) => (last = state) };
  await minimize(cloud(5), harmonicWell({ k: 1 }), { signal, progress: 'down' }).catch((e: unknown) => {
    error = e;
  });
  place[progressSink] = undefined;
  assert.is((error as MdlabError).code, 'EINTERRUPTED');
  assert.is(last?.note, 'interrupted', 'what its line says');
});

test('options out of range are refused', async () => {
  const refuse = async (options: object, message: RegExp): Promise<void> => {
    const error = await minimize(cloud(2), harmonicWell({ k: 1 }), options).catch((e: unknown) => e);
    assert.ok(error instanceof MdlabError);
    assert.match((error as Error).message, message);
  };
  await refuse(
    { forceTolerance: 0 },
    /minimize.forceTolerance: must be positive, received 0; give it in eV\/Å/,
  );
  await refuse({ maxSteps: 1.5 }, /minimize.maxSteps: must be a whole number of at least 0, received 1.5/);
  await refuse({ maxMove: Number.NaN }, /minimize.maxMove: must be positive, received NaN/);
});

test.run();
