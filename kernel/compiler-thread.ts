/** The compiler in a thread of its own: loading TypeScript and checking a cell take long, and sockets and outputs must not wait. */
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import type { Compilation, Compiler } from './compiler.js';
import type { CompletenessReply } from './completeness.js';
import type { CompletionReply } from './completion.js';
import type { Help } from './help.js';

type Method = 'compile' | 'withoutUnset' | 'complete' | 'inspect' | 'isComplete';

/** The Compiler's methods, from another thread. */
export class CompilerThread {
  private worker: Worker;
  private readonly pending = new Map<number, { resolve(v: unknown): void; reject(e: Error): void }>();
  private calls = 0;
  private closed = false;
  /** The thread is gone, out of memory say; the next call starts another. */
  private ended = false;

  constructor(private readonly folder: string) {
    this.worker = this.start();
  }

  private start(): Worker {
    const worker = new Worker(new URL(import.meta.url), { workerData: { compilerFolder: this.folder } });
    worker.on('message', (m: { call: number; value?: unknown; error?: string }) => {
      const p = this.pending.get(m.call);
      this.pending.delete(m.call);
      if (!p) return;
      if (m.error === undefined) p.resolve(m.value);
      else p.reject(new Error(m.error));
    });
    this.ended = false;
    let reason = new Error('the compiler has ended');
    worker.on('error', (e) => {
      reason = e;
    });
    worker.on('exit', () => {
      for (const p of this.pending.values()) p.reject(reason);
      this.pending.clear();
      this.ended = true;
    });
    return worker;
  }

  compile(declarations: string, source: string, label: string): Promise<Compilation> {
    return this.call('compile', [declarations, source, label]) as Promise<Compilation>;
  }

  withoutUnset(after: string, before: string, unset: string[]): Promise<string> {
    if (!unset.length) return Promise.resolve(after);
    return this.call('withoutUnset', [after, before, unset]) as Promise<string>;
  }

  complete(declarations: string, code: string, position: number): Promise<CompletionReply> {
    return this.call('complete', [declarations, code, position]) as Promise<CompletionReply>;
  }

  inspect(declarations: string, code: string, position: number): Promise<Help | undefined> {
    return this.call('inspect', [declarations, code, position]) as Promise<Help | undefined>;
  }

  isComplete(code: string): Promise<CompletenessReply> {
    return this.call('isComplete', [code]) as Promise<CompletenessReply>;
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.worker.terminate();
  }

  private call(method: Method, args: unknown[]): Promise<unknown> {
    if (this.closed) return Promise.reject(new Error('the session is closed'));
    if (this.ended) this.worker = this.start();
    const call = ++this.calls;
    return new Promise((resolve, reject) => {
      this.pending.set(call, { resolve, reject });
      this.worker.postMessage({ call, method, args });
    });
  }
}

interface Call {
  call: number;
  method: Method;
  args: never[];
}

async function serve(folder: string): Promise<void> {
  const calls: Call[] = [];
  let compiler: Compiler | undefined;
  const answer = ({ call, method, args }: Call): void => {
    try {
      const run = compiler![method] as (...a: never[]) => unknown;
      parentPort!.postMessage({ call, value: run.apply(compiler, args) });
    } catch (e) {
      parentPort!.postMessage({ call, error: String((e as Error).stack ?? e) });
    }
  };
  parentPort!.on('message', (c: Call) => (compiler ? answer(c) : calls.push(c)));
  const loaded = await import('./compiler.js');
  compiler = new loaded.Compiler(folder);
  for (const c of calls) answer(c);
  // The first check costs far more than later ones: pay for it before anybody asks.
  if (calls.length) return;
  compiler.compile('', '1', 'warm-up');
  compiler.complete('', 'Num', 3);
}

const role = workerData as { compilerFolder?: string } | null;
if (!isMainThread && role?.compilerFolder !== undefined) void serve(role.compilerFolder);
