/** One notebook session, without sockets: a queue of cells, the compiler, the executor. The server and the runner both use it. */

import { CommList } from './comm-list.js';
import { CompilerProcess } from './compiler-process.js';
import type { CompletenessReply } from './completeness.js';
import type { CompletionReply } from './completion.js';
import { ExecutorProcess } from './executor-process.js';
import type { Help } from './help.js';
import {
  type Answer,
  type CellError,
  type CommMessage,
  handlersRun,
  type MimeBundle,
  type Output,
  type Question,
} from './wire.js';

export interface ExecuteOptions {
  /** What the cell is called in messages; asked when its turn comes. Default `In[n]`, n counting the session's cells. */
  label?: () => string;
  /** A name of the cell that stays the same when it runs again. */
  place?: string;
  /** Cells queued behind a failing one are not run. Default true. */
  stopOnError?: boolean;
  /** Expressions evaluated after a cell that succeeds: name -> TypeScript. */
  expressions?: Record<string, string>;
}

export type ExpressionReply = { status: 'ok'; data: MimeBundle } | { status: 'error'; error: CellError };

export type ExecuteReply =
  | {
      status: 'ok';
      result?: MimeBundle;
      /** Answer to a cell like `name?`. */
      help?: MimeBundle;
      expressions: Record<string, ExpressionReply>;
    }
  | { status: 'error'; error: CellError }
  | { status: 'aborted' };

interface Job<Owner> {
  owner: Owner;
  code: string;
  options: ExecuteOptions;
  resolve: (reply: ExecuteReply) => void;
  /** To be stopped, also when it has not started yet. */
  cancelled: boolean;
  /** Number of the run the executor is busy with. */
  run?: number;
  /** When that run was last asked to stop. */
  interruptedAt?: number;
  /** Aborted when the job is over; made when it asks. */
  over?: AbortController;
}

/** A cell still running this long after an interrupt is told how to end it, ms. Until then, more interrupts are the same one. */
const hintAfter = 1500;
const hint =
  'The cell runs code that does not look at interrupts. Interrupt once more to end its process: all variables will be lost.\n';
/** Output of runs further back than this is dropped: nobody can tell any more whose it is. */
const rememberedRuns = 10_000;

/** A cell that asks about a name. */
const question = /^\s*(?:([\p{L}_$][\p{L}\p{N}_$.]*)\s*\?{1,2}|\?{1,2}\s*([\p{L}_$][\p{L}\p{N}_$.]*))\s*$/u;

/** What an expression without a value shows, where something has to be shown. */
const nothing: MimeBundle = { 'text/plain': 'undefined' };

/** Asks a person on behalf of a cell. Aborted when the cell is over before there is an answer. */
export type Ask<Owner> = (owner: Owner, question: Question, signal: AbortSignal) => Promise<Answer>;

const nobody = 'there is nobody to ask: the notebook runs by itself; pass the value as a parameter';

/** @typeParam Owner whatever the caller knows a cell by; outputs come with it */
export class Session<Owner> {
  private readonly compiler: CompilerProcess;
  private readonly executor: ExecutorProcess;
  private readonly queue: Job<Owner>[] = [];
  private readonly owners = new Map<number, Owner>();
  private readonly comms = new CommList<Owner>();
  private current: Job<Owner> | undefined;
  private deliveries = 0;
  /** Messages of comms that are being handled. */
  private handling = 0;
  /** When handlers were last asked to stop. */
  private handlersInterruptedAt: number | undefined;
  private declarations = '';
  private cells = 0;
  private runs = 0;
  private closed = false;

  /**
   * @param folder the notebook's folder: working directory of cells, where their imports are looked up
   * @param onOutput every output, with the owner of the cell that caused it (also long after that cell)
   * @param ask how cells ask a person; without, they are refused
   */
  constructor(
    readonly folder: string,
    private readonly onOutput: (owner: Owner, output: Output) => void,
    private readonly ask?: Ask<Owner>,
  ) {
    this.executor = new ExecutorProcess(
      folder,
      (run, output) => this.put(run, output),
      (run, question) => this.question(run, question),
    );
    this.compiler = new CompilerProcess(folder);
    this.executor.onLost = (untold) => {
      this.declarations = '';
      for (const { owner, message } of this.comms.closeAll()) this.onOutput(owner, message);
      if (!untold) return;
      this.put(this.runs, { type: 'stream', name: 'stderr', text: `${untold.ename}: ${untold.evalue}\n` });
    };
  }

  /** Queues a cell. */
  execute(code: string, owner: Owner, options: ExecuteOptions = {}): Promise<ExecuteReply> {
    if (this.closed) return Promise.resolve({ status: 'aborted' });
    return new Promise<ExecuteReply>((resolve) => {
      this.queue.push({ owner, code, options, resolve, cancelled: false });
      setImmediate(() => void this.next());
    });
  }

  private put(run: number, output: Output): void {
    const owner = this.owners.get(run);
    if (owner === undefined) return;
    if ('comm' in output) this.comms.note(output, owner);
    this.onOutput(owner, output);
  }

  /** Hands a comm's message to its handlers. Resolves when they are done; that may take as long as a cell keeps its process busy. */
  async deliver(message: CommMessage, owner: Owner): Promise<void> {
    if (this.closed) return;
    const delivery = ++this.deliveries;
    this.owners.set(-delivery, owner);
    this.comms.note(message, owner);
    if (this.handling++ === 0) this.handlersInterruptedAt = undefined;
    await this.executor.deliver(delivery, message);
    this.handling--;
    this.owners.delete(-delivery);
  }

