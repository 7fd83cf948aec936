import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ceilingsOf, randomSchnet, rooflineStudy, schnetWork, stageStudy } from '../../lib/index.js';
import { workOfStage } from '../../lib/models/kernel-work.js';
import { onCuda } from '../cuda.js';

test('a roofline: floors are counted work over measured peaks, and stages come near them', async () => {
  const shape = { blocks: 2, hidden: 64, filters: 64 };
  const flash = randomSchnet(shape, { backend: 'cpu', pipeline: 'flash' });
  const table = randomSchnet(shape, { backend: 'cpu', pipeline: 'table' });
  const t = await rooflineStudy({
    models: { flash, table },
    atoms: [100],
    replicas: [2],
    repeats: 5,
    progress: false,
    version: '1',
  });
  const rows = t.objects() as Record<string, number>[];
  const of = (model: string, stage: string) =>
    rows.find((r) => String(r['model']) === model && String(r['stage']) === stage)!;
  const message = of('flash', 'message');
  const peaks = ceilingsOf(flash);
  const work = schnetWork(flash.config, message['edges']!, 200, { operands: 'tf32' });
  const counted = workOfStage(work, 'message')!;
  assert.is(
    message['floor'],
    Math.max(
      counted.products / peaks.products,
      counted.arithmetic / peaks.arithmetic,
      counted.special / peaks.special,
      counted.gathered / peaks.gathered,
      counted.shared / peaks.shared,
      counted.bytes / peaks.bytes,
    ),
  );
  for (const r of [message, of('flash', 'message reverse'), of('table', 'message')])
    assert.ok(r['reached']! > 0.01 && r['reached']! < 4, `${r['model']} ${r['stage']}: ${r['reached']}`);
  assert.ok(of('table', 'message')['operations']! < message['operations']! / 20);
  assert.is(of('flash', 'node')['floor'], null);
});

onCuda(
  'on a GPU each kernel has a row, a floor that it does not fall below, and its part of the stage',
  async () => {
    const models = Object.fromEntries(
      (['baseline', 'flash', 'table'] as const).map((pipeline) => [
        pipeline,
        randomSchnet({}, { backend: 'cuda', pipeline }),
      ]),
    );
    const options = { models, replicas: [16], repeats: 5, progress: false, version: '1' };
    const rows = (await rooflineStudy(options)).objects() as Record<string, number | string>[];
    assert.ok(rows.length > 35, `${rows.length} kernels`);
    for (const r of rows) {
      const name = `${r['model']}, ${r['stage']}: ${r['kernel']}`;
      assert.ok(typeof r['kernel'] === 'string' && Number(r['launches']) > 0, name);
      assert.ok(Number(r['reached']) > 1e-3 && Number(r['reached']) < 1.1, `${name}: ${r['reached']}`);
    }
    const alone = await rooflineStudy({ ...options, models: { table: models['table']! } });
    for (const r of alone.objects() as Record<string, number>[])
      assert.ok(r['floor']! > 0, 'no other list is asked');
    const stages = (await stageStudy(options)).objects() as Record<string, number | string>[];
    for (const { model, seconds, stage } of stages) {
      const own = rows.filter((r) => r['model'] === model && r['stage'] === stage);
      const all = own.reduce((sum, r) => sum + Number(r['seconds']), 0);
      assert.ok(Math.abs(all / Number(seconds) - 1) < 0.3, `${model}, ${stage}: ${all} of ${seconds} s`);
    }
  },
);

test.run();
