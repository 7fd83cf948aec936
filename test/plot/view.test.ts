import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { eulerRotation, principalRotation, quaternion } from '../../lib/plot/camera.js';
import { view } from '../../lib/plot/index.js';
import { bondsOf, colorOf } from '../../lib/plot/scene.js';
import { orthorhombic, Structure, Trajectory } from '../../lib/structure/index.js';
import { random } from '../tools.js';

const water = new Structure({
  symbols: ['O', 'H', 'H'],
  positions: Float64Array.from([0, 0, 0, 0.96, 0, 0, -0.24, 0.93, 0]),
  name: 'water',
});

const chain = new Structure({
  symbols: Array.from({ length: 30 }, (_, i) => ['N', 'CA', 'C', 'O', 'CB'][i % 5]!),
  positions: Float64Array.from(
    { length: 90 },
    (_, i) => [1.3 * Math.floor(i / 3), Math.sin(i), Math.cos(i)][i % 3]!,
  ),
  residues: {
    atomNames: Array.from({ length: 30 }, (_, i) => ['N', 'CA', 'C', 'O', 'CB'][i % 5]!),
    names: new Array(30).fill('ALA'),
    ids: Int32Array.from({ length: 30 }, (_, i) => 1 + Math.floor(i / 5)),
    chains: new Array(30).fill('A'),
  },
});

/** What client.js reads from a fragment. */
async function sceneOf(v: ReturnType<typeof view>): Promise<Record<string, never>> {
  const html = await v.toFragment(false);
  return JSON.parse(/<script type="application\/json">([^<]*)</.exec(html)![1]!);
}

test('bonds not given are guessed from covalent radii', () => {
  assert.equal([...bondsOf(water)], [0, 1, 0, 2]);
});

test('bonds across the box are not drawn through it', () => {
  const s = new Structure({
    symbols: ['C', 'C', 'C'],
    positions: Float64Array.from([0.5, 5, 5, 1.9, 5, 5, 9.4, 5, 5]),
    bonds: Int32Array.from([0, 1, 0, 2]),
    box: orthorhombic([10, 10, 10]),
  });
  assert.equal([...bondsOf(s)], [0, 1]);
});

