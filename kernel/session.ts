/** One notebook session, without sockets: a queue of cells, the compiler, the executor. The server and the runner both use it. */

import type { CompletionReply } from './compiler.js';
import { CompilerThread } from './compiler-thread.js';
import type { CompletenessReply } from './completeness.js';
import { withoutUnset } from './declarations.js';
import { type CellOutcome, ExecutorProcess } from './executor-process.js';
import type { CellError, MimeBundle, Output } from './wire.js';

export interface ExecuteOptions {
  /** What the cell is called in messages. Default `In[number]`. */
  label?: string;
  /** Cells queued behind a failing one are not run. Default true. */
  stopOnError?: boolean;
  /** Called when the cell's turn comes. */
  onStart?: () => void;
}

export type ExecuteReply =
  | { status: 'ok'; result?: MimeBundle }
  | { status: 'error'; error: CellError }
  | { status: 'aborted' };

interface Job {
  cell: number;
  code: string;
  options: ExecuteOptions;
  resolve: (reply: ExecuteReply) => void;
  /** To be stopped, also when it has not started yet. */
  cancelled: boolean;
  /** The executor has it. */
  running: boolean;
  /** When it was last asked to stop. */
  interruptedAt?: number;
}

/** A cell still running this long after an interrupt is told how to end it, ms. */
const hintAfter = 1500;
/** Interrupts closer than this are one, ms: a terminal's Ctrl-C may arrive both as a signal and as a message. */
const sameInterrupt = 100;

export class Session {
  private readonly compiler: CompilerThread;
  private readonly executor: ExecutorProcess;
  private readonly queue: Job[] = [];
  private current: Job | undefined;
  private declarations = '';
  private cells = 0;
  private closed = false;

  /**
   * @param folder the notebook's folder: working directory of cells, where their imports are looked up
   * @param onOutput every output, with the number of the cell that caused it (also long after that cell)
   */
  constructor(
    readonly folder: string,
    private readonly onOutput: (cell: number, output: Output) => void,
  ) {
    this.executor = new ExecutorProcess(folder, onOutput);
    this.compiler = new CompilerThread(folder);
    this.executor.onLost = (error) => {
      this.declarations = '';
      this.onOutput(this.cells, {
        type: 'stream',
        name: 'stderr',
        text: `${error.ename}: ${error.evalue}\n`,
      });
    };
  }

  /** Queues a cell. Its number is given to `onOutput` and known before this returns. */
  execute(code: string, options: ExecuteOptions = {}): { cell: number; reply: Promise<ExecuteReply> } {
    const cell = ++this.cells;
    const reply = new Promise<ExecuteReply>((resolve) => {
      this.queue.push({ cell, code, options, resolve, cancelled: false, running: false });
    });
    setImmediate(() => void this.next());
    return { cell, reply };
  }

  get busy(): boolean {
    return this.current !== undefined;
  }

  /** Stops the running cell; queued ones are aborted with it. A second call for the same cell ends its process. */
  interrupt(): void {
    const job = this.current;
    if (!job) return;
    job.cancelled = true;
    if (!job.running) return;
    if (job.interruptedAt !== undefined) {
      if (Date.now() - job.interruptedAt > sameInterrupt) this.executor.restart();
      return;
    }
    job.interruptedAt = Date.now();
    this.executor.interrupt(job.cell);
    setTimeout(() => {
      if (this.current !== job) return;
      const text =
        'The cell runs code that does not look at interrupts. Interrupt once more to end its process: all variables will be lost.\n';
      this.onOutput(job.cell, { type: 'stream', name: 'stderr', text });
    }, hintAfter).unref();
  }

  complete(code: string, position: number): Promise<CompletionReply> {
    return this.compiler.complete(this.declarations, code, position);
  }

  inspect(code: string, position: number): Promise<string | undefined> {
    return this.compiler.inspect(this.declarations, code, position);
  }

  isComplete(code: string): Promise<CompletenessReply> {
    return this.compiler.isComplete(code);
  }

  /** Declarations of every name of the notebook, as TypeScript would write them. */
  get declared(): string {
    return this.declarations;
  }

  async close(): Promise<void> {
    this.closed = true;
    this.abortQueued();
    await Promise.all([this.executor.close(), this.compiler.close()]);
    this.current?.resolve({ status: 'aborted' });
  }

  private async next(): Promise<void> {
    if (this.current || this.closed) return;
    const job = this.queue.shift();
    if (!job) return;
    this.current = job;
    job.options.onStart?.();
    let reply: ExecuteReply;
    try {
      reply = await this.run(job);
    } catch (e) {
      const evalue = `the kernel failed: ${(e as Error).message}`;
      const traceback = [`InternalError: ${evalue}`, String((e as Error).stack)];
      reply = { status: 'error', error: { ename: 'InternalError', evalue, traceback } };
    }
    this.current = undefined;
    if (reply.status === 'error' && job.options.stopOnError !== false) this.abortQueued();
    job.resolve(reply);
    setImmediate(() => void this.next());
  }

  private async run(job: Job): Promise<ExecuteReply> {
    const label = job.options.label ?? `In[${job.cell}]`;
    const compiled = await this.compiler.compile(this.declarations, job.code, label);
    if ('failure' in compiled) return { status: 'error', error: compiled.failure };
    if (job.cancelled) return { status: 'error', error: notStarted() };
    const { cell } = compiled;
    job.running = true;
    const outcome = await this.executor.run({ cell: job.cell, label, source: job.code, compiled: cell });
    this.declarations = outcome.lost ? '' : this.declarationsAfter(cell, outcome);
    if (outcome.error) return { status: 'error', error: outcome.error };
    return { status: 'ok', result: outcome.result };
  }

  /** A cell that failed half-way leaves the variables it had already made. */
  private declarationsAfter(
    cell: { declarations: string; declared: [string, number][] },
    outcome: CellOutcome,
  ): string {
    if (!outcome.error) return cell.declarations;
    const unset = cell.declared.filter(([, at]) => at > outcome.completed).map(([name]) => name);
    return withoutUnset(cell.declarations, this.declarations, new Set(unset));
  }

  private abortQueued(): void {
    for (const job of this.queue.splice(0)) job.resolve({ status: 'aborted' });
  }
}

function notStarted(): CellError {
  const evalue = 'the cell was interrupted before it started';
  return { ename: 'KeyboardInterrupt', evalue, traceback: [`KeyboardInterrupt: ${evalue}`] };
}
