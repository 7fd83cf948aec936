import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { fontCovers, textWidth } from '../../lib/plot/font.js';
import { bars, figure, heatmap, histogram, line, reference, scatter } from '../../lib/plot/index.js';
import { needsBrowser, rasterize } from '../../lib/plot/render.js';
import { binned } from '../../lib/plot/traces.js';
import { root, skip } from '../tools.js';

const folder = mkdtempSync(join(tmpdir(), 'mdlab-figure-'));
test.after(() => rmSync(folder, { recursive: true }));

/** Width and height of a PNG, from its header. */
const sizeOf = (png: Buffer): number[] => [png.readUInt32BE(16), png.readUInt32BE(20)];

test('widths are those of the font file, as fontTools 4 reads them', () => {
  const close = (got: number, want: number): void =>
    assert.ok(Math.abs(got - want) < 1e-6, `${got}, not ${want}`);
  close(textWidth('H'), 0.7431641);
  close(textWidth('i'), 0.2421875);
  close(textWidth('Å⁻¹'), 1.4233398);
  close(textWidth('H', 'semibold'), 0.7456055);
  assert.ok(fontCovers('Å⁻¹ αβγφψ²×±−°'));
  assert.not(fontCovers('水'));
});

test('a figure is drawn without a browser: words, legend and colours are in the SVG', async () => {
  const fig = figure(
    [line([0, 1, 2], [1, 3, 2], { name: 'first' }), line([0, 1, 2], [2, 2, 1], { name: 'a longer name' })],
    {
      title: 'Energy',
      x: 'time (ps)',
      y: { label: 'energy', unit: 'kcal/mol' },
    },
  );
  const svg = await fig.toSVG();
  for (const text of ['Energy', 'time (ps)', 'energy (kcal/mol)', 'first', 'a longer name'])
    assert.ok(svg.includes(text), text);
  assert.match(svg, /rgb\(0, 114, 178\)/);
  assert.match(svg, /rgb\(213, 94, 0\)/);
});

test('the legend is as wide as its longest name, so nothing is clipped', async () => {
  const name = 'a very long name of a pipeline indeed';
  const svg = await figure([line([0, 1], [0, 1], { name }), line([0, 1], [1, 0], { name: 'b' })]).toSVG();
  const clip = /<clipPath id="legend[^>]*><rect ([^>]*)>/.exec(svg)?.[1] ?? '';
  const width = Number(/width="([\d.]+)"/.exec(clip)?.[1]);
  // 37 letters of 13 px after a symbol of 40 px: 230.5 px by the font's own widths (fontTools).
  assert.ok(width > 40 + 230.5 && width < 40 + 230.5 + 20, `a legend of ${width} px`);
});

test('the same figure gives the same files', async () => {
  const make = (): ReturnType<typeof figure> => figure(line([0, 1, 2], [1, 3, 2]), { title: 'again' });
  assert.is(await make().toSVG(), await make().toSVG());
  assert.equal(await make().toPNG(), await make().toPNG());
});

test('a PNG has the figure size times the scale, and ink where the words are', async () => {
  const fig = figure(line([0, 1], [0, 1]), { width: 400, height: 300, title: 'TITLE' });
  assert.equal(sizeOf(await fig.toPNG({ scale: 1 })), [400, 300]);
  assert.equal(sizeOf(await fig.toPNG()), [800, 600]);
  const blank = figure(line([0, 1], [0, 1]), { width: 400, height: 300, title: ' ' });
  assert.ok((await fig.toPNG()).length > (await blank.toPNG()).length + 500, 'the title adds ink');
});

test('text is drawn although the machine may have no fonts', async () => {
  const svg = (text: string): string =>
    `<svg xmlns="http://www.w3.org/2000/svg" width="200" height="40"><text x="5" y="30" font-size="24" font-family="no such font, sans-serif">${text}</text></svg>`;
  const [with_, without] = [await rasterize(svg('Force (Å⁻¹)'), 1), await rasterize(svg(''), 1)];
  assert.ok(with_.length > without.length + 200);
});

test('figures leave the process clean: no window, no document, and it ends', () => {
  const code = `import { figure, line } from '${root}dist/lib/plot/index.js';
    await figure(line([0, 1], [1, 2])).toPNG();
    console.log(typeof window, typeof document, typeof HTMLElement);`;
  const out = execFileSync(process.execPath, ['--input-type=module', '-e', code], {
    timeout: 20_000,
    encoding: 'utf8',
  });
  assert.is(out.trim(), 'undefined undefined undefined');
});

test('logarithmic axes take ranges in data units and ticks at decades', async () => {
  const fig = figure(line([1, 10, 1000], [1e-6, 1, 1e6]), {
    x: { log: true, range: [1, 1000] },
    y: { label: 'error', log: true },
  });
  assert.equal((fig.layout['xaxis'] as { range: number[] }).range, [0, 3]);
  assert.is((fig.layout['yaxis'] as { dtick: number }).dtick, 1);
});

