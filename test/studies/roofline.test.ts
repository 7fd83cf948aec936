import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ceilingsOf, randomSchnet, rooflineStudy, schnetWork } from '../../lib/index.js';

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
  const counted = work.find((w) => w.stage === 'message')!;
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

test.run();
