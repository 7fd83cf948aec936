import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { formatBytes, formatDuration, formatNumber, groupThousands } from '../lib/format.js';
import {
  Progress,
  type ProgressSink,
  type ProgressState,
  progressLine,
  progressSink,
  streamSink,
} from '../lib/progress.js';

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Runs `body` with a sink that records, then takes it away. */
async function recorded(body: () => void | Promise<void>): Promise<ProgressState[]> {
  const states: ProgressState[] = [];
  const place = globalThis as { [progressSink]?: ProgressSink | undefined };
  place[progressSink] = { show: (state) => states.push(state) };
  try {
    await body();
  } finally {
    place[progressSink] = undefined;
  }
  return states;
}

test('the sink is found under the documented symbol', () => {
  assert.is(progressSink, Symbol.for('mdlab.progress'));
});

test('a fast loop draws at most ten times a second and keeps its final state', async () => {
  const states = await recorded(() => {
    const progress = new Progress(1e9, { label: 'fast' });
    const end = performance.now() + 450;
    let i = 0;
    while (performance.now() < end) progress.update(++i);
    progress.finish('stopped');
    progress.update(5);
    progress.finish();
  });
  assert.ok(states.length >= 4 && states.length <= 8, `${states.length} draws in 0.45 s`);
  const last = states.at(-1)!;
  assert.ok(last.finished && last.done > 5 && last.note === 'stopped');
  assert.is(states.filter((s) => s.finished).length, 1);
  assert.is(new Set(states.map((s) => s.id)).size, 1);
});

test('at half-way the time left is right within 20 %, after a slow start too', async () => {
  const total = 60;
  let foretold = 0;
  let at = 0;
  let ended = 0;
  await recorded(async () => {
    const progress = new Progress(total);
    await sleep(250); // set-up: no step yet
    for (let i = 1; i <= total; i++) {
      await sleep(15);
      progress.update(i);
      if (i === total / 2) {
        foretold = progress.state().remaining;
        at = performance.now();
      }
    }
    ended = performance.now();
    progress.finish();
  });
  const truth = (ended - at) / 1000;
  assert.ok(Math.abs(foretold - truth) < 0.2 * truth, `foretold ${foretold} s, took ${truth} s`);
});

test('the line moves every second without an update, and the rate falls', async () => {
  const states = await recorded(async () => {
    const progress = new Progress(100);
    await sleep(50);
    progress.update(50);
    await sleep(2300);
    progress.finish();
  });
  const idle = states.filter((s) => !s.finished && s.elapsed > 0.5);
  assert.ok(idle.length >= 2, `${idle.length} draws while idle`);
  assert.ok(idle.at(-1)!.recentRate < 100, `rate ${idle.at(-1)!.recentRate}/s after 2 s of silence`);
});

test('own words about the rate follow the recent rate', async () => {
  const states = await recorded(async () => {
    const progress = new Progress(10, { rates: (done, perSecond) => `${done} at ${perSecond > 0}` });
    await sleep(30);
    progress.update(10);
    progress.finish();
  });
  assert.is(states.at(-1)!.rates, '10 at true');
  assert.match(progressLine(states.at(-1)!), /100 %.*10\/10 steps.*10 at true.*took/);
});

test('a log gets a line now and then, a terminal one rewritten line', () => {
  const texts: string[] = [];
  const stream = (isTTY: boolean): NodeJS.WriteStream =>
    ({ isTTY, columns: 200, write: (t: string) => texts.push(t) }) as never;
  const state = (elapsed: number, finished = false): ProgressState => ({
    id: 'x',
    label: 'run',
    unit: 'steps',
    done: elapsed,
    total: 100,
    fraction: elapsed / 100,
    recentRate: 1,
    meanRate: 1,
    rates: '',
    meanRates: '',
    elapsed,
    remaining: 100 - elapsed,
    finished,
    note: '',
  });
  const log = streamSink(stream(false), 5);
  for (let t = 0; t <= 12; t++) log.show(state(t));
  log.show(state(13, true));
  assert.is(texts.length, 4); // 0, 5, 10 and the end
  texts.length = 0;
  const long = streamSink(stream(false), 5);
  for (let t = 0; t < 86_400; t++) long.show({ ...state(0), elapsed: t });
  assert.ok(texts.length > 50 && texts.length < 250, `${texts.length} lines in a day`);
  texts.length = 0;
  log.show(state(14, true));
  assert.ok(texts.every((t) => t.endsWith('\n')));
  texts.length = 0;
  const terminal = streamSink(stream(true));
  terminal.show(state(1));
  terminal.show(state(2, true));
  assert.ok(texts[0]!.startsWith('\r') && !texts[0]!.includes('\n'));
  assert.ok(texts[1]!.endsWith('\n'));
});

test('a total that is no number is refused; zero is done at once', async () => {
  assert.throws(() => new Progress(Number.NaN), /progress\.total: must be a finite number/);
  assert.throws(() => new Progress(-1), /progress\.total/);
  const states = await recorded(() => new Progress(0).finish());
  assert.is(states.at(-1)!.fraction, 1);
});

test('numbers read the same everywhere', () => {
  assert.is(formatNumber(1234567), '1\u202f234\u202f567');
  assert.is(formatNumber(1234), '1234');
  assert.is(formatNumber(1_552_670_123), '1\u202f552\u202f670\u202f123');
  assert.is(formatNumber(1e15), '1e+15');
  assert.is(formatNumber(-12345.678), '-12\u202f346');
  assert.is(formatNumber(0.00012345), '0.0001234');
  assert.is(formatNumber(1.5e-9), '1.5e-9');
  assert.is(formatNumber(0), '0');
  assert.is(formatNumber(Number.NaN), 'NaN');
  assert.is(groupThousands('12345.678901', ' '), '12 345.678901');
  assert.is(formatDuration(59.7), '1:00');
  assert.is(formatDuration(3725), '1:02:05');
  assert.is(formatDuration(90061), '1 d 1:01:01');
  assert.is(formatBytes(1536), '1.5 KiB');
});

test('a narrow terminal keeps the time left', () => {
  const texts: string[] = [];
  const state: ProgressState = {
    id: 'x',
    label: 'Langevin dynamics',
    unit: 'steps',
    done: 728,
    total: 1500,
    fraction: 728 / 1500,
    recentRate: 143,
    meanRate: 140,
    rates: '98.9 ns/day (4 × 24.7)',
    meanRates: '97 ns/day (4 × 24.2)',
    elapsed: 5,
    remaining: 6,
    finished: false,
    note: '',
  };
  for (const columns of [200, 120, 100, 0]) {
    const stream = { isTTY: true, columns, write: (t: string) => texts.push(t) } as never;
    streamSink(stream).show(state);
    const line = texts.at(-1)!.replace('\r\x1b[2K', '');
    assert.ok(line.length < (columns || 80), `${line.length} of ${columns}`);
    assert.match(line, /Langevin dynamics 48\.5 %.* 728\/1500 steps.*98\.9 ns\/day/);
    assert.match(line, columns >= 100 ? /0:05 elapsed, 0:06 left$/ : / {2}0:06 left$/);
  }
  assert.match(texts[0]!, /whole run 140 steps/);
});

test.run();
