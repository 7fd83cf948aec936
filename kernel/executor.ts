/**
 * The process that runs cells: user code, the library and its addon, nothing of the Jupyter protocol. The parent sends cells by IPC;
 * outputs go back on a pipe of their own, written synchronously, so that they are ordered, complete, and visible while code is busy.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { pathToFileURL } from 'node:url';
import { inspect } from 'node:util';
import vm from 'node:vm';
import { Worker } from 'node:worker_threads';
import { addonPath, native } from '../lib/native.js';
import { Comms } from './comm.js';
import { bundle } from './display.js';
import { Drawings } from './drawings.js';
import { installGlobals } from './executor-globals.js';
import { Inputs } from './input.js';
import { Modules, pick, type Waited } from './modules.js';
import { captureStreams } from './streams.js';
import { describeError, installStackTraces, registerSource } from './traces.js';
import {
  type CellError,
  type ExecutorCommand,
  type ExecutorEvent,
  endMarker,
  handlersRun,
  type MimeBundle,
  type Output,
  type RunCommand,
  sendEvent,
  slot,
  writeAll,
} from './wire.js';

const interruptName = 'KeyboardInterrupt';

/** Thrown into a cell that was asked to stop. */
class Interrupt extends Error {
  override readonly name = interruptName;
  constructor() {
    super('the cell was interrupted');
  }
}

/** What an interrupted cell awaits has so long to end by itself, ms: a native run stops in order, keeps its state and says so. */
const grace = 150;
/** After that, the cell's own code has so long to come to its end, ms. */
const moment = 50;
/** An addon's cancel flag stays up at least so long, ms, so that every native thread sees it. */
const flagTime = 400;

