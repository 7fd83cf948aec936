// Every committed notebook: runs to its end as a smoke run, and is committed executed, without errors, and small.
import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { claimsIn } from '../../kernel/claims.js';
import type { Notebook } from '../../kernel/notebook.js';
import { runNotebook } from '../../kernel/runner.js';
import { load } from '../../lib/io/index.js';
import { temporaryFolder } from '../kernel/tools.js';
import { root } from '../tools.js';

const notebooks = readdirSync(join(root, 'notebooks')).filter((f) => f.endsWith('.ipynb'));

const plotly = 'application/vnd.plotly.v1+json';

/** Every figure that a notebook shows. */
function figuresOf({ cells }: Notebook): { layout: object }[] {
  const found = cells
    .flatMap((c) => c.outputs ?? [])
    .flatMap((o) => ('data' in o && plotly in o.data ? [o.data[plotly] as { layout: object }] : []));
  assert.ok(found.length > 0, 'a figure');
  return found;
}

for (const name of notebooks) {
  const file = join(root, 'notebooks', name);

  test(`${name} runs with smoke=true in 60 s, and its figures are written`, async () => {
    const folder = temporaryFolder();
    const result = await runNotebook(file, { parameters: { smoke: 'true' }, folder, timeout: 120 });
    assert.is(result.error, undefined, result.error?.traceback.join('\n'));
    assert.ok(result.seconds < 60, `took ${result.seconds} s`);
    for (const figure of figuresOf(result.notebook)) assert.match(JSON.stringify(figure.layout), /smoke run/);
    for (const claim of claimsIn(result.notebook)) assert.match(claim.verdict, /^not /);
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
    assert.is(new Set(cells.map((c) => c.id)).size, cells.length, 'cells have names of their own');
    assert.not(code.some((c) => c.outputs?.some((o) => o.output_type === 'error')));
    const pictures = code
      .flatMap((c) => c.outputs ?? [])
      .filter((o) => 'data' in o && 'image/png' in (o.data as object));
    assert.ok(pictures.length > 0, 'a figure is seen without scripts');
  });
}

test('npm run reproduce runs notebooks, prints verdicts and keeps them', () => {
  const folder = temporaryFolder();
  const cli = join(root, 'dist', 'kernel', 'cli.js');
  const mdlab = (...args: string[]): SpawnSyncReturns<string> =>
    spawnSync(process.execPath, [cli, 'reproduce', ...args], { encoding: 'utf8' });
  const done = mdlab('flashschnet', '--smoke', '-o', folder);
  assert.is(done.status, 0, done.stderr);
  assert.match(done.stdout, /flashschnet: done after[\s\S]*arXiv:2602\.13140[\s\S]*2861 replica-steps\/s/);
  assert.match(done.stdout, /not comparable: smoke run\n/);
  const made = readdirSync(folder);
  for (const file of ['flashschnet.ipynb', 'flashschnet.html', 'claims.csv', 'figures'])
    assert.ok(made.includes(file), file);
  const kept = load(join(folder, 'claims.csv') as `${string}.csv`);
  assert.ok(kept.numRows() >= 10);
  assert.ok((kept.array('verdict') as string[]).every((v) => v.startsWith('not ')));
  assert.match(
    mdlab('flashnet').stderr,
    /notebook: must be one of 'flashschnet', 'tour', received "flashnet"/,
  );
  assert.match(
    mdlab('-p', 'smok=true').stderr,
    /-p: must be declared by one of flashschnet, tour, received "smok"/,
  );
});

test.run();
