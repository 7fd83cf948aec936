import { inspect } from 'node:util';
import { Window } from 'happy-dom';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Cell, state } from '../../kernel/cell.js';
import { bundle, progressBundle } from '../../kernel/display.js';
import { metadataOf } from '../../kernel/display-metadata.js';
import { MdlabError } from '../../lib/errors.js';
import { langevin, simulate, tempering } from '../../lib/md/index.js';
import { harmonicWell } from '../../lib/models/index.js';
import { figure, heatmap, line, view } from '../../lib/plot/index.js';
import { orthorhombic, Structure, Trajectory } from '../../lib/structure/index.js';
import { table } from '../../lib/tables/index.js';
import { random } from '../tools.js';
import { TestSession } from './tools.js';

type Bundle = Record<string, string>;
const text = async (value: unknown): Promise<string> => ((await bundle(value)) as Bundle)['text/plain']!;

const pair = new Structure({
  name: 'pair',
  symbols: ['C', 'O'],
  positions: Float64Array.from([0, 0, 0, 1.2, 0, 0]),
  box: orthorhombic([10, 20, 30], [true, true, false]),
});

test('a figure: plotly JSON as an object, a PNG, words; no page-sized HTML', async () => {
  const shown = (await bundle(figure(line([0, 1], [1, 2]), { title: 'T' }))) as Record<string, unknown>;
  assert.equal(Object.keys(shown).sort(), ['application/vnd.plotly.v1+json', 'image/png', 'text/plain']);
  const plotly = shown['application/vnd.plotly.v1+json'] as { data: { x: number[] }[] };
  assert.equal(plotly.data[0]!.x, [0, 1]);
  assert.is(Buffer.from(String(shown['image/png']), 'base64').toString('latin1', 1, 4), 'PNG');
  assert.is(shown['text/plain'], 'Figure: T');
});

