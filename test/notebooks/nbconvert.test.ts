// Jupyter's own converter on the committed notebooks: every figure is a picture, seen without scripts.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readNotebook } from '../../kernel/notebook.js';
import { temporaryFolder } from '../kernel/tools.js';
import { root, skip } from '../tools.js';

const folders = [
  join(root, 'build', 'venv', 'bin'),
  ...(process.env['PATH'] ?? '').split(delimiter),
  '/usr/bin',
];
const python = [...new Set(folders)]
  .map((folder) => join(folder, 'python3'))
  .find((p) => spawnSync(p, ['-m', 'nbconvert', '--version'], { stdio: 'ignore' }).status === 0);

if (!python) skip('nbconvert', 'no python3 has it');
else
  for (const name of readdirSync(join(root, 'notebooks')).filter((f) => f.endsWith('.ipynb')))
    test(`nbconvert shows the figures of ${name}`, () => {
      const file = join(root, 'notebooks', name);
      const folder = temporaryFolder();
      const args = ['-m', 'nbconvert', '--to', 'html', '--output-dir', folder, file];
      const { status, stderr } = spawnSync(python, args, { encoding: 'utf8' });
      assert.is(status, 0, stderr);
      const page = readFileSync(join(folder, name.replace(/ipynb$/, 'html')), 'utf8');
      const seen = page.replace(/<script\b[\s\S]*?<\/script>/g, '');
      const shown = [...seen.matchAll(/<img\b[^>]*src="data:image\/png;base64,/g)].length;
      const outputs = readNotebook(file).cells.flatMap((c) => c.outputs ?? []);
      const pictures = outputs.filter((o) => 'data' in o && JSON.stringify(o.data).match(/image\/png/));
      assert.ok(pictures.length > 0);
      assert.is(shown, pictures.length);
    });

test.run();
