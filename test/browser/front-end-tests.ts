// What a person does in a notebook, in whichever front end; the two test files beside it name one each.
import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { root, skip } from '../tools.js';
import { FrontEndUnderTest, figures, lacking } from './front-end.js';
import { type Kind, type NotebookPage, until } from './notebook-page.js';

/** Starts a simulation that would take hours; `frames` counts what came. */
const longRun = `import { backbonePriors, beadsFromSequence, dataFile, langevin, loadModel, sequences, simulate, sum } from 'mdlab';
const protein = beadsFromSequence(sequences['1ENH']);
const model = loadModel(dataFile('models/schnet-small-untrained.safetensors'), { pipeline: 'table', backend: 'cpu' });
const kept = { answer: 42 };
const run = simulate(protein, sum(model, backbonePriors(protein)), {
  integrator: langevin({ temperature: 300, friction: 10, timestep: 2, seed: 1 }),
  replicas: 4, steps: 100_000_000, every: 50_000_000, progress: 'hours',
});
for await (const frame of run) console.log(frame.step);`;

const names = { lab: 'JupyterLab 4', notebook: 'Notebook 7', classic: 'Notebook 6' };

export function frontEndTests(kind: Kind): void {
  const why = lacking(kind);
  if (why) {
    skip(names[kind], why);
    test.run();
    return;
  }
  const server = new FrontEndUnderTest(kind);
  test.before(() => server.start());
  test.after(async () => {
    assert.is(await server.stop(), 0, 'the server ends well on Ctrl-C');
  });
  serverTests(server);
  tourTests(server);
  editingTests(server);
  test.run();
}

function serverTests(server: FrontEndUnderTest): void {
  test('the server answers with its token alone, and listens on 127.0.0.1 alone', async () => {
    assert.is((await server.ask('api/contents')).status, 200);
    assert.match((await server.ask('')).url, /\/tour\.ipynb/, 'its address leads to the notebook');
    assert.is((await server.ask('api/contents', false)).status, 403);
    const port = server.port.toString(16).toUpperCase().padStart(4, '0');
    const listening = ['tcp', 'tcp6'].flatMap((name) =>
      [...readFileSync(`/proc/net/${name}`, 'utf8').matchAll(/^\s*\d+: (\w+):(\w+) \w+:\w+ 0A /gm)]
        .filter((m) => m[2] === port)
        .map((m) => m[1]),
    );
    assert.equal(listening, ['0100007F']);
  });
}