  /** Open comms: id -> target. */
  openComms(target?: string): Record<string, { target_name: string }> {
    return this.comms.info(target);
  }

  private async question(run: number, question: Question): Promise<Answer> {
    const job = this.current;
    if (!this.ask) return { refused: nobody };
    if (job?.run !== run) return { refused: 'the cell that asks is over; ask while it runs' };
    job.over ??= new AbortController();
    return this.ask(job.owner, question, job.over.signal);
  }

  get busy(): boolean {
    return this.current !== undefined;
  }

  /** Stops the running cell; queued ones are aborted with it. A call after the cell has been told so ends its process. */
  interrupt(): void {
    const job = this.current;
    if (!job) {
      this.interruptHandlers();
      return;
    }
    job.cancelled = true;
    const { run } = job;
    if (run === undefined) {
      this.stopCompiling(job);
      return;
    }
    if (job.interruptedAt !== undefined) {
      if (Date.now() - job.interruptedAt >= hintAfter) this.executor.restart();
      return;
    }
    job.interruptedAt = Date.now();
    this.executor.interrupt(run);
    setTimeout(() => {
      if (job.run === run) this.put(run, { type: 'stream', name: 'stderr', text: hint });
    }, hintAfter).unref();
  }

  /** Types can take a minute to check: that is not waited for. */
  private stopCompiling(job: Job<Owner>): void {
    setTimeout(() => {
      if (this.current === job && job.run === undefined) this.compiler.restart();
    }, hintAfter).unref();
  }

  private interruptHandlers(): void {
    if (!this.handling) return;
    const before = this.handlersInterruptedAt;
    if (before !== undefined) {
      if (Date.now() - before >= hintAfter) this.executor.restart();
      return;
    }
    const asked = Date.now();
    this.handlersInterruptedAt = asked;
    this.executor.interrupt(handlersRun);
    setTimeout(() => {
      if (this.handling && this.handlersInterruptedAt === asked)
        this.put(this.runs, { type: 'stream', name: 'stderr', text: hint });
    }, hintAfter).unref();
  }

  complete(code: string, position: number): Promise<CompletionReply> {
    return this.compiler.complete(this.declarations, code, position);
  }

  inspect(code: string, position: number): Promise<Help | undefined> {
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
    let reply: ExecuteReply;
    try {
      reply = await this.answer(job);
    } catch (e) {
      const evalue = `the kernel failed: ${(e as Error).message}`;
      const traceback = [`InternalError: ${evalue}`, String((e as Error).stack)];
      reply = { status: 'error', error: { ename: 'InternalError', evalue, traceback } };
    }
    this.current = undefined;
    job.over?.abort();
    if (reply.status === 'error' && job.options.stopOnError !== false) this.abortQueued();
    job.resolve(reply);
    setImmediate(() => void this.next());
  }

  private async answer(job: Job<Owner>): Promise<ExecuteReply> {
    const label = job.options.label?.() ?? `In[${++this.cells}]`;
    const [, before, after] = question.exec(job.code) ?? [];
    const asked = before ?? after;
    if (asked) return this.help(asked);
    const reply = await this.run(job, job.code, label);
    if (reply.status !== 'ok') return reply;
    for (const [name, code] of Object.entries(job.options.expressions ?? {})) {
      const r = await this.run(job, `(${code})`, `user expression ${name}`);
      if (r.status === 'error') reply.expressions[name] = r;
      else if (r.status === 'ok') reply.expressions[name] = { status: 'ok', data: r.result ?? nothing };
    }
    return reply;
  }

  private async help(name: string): Promise<ExecuteReply> {
    const found = await this.inspect(name, name.length);
    const help = found
      ? { 'text/plain': found.plain, 'text/markdown': found.markdown }
      : { 'text/plain': `nothing is known about ${name}` };
    return { status: 'ok', help, expressions: {} };
  }

  private async run(job: Job<Owner>, code: string, label: string): Promise<ExecuteReply> {
    const before = this.declarations;
    const compiled = await this.compiler.compile(before, code, label).catch((e: unknown) => {
      if (job.cancelled) return { failure: notStarted() };
      throw e;
    });
    if ('failure' in compiled) return { status: 'error', error: compiled.failure };
    if (job.cancelled) return { status: 'error', error: notStarted() };
    const { cell } = compiled;
    const run = ++this.runs;
    this.owners.set(run, job.owner);
    this.owners.delete(run - rememberedRuns);
    Object.assign(job, { run, interruptedAt: undefined });
    const outcome = await this.executor.run({
      run,
      label,
      place: job.options.place,
      source: code,
      compiled: cell,
    });
    job.run = undefined;
    if (outcome.lost) this.declarations = '';
    else if (!outcome.error) this.declarations = cell.declarations;
    else {
      // A cell that failed half-way leaves the variables it had already made.
      const unset = cell.declared.filter(([, at]) => at > outcome.completed).map(([name]) => name);
      this.declarations = await this.compiler.withoutUnset(cell.declarations, before, unset);
    }
    if (outcome.error) return { status: 'error', error: outcome.error };
    return { status: 'ok', result: outcome.result, expressions: {} };
  }

  private abortQueued(): void {
    for (const job of this.queue.splice(0)) job.resolve({ status: 'aborted' });
  }
}

function notStarted(): CellError {
  const evalue = 'the cell was interrupted before it started';
  return { ename: 'KeyboardInterrupt', evalue, traceback: [`KeyboardInterrupt: ${evalue}`] };
}