test('a paper’s points are open diamonds, unlike ours', () => {
  const [paper] = reference([1], [2], { name: 'paper' });
  const [ours] = scatter([1], [2], { name: 'ours' });
  assert.is((paper!['marker'] as { symbol: string }).symbol, 'diamond-open');
  assert.is.not((ours!['marker'] as { symbol?: string }).symbol, 'diamond-open');
});

test('a band takes the colour of its line', () => {
  const fig = figure(line([0, 1], [0, 1], { color: '#D55E00', band: { low: [-1, 0], high: [1, 2] } }));
  assert.is(fig.data[1]!['fillcolor'], 'rgba(213,94,0,0.2)');
});

test('a long series keeps its extremes', () => {
  const n = 100_000;
  const y = Float64Array.from({ length: n }, (_, i) => Math.sin(i / 50));
  y[77_777] = 9;
  const [trace] = line(
    Float64Array.from({ length: n }, (_, i) => i),
    y,
  );
  const kept = trace!['y'] as number[];
  assert.ok(kept.length <= 4002 && kept.length > 3000);
  assert.is(Math.max(...kept), 9);
  const x = trace!['x'] as number[];
  assert.ok(x[0] === 0 && x.at(-1) === n - 1 && x.every((v, i) => i === 0 || v > x[i - 1]!));
});

test('histograms count everything once; a density has area one', () => {
  const values = Float64Array.from({ length: 1000 }, (_, i) => Math.sqrt(i));
  values[3] = Number.NaN;
  const count = binned(values);
  assert.is(
    count.heights.reduce((a, b) => a + b),
    999,
  );
  const density = binned(values, { scale: 'density', bins: 7 });
  assert.ok(Math.abs(density.heights.reduce((a, b) => a + b) * density.width - 1) < 1e-12);
  assert.equal(
    binned([5, 5, 5]).heights.reduce((a, b) => a + b),
    3,
  );
  assert.throws(() => histogram([Number.NaN]), /histogram\.values/);
});

