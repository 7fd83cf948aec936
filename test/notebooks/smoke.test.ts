// Every committed notebook: runs to its end as a smoke run, and is committed executed, without errors, and small.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Notebook } from '../../kernel/notebook.js';
import { runNotebook } from '../../kernel/runner.js';
import { temporaryFolder } from '../kernel/tools.js';
import { root } from '../tools.js';

const notebooks = readdirSync(join(root, 'notebooks')).filter((f) => f.endsWith('.ipynb'));

for (const name of notebooks) {
  const file = join(root, 'notebooks', name);

  test(`${name} runs with smoke=true in 60 s, and its figures are written`, async () => {
    const folder = temporaryFolder();
    const result = await runNotebook(file, { parameters: { smoke: 'true' }, folder, timeout: 120 });
    assert.is(result.error, undefined, result.error?.traceback.join('\n'));
    assert.ok(result.seconds < 60, `took ${result.seconds} s`);
    const figures = readdirSync(join(folder, 'figures'));
    for (const kind of ['.png', '.svg'])
      assert.ok(
        figures.some((f) => f.endsWith(kind)),
        `${kind} in ${figures}`,
      );
  });

  test(`${name} is committed executed and small`, () => {
    assert.ok(statSync(file).size < 5e6);
    const { cells } = JSON.parse(readFileSync(file, 'utf8')) as Notebook;
    const code = cells.filter((c) => c.cell_type === 'code');
    assert.equal(
      code.map((c) => c.execution_count),
      code.map((_, i) => i + 1),
    );
    assert.not(code.some((c) => c.outputs?.some((o) => o.output_type === 'error')));
    const pictures = code
      .flatMap((c) => c.outputs ?? [])
      .filter((o) => 'data' in o && 'image/png' in (o.data as object));
    assert.ok(pictures.length > 0, 'a figure is seen without scripts');
  });
}

test.run();
