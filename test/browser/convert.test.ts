// Committed notebooks as pages of their own, by nbconvert and by us, where no script may run.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { notebookToHtml } from '../../kernel/html.js';
import { homeIn, privateJupyter } from '../../kernel/jupyter.js';
import { formatNotebook, parseNotebook } from '../../kernel/notebook.js';
import { findChromium } from '../../lib/plot/chromium.js';
import { root, skip } from '../tools.js';
import { figures, launch } from './front-end.js';
import { screenshots } from './notebook-page.js';

const notebooks = readdirSync(join(root, 'notebooks')).filter((f) => f.endsWith('.ipynb'));
const folder = mkdtempSync(join(tmpdir(), 'mdlab-convert-'));
test.after(() => rmSync(folder, { recursive: true, force: true }));

/** Sizes of the pictures that show. */
async function shown(file: string, name: string): Promise<{ width: number; natural: number }[]> {
  const browser = await launch();
  try {
    const viewport = { width: 1200, height: 900 };
    const context = await browser.newContext({ viewport, javaScriptEnabled: false, offline: true });
    const page = await context.newPage();
    await page.goto(pathToFileURL(file).href);
    const sizes: { width: number; natural: number }[] = [];
    for (const image of await page.locator('img').all()) {
      await image.scrollIntoViewIfNeeded();
      if (!(await image.isVisible())) continue;
      const natural = await image.evaluate((e) => (e as unknown as { naturalWidth: number }).naturalWidth);
      sizes.push({ width: (await image.boundingBox())!.width, natural });
    }
    await page.screenshot({ path: join(screenshots(), `${name}.png`), fullPage: true });
    return sizes;
  } finally {
    await browser.close();
  }
}

if (!findChromium()) skip('exported pages', 'Chromium is not installed');
else
  for (const notebook of notebooks) {
    const file = join(root, 'notebooks', notebook);
    const name = notebook.replace('.ipynb', '');
    const check = async (page: string, by: string): Promise<void> => {
      const sizes = await shown(page, `${by}-${name}`);
      assert.is(sizes.length, figures(file), 'a picture per figure and view');
      for (const { width, natural } of sizes)
        assert.ok(natural > 300 && width > 300, `${width} px of ${natural}`);
    };

    test(`our page of ${notebook} shows every figure without scripts`, async () => {
      const page = join(folder, `${name}.html`);
      writeFileSync(page, notebookToHtml(parseNotebook(readFileSync(file, 'utf8'), file), { title: name }));
      await check(page, 'export');
    });

    const jupyter = privateJupyter(root);
    if (!jupyter) {
      skip(`${notebook} in Jupyter's hands`, 'no JupyterLab in build/venv (npm run setup -- --jupyter)');
      continue;
    }
    const python = join(jupyter.command, '..', 'python3');

    test(`${notebook} is written as Jupyter writes it`, () => {
      const ours = formatNotebook(parseNotebook(readFileSync(file, 'utf8'), file));
      const [from, to] = [join(folder, 'ours.ipynb'), join(folder, 'theirs.ipynb')];
      writeFileSync(from, ours);
      const code = `import nbformat, sys
nb = nbformat.read(sys.argv[1], 4)
nbformat.validate(nb)
nbformat.write(nb, sys.argv[2])`;
      const done = spawnSync(python, ['-c', code, from, to], { encoding: 'utf8' });
      assert.is(done.status, 0, done.stderr);
      // Python writes 1e-06 where JavaScript writes 0.000001.
      const plain = (line: string): string =>
        line.replace(/-?\d[\d.]*(e[-+]\d+)?(?=,?$)/, (x) => String(Number(x)));
      const [a, b] = [ours, readFileSync(to, 'utf8')].map((text) => text.split('\n').map(plain));
      assert.equal(
        a!.filter((line, i) => line !== b![i]),
        [],
      );
      assert.is(a!.length, b!.length);
    });

    test(`nbconvert's page of ${notebook} shows every figure without scripts`, async () => {
      const page = `${name}.nbconvert.html`;
      const args = ['-m', 'nbconvert', '--to', 'html', '--output-dir', folder, '--output', page, file];
      const env = { ...process.env, ...homeIn(folder) };
      const done = spawnSync(python, args, { encoding: 'utf8', env });
      assert.is(done.status, 0, done.stderr);
      await check(join(folder, page), 'nbconvert');
    });
  }

test.run();
