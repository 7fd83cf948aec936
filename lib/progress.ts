/** One live line about a long run: fraction, bar, recent and whole-run rate, time left. */
import { checkOptionNames, invalid } from './errors.js';
import { formatDuration, formatNumber } from './format.js';

/** What a progress line shows at one moment; a sink draws it. */
export interface ProgressState {
  /** The same for every state of one line, unique within the process. */
  readonly id: string;
  readonly label: string;
  readonly unit: string;
  readonly done: number;
  readonly total: number;
  /** done/total, within 0..1. */
  readonly fraction: number;
  /** Units per second over the last few seconds. */
  readonly recentRate: number;
  /** Units per second since the start. */
  readonly meanRate: number;
  /** The caller's own words about the recent rate, e.g. ns/day; '' when there are none. */
  readonly rates: string;
  /** The same of the whole run's rate. */
  readonly meanRates: string;
  /** Seconds since the start. */
  readonly elapsed: number;
  /** Seconds left; NaN while unknown. */
  readonly remaining: number;
  readonly finished: boolean;
  /** Said at the end, e.g. 'interrupted'; '' before. */
  readonly note: string;
}

/** Where progress goes. The kernel puts one at `globalThis[progressSink]`; without it the line goes to stderr. */
export interface ProgressSink {
  show(state: ProgressState): void;
}

/** How the ids of progress lines begin, in notebooks too. */
export const progressIds = 'mdlab-progress-';

/** The place on globalThis where a front end puts its sink. */
export const progressSink: unique symbol = Symbol.for('mdlab.progress');

export interface ProgressOptions {
  /** What is being done; starts the line. */
  label?: string;
  /** What is counted, e.g. 'steps'. Default 'steps'. */
  unit?: string;
  /** Own words about a speed, e.g. `(done, perSecond) => '12 ns/day'`; asked of the recent rate and of the whole run's. */
  rates?: (done: number, perSecond: number) => string;
}

interface Sample {
  time: number;
  done: number;
}

/** Not redrawn more often than this, ms. */
const throttle = 100;
/** Redrawn at least this often, ms, also when nothing is reported. */
const heartbeat = 1000;
/** The recent rate looks back this far, s. */
const recentWindow = 5;
/** A line nobody has updated for this long stops its heartbeat (its owner failed without finishing), s. */
const abandoned = 600;

let counter = 0;

/**
 * A live progress line.
 * @example
 * const progress = new Progress(1000, { label: 'Langevin', unit: 'steps' });
 * for (let i = 0; i < 1000; i++) { work(); progress.update(i + 1); }
 * progress.finish();
 */
export class Progress {
  readonly id: string = `${progressIds}${process.pid}-${++counter}`;
  readonly total: number;
  private readonly label: string;
  private readonly unit: string;
  private readonly rates: ((done: number, perSecond: number) => string) | undefined;
  private readonly started: number = performance.now();
  private readonly sink: ProgressSink;
  private samples: Sample[] = [{ time: 0, done: 0 }];
  private done = 0;
  private shown = Number.NEGATIVE_INFINITY;
  private finished = false;
  private note = '';
  private timer: ReturnType<typeof setInterval> | undefined;

  /** @throws EINVALID when total is not a finite number ≥ 0 */
  constructor(total: number, options: ProgressOptions = {}) {
    checkOptionNames<ProgressOptions>('progress', options, { label: true, unit: true, rates: true });
    if (!(Number.isFinite(total) && total >= 0)) {
      invalid('progress.total', 'must be a finite number of at least 0', total);
    }
    this.total = total;
    this.label = options.label ?? '';
    this.unit = options.unit ?? 'steps';
    this.rates = options.rates;
    this.sink = (globalThis as { [progressSink]?: ProgressSink })[progressSink] ?? streamSink();
    this.beat();
    this.draw();
  }

  /** Says how much is done in all (not since the last call). Cheap: draws at most ten times a second. */
  update(done: number): void {
    if (this.finished || !Number.isFinite(done)) return;
    this.done = done;
    this.sample();
    if (performance.now() - this.shown >= throttle) this.draw();
  }

  /** Draws the last state, which stays. Further calls do nothing. @param note e.g. 'interrupted' */
  finish(note: string = ''): void {
    if (this.finished) return;
    this.sample();
    this.finished = true;
    this.note = note;
    clearInterval(this.timer);
    this.draw();
  }

  /** What the line shows now. */
  state(): ProgressState {
    const elapsed = this.now();
    const meanRate = elapsed > 0 ? this.done / elapsed : 0;
    const recentRate = this.finished ? meanRate : this.rateSince(elapsed - recentWindow);
    return {
      id: this.id,
      label: this.label,
      unit: this.unit,
      done: this.done,
      total: this.total,
      fraction: this.total > 0 ? Math.min(1, Math.max(0, this.done / this.total)) : 1,
      recentRate,
      meanRate,
      rates: this.rates && recentRate > 0 ? this.rates(this.done, recentRate) : '',
      meanRates: this.rates && meanRate > 0 ? this.rates(this.done, meanRate) : '',
      elapsed,
      remaining: this.finished ? 0 : this.remaining(elapsed),
      finished: this.finished,
      note: this.note,
    };
  }

  private now(): number {
    return (performance.now() - this.started) / 1000;
  }