/** One run of a cell, as its code and what it leaves behind see it. */
class Cell {
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
    if (this.interrupted) interruptedAt = Date.now();
    this.interrupted = false;
    if (this === current || !current) Atomics.store(shared, slot.stop, 0);
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

const shared = new Int32Array(new SharedArrayBuffer(4 * Object.keys(slot).length));
const context = new AsyncLocalStorage<Cell>();
/** Every variable of the notebook. */
const boxes = new Map<string, Box>();

/** One variable: every cell that knows the name reads and writes this. */
class Box {
  v: unknown = undefined;
}

function box(name: string): Box {
  let b = boxes.get(name);
  if (!b) {
    b = new Box();
    boxes.set(name, b);
  }
  return b;
}

let current: Cell | undefined;
let last = 0;
/** When a cell was last stopped. */
let interruptedAt = 0;
/** Handlers of comms at work. */
const handlers = new Set<Cell>();

const runtime = {
  stop: shared,
  interrupt: (): never => {
    throw new Interrupt();
  },
  wait: (value: unknown): Waited => (context.getStore() ?? current)?.wait(value) ?? Promise.all([value]),
  iterate,
  dynamicImport: (specifier: string): Promise<unknown> => modules.load({ specifier: String(specifier) }),
  cell: { meta: { url: pathToFileURL(`${process.cwd()}/`).href } },
};
const modules = new Modules(
  process.cwd(),
  () => runtime,
  (file, m) => registerSource(file, { label: file, source: undefined, map: m.map }),
);

function isThenable(value: unknown): boolean {
  return (
    value !== null &&
    (typeof value === 'object' || typeof value === 'function') &&
    typeof (value as { then?: unknown }).then === 'function'
  );
}

/** What `for await` runs over, stopped by an interrupt also while it waits; the source is told to finish. */
function iterate(iterable: unknown): unknown {
  const source = iterable as Partial<AsyncIterable<unknown> & Iterable<unknown>>;
  const open = source?.[Symbol.asyncIterator] ?? source?.[Symbol.iterator];
  if (typeof open !== 'function') return iterable;
  const iterator = (open as () => AsyncIterator<unknown>).call(source);
  const cell = context.getStore() ?? current;
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

function emit(output: Output): void {
  const run = (context.getStore() ?? current)?.id ?? last;
  sendEvent({ type: 'output', run, output });
}

/** The cell's synchronous part runs inside this script, because only a script can be broken by SIGINT. */
const entry = new vm.Script('globalThis[Symbol.for("mdlab.entry")]()', { filename: 'mdlab-kernel-entry' });

function runBreakable(run: () => unknown): unknown {
  (globalThis as Record<symbol, unknown>)[Symbol.for('mdlab.entry')] = run;
  Atomics.store(shared, slot.breakable, 1);
  try {
    return entry.runInThisContext({ breakOnSigint: true });
  } finally {
    Atomics.store(shared, slot.breakable, 0);
  }
}

async function evaluate(cell: Cell, command: RunCommand): Promise<MimeBundle | undefined> {
  const { compiled } = command;
  modules.update(compiled.modules);
  const [imported] = await cell.wait(Promise.all(compiled.imports.map((i) => modules.load(i))));
  const file = `cell:${command.run}`;
  registerSource(file, { label: command.label, source: command.source, map: compiled.map });
  const script = new vm.Script(compiled.code, { filename: file, lineOffset: -1 });
  const run = script.runInThisContext() as (...args: unknown[]) => unknown;
  const take = (index: number, name: string): unknown => pick(imported[index]!, name);
  const folder = process.cwd();
  const { stop, interrupt, wait, dynamicImport } = runtime;
  const exports = {};
  const args = [cell, box, stop, interrupt, wait, iterate, dynamicImport, take];
  const started = runBreakable(() =>
    run.call(undefined, ...args, modules.require, { exports }, exports, `${folder}/cell.ts`, folder),
  );
  await cell.end(started);
  const [shown] = cell.result === undefined ? [] : await cell.wait(bundle(cell.result, cell.place));
  await cell.settled();
  return shown && Object.keys(shown).length ? shown : undefined;
}

const comms = new Comms({
  send: (message, delivery) => {
    if (delivery === undefined) emit(message);
    else sendEvent({ type: 'output', run: -delivery, output: message });
  },
  scope: () => {
    const owner = context.getStore() ?? current;
    return (work) => handle(new Cell(owner?.id ?? last, owner?.place), work);
  },
});
const inputs = new Inputs((question, ask) => {
  sendEvent({ type: 'question', run: (context.getStore() ?? current)?.id ?? last, question, ask });
});

/** Runs a comm's handler as part of the cell that made the comm. It can be interrupted like a cell. */
async function handle(cell: Cell, work: () => unknown): Promise<void> {
  if (!current && !handlers.size) {
    clearCancel();
    Atomics.store(shared, slot.stop, 0);
    Atomics.store(shared, slot.running, handlersRun);
  }
  handlers.add(cell);
  await context.run(cell, async () => {
    try {
      await cell.end(runBreakable(work));
      await cell.settled();
    } catch (e) {
      const { traceback } = errorOf(e, cell);
      emit({ type: 'stream', name: 'stderr', text: `${traceback.join('\n')}\n` });
    }
  });
  handlers.delete(cell);
  if (addon) native().flushOutput();
  if (!current && !handlers.size) {
    Atomics.store(shared, slot.running, 0);
    if (Atomics.exchange(shared, slot.stop, 0)) interruptedAt = Date.now();
  }
}

function obey(command: ExecutorCommand): void {
  if (command.type === 'run') void runCell(command);
  else if (command.type === 'input') inputs.answer(command.question, command.answer);
  else {
    const { delivery, message } = command;
    void comms.deliver(delivery, message).finally(() => sendEvent({ type: 'handled', delivery }));
  }
}

async function runCell(command: RunCommand): Promise<void> {
  const cell = new Cell(command.run, command.place);
  const done: ExecutorEvent & { type: 'done' } = { type: 'done', run: cell.id, completed: 0 };
  const flagLeft = flagTime - (Date.now() - interruptedAt);
  if (flagLeft > 0) await new Promise((resolve) => setTimeout(resolve, flagLeft));
  current = cell;
  last = cell.id;
  clearCancel();
  Atomics.store(shared, slot.stop, 0);
  Atomics.store(shared, slot.running, cell.id);
  try {
    if (Atomics.load(shared, slot.cancelled) >= cell.id) throw new Interrupt();
    const result = await context.run(cell, () => evaluate(cell, command));
    if (result) done.result = result;
  } catch (thrown) {
    done.error = errorOf(thrown, cell);
    await cell.drawings.abandoned(cell.interrupted);
  }
  done.completed = cell.completed;
  Atomics.store(shared, slot.running, handlers.size ? handlersRun : 0);
  if (Atomics.exchange(shared, slot.stop, 0)) interruptedAt = Date.now();
  current = undefined;
  if (addon) native().flushOutput();
  sendEvent(done);
  writeAll(1, Buffer.from(endMarker(cell.id)));
  writeAll(2, Buffer.from(endMarker(cell.id)));
}

/** However the stop came about (flag, SIGINT, native code), the person reads the same. */
function errorOf(thrown: unknown, cell: Cell): CellError {
  const { code, message } = (thrown ?? {}) as { code?: unknown; message?: unknown };
  const asked = cell.interrupted || Atomics.load(shared, slot.stop) === 1;
  const native = asked && code === 'EINTERRUPTED';
  const broken = code === 'ERR_SCRIPT_EXECUTION_INTERRUPTED';
  if (native || broken || thrown instanceof Interrupt) cell.interrupt();
  if (!native) return describeError(broken ? new Interrupt() : thrown);
  const error = describeError(thrown);
  return {
    ...error,
    ename: interruptName,
    traceback: [`${interruptName}: ${message}`, ...error.traceback.slice(1)],
  };
}

let addon: string | undefined;
function clearCancel(): void {
  if (addon) native().clearCancel();
}

function findAddon(): string | undefined {
  try {
    const path = addonPath();
    native();
    return path;
  } catch {
    return undefined; // Not built, or not loadable: the library's own error says so where it is needed.
  }
}

function report(prefix: string, error: unknown): void {
  if (error instanceof Interrupt) return;
  const text = error instanceof Error ? describeError(error).traceback.join('\n') : inspect(error);
  emit({ type: 'stream', name: 'stderr', text: `${prefix}${text}\n` });
}

/** `using` works on the first versions of Node 20 too. */
function addDisposeSymbols(): void {
  for (const name of ['dispose', 'asyncDispose'] as const)
    if (!Symbol[name]) Object.defineProperty(Symbol, name, { value: Symbol(`Symbol.${name}`) });
}

function start(): void {
  addDisposeSymbols();
  installStackTraces();
  captureStreams(emit);
  addon = findAddon();
  if (addon) native().lineOutput();
  const watchdog = new Worker(new URL('./watchdog.js', import.meta.url), {
    workerData: { shared, addon },
    stdout: true,
    stderr: true,
  });
  watchdog.on('message', (run: number) => {
    if (current?.id === run) current.interrupt();
    else if (run === handlersRun) for (const cell of handlers) cell.interrupt();
  });
  watchdog.unref();
  const { openComm, registerCommTarget } = comms;
  const { input } = inputs;
  installGlobals(emit, () => context.getStore() ?? current, { openComm, registerCommTarget, input });
  process.on('SIGINT', () => {});
  process.on('uncaughtException', (e) => report('', e));
  process.on('unhandledRejection', (e) => report('Unhandled rejection: ', e));
  process.removeAllListeners('warning');
  process.on('warning', (w) => {
    if (w.name !== 'ExperimentalWarning') report('', w);
  });
  process.on('message', obey);
  sendEvent({ type: 'ready' });
  // The first cell of most notebooks imports it.
  setImmediate(() => void modules.load({ specifier: 'mdlab' }).catch(() => {}));
}

start();