test('one ball per particle, two half sticks per bond, nearest drawn last', () => {
  const svg = view(water, { rotation: [0, 0, 0] }).toSVG();
  assert.is(svg.match(/<circle [^>]*url\(#mdlab-ball\)/g)!.length, 3);
  assert.is(svg.match(/<line /g)!.length, 2 * 2 * 2);
  const deep = new Structure({ symbols: ['O', 'S'], positions: Float64Array.from([0, 0, 5, 0, 0, 0]) });
  const colors = [
    ...view(deep, { rotation: [0, 0, 0], style: 'spacefill' })
      .toSVG()
      .matchAll(/<circle [^>]*fill="(#\w+)"/g),
  ].map((m) => m[1]);
  assert.match(colors[0]!, /^#ffff[5-9a-f]/, 'the sulphur behind is drawn first and paler than #ffff30');
  assert.match(colors[1]!, /^#ff[0-3]/, 'the oxygen in front comes last, hardly paler than #ff0d0d');
});

test('the drawing fits the picture', () => {
  const next = random(3);
  for (const rotation of [
    [0, 0, 0],
    [30, 50, 10],
  ] as const) {
    const s = new Structure({
      symbols: new Array(50).fill('C'),
      positions: Float64Array.from({ length: 150 }, () => 40 * next()),
    });
    const svg = view(s, { rotation, width: 300, height: 200, style: 'spacefill' }).toSVG();
    for (const [, x, y, r] of svg.matchAll(/<circle cx="([^"]+)" cy="([^"]+)" r="([^"]+)"/g)) {
      const [cx, cy, radius] = [Number(x), Number(y), Number(r)];
      assert.ok(
        cx - radius >= 0 && cx + radius <= 300 && cy - radius >= 0 && cy + radius <= 200,
        `${x} ${y} ${r}`,
      );
    }
  }
});

test('rotations are rotations; the longest extent lies to the right', () => {
  const next = random(1);
  const p = Float64Array.from({ length: 300 }, (_, i) => [1, 3, 9][i % 3]! * (next() - 0.5));
  for (const m of [principalRotation(p), eulerRotation([10, 20, 30])]) {
    for (let i = 0; i < 3; i++) {
      for (let j = 0; j < 3; j++) {
        const dot = [0, 1, 2].reduce((a, k) => a + m[3 * i + k]! * m[3 * j + k]!, 0);
        assert.ok(Math.abs(dot - (i === j ? 1 : 0)) < 1e-10);
      }
    }
    const det =
      m[0]! * (m[4]! * m[8]! - m[5]! * m[7]!) -
      m[1]! * (m[3]! * m[8]! - m[5]! * m[6]!) +
      m[2]! * (m[3]! * m[7]! - m[4]! * m[6]!);
    assert.ok(Math.abs(det - 1) < 1e-10);
    const [x, y, z, w] = quaternion(m);
    // Turning (1,0,0) by the quaternion gives the matrix's first column.
    const turned = [1 - 2 * (y * y + z * z), 2 * (x * y + z * w), 2 * (x * z - y * w)];
    for (let k = 0; k < 3; k++) assert.ok(Math.abs(turned[k]! - m[3 * k]!) < 1e-10, `column ${k}`);
  }
  assert.ok(Math.abs(principalRotation(p)[2]!) > 0.95, 'z is the longest');
});

test('frames travel as 16-bit integers, right to a thousandth of the extent', async () => {
  const next = random(9);
  const frames = Array.from({ length: 5 }, (_, k) => ({
    positions: Float64Array.from({ length: 9 }, () => 100 * next() - 30),
    time: 500 * k,
  }));
  const scene = await sceneOf(view(new Trajectory(water, frames)));
  const grid = new Uint16Array(Uint8Array.from(Buffer.from(scene['frames']!, 'base64')).buffer);
  frames.forEach((f, k) => {
    f.positions.forEach((x, i) => {
      const back = scene['origin']![i % 3]! + scene['step']! * grid[9 * k + i]!;
      assert.ok(Math.abs(back - x) < 1e-3, `${back} for ${x}`);
    });
  });
  assert.equal(scene['labels'], [
    'frame 0, 0 fs',
    'frame 1, 500 fs',
    'frame 2, 1 ps',
    'frame 3, 1.5 ps',
    'frame 4, 2 ps',
  ]);
});

test('long trajectories are thinned evenly and stay small', async () => {
  const frames = Array.from({ length: 1000 }, () => ({ positions: chain.positions }));
  const v = view(new Trajectory(chain, frames));
  assert.is(v.scene.frames.length, 200);
  assert.is(v.scene.kept[0], 0);
  assert.is(v.scene.kept.at(-1), 999);
  const big = new Structure({
    symbols: new Array(5000).fill('C'),
    positions: new Float64Array(15_000).map((_, i) => i % 97),
  });
  const many = view(
    new Trajectory(
      big,
      frames.map(() => ({ positions: big.positions })),
    ),
  );
  const bytes = (await many.toFragment(true)).length;
  assert.ok(bytes < 4.5e6, `${bytes} bytes`);
});

test('colours by residue run along the chain, by number along the values', () => {
  const { scene } = view(chain, { colorBy: 'residue' });
  assert.is(colorOf(scene, 0, 0), colorOf(scene, 0, 4));
  assert.is(colorOf(scene, 0, 0), '#440154');
  assert.is(colorOf(scene, 0, 29), '#fde725');
  assert.is(colorOf(view(water, { colorBy: [0, 5, 10] }).scene, 0, 2), '#fde725');
});

test('every colouring the structure allows is offered, the one asked for first', async () => {
  const charges = Float64Array.from({ length: 30 }, (_, i) => (i === 3 ? Number.NaN : i - 10));
  const v = view(chain, { values: { 'charge (e)': charges }, colorBy: 'charge (e)', rotation: [0, 0, 0] });
  const names = v.scene.colorings.map((c) => c.name);
  assert.equal(names, ['charge (e)', 'element', 'residue', 'chain']);
  // Both signs: the scale is even around zero, blue to red; what has no number is grey.
  assert.equal(v.scene.colorings[0]!.range, [-19, 19]);
  assert.is(colorOf(v.scene, 0, 29), '#b2182b');
  assert.is(colorOf(v.scene, 0, 10), '#e8e8e8');
  assert.is(colorOf(v.scene, 0, 3), '#999999');
  const svg = v.toSVG();
  for (const words of ['charge (e)', '>-19<', '>19<']) assert.ok(svg.includes(words), words);
  const { colorings } = await sceneOf(v);
  assert.equal(colorings![0]!['range'], ['-19', '19']);
  assert.is(Buffer.from(colorings![1]!['index'], 'base64').length, 30);
});

test('numbers of each frame colour that frame, also when frames are left out', () => {
  const frames = Array.from({ length: 10 }, () => ({ positions: water.positions }));
  const forces = frames.map((_, k) => [k, 0, 9 - k]);
  const { scene } = view(new Trajectory(water, frames), {
    values: { f: forces },
    colorBy: 'f',
    maxFrames: 2,
  });
  assert.equal(scene.kept, [0, 9]);
  const ends = ['#440154', '#fde725'];
  assert.equal([colorOf(scene, 0, 0), colorOf(scene, 1, 0)], ends);
  assert.equal([colorOf(scene, 1, 2), colorOf(scene, 0, 2)], ends);
  assert.throws(
    () => view(new Trajectory(water, frames), { values: { f: forces.slice(1) } }),
    /view\.values 'f': must have one list for each of 10 frames, received 9/,
  );
  assert.throws(
    () => view(water, { values: { q: [1, 2] } }),
    /view\.values 'q': must have 3 numbers, received 2/,
  );
});

test('a fragment shows a picture without scripts', async () => {
  const html = await view(water, { title: '<water>' }).toFragment(false);
  assert.match(
    html,
    /^<div class="mdlab-view"[^>]*><img alt="&#60;water&#62;: 3 particles" src="data:image\/png;base64,/,
  );
  assert.not.match(html, /<iframe/);
});

test('two hundred thousand particles are a picture of a few megabytes at most', async () => {
  const count = 200_000;
  const next = random(4);
  const s = new Structure({
    symbols: new Array(count).fill('O'),
    positions: Float64Array.from({ length: 3 * count }, () => 120 * next()),
    box: orthorhombic([120, 120, 120]),
  });
  const v = view(s, { colorBy: s.positions.filter((_, i) => i % 3 === 0), width: 320, height: 210 });
  assert.is(v.scene.style, 'points');
  assert.ok(v.toSVG().length < 4e6, `${v.toSVG().length} bytes`);
  const html = await v.toFragment(true);
  assert.match(html, /^<div class="mdlab-view"><img /);
  assert.ok(html.length < 1e6, `${html.length} bytes`);
});

test('wrong calls say what is wrong', () => {
  assert.throws(
    () => view(water, { style: 'ribbon' as never }),
    /view\.style: must be one of 'ball-and-stick'/,
  );
  assert.throws(() => view(water, { style: 'cartoon' }), /'cartoon' needs residues/);
  assert.throws(() => view(water, { colorBy: [1] }), /view\.colorBy: must have 3 numbers/);
  assert.throws(() => view(water, { colorBy: 'type' }), /'type' needs types/);
  assert.throws(
    () => view(new Structure({ symbols: [], positions: new Float64Array(0) })),
    /at least one particle/,
  );
  assert.throws(() => view(new Trajectory(water, [])), /at least one frame/);
});

test.run();
