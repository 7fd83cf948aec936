/** What runs of native engines share: stopping by signal, progress while a chunk runs. */
import { MdlabError } from '../errors.js';
import { Progress, progressSink } from '../progress.js';

export function interrupted(who: string, step: number): MdlabError {
  return new MdlabError('EINTERRUPTED', `${who}: interrupted after step ${step}; the state is kept`);
}

/** Awaits a chunk, which `stop` ends early when the signal says so. @throws EINTERRUPTED, ENUMERIC */
export async function chunk(
  start: () => Promise<number>,
  stop: () => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  signal?.addEventListener('abort', stop, { once: true });
  try {
    await start();
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}

/** How a run reports itself: `true`, a label, or `false`. Default: where somebody is looking. */
export type ProgressOption = boolean | string;

/** A progress line that asks a native engine for its step while the event loop is free. */
export class StepProgress {
  private readonly line: Progress | undefined;
  private readonly timer: ReturnType<typeof setInterval> | undefined;
  private readonly first: number;

  constructor(
    option: ProgressOption | undefined,
    label: string,
    private readonly step: () => number,
    target: number,
    rates?: (done: number, perSecond: number) => string,
  ) {
    this.first = step();
    const watched = progressSink in globalThis || process.stderr.isTTY === true;
    if (!(option ?? watched) || target <= this.first) return;
    this.line = new Progress(target - this.first, {
      label: typeof option === 'string' ? option : label,
      unit: 'steps',
      ...(rates ? { rates } : {}),
    });
    this.timer = setInterval(() => this.update(), 100);
    this.timer.unref();
  }

  update(): void {
    this.line?.update(this.step() - this.first);
  }

  finish(note?: string): void {
    clearInterval(this.timer);
    this.update();
    this.line?.finish(note);
  }
}
