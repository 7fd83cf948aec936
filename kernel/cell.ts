/** One run of a cell in the executor: what it waits for, how it is stopped, what it shows. */
import { pathToFileURL } from 'node:url';
import { Drawings } from './drawings.js';
import type { Waited } from './modules.js';
import { slot } from './wire.js';

/** Slots that the watchdog's thread sees too. */
export const shared: Int32Array = new Int32Array(new SharedArrayBuffer(4 * Object.keys(slot).length));

export const state: {
  /** The cell that runs. */
  current: Cell | undefined;
  /** When a cell was last stopped. */
  interruptedAt: number;
} = { current: undefined, interruptedAt: 0 };

export const interruptName = 'KeyboardInterrupt';

/** Thrown into a cell that was asked to stop. */
export class Interrupt extends Error {
  override readonly name = interruptName;
  constructor() {
    super('the cell was interrupted');
  }
}

/** What an interrupted cell awaits has so long to end by itself, ms: a native run stops in order, keeps its state and says so. */
const grace = 150;
/** After that, the cell's own code has so long to come to its end, ms. */
const moment = 50;

/** One run of a cell, as its code and what it leaves behind see it. */
export class Cell {
  /** Number of declaring statements that have run. */
  completed = 0;
  result: unknown;
  readonly meta: object;
  interrupted = false;
  private onInterrupt: (() => void) | undefined;
  private readonly waiting = new Set<(reason: unknown) => void>();
  readonly drawings = new Drawings();

  constructor(
    readonly id: number,
    /** See RunCommand. */
    readonly place: string | undefined,
  ) {
    this.meta = { url: pathToFileURL(`${process.cwd()}/cell.ts`).href, dirname: process.cwd() };
  }

  /**
   * The value, or the interrupt if that comes first; holds nothing of either afterwards. It comes in an array because the engine
   * follows `Promise.all` (and not a promise made by hand) when it writes the stack of an error: so the trace of what fails deep
   * inside a library names the line of the cell that awaited it.
   */
  wait<T>(value: T): Waited<Awaited<T>> {
    if (this.interrupted || shared[slot.stop]) throw new Interrupt();
    if (!isThenable(value)) return [value as Awaited<T>];
    let open!: () => void;
    let stop!: (reason: unknown) => void;
    const gate = new Promise<void>((resolve, reject) => {
      open = resolve;
      stop = reject;
    });
    this.waiting.add(stop);
    const settled = (fulfilled: boolean): void => {
      this.waiting.delete(stop);
      if (fulfilled && this.interrupted) stop(new Interrupt());
      else open();
    };
    return Promise.all([watched(value, settled), gate]);
  }

  /**
   * The end of the cell's code. After an interrupt it has a moment to end by itself: code that catches the interrupt and comes to
   * an end has dealt with it.
   */
  async end(started: unknown): Promise<void> {
    await new Promise((resolve, reject) => {
      Promise.resolve(started).then(resolve, reject);
      this.onInterrupt = () => setTimeout(() => reject(new Interrupt()), grace + moment);
    });
    if (this.interrupted) state.interruptedAt = Date.now();
    this.interrupted = false;
    if (this === state.current || !state.current) Atomics.store(shared, slot.stop, 0);
  }

  interrupt(): void {
    this.interrupted = true;
    setTimeout(() => {
      for (const reject of this.waiting) reject(new Interrupt());
      this.waiting.clear();
    }, grace);
    this.onInterrupt?.();
  }

  /** Something still being shown; the cell is not over before. @param hurry called when the cell's code has ended */
  track(display: Promise<void>, hurry?: () => void): void {
    this.drawings.add(display, hurry);
  }

  /** @throws what a display failed with */
  settled(): Promise<void> {
    return this.drawings.done((work) => this.wait(work));
  }
}

/** Awaits; tells how it went before whoever awaits this hears of it. */
async function watched<T>(value: T, settled: (fulfilled: boolean) => void): Promise<Awaited<T>> {
  let fulfilled = false;
  try {
    const v = await value;
    fulfilled = true;
    return v;
  } finally {
    settled(fulfilled);
  }
}

function isThenable(value: unknown): boolean {
  return (
    value !== null &&
    (typeof value === 'object' || typeof value === 'function') &&
    typeof (value as { then?: unknown }).then === 'function'
  );
}

/** What `for await` in a cell runs over, stopped by an interrupt also while it waits; the source is told to finish. */
export function iterate(iterable: unknown, cell: Cell | undefined): unknown {
  const source = iterable as Partial<AsyncIterable<unknown> & Iterable<unknown>>;
  const open = source?.[Symbol.asyncIterator] ?? source?.[Symbol.iterator];
  if (typeof open !== 'function') return iterable;
  const iterator = (open as () => AsyncIterator<unknown>).call(source);
  const guarded = async (step: IteratorResult<unknown> | Promise<IteratorResult<unknown>>) => {
    try {
      const [r] = await (cell ? cell.wait(step) : Promise.all([step]));
      return r.done ? r : { done: false, value: await r.value };
    } catch (e) {
      if (e instanceof Interrupt) void Promise.resolve(iterator.return?.()).catch(() => {});
      throw e;
    }
  };
  return {
    [Symbol.asyncIterator]: () => ({
      next: () => guarded(iterator.next()),
      return: async (value?: unknown) => (await iterator.return?.(value)) ?? { done: true, value },
    }),
  };
}