test('a heatmap is drawn with its own colours', async () => {
  const png = await figure(
    heatmap(
      [
        [0, 1],
        [2, 3],
      ],
      { label: 'count' },
    ),
  ).toPNG();
  assert.ok(png.length > 5000);
  const svg = await figure(
    heatmap([
      [0, 1],
      [2, 3],
    ]),
  ).toSVG();
  assert.match(svg, /<image [^>]*href="data:image\/png;base64,/);
  assert.throws(() => heatmap([[0, 1], [2]]), /heatmap\.z: rows must all have 2 values/);
});

test('the JSON of a figure is plain and short', () => {
  const fig = figure(line(Float64Array.from([0, 1 / 3]), Float64Array.from([1e9 + 1, 2 / 3])));
  const { data } = JSON.parse(JSON.stringify(fig)) as { data: { x: number[]; y: number[] }[] };
  assert.equal(data[0]!.x, [0, 0.3333333]);
  assert.equal(data[0]!.y, [1e9 + 1, 0.6666667]);
});

test('wrong calls say what is wrong', async () => {
  assert.throws(() => figure([]), /figure\.traces/);
  assert.throws(() => line([1, 2], [1]), /line: x and y must be equally long/);
  assert.throws(() => bars(['a'], [1], { error: [1, 2] as never }), /error: must have 1 values/);
  const fig = figure(line([0, 1], [0, 1]));
  for (const name of ['x.bmp', 'x']) {
    try {
      await fig.save(join(folder, name));
      assert.unreachable();
    } catch (e) {
      assert.match(
        (e as Error).message,
        /figure\.save format: must be one of '\.png', '\.svg', '\.html', '\.pdf'/,
      );
    }
  }
});

test('a long line with gaps keeps its extremes, and shows the long gaps', () => {
  const n = 20_000;
  const x = Float64Array.from({ length: n }, (_, i) => i);
  const y = x.map((i) =>
    i % 10 === 0 || (i > 8000 && i < 9000) ? Number.NaN : i === 12_345 ? 9 : Math.sin(i / 500),
  );
  const drawn = figure(line(x, y)).data[0]! as { x: number[]; y: number[] };
  const there = drawn.y.filter(Number.isFinite);
  assert.ok(there.length > 3000, `${there.length} points left`);
  assert.is(Math.max(...there), 9);
  assert.ok(
    drawn.x.every((v, i) => i === 0 || v > drawn.x[i - 1]!),
    'from left to right',
  );
  const gap = drawn.y.filter((v, i) => drawn.x[i]! > 8000 && drawn.x[i]! < 9000 && Number.isFinite(v));
  assert.is(gap.length, 0);
  const inner = drawn.x.findIndex((v) => v > 8100);
  assert.ok(drawn.x[inner]! < 9000 && Number.isNaN(drawn.y[inner]), 'a break in the line');
});

test('points between gaps are dots, and what cannot be drawn is said', async () => {
  const dots = (fig: ReturnType<typeof figure>): unknown =>
    (fig.data[0]!['marker'] as { size?: unknown }).size;
  assert.equal(dots(figure(line([1, 2, 3, 4, 5], [1, Number.NaN, 3, 4, 5]))), [5, 0, 0, 0, 0]);
  assert.is(dots(figure(line([1, 2], [1, 2]))), undefined);
  const live = figure(line([1], [1])).live();
  assert.equal(dots(live.figure), [5]);
  live.append(2, 2);
  assert.is(dots(live.figure), undefined);
  assert.is(live.figure.data[0]!['mode'], 'lines');
  assert.match(await figure(line([1, 2], [Number.NaN, Number.NaN])).toSVG(), /no finite value among 2/);
  const log = (y: number[]): Promise<string> => figure(line([1, 2, 3], y), { y: { log: true } }).toSVG();
  assert.match(await log([0, 1, 2]), /1 of 3 values not shown: zero or below/);
  assert.not.match(await log([1, Number.NaN, 2]), /not shown/);
});

test('a logarithmic axis of less than a decade has ticks', async () => {
  const svg = await figure(line([1, 2, 3], [100, 120, 150]), { y: { label: 'rate', log: true } }).toSVG();
  for (const tick of [110, 120, 130, 140]) assert.ok(svg.includes(`>${tick}<`), String(tick));
});

test('long titles, subtitles and notes go on in a new line, with room for it', async () => {
  const words = 'a benchmark of everything on this machine, with this precision and that many replicas ';
  const make = (times: number): ReturnType<typeof figure> =>
    figure(line([1, 2], [1, 2]), {
      title: words.repeat(times),
      subtitle: words.repeat(times),
      note: words.repeat(times),
    });
  const margin = (fig: ReturnType<typeof figure>): { t: number; b: number } =>
    fig.layout['margin'] as { t: number; b: number };
  const [one, three] = [make(1), make(3)];
  assert.ok(margin(three).t > margin(one).t + 60 && margin(three).b > margin(one).b + 10);
  for (const a of three.layout['annotations'] as { text: string; font: { size: number } }[])
    for (const part of a.text.replace(/<\/?b>/g, '').split('<br>'))
      assert.ok(a.font.size * textWidth(part, a.font.size === 18 ? 'semibold' : 'regular') < 760 - 72, part);
});

test('a figure that cannot be written says why', async () => {
  try {
    await figure(line([1, 2], [1, 2])).save(join(folder, 'none', 'a.svg'));
    assert.unreachable();
  } catch (e) {
    assert.match(String(e), /none.a\.svg: cannot be written: its folder does not exist/);
  }
});

test('a browser that is there and does not start is told in its own words', async () => {
  if (process.platform === 'win32') return skip('a browser that does not start', 'no shell scripts');
  const place = join(folder, 'broken');
  mkdirSync(place);
  const words = 'error while loading shared libraries: libnss3.so';
  writeFileSync(join(place, 'chromium'), `#!/bin/sh\necho '${words}' >&2\nexit 127\n`, { mode: 0o755 });
  const path = process.env['PATH'];
  process.env['PATH'] = `${place}:${path}`;
  try {
    await figure({ type: 'scatter3d', x: [0], y: [0], z: [0] }).toPNG();
    assert.unreachable();
  } catch (e) {
    assert.is((e as { code?: string }).code, 'ENOTFOUND', String(e));
    assert.match(
      String(e),
      /figure with WebGL: .*broken.chromium does not start: .*libnss3\.so; PNG and SVG/,
    );
    assert.is(String(e).split('\n').length, 1);
  } finally {
    process.env['PATH'] = path;
  }
});

test('which figures need a browser', () => {
  const of = (type: string): boolean => needsBrowser({ data: [{ type }], layout: {} });
  for (const type of ['scatter3d', 'surface', 'scattergl', 'mesh3d', 'scattermap']) assert.ok(of(type), type);
  for (const type of ['scatter', 'bar', 'heatmap', 'contour', 'violin', 'box']) assert.not(of(type), type);
});

test('saved pages are complete: picture, data and library inside, nothing to fetch', async () => {
  const file = await figure(line([0, 1], [0, 1]), { title: '</script><b>&' }).save(join(folder, 'a.html'));
  const html = readFileSync(file, 'utf8');
  assert.match(html, /<img [^>]*src="data:image\/png;base64,/);
  assert.not.match(html, /(src|href)="https?:/);
  assert.not.match(html, /<script type="application\/json">[^<]*<\/script><b>/);
  assert.ok(html.length < 1e6, `${html.length} bytes`);
});

test('drawing again and again keeps nothing', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const draw = async (count: number): Promise<number> => {
    for (let k = 0; k < count; k++) await figure(line([0, 1, 2], [k, 1, 2]), { title: `${k}` }).toSVG();
    await new Promise((resolve) => setTimeout(resolve, 100));
    collect();
    return process.memoryUsage().heapUsed / 1e6;
  };
  const before = await draw(20);
  const grown = (await draw(60)) - before;
  assert.ok(grown < 2, `${grown} MB after 60 drawings`);
});

test.run();