  /** The later half of the run foretells the rest: it forgets a slow start and averages over noise. */
  private remaining(elapsed: number): number {
    const left = this.total - this.done;
    if (left <= 0) return 0;
    const rate = this.rateSince(elapsed / 2);
    const last = this.samples.at(-1)!.time;
    return rate > 0 ? Math.max(0, left / rate - (elapsed - last)) : Number.NaN;
  }

  /** Units per second from the last sample taken at or before `time` to the newest one. */
  private rateSince(time: number): number {
    const newest = this.samples.at(-1)!;
    let oldest = this.samples[0]!;
    for (const s of this.samples) if (s.time <= time) oldest = s;
    // No news for longer than the whole span: the rate is falling, and must be seen to fall.
    const silence = Math.max(0, this.now() - newest.time - (newest.time - oldest.time));
    const span = newest.time - oldest.time + silence;
    return span > 0 ? (newest.done - oldest.done) / span : 0;
  }

  /** Keeps at most 512 instants, thinning the old half so that both windows stay fine enough. */
  private sample(): void {
    const time = this.now();
    const last = this.samples.at(-1)!;
    const before = this.samples.at(-2);
    if (before && last.time - before.time < 0.02) {
      last.done = this.done;
      last.time = time;
      return;
    }
    this.samples.push({ time, done: this.done });
    if (this.samples.length > 512) this.samples = this.samples.filter((_, i) => i >= 256 || i % 2 === 0);
  }

  private draw(): void {
    this.shown = performance.now();
    this.sink.show(this.state());
  }

  /** Redraws every second without keeping the process or an abandoned line alive. */
  private beat(): void {
    const self = new WeakRef(this);
    const timer = setInterval(() => {
      const line = self.deref();
      if (!line || line.now() - line.samples.at(-1)!.time > abandoned) clearInterval(timer);
      else if (performance.now() - line.shown >= heartbeat - throttle) line.draw();
    }, heartbeat);
    timer.unref();
    this.timer = timer;
  }
}

/** The line as plain text, for terminals, logs and the text/plain of a notebook. */
export function progressLine(state: ProgressState, barWidth: number = 24): string {
  const filled = Math.round(state.fraction * barWidth);
  const bar = '█'.repeat(filled) + '░'.repeat(barWidth - filled);
  const parts = [
    `${state.label ? `${state.label} ` : ''}${(100 * state.fraction).toFixed(state.fraction < 1 ? 1 : 0)} %`,
    `${bar} ${formatNumber(state.done)}/${formatNumber(state.total)} ${state.unit}`,
    ...progressDetails(state),
  ];
  return parts.join('  ');
}

/** The words behind the bar: rates and times. */
export function progressDetails(state: ProgressState): string[] {
  const speed = (perSecond: number, words: string): string =>
    `${formatNumber(perSecond, 3)} ${state.unit}/s${words ? `, ${words}` : ''}`;
  const parts: string[] = [];
  if (state.recentRate > 0) parts.push(speed(state.recentRate, state.rates));
  if (state.meanRate > 0 && !state.finished)
    parts.push(`whole run ${speed(state.meanRate, state.meanRates)}`);
  if (state.finished) parts.push(`took ${seconds(state.elapsed)}`);
  else if (Number.isNaN(state.remaining)) parts.push(`${formatDuration(state.elapsed)} elapsed`);
  else parts.push(`${formatDuration(state.elapsed)} elapsed, ${formatDuration(state.remaining)} left`);
  if (state.note) parts.push(state.note);
  return parts;
}

/** A progress line within `room` characters: the whole run's rate goes first, then the bar, so that the time left stays. */
export function fittedLine(line: string, room: number): string {
  let fitted = line;
  for (const least of [/ {2}whole run .*?(?= {2})/, /[█░]+ /, / \(\d+ × [^)]*\)/, /[\d:]+ elapsed, /])
    if (fitted.length > room) fitted = fitted.replace(least, '');
  return fitted.slice(0, room);
}

function seconds(elapsed: number): string {
  return elapsed < 60 ? `${formatNumber(elapsed, 3)} s` : formatDuration(elapsed);
}

/** A line rewritten on a terminal, cut to what one line of it holds. */
export function rewrite(stream: NodeJS.WriteStream, line: string, end: string = ''): void {
  stream.write(`\r\x1b[2K${fittedLine(line, Math.max(20, (stream.columns || 80) - 1))}${end}`);
}

/** Seconds between two lines in a log: more, the longer it goes on. */
export function logInterval(elapsed: number, least: number): number {
  return Math.max(least, elapsed / 20);
}

/** stderr: one rewritten line on a terminal; in a log a line every few seconds, more rarely the longer it goes on. */
export function streamSink(
  stream: NodeJS.WriteStream = process.stderr,
  everySeconds: number = 5,
): ProgressSink {
  let last = Number.NEGATIVE_INFINITY;
  return {
    show(state: ProgressState): void {
      if (stream.isTTY) {
        rewrite(stream, progressLine(state), state.finished ? '\n' : '');
      } else if (state.finished || state.elapsed - last >= logInterval(state.elapsed, everySeconds)) {
        last = state.elapsed;
        stream.write(`${progressLine(state)}\n`);
      }
    },
  };
}
