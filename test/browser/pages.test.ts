// What a reader's browser makes of our pages: opened from disk, offline, in a real Chromium.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { bundle } from '../../kernel/display.js';
import { notebookToHtml } from '../../kernel/html.js';
import type { NotebookCell } from '../../kernel/notebook.js';
import { chromiumArguments, findChromium } from '../../lib/plot/chromium.js';
import { figure, heatmap, line, view } from '../../lib/plot/index.js';
import { htmlPage, libraryScript } from '../../lib/plot/page.js';
import { orthorhombic, Structure, Trajectory } from '../../lib/structure/index.js';
import { table } from '../../lib/tables/index.js';
import { skip } from '../tools.js';

const folder = mkdtempSync(join(tmpdir(), 'mdlab-browser-'));
let browser: Browser;

const molecule = new Structure({
  name: 'carbon monoxide',
  symbols: ['C', 'O'],
  positions: Float64Array.from([1, 1, 1, 2.13, 1, 1]),
  box: orthorhombic([6, 6, 6]),
});
const motion = new Trajectory(
  molecule,
  Array.from({ length: 20 }, (_, k) => ({
    positions: molecule.positions.map((x) => x + 0.1 * k),
    time: 100 * k,
  })),
);
const chart = figure([line([0, 1, 2], [1, 3, 2], { name: 'a' }), line([0, 1, 2], [2, 2, 2], { name: 'b' })], {
  title: 'Chart',
});
const rows = table({ n: [3, 20, 100, null], name: ['c', 'b', 'a', 'd'] });

let written: Promise<string> | undefined;

/** The file of an exported notebook with one of everything. */
function notebookPage(): Promise<string> {
  written ??= exported('notebook', [
    chart,
    chart.interactive(),
    rows,
    view(motion, { width: 320, height: 200 }),
  ]);
  return written;
}

/** The file of an exported notebook that shows the values. */
async function exported(name: string, values: readonly unknown[]): Promise<string> {
  const cells: NotebookCell[] = [{ cell_type: 'markdown', metadata: {}, source: '# Page' }];
  for (const value of values) {
    const data = (await bundle(value)) as Record<string, unknown>;
    const outputs = [{ output_type: 'display_data' as const, data, metadata: {} }];
    cells.push({ cell_type: 'code', metadata: {}, source: 'value', execution_count: cells.length, outputs });
  }
  const file = join(folder, `${name}.html`);
  writeFileSync(
    file,
    notebookToHtml({ nbformat: 4, nbformat_minor: 5, metadata: {}, cells }, { title: 'Page' }),
  );
  return file;
}

/** Opens a file, gives the page to `body`, and fails on any complaint or request for something outside the page. */
async function open(
  file: string,
  options: BrowserContextOptions,
  body: (page: Page) => Promise<void>,
): Promise<void> {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const complaints: string[] = [];
  const own = pathToFileURL(file).href;
  page.on('console', (m) => ['error', 'warning'].includes(m.type()) && complaints.push(m.text()));
  page.on('pageerror', (e) => complaints.push(String(e)));
  page.on(
    'request',
    (r) => !/^(data|blob):/.test(r.url()) && r.url() !== own && complaints.push(`requested ${r.url()}`),
  );
  await page.goto(own);
  await body(page);
  await context.close();
  // Software drawing is slow, and the driver says so; that is the test machine, not the page.
  const real = complaints.filter((c) => !/GPU stall|GL Driver Message|swiftshader/i.test(c));
  assert.equal(real, []);
}

const pictures = (page: Page): Promise<number[]> =>
  page.evaluate(
    "[...document.querySelectorAll('img')].filter((i) => i.offsetParent).map((i) => i.naturalWidth)",
  );

