// The README's example, with fewer steps, as a cell of a notebook.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { runNotebook } from '../../kernel/runner.js';
import { temporaryFolder } from '../kernel/tools.js';
import { root } from '../tools.js';

const example = /```ts\n([\s\S]*?)```/.exec(readFileSync(join(root, 'README.md'), 'utf8'))![1]!;

test('the example of the README runs and leaves what it says', async () => {
  const source = example.replace('replicas: 64, steps: 1000, every: 100', 'replicas: 2, steps: 4, every: 2');
  assert.is.not(source, example);
  const folder = temporaryFolder();
  const file = join(folder, 'readme.ipynb');
  const cell = { cell_type: 'code', id: 'a', metadata: {}, execution_count: null, outputs: [], source };
  writeFileSync(file, JSON.stringify({ cells: [cell], metadata: {}, nbformat: 4, nbformat_minor: 5 }));
  const { error, notebook } = await runNotebook(file);
  assert.is(error, undefined, error?.traceback.join('\n'));
  const text = JSON.stringify(notebook.cells[0]!.outputs);
  assert.match(text, /2 \d+\.\d+\\n4 \d+\.\d+/);
});

test.run();