function tourTests(server: FrontEndUnderTest): void {
  const file = join(root, 'notebooks', 'tour.ipynb');
  let page: NotebookPage;
  const scenario = scenarios(() => page);

  scenario('a committed notebook, not trusted, shows every figure', async () => {
    server.put(file, 'tour.ipynb');
    page = await server.open('tour.ipynb');
    // Cells are drawn little by little, and pictures are decoded when they come into sight.
    await until('a picture per figure and view', async () => {
      const wide = (await page.pictures()).filter((p) => p.natural > 300 && p.shown > 300);
      return wide.length === figures(file);
    });
    assert.is(await page.page.locator(`${page.parts.output} canvas`).count(), 0, 'no script ran');
    if (page.parts.unsaved)
      assert.is(await page.page.locator(page.parts.unsaved).count(), 0, 'opening it changes nothing');
    await page.screenshot('untrusted');
    await page.close();
  });

  scenario('running it all moves its progress line, and makes figures, views and tables anew', async () => {
    const smaller = readFileSync(file, 'utf8').replace('let replicas = 64;', 'let replicas = 16;');
    writeFileSync(join(server.folder, 'run.ipynb'), smaller);
    page = await server.open('run.ipynb');
    await page.runAll();
    await until('a cell that runs', async () => (await page.status()) === 'busy');
    const line = page.page.locator(page.parts.output, { hasText: '1ENH' }).last();
    const seen = new Set<string>();
    // Cells are still being drawn: which one is the last is asked anew each time.
    const last = page.cells.last().locator(page.parts.prompt);
    await until('the last cell', async () => {
      const text = await line.innerText({ timeout: 100 }).catch(() => '');
      if (/ns\/day/.test(text)) seen.add(text);
      return /\[\d+\]/.test(await last.innerText()) && (await page.status()) === 'idle';
    });
    assert.ok(seen.size > 3, `the line read ${[...seen].join(' | ')}`);
    assert.is(await page.page.locator(page.parts.stderr).count(), 0);
    await page.page.locator('.mdlab-view').last().scrollIntoViewIfNeeded();
    await page.page.locator('.mdlab-view canvas').last().waitFor();
    await page.screenshot('ran');
  });

  scenario('the viewer’s slider moves its frame', async () => {
    const view = page.page.locator('.mdlab-view', { has: page.page.locator('input[type=range]') }).last();
    await view.scrollIntoViewIfNeeded();
    await view.locator('canvas').first().waitFor();
    const before = await view.getAttribute('data-frame');
    const slider = view.locator('input[type=range]');
    const box = (await slider.boundingBox())!;
    await page.page.mouse.move(box.x + 4, box.y + box.height / 2);
    await page.page.mouse.down();
    await page.page.mouse.move(box.x + box.width * 0.7, box.y + box.height / 2, { steps: 5 });
    await page.page.mouse.up();
    await until('another frame', async () => Number(await view.getAttribute('data-frame')) > 5);
    assert.not.equal(await view.getAttribute('data-frame'), before);
    await page.screenshot('viewer');
  });

  scenario('a table sorts by the header that is clicked', async () => {
    const table = page.page.locator('.mdlab-table').last();
    await table.scrollIntoViewIfNeeded();
    const column = async (): Promise<number[]> =>
      (await table.locator('tbody tr td:nth-child(2)').allInnerTexts()).map(Number);
    const sorted = (x: number[], sign: number): boolean =>
      x.every((v, i) => i === 0 || sign * (v - x[i - 1]!) >= 0);
    const header = table.locator('th').nth(1);
    await header.click();
    await until('ascending', async () => sorted(await column(), 1));
    await header.click();
    await until('descending', async () => sorted(await column(), -1));
    assert.ok((await column()).length > 10);
  });

  scenario('Ctrl-S writes the outputs', async () => {
    const saved = join(server.folder, 'run.ipynb');
    const before = readFileSync(saved, 'utf8');
    await page.save();
    await until('a new file', () => {
      const now = readFileSync(saved, 'utf8');
      return now !== before && now.endsWith('}\n');
    });
    assert.is(figures(saved), figures(file));
    assert.equal(page.strangers, [], 'asked for outside this machine');
    await page.close();
  });
}