if (!findChromium()) skip('pages in a browser', 'Chromium is not installed');
else {
  test.before(async () => {
    const { chromium } = await import('playwright-core');
    browser = await chromium.launch({ executablePath: findChromium()!, args: [...chromiumArguments] });
  });
  test.after(async () => {
    await browser.close();
    rmSync(folder, { recursive: true });
  });

  test('without scripts every figure and view is a picture', async () => {
    const file = await notebookPage();
    const context = await browser.newContext({ javaScriptEnabled: false, offline: true });
    const page = await context.newPage();
    await page.goto(pathToFileURL(file).href);
    const images = await page.locator('img').all();
    assert.is(images.length, 3);
    for (const image of images) {
      assert.ok(await image.isVisible());
      const box = (await image.boundingBox())!;
      assert.ok(box.width > 300 && box.height > 190, `${box.width} x ${box.height}`);
    }
    await context.close();
  });

  test('with scripts the figure, table and view of a notebook page come alive', async () => {
    await open(await notebookPage(), { offline: true }, async (page) => {
      await page.waitForSelector('.mdlab-figure .main-svg', { timeout: 60_000 });
      await page.waitForSelector('.mdlab-view canvas', { timeout: 60_000 });
      const widths = await pictures(page);
      assert.is(widths.length, 1, 'only the plain figure is still a picture');
      assert.ok(widths[0]! > 1000);
      await page.waitForSelector('.mdlab-view[data-live]');
    });
  });

  test('a view whose library came with an output that is gone says so, and wakes when it comes', async () => {
    const file = join(folder, 'alone.html');
    writeFileSync(file, htmlPage('alone', await view(motion, { width: 320, height: 200 }).toFragment(false)));
    await open(file, { offline: true }, async (page) => {
      const note = page.locator('.mdlab-dead');
      await note.waitFor();
      assert.match(await note.innerText(), /Only a picture.* Run this cell again/);
      assert.ok(await page.locator('img').isVisible());
      const script = libraryScript('3dmol').replace(/<\/?script>/g, '');
      await page.evaluate(script);
      await page.waitForSelector('.mdlab-view canvas');
      await note.waitFor({ state: 'detached' });
    });
  });

  test('scripts that Markdown or attributes bring do not run, those of outputs do', async () => {
    const file = join(folder, 'hostile.html');
    const act = 'document.documentElement.dataset.acted = (document.documentElement.dataset.acted ?? "") +';
    const cells: NotebookCell[] = [
      {
        cell_type: 'markdown',
        metadata: {},
        source: `<script>${act} 1</script><img src=x onerror='${act} 2'><svg onload='${act} 3'></svg>`,
      },
      {
        cell_type: 'code',
        metadata: {},
        source: '',
        execution_count: 1,
        outputs: [
          {
            output_type: 'display_data',
            data: { 'text/html': `<img src="data:," onerror='${act} 4'><script>${act} 5</script>` },
            metadata: {},
          },
        ],
      },
    ];
    writeFileSync(file, notebookToHtml({ nbformat: 4, nbformat_minor: 5, metadata: {}, cells }));
    const context = await browser.newContext({ offline: true });
    const page = await context.newPage();
    await page.goto(pathToFileURL(file).href);
    await page.waitForTimeout(300);
    assert.is(await page.evaluate('document.documentElement.dataset.acted'), '5');
    await context.close();
  });

  test('a table sorts by number on click, both ways, with missing values last', async () => {
    await open(await notebookPage(), { offline: true }, async (page) => {
      const cells = (): Promise<string[]> =>
        page.locator('.mdlab-table tbody tr td:first-child').allInnerTexts();
      await page.locator('.mdlab-table th', { hasText: 'n' }).first().click();
      assert.equal(await cells(), ['3', '20', '100', '']);
      await page.locator('.mdlab-table th', { hasText: 'n' }).first().click();
      assert.equal(await cells(), ['100', '20', '3', '']);
      await page.locator('.mdlab-table th', { hasText: 'name' }).click();
      assert.equal(await cells(), ['100', '20', '3', '']);
    });
  });

  test('a table is copied as CSV', async () => {
    await open(
      await notebookPage(),
      { offline: true, permissions: ['clipboard-read', 'clipboard-write'] },
      async (page) => {
        await page.locator('.mdlab-table button').click();
        await page.waitForSelector('text=Copied');
        assert.is(await page.evaluate('navigator.clipboard.readText()'), 'n,name\n3,c\n20,b\n100,a\n,d');
      },
    );
  });

  test('a table of ten columns with long headings is seen whole', async () => {
    const headings = Array.from({ length: 9 }, (_, k) => `quantity no. ${k} (unit)`);
    const wide = table({
      kind: ['message reverse', 'other'],
      ...Object.fromEntries(headings.map((h) => [h, [1234.56, 7.8]])),
    });
    await open(await exported('wide', [wide]), { viewport: { width: 1200, height: 800 } }, async (page) => {
      const box = "((e) => [e.scrollWidth, e.clientWidth])(document.querySelector('.outputs'))";
      const [needed, given] = (await page.evaluate(box)) as [number, number];
      assert.ok(needed <= given, `${needed} px in ${given}`);
      const cells = "[...document.querySelectorAll('tbody td')].map((e) => e.offsetHeight)";
      const heights = (await page.evaluate(cells)) as number[];
      assert.ok(Math.max(...heights) < 40, `only headings have several lines: ${heights}`);
    });
  });

  test('a table sorts and copies rows that it does not show', async () => {
    const count = 12_345;
    const x = Array.from({ length: count }, (_, i) => (i * 7919) % count);
    const many = table({
      x,
      name: Array.from({ length: count }, (_, i) => `no, ${i}`),
    });
    const file = await exported('many', [many]);
    await open(file, { offline: true, permissions: ['clipboard-read', 'clipboard-write'] }, async (page) => {
      const column = page.locator('.mdlab-table tbody tr td:first-child');
      const header = page.locator('.mdlab-table th').first();
      await header.click();
      await page.waitForSelector('[aria-sort=ascending]');
      const arrow = "getComputedStyle(document.querySelector('[aria-sort]'), '::after').content";
      assert.is(await page.evaluate(arrow), '" ▲"');
      assert.equal(
        (await column.allInnerTexts()).map(Number),
        Array.from({ length: 50 }, (_, i) => i),
      );
      await header.click();
      await page.waitForSelector('[aria-sort=descending]');
      assert.is((await column.allInnerTexts())[0], '12\u202f344');
      assert.is(await column.count(), 50);
      await page.locator('.mdlab-table button').click();
      await page.waitForSelector('text=Copied');
      const lines = String(await page.evaluate('navigator.clipboard.readText()')).split('\n');
      assert.is(lines.length, count + 1);
      assert.is(lines[1], `12344,"no, ${x.indexOf(12344)}"`);
    });
  });

  test('the viewer’s slider and play button move frames', async () => {
    const file = await view(motion, { width: 320, height: 200 }).save(join(folder, 'view.html'));
    await open(file, { offline: true }, async (page) => {
      await page.waitForSelector('.mdlab-view canvas', { timeout: 60_000 });
      const shown = (): Promise<string> =>
        page.evaluate('document.querySelector(".mdlab-view").dataset.frame');
      const before = await page.locator('.mdlab-view canvas').first().screenshot();
      await page.locator('input[type=range]').fill('12');
      assert.is(await shown(), '12');
      assert.ok(await page.locator('text=frame 12, 1.2 ps').isVisible());
      const after = await page.locator('.mdlab-view canvas').first().screenshot();
      assert.not.equal(before, after);
      await page.locator('button', { hasText: 'Play' }).click();
      await page.waitForFunction(
        'Number(document.querySelector(".mdlab-view").dataset.frame) > 12',
        undefined,
        {
          timeout: 60_000,
        },
      );
      await page.locator('button', { hasText: 'Pause' }).click();
      const [first, second] = [await shown(), await page.waitForTimeout(200).then(shown)];
      assert.is(first, second, 'paused');
    });
  });

  test('clicks measure: names, distance, angle and dihedral, which follow the frames', async () => {
    // A square bent by 90° about its second bond; in the last frame the first bond has grown to 2 Å.
    const chain = new Structure({
      symbols: ['N', 'C', 'C', 'O'],
      positions: Float64Array.from([1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 1]),
    });
    const grown = Float64Array.from(chain.positions, (x, i) => (i === 0 ? 2 : x));
    const motion = new Trajectory(chain, [{ positions: chain.positions }, { positions: grown }]);
    const options = { values: { 'charge (e)': [-1, 0, 0.5, 2] }, width: 320, height: 240 };
    const file = await view(motion, options).save(join(folder, 'measure.html'));
    await open(file, { offline: true }, async (page) => {
      const ready = 'document.querySelector(".mdlab-view")?.mdlabViewer';
      await page.waitForFunction(ready, undefined, { timeout: 60_000 });
      const words = (): Promise<string> => page.locator('.mdlab-measured').innerText();
      assert.is(await words(), 'click particles to measure');
      const read: string[] = [];
      for (const i of [0, 1, 2, 3]) {
        const { x, y } = await page.evaluate<{ x: number; y: number }>(
          `${ready}.modelToScreen(${ready}.selectedAtoms({ serial: ${i} })[0])`,
        );
        await page.mouse.click(x, y);
        await page.waitForTimeout(50);
        read.push(await words());
      }
      assert.is(read[0], 'N #0');
      assert.is(read[1], 'N #0 – C #1: 1.000 Å');
      assert.match(read[2]!, /C #2: 90\.0°$/);
      assert.match(read[3]!, /O #3: -?90\.0°$/);
      await page.locator('button', { hasText: 'Clear' }).click();
      assert.is(await words(), 'click particles to measure');
      await page.locator('input[type=range]').fill('1');
      for (const i of [0, 1]) {
        const { x, y } = await page.evaluate<{ x: number; y: number }>(
          `${ready}.modelToScreen(${ready}.selectedAtoms({ serial: ${i} })[0])`,
        );
        await page.mouse.click(x, y);
        await page.waitForTimeout(50);
      }
      assert.is(await words(), 'N #0 – C #1: 2.000 Å');
      await page.locator('input[type=range]').fill('0');
      assert.is(await words(), 'N #0 – C #1: 1.000 Å');
    });
  });

  test('the reader chooses what colours the particles, and sees the scale', async () => {
    const file = await view(molecule, {
      values: { 'charge (e)': [-0.2, 0.2] },
      width: 320,
      height: 200,
    }).save(join(folder, 'colour.html'));
    await open(file, { offline: true }, async (page) => {
      await page.waitForSelector('.mdlab-view select', { timeout: 60_000 });
      const before = await page.locator('.mdlab-view canvas').first().screenshot();
      assert.not.ok(await page.locator('text=-0.2').isVisible());
      await page.locator('.mdlab-view select').selectOption({ label: 'colour: charge (e)' });
      assert.ok(await page.locator('text=-0.2').isVisible());
      assert.not.equal(before, await page.locator('.mdlab-view canvas').first().screenshot());
    });
  });

  test('a saved figure page draws itself, also with the full library', async () => {
    for (const [name, fig] of [
      ['line.html', chart],
      [
        'heat.html',
        figure(
          heatmap([
            [1, 2],
            [3, 4],
          ]),
          { title: 'Heat' },
        ),
      ],
    ] as const) {
      const file = await fig.save(join(folder, name));
      await open(file, { offline: true }, async (page) => {
        await page.waitForSelector('.main-svg', { timeout: 60_000 });
        assert.equal(await pictures(page), []);
      });
    }
  });
}

test.run();