test('interactive figures and views carry a picture, and their library once', async () => {
  const fig = figure(line([0, 1], [1, 2])).interactive();
  const [first, second, again] = [
    await bundle(fig, 'a'),
    await bundle(fig, 'b'),
    await bundle(fig, 'a'),
  ] as Bundle[];
  for (const b of [first!, second!, again!])
    assert.match(b['text/html']!, /<img [^>]*src="data:image\/png;base64,/);
  const has = (b: Bundle): boolean => b['text/html']!.includes('mdlabClient.add("plotly-cartesian"');
  assert.equal([has(first!), has(second!), has(again!)], [true, false, true]);
  const v = (await bundle(view(pair))) as Bundle;
  assert.match(v['text/html']!, /mdlabClient\.add\("3dmol"/);
  assert.is(v['text/plain'], 'pair: 2 particles');
});

test('a cell that is run again by itself brings the library again', async () => {
  const brings = async (run: number, cell: string): Promise<boolean> => {
    state.current = new Cell(run, cell);
    const shown = (await bundle(figure({ type: 'surface', z: [[1]] }).interactive(), cell)) as Bundle;
    state.current = undefined;
    return shown['text/html']!.includes('mdlabClient.add("plotly"');
  };
  assert.is(await brings(1, 'p'), true);
  assert.is(await brings(2, 'q'), false);
  // All cells again, one after the other: one copy.
  assert.is(await brings(3, 'p'), true);
  assert.is(await brings(4, 'q'), false);
  assert.is(await brings(4, 'q'), false, 'a second one of the same run');
  assert.is(await brings(5, 'q'), true, 'the page was loaded anew, say');
  assert.is(await brings(6, 'q'), true);
  assert.is(await brings(7, 'p'), false, 'q has it now');
});

test('an interactive heatmap brings the small plotly, what needs WebGL the whole one', async () => {
  const map = figure(
    heatmap([
      [1, 2],
      [3, 4],
    ]),
  );
  assert.is(map.library, 'plotly-cartesian');
  assert.is(figure({ type: 'scattergl', x: [0], y: [0] }).library, 'plotly');
  const html = ((await bundle(map.interactive())) as Bundle)['text/html']!;
  assert.ok(html.includes('mdlabClient.add("plotly-cartesian"') && html.length < 8e5, `${html.length} bytes`);
});

test('ten figures and one viewer stay under 5 MB', async () => {
  const x = Float64Array.from({ length: 5000 }, (_, i) => i);
  let bytes = 0;
  for (let k = 0; k < 10; k++) {
    const fig = figure(
      [
        line(
          x,
          x.map((v) => Math.sin(v / (20 + k))),
        ),
        line(
          x,
          x.map((v) => Math.cos(v / 90)),
        ),
      ],
      { title: `${k}` },
    );
    bytes += JSON.stringify(await bundle(fig)).length;
  }
  const s = new Structure({
    symbols: new Array(269).fill('C'),
    positions: Float64Array.from(x.subarray(0, 807), (v) => v % 41),
  });
  const frames = Array.from({ length: 500 }, () => ({ positions: s.positions }));
  bytes += JSON.stringify(await bundle(view(new Trajectory(s, frames)), 'new cell')).length;
  assert.ok(bytes < 5e6, `${bytes} bytes`);
});

test('a table: HTML with numbers to the right, aligned text, dataresource', async () => {
  const rows = 12_345;
  const t = table({
    id: Array.from({ length: rows }, (_, i) => i),
    '<b>': Array.from({ length: rows }, (_, i) => `n&${i}`),
  });
  const shown = (await bundle(t)) as Record<string, never>;
  const html = String(shown['text/html']);
  assert.match(html, /<th scope="col" class="n" style="text-align:right/);
  assert.match(html, /&#60;b&#62;/);
  assert.is(html.match(/<tr>/g)!.length, 51);
  assert.match(html, /showing 50 of 12\u202f345 rows <button hidden>Copy as CSV</);
  const lines = String(shown['text/plain']).split('\n');
  assert.is(lines.at(-1), 'showing 50 of 12\u202f345 rows');
  assert.is(lines[1], ' 0  n&0');
  const resource = shown['application/vnd.dataresource+json'] as {
    schema: { fields: unknown };
    data: unknown[];
  };
  assert.equal(resource.schema.fields, [
    { name: 'id', type: 'number' },
    { name: '<b>', type: 'string' },
  ]);
  assert.equal(resource.data[1], { id: 1, '<b>': 'n&1' });
});

test('a table brings all its rows, or as many as a notebook should keep, and says how many', async () => {
  const uniform = random(1);
  const numbers = (rows: number, columns: number) =>
    table(
      Object.fromEntries(
        Array.from({ length: columns }, (_, c) => [`c${c}`, Float64Array.from({ length: rows }, uniform)]),
      ),
    );
  const html = async (t: unknown): Promise<string> => ((await bundle(t)) as Bundle)['text/html']!;
  const whole = await html(numbers(12_345, 1));
  assert.match(whole, /<button hidden>Copy as CSV</);
  const cut = await html(numbers(100_000, 6));
  assert.ok(cut.length < 450_000, `${cut.length} bytes`);
  assert.match(cut, /showing 50 of 100\u202f000 rows <button hidden>Copy the first [\d\u202f]+ rows as CSV</);
  assert.match(cut, /<th [^>]*title="sort the first /);
});

test('a table’s numbers share their decimals, and keep the exact value for sorting and CSV', async () => {
  const t = table({ v: [1.25, 100.5, 3], mixed: [1e-12, 1, 2.5], gap: [1, null, 2] });
  const html = ((await bundle(t)) as Bundle)['text/html']!;
  assert.match(html, />1\.25</);
  assert.match(html, />100\.50</);
  assert.match(html, /data-value="100\.5"/);
  assert.match(html, />1e-12</);
  assert.match(html, /data-value=""><\/td>|><\/td>/);
});

test('structures and trajectories say what they are', async () => {
  assert.is(
    await text(pair),
    'Structure pair: 2 particles, box 10 × 20 × 30 Å (6000 Å³, periodic in xy)\n  C 1, O 1',
  );
  const t = new Trajectory(pair, [
    { positions: pair.positions, time: 0 },
    { positions: pair.positions, time: 2500 },
  ]);
  assert.match(await text(t), /^Trajectory: 2 frames, 0 to 2\.5 ps\n {2}Structure pair/);
});

test('structures are drawn beside their words, unless there is nothing or too much to draw', async () => {
  const shown = (await bundle(pair)) as Bundle;
  assert.match(
    shown['text/html']!,
    /^<div><img [^>]*src="data:image\/png;base64,.*<pre>Structure pair: 2 particles/s,
  );
  const none = new Structure({ symbols: [], positions: new Float64Array(0) });
  assert.equal(await bundle(none), { 'text/plain': 'Structure: 0 particles, no box\n  ' });
  const crowd = new Structure({ symbols: new Array(20_001).fill('C'), positions: new Float64Array(60_003) });
  assert.equal(Object.keys(await bundle(crowd)), ['text/plain']);
});

test("a 3-D figure without a browser is drawn by the reader's, and says what is missing", async () => {
  const fig = figure({ type: 'scatter3d', x: [0], y: [0], z: [0] });
  fig.toPNG = () => Promise.reject(new MdlabError('ENOTFOUND', 'figure with WebGL: needs Chromium'));
  const shown = (await bundle(fig)) as Record<string, unknown>;
  assert.equal(Object.keys(shown), ['application/vnd.plotly.v1+json', 'text/plain', 'text/html']);
  assert.match(String(shown['text/plain']), /needs Chromium/);
  assert.match(String(shown['text/html']), /<img [^>]*src="data:image\/png;base64,.*"scatter3d"/s);
});

test('typed arrays: shape, kind, range and first values, never all', async () => {
  const big = Float64Array.from({ length: 1e6 }, (_, i) => i);
  big[5] = Number.NaN;
  assert.is(
    await text(big),
    'Float64Array(1\u202f000\u202f000) min 0, max 999\u202f999, 1 NaN\n[0, 1, 2, 3, 4, NaN, 6, 7, …]',
  );
  assert.is(await text(new Int32Array(0)), 'Int32Array(0)');
  assert.match(await text(BigInt64Array.from([1n, -2n])), /min -2, max 1/);
});

test('arrays inside other values are shown in short; Node’s own printing is left as it was', async () => {
  const frame = {
    forces: new Float64Array(3e5),
    types: Int32Array.from([1, 2]),
    bytes: new Uint8Array(5000),
  };
  frame.forces[7] = -2;
  assert.is(
    await text(frame),
    '{\n  forces: Float64Array(300\u202f000) [0, 0, 0, …] min -2, max 0,\n  types: Int32Array(2) [1, 2],\n  bytes: Uint8Array(4.88 KiB)\n}',
  );
  assert.match(inspect(frame.types), /^Int32Array\(2\) \[ 1, 2 \]$/);
});

test('potentials, runs and frames say what they are; nothing is dumped', async () => {
  const well = harmonicWell({ k: 1 });
  assert.match(await text(well), /^\w+ harmonic well.*: (cpu|reference), float64/);
  const run = simulate(pair.with({ box: null }), well, {
    integrator: langevin({ temperature: 300, friction: 2, timestep: 1, seed: 7 }),
    replicas: 3,
    steps: 4,
    every: 4,
    progress: false,
  });
  assert.match(
    await text(run),
    /^Simulation: step 0 of 4 \(0 ps\)\n {2}3 systems, 6 particles\n {2}Langevin, friction 2 \/ps, 300 K, time step 1 fs, seed 7\n/,
  );
  const tempered = simulate(pair.with({ box: null }), well, {
    integrator: langevin({ friction: 2, timestep: 1 }),
    tempering: tempering({ temperatures: [300, 350], every: 5 }),
    steps: 4,
  });
  assert.match(
    await text(tempered),
    /friction 2 \/ps, 2 temperatures from 300 to 350 K exchanged every 5 steps, time/,
  );
  for await (const frame of run)
    assert.match(
      await text(frame),
      /^Frame at step 4 \(0\.004 ps\): 3 systems, 6 particles\n {2}temperature \(K\) mean [\d.]+, from [\d.]+ to [\d.]+\n/,
    );
});

test('tensors and device buffers: shape, kind, device, range', async () => {
  const tensor = { shape: [2, 3], dtype: 'float32', data: Float32Array.from([0, 1, 2, 3, 4, 5]) };
  assert.is(await text(tensor), 'tensor (2 × 3) float32, min 0, max 5\n[0, 1, 2, 3, 4, 5]');
  class DeviceArray {
    shape = [64, 269, 3];
    dtype = 'float64';
    device = 'cuda:0';
  }
  assert.is(await text(new DeviceArray()), 'DeviceArray (64 × 269 × 3) float64 on cuda:0');
});

test('elements of other libraries: SVG as picture too, HTML as it is', async () => {
  const { document } = new Window();
  document.body.innerHTML =
    '<svg width="40" height="20"><title>Plot</title><rect width="40" height="20" fill="red"></rect></svg>';
  const svg = (await bundle(document.body.firstElementChild)) as Bundle;
  assert.match(svg['image/svg+xml']!, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
  assert.is(Buffer.from(svg['image/png']!, 'base64').readUInt32BE(16), 80, 'two pixels per px');
  assert.equal(metadataOf(svg), { 'image/png': { width: 40, height: 20 } });
  assert.is(svg['text/plain'], 'Plot');
  document.body.innerHTML = '<figure><style>p{color:red}</style><p>Legend</p><svg></svg></figure>';
  const html = (await bundle(document.body.firstElementChild)) as Bundle;
  assert.equal(Object.keys(html), ['text/html', 'text/plain']);
  assert.is(html['text/plain'], 'Legend');
});

test('Vega charts by their schema, pictures by their first bytes', async () => {
  const $schema = 'https://vega.github.io/schema/vega-lite/v5.json';
  const spec = { $schema, title: 'Bars', mark: 'bar', data: { values: [{ a: 1 }] } };
  for (const chart of [spec, { toSpec: () => spec, name: 'a view of the API' }]) {
    const shown = (await bundle(chart)) as Record<string, unknown>;
    assert.equal(shown, { 'application/vnd.vegalite.v5+json': spec, 'text/plain': 'Vega chart: Bars' });
  }
  const vega = await bundle({ $schema: 'https://vega.github.io/schema/vega/v6.json' });
  assert.ok('application/vnd.vega.v6+json' in vega);
  const png = await figure(line([0, 1], [1, 2])).toPNG();
  const image = (await bundle(png)) as Bundle;
  assert.ok(Buffer.from(image['image/png']!, 'base64').equals(png));
  assert.match(await text(Uint8Array.from([1, 2, 3])), /^Uint8Array\(3\)/);
});

test('an object of a hundred thousand names is cut', async () => {
  const many = Object.fromEntries(Array.from({ length: 1e5 }, (_, i) => [`name${i}`, i]));
  const words = await text(many);
  assert.ok(words.length < 51_000, `${words.length}`);
  assert.match(words, /… [\d\u202f]+ more characters$/);
});

test('the display symbol goes first; other values by their own shape, without colours', async () => {
  const own = { [Symbol.for('Jupyter.display')]: () => ({ 'text/html': '<i>x</i>' }) };
  assert.equal(await bundle(own), { 'text/html': '<i>x</i>' });
  assert.is(await text(new Map([['a', new Set([1])]])), "Map(1) { 'a' => Set(1) { 1 } }");
  assert.is(await text('a\nb'), "'a\\nb'");
  assert.is(await text(null), 'null');
  assert.is(
    await text(new TypeError('bad', { cause: new Error('root') })),
    'TypeError: bad\ncaused by Error: root',
  );
});

test('a promise says how to have its value, and shows nothing of the kernel', async () => {
  const s = new TestSession();
  try {
    assert.is(
      await s.value('new Promise(() => {})'),
      'Promise { <pending> }\nWrite await before it to have its value.',
    );
    assert.is(
      await s.value('[Promise.resolve(new Float64Array(9))]'),
      '[ Promise { Float64Array(9) [0, 0, 0, …] min 0, max 0 } ]',
    );
    assert.match(
      (await s.error("({ [Symbol.for('Jupyter.display')]: () => 5 })")).text,
      /must give an object from MIME types/,
    );
  } finally {
    await s.close();
  }
});

test('progress is a bar, words and a line', () => {
  const shown = progressBundle({
    id: 'p',
    label: '<run>',
    unit: 'steps',
    done: 420,
    total: 1000,
    fraction: 0.42,
    recentRate: 35,
    meanRate: 33,
    rates: '12 ns/day',
    meanRates: '11.4 ns/day',
    elapsed: 12,
    remaining: 17,
    finished: false,
    note: '',
  }) as Bundle;
  assert.match(shown['text/html']!, /&#60;run&#62;.*width:42\.0%.*12 ns\/day/s);
  assert.match(
    shown['text/plain']!,
    /42\.0 %.*420\/1000 steps {2}35 steps\/s, 12 ns\/day {2}whole run 33 steps\/s, 11\.4 ns\/day {2}0:12 elapsed, 0:17 left/,
  );
});

test.run();
