/** An output that is replaced in place while something goes on: one output, redrawn no faster than eyes need. */

/**
 * Where live outputs go. The kernel puts one at `globalThis[liveSink]`; without it (a plain Node program) nothing is
 * drawn, and everything else works.
 */
export interface LiveSink {
  /**
   * Shows the content of a live object, or replaces what is shown of it; settles when that has been drawn.
   * @param update false: a new output in the calling cell
   */
  show(live: Live, update: boolean): Promise<void>;
  /**
   * Keeps the calling cell open until the promise settles, so that the last state is part of its output.
   * @param hurry to be called when the cell's code has ended: what waits is drawn at once
   */
  hold(work: Promise<void>, hurry: () => void): void;
}

/** The place on globalThis where a front end puts its sink. */
export const liveSink: unique symbol = Symbol.for('mdlab.live');

let counter = 0;

/** Something shown once, in the cell that makes it, and redrawn there whenever it has changed. */
export abstract class Live {
  /** Identifies the output within the notebook. */
  readonly id: string = `mdlab-live-${process.pid}-${++counter}`;
  private readonly sink: LiveSink | undefined = (globalThis as { [liveSink]?: LiveSink })[liveSink];
  private readonly interval: number;
  private readonly share: number;
  private drawing: Promise<void> | undefined;
  private stale = false;
  private shown = false;
  private hurried = false;
  private wake: (() => void) | undefined;
  private drawnAt: number = Number.NEGATIVE_INFINITY;
  private cost = 0;

  /**
   * @param interval least time between two drawings, ms
   * @param share of the time that may be spent on drawing, however long one drawing takes
   */
  constructor(interval: number, share: number = 0.25) {
    this.interval = interval;
    this.share = share;
  }

  /** What is to be shown now: a figure, a table, anything `display` takes, or a promise of it. */
  abstract content(): unknown;

  /** To be called when `content` has changed, as often as wanted: only the newest is drawn, and the last always. */
  protected changed(): void {
    if (!this.sink) return;
    this.stale = true;
    if (this.drawing) return;
    this.drawing = this.drawStale().finally(() => {
      this.drawing = undefined;
      this.hurried = false;
    });
    this.sink.hold(this.drawing, () => {
      this.hurried = true;
      this.wake?.();
    });
  }

  private async drawStale(): Promise<void> {
    while (this.stale) {
      await this.pause();
      const started = performance.now();
      const update = this.shown;
      this.stale = false;
      this.shown = true;
      await this.sink!.show(this, update);
      this.drawnAt = performance.now();
      // The first one loads what draws.
      this.cost = update ? this.drawnAt - started : 0;
    }
  }

  private async pause(): Promise<void> {
    const due = this.drawnAt + Math.max(this.interval, this.cost / this.share - this.cost);
    const rest = due - performance.now();
    if (this.hurried || rest <= 0) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    await new Promise<void>((resolve) => {
      this.wake = resolve;
      timer = setTimeout(resolve, rest);
    });
    clearTimeout(timer);
    this.wake = undefined;
  }
}
