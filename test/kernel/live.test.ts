// Figures that are redrawn while a cell runs, through the kernel's executor.
import { availableParallelism, loadavg } from 'node:os';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { MimeBundle } from '../../kernel/wire.js';
import { sleep, TestSession } from './tools.js';

interface Shown {
  type: string;
  id?: string;
  data: MimeBundle;
  metadata: object;
  at: number;
}

const session = new TestSession();
test.after(() => session.close());

/** What a cell displayed, with the times at which it arrived. */
async function displays(code: string): Promise<Shown[]> {
  const from = session.outputs.length;
  const times: number[] = [];
  const push = session.outputs.push.bind(session.outputs);
  session.outputs.push = (...items) => {
    for (const _ of items) times.push(performance.now());
    return push(...items);
  };
  await session.value(code);
  session.outputs.push = push;
  return session.outputs
    .slice(from)
    .map(({ output }, i) => ({ ...output, at: times[i]! }) as unknown as Shown)
    .filter((o) => /display_data/.test(o.type));
}

const pointsOf = (shown: Shown): number[][] =>
  (shown.data['application/vnd.plotly.v1+json'] as { data: { y: number[] }[] }).data.map((t) => t.y);

test('a live figure is one output, drawn at most twice a second, and ends with the last state and its PNG', async () => {
  await session.value("import { figure, line, level } from 'mdlab'; 1");
  const shown = await displays(`
    const live = figure([...line([], [], { name: 'a' }), ...line([], [], { name: 'b' })], { title: 'Live' }).live();
    for (let i = 0; i < 120; i++) {
      live.append(i, i * i, -i);
      await new Promise((r) => setTimeout(r, 15));
    }
    live`);
  assert.equal([...new Set(shown.map((s) => s.id))].length, 1);
  assert.equal(
    shown.map((s) => s.type),
    ['display_data', ...shown.slice(1).map(() => 'update_display_data')],
  );
  assert.ok(shown.length >= 3 && shown.length <= 7, `${shown.length} drawings in 2 s`);
  // The last comes as soon as the cell's code has ended.
  for (let i = 1; i < shown.length - 1; i++)
    assert.ok(shown[i]!.at - shown[i - 1]!.at > 400, `${shown[i]!.at - shown[i - 1]!.at} ms apart`);
  const last = shown.at(-1)!;
  const [a, b] = pointsOf(last);
  assert.is(a!.length, 120, 'the last state is part of the cell');
  assert.equal([a![119], b![119]], [119 * 119, -119]);
  assert.is(Buffer.from(String(last.data['image/png']), 'base64').toString('latin1', 1, 4), 'PNG');
  // A picture with two pixels per px is shown at its own size.
  assert.equal(last.metadata, { 'image/png': { width: 760, height: 460 } });
});

test('it is redrawn from a later cell, in place; its figure is an ordinary one', async () => {
  const [redrawn, ...more] = await displays("live.update(line([1, 2], [3, 4]), { title: 'Other' }); 0");
  assert.is(more.length, 0);
  assert.is(redrawn!.type, 'update_display_data');
  assert.equal(pointsOf(redrawn!), [[3, 4]]);
  assert.is(redrawn!.data['text/plain'], 'Figure: Other');
  assert.is(await session.value('live.figure.data.length'), '1');
});

test('display() shows it once more, under the same id', async () => {
  const [again] = await displays('display(live); 0');
  const [changed] = await displays('live.append(3, 9); 0');
  assert.is(again!.type, 'display_data');
  assert.is(changed!.id, again!.id);
});

test('a wrong number of values is refused, and says the names', async () => {
  const { evalue } = await session.error('live.append(1, 2, 3)');
  assert.match(evalue, /live\.append: needs one y for each of 1 traces \(trace 1\), received 2/);
});

test('a million points are drawn as four thousand, peaks kept', async () => {
  const shown = await displays(`
    const long = figure(line([], [])).live();
    for (let i = 0; i < 1e6; i++) long.append(i, i === 777_777 ? 5 : Math.sin(i / 1e4));
    0`);
  const [y] = pointsOf(shown.at(-1)!);
  assert.ok(y!.length <= 4002, `${y!.length}`);
  assert.ok(y!.includes(5));
});

test('what was shown before a cell fails is part of it, with its last state', async () => {
  const from = session.outputs.length;
  const { evalue } = await session.error(`
    const kept = figure(line([0], [0], { name: 'kept' })).live();
    kept.append(1, 1);
    display(figure(line([0, 1], [5, 6])));
    kept.append(2, 4);
    throw new Error('after all');`);
  assert.is(evalue, 'after all');
  const shown = session.outputs.slice(from).map(({ output }) => output as unknown as Shown);
  assert.equal(pointsOf(shown.find((s) => s.id && !s.id.includes('live'))!), [[5, 6]]);
  assert.equal(pointsOf(shown.filter((s) => s.id?.includes('live')).at(-1)!), [[0, 1, 4]]);
});

test('stopping a cell that draws is quick, and its last state is drawn', async () => {
  const from = session.outputs.length;
  const stopped = session.error(`
    const running = figure(line([], [])).live();
    for (let i = 0; ; i++) {
      running.append(i, i);
      await new Promise((r) => setTimeout(r, 20));
    }`);
  await sleep(1500);
  const asked = performance.now();
  session.session.interrupt();
  assert.match((await stopped).ename, /Interrupt/);
  const took = performance.now() - asked;
  assert.ok(took < 1000 * Math.max(1, loadavg()[0]! / availableParallelism()), `${took} ms`);
  await sleep(1000);
  const count = Number(await session.value("(running.figure.data[0]!['x'] as number[]).length"));
  const last = session.outputs.slice(from).at(-1)!.output as unknown as Shown;
  assert.is(pointsOf(last)[0]!.length, count);
  assert.ok(count > 20);
});

test('what fails while drawing fails the cell', async () => {
  const { evalue } = await session.error('live.update([])');
  assert.match(evalue, /figure\.traces: must hold at least one trace/);
});

test.run();