function editingTests(server: FrontEndUnderTest): void {
  let page: NotebookPage;
  const scenario = scenarios(() => page);

  scenario('stop ends a native run within a second, and variables live', async () => {
    writeFileSync(join(server.folder, 'new.ipynb'), emptyNotebook());
    page = await server.open('new.ipynb');
    const cell = await page.begin(longRun);
    await until('progress', async () => /hours[\s\S]*ns\/day/.test(await page.output(cell)));
    const pressed = Date.now();
    await page.interrupt();
    await page.done(cell);
    const ms = Date.now() - pressed;
    await page.screenshot('stopped');
    assert.match(await page.output(cell), /interrupted/i);
    assert.is(await page.output(await page.run('kept.answer')), '42');
    assert.ok(ms < 1000 * slowness(), `idle after ${ms} ms`);
  });

  scenario('Tab lists what fits, and Shift-Tab tells about it', async () => {
    const cell = await page.write('loadMod');
    await page.page.keyboard.press('Tab');
    const completer = page.page.locator(page.parts.completer);
    // One match is put in at once.
    await until(
      'a completion',
      async () => (await page.code(cell)).includes('loadModel') || (await completer.isVisible()),
    );
    if (await completer.isVisible()) await page.page.keyboard.press('Enter');
    await until('loadModel', async () => (await page.code(cell)).includes('loadModel'));
    await page.page.keyboard.insertText(';model.');
    // JupyterLab waits a second for an answer, which a busy machine may miss; a person presses again.
    await until('what a model has', async () => {
      await page.page.keyboard.press('Tab');
      return completer.waitFor({ timeout: 3000 }).then(
        () => true,
        () => false,
      );
    });
    await page.screenshot('completion');
    assert.match(await completer.innerText(), /pipeline/);
    await page.page.keyboard.press('Escape');
    await page.page.keyboard.insertText('with');
    await page.page.keyboard.press('Shift+Tab');
    const tooltip = page.page.locator(page.parts.tooltip);
    await tooltip.waitFor();
    await page.screenshot('tooltip');
    assert.match(await tooltip.innerText(), /with/);
    await page.page.keyboard.press('Escape');
    await page.page.keyboard.press('Escape');
  });

  scenario('a question is answered where it is asked', async () => {
    const cell = await page.begin("const name = await input('Your name? ');\nname.length + ' letters'");
    const box = page.page.locator(page.parts.question);
    await box.waitFor();
    await page.screenshot('question');
    assert.match(await page.output(cell), /Your name\?/);
    await box.fill('Ada');
    await box.press('Enter');
    await page.done(cell);
    assert.match(await page.output(cell), /3 letters/);
  });

  scenario('a slider, a list and a button drive a figure', async () => {
    const cell = await page.run(`import { button, dropdown, figure, interact, line, slider } from 'mdlab';
const shown = interact(({ slope, law }) => figure(line([0, 1, 2], [0, 1, 2].map((x) => slope * (law === 'square' ? x * x : x))), {
  title: \`slope \${slope}, \${law}\`, width: 400, height: 260,
}), { slope: slider({ min: 1, max: 9, step: 1, value: 3 }), law: dropdown(['line', 'square']) });
let clicks = 0;
button('count', () => { clicks++; })`);
    const figure = cell.locator(`${page.parts.output} img`);
    const picture = (): Promise<string | null> => figure.getAttribute('src');
    await cell.locator('.widget-slider .noUi-handle').waitFor();
    await figure.scrollIntoViewIfNeeded();
    const first = await picture();
    const track = (await cell.locator('.widget-slider .noUi-base').boundingBox())!;
    const handle = (await cell.locator('.widget-slider .noUi-handle').boundingBox())!;
    await page.page.mouse.move(handle.x + handle.width / 2, handle.y + handle.height / 2);
    await page.page.mouse.down();
    await page.page.mouse.move(track.x + 0.625 * track.width, handle.y + handle.height / 2, { steps: 4 });
    await page.page.mouse.up();
    await until('a figure of the slope', async () => (await picture()) !== first);
    assert.is(await cell.locator('.widget-slider .widget-readout').innerText(), '6');
    assert.is(await page.output(await page.run('shown.values.slope')), '6');
    const second = await picture();
    await cell.locator('.widget-dropdown select').selectOption('square');
    await until('a figure of the law', async () => (await picture()) !== second);
    await cell.locator('button.widget-button').click();
    await until('a click', async () => (await page.output(await page.run('clicks'))) === '1');
    await figure.scrollIntoViewIfNeeded();
    await page.screenshot('widgets');
  });

  scenario('an interactive figure wakes up', async () => {
    const cell = await page.run(
      'figure(line([0, 1, 2], [0, 1, 4]), { width: 400, height: 260 }).interactive()',
    );
    await cell.locator('.mdlab-figure .main-svg .scatterlayer path').first().waitFor();
    assert.is(await cell.locator('.mdlab-figure img').isVisible(), false);
  });

  scenario('an error shows its name, message and line', async () => {
    const cell = await page.run("const n: number = 'a';");
    assert.match(await page.output(cell), /not assignable to type 'number'/);
    const thrown = await page.run("function broken() {\n  throw new RangeError('too far');\n}\nbroken()");
    const text = await page.output(thrown);
    assert.match(text, /RangeError/);
    assert.match(text, /too far/);
    assert.is(await thrown.locator('.ansi-bold', { hasText: 'RangeError' }).count(), 1, 'in colours');
    assert.match(text, /2/);
    await thrown.scrollIntoViewIfNeeded();
    await page.screenshot('errors');
  });

  scenario('restart gives an empty kernel', async () => {
    await page.restart();
    await page.idle();
    assert.match(await page.output(await page.run('kept')), /Cannot find name 'kept'/);
    assert.is(await page.output(await page.run('6 * 7')), '42');
    await page.close();
  });
}

/** `test` that leaves a picture of what a failing one saw. */
function scenarios(page: () => NotebookPage | undefined): (name: string, body: () => Promise<void>) => void {
  let failed = 0;
  return (name, body) =>
    test(name, async () => {
      try {
        await body();
      } catch (e) {
        await page()
          ?.screenshot(`failed-${++failed}`)
          .catch(() => {});
        throw e;
      }
    });
}

/** How much longer things may take here than on a quiet machine: the load per processor. */
function slowness(): number {
  return Math.max(1, loadavg()[0]! / availableParallelism());
}

function emptyNotebook(): string {
  const kernelspec = { display_name: 'TypeScript (mdlab)', language: 'typescript', name: 'mdlab' };
  const cell = {
    id: 'first',
    cell_type: 'code',
    metadata: {},
    source: [],
    outputs: [],
    execution_count: null,
  };
  return JSON.stringify({ nbformat: 4, nbformat_minor: 5, metadata: { kernelspec }, cells: [cell] });
}
