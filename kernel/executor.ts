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
import { Cell, Interrupt, interruptName, iterate, shared, state } from './cell.js';
import { Comms } from './comm.js';
import { bundle } from './display.js';
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

/** An addon's cancel flag stays up at least so long, ms, so that every native thread sees it. */
const flagTime = 400;

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

let last = 0;
/** Handlers of comms at work. */
const handlers = new Set<Cell>();

const runtime = {
  stop: shared,
  interrupt: (): never => {
    throw new Interrupt();
  },
  wait: (value: unknown): Waited =>
    (context.getStore() ?? state.current)?.wait(value) ?? Promise.all([value]),
  iterate: (iterable: unknown): unknown => iterate(iterable, context.getStore() ?? state.current),
  dynamicImport: (specifier: string): Promise<unknown> => modules.load({ specifier: String(specifier) }),
  cell: { meta: { url: pathToFileURL(`${process.cwd()}/`).href } },
};
const modules = new Modules(
  process.cwd(),
  () => runtime,
  (file, m) => registerSource(file, { label: file, source: undefined, map: m.map }),
);

function emit(output: Output): void {
  const run = (context.getStore() ?? state.current)?.id ?? last;
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
  const { stop, interrupt, wait, iterate, dynamicImport } = runtime;
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
    const owner = context.getStore() ?? state.current;
    return (work) => handle(new Cell(owner?.id ?? last, owner?.place), work);
  },
});
const inputs = new Inputs((question, ask) => {
  sendEvent({ type: 'question', run: (context.getStore() ?? state.current)?.id ?? last, question, ask });
});

/** Runs a comm's handler as part of the cell that made the comm. It can be interrupted like a cell. */
async function handle(cell: Cell, work: () => unknown): Promise<void> {
  if (!state.current && !handlers.size) {
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
  if (!state.current && !handlers.size) {
    Atomics.store(shared, slot.running, 0);
    if (Atomics.exchange(shared, slot.stop, 0)) state.interruptedAt = Date.now();
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
  const flagLeft = flagTime - (Date.now() - state.interruptedAt);
  if (flagLeft > 0) await new Promise((resolve) => setTimeout(resolve, flagLeft));
  state.current = cell;
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
  if (Atomics.exchange(shared, slot.stop, 0)) state.interruptedAt = Date.now();
  state.current = undefined;
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

/** Not by process.exit: code that runs when a process ends could wait for a GPU that will not answer. */
function restartExecutor(): never {
  sendEvent({ type: 'restart' });
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
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
    if (state.current?.id === run) state.current.interrupt();
    else if (run === handlersRun) for (const cell of handlers) cell.interrupt();
  });
  watchdog.unref();
  const { openComm, registerCommTarget } = comms;
  const { input } = inputs;
  const more = { openComm, registerCommTarget, input, restartExecutor };
  installGlobals(emit, () => context.getStore() ?? state.current, more);
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
