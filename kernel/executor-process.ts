/** The executor seen from the parent: starts it, gives it cells, interrupts it, notices its death, starts it again. */
import { type ChildProcess, fork } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { fileURLToPath } from 'node:url';
import {
  type Answer,
  type CellError,
  type CommMessage,
  EventReader,
  type ExecutorCommand,
  type ExecutorEvent,
  endMarker,
  type MimeBundle,
  type Output,
  type Question,
  type RunCommand,
} from './wire.js';

export interface CellOutcome {
  error?: CellError;
  result?: MimeBundle;
  completed: number;
  /** The process died: every variable is gone. */
  lost?: boolean;
}

interface Running {
  run: number;
  resolve: (outcome: CellOutcome) => void;
  done?: CellOutcome;
  /** Streams whose end marker has not come yet. */
  open: Set<string>;
}

const executorFile = fileURLToPath(new URL('./executor.js', import.meta.url));
/** After the process is gone, how long its pipes may still hold output (a grandchild can keep them open), ms. */
const drain = 300;

export class ExecutorProcess {
  private child: ChildProcess;
  private running: Running | undefined;
  private readonly deliveries = new Map<number, () => void>();
  private last = 0;
  /** Why its end is wanted: an interrupt that it did not obey, or its own wish. */
  private ending: 'interrupted' | 'asked' | undefined;
  private closed = false;
  /** The present child has begun to take cells. */
  private ready = false;
  /** It never will, and why. The next cell tries anew. */
  private failed: CellError | undefined;
  /** What it said on stderr before it was ready. */
  private complaint = '';

  constructor(
    private readonly folder: string,
    private readonly onOutput: (run: number, output: Output) => void,
    private readonly onQuestion: (run: number, ask: Question) => Promise<Answer>,
  ) {
    this.child = this.start();
  }

  /** Runs one cell; runs are numbered upwards. Never rejects. */
  run(command: RunCommand): Promise<CellOutcome> {
    if (this.failed) this.child = this.start();
    return new Promise((resolve) => {
      this.running = { run: command.run, resolve, open: new Set(['stdout', 'stderr']) };
      this.last = command.run;
      this.child.send({ type: 'run', ...command } satisfies ExecutorCommand, (e) => {
        if (e && this.running?.run === command.run && !this.child.connected) this.child.kill('SIGKILL');
      });
    });
  }

  /** Hands over a comm's message; resolves when it has been handled, or never can be. Outputs of it alone come as those of run `-delivery`. */
  deliver(delivery: number, message: CommMessage): Promise<void> {
    return new Promise((resolve) => {
      this.deliveries.set(delivery, resolve);
      this.child.send({ type: 'comm', delivery, message } satisfies ExecutorCommand, (e) => {
        if (e) this.handled(delivery);
      });
    });
  }

  private handled(delivery: number): void {
    this.deliveries.get(delivery)?.();
    this.deliveries.delete(delivery);
  }

  /** Asks a run to stop. */
  interrupt(run: number): void {
    (this.child.stdio[4] as Writable).write(`${run}\n`);
  }

  /** Ends the process; the running cell's outcome says that it was interrupted. A fresh process takes over. */
  restart(): void {
    this.end('interrupted');
  }

  private end(why: 'interrupted' | 'asked'): void {
    this.ending = why;
    kill(this.child);
  }

  /** Ends the process and all it started. */
  async close(): Promise<void> {
    this.closed = true;
    const gone = new Promise((resolve) => this.child.once('exit', resolve));
    const { exitCode, signalCode, pid } = this.child;
    if (exitCode !== null || signalCode !== null || pid === undefined) return;
    kill(this.child);
    await gone;
  }

  get pid(): number | undefined {
    return this.child.pid;
  }

  private start(): ChildProcess {
    this.ready = false;
    this.failed = undefined;
    this.complaint = '';
    const child = fork(executorFile, [], {
      cwd: this.folder,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe', 'ipc'],
      // Buffers go as they are.
      serialization: 'advanced',
      execArgv: ['--experimental-import-meta-resolve', '--max-semi-space-size=4'],
      // A group of its own: a terminal's Ctrl-C is for the parent, and what the user's code starts can be ended with it.
      detached: true,
    });
    const reader = new EventReader((event) => this.handle(child, event));
    (child.stdio[3] as Readable).on('data', (chunk: Buffer) => reader.push(chunk));
    (child.stdio[4] as Writable).on('error', () => {});
    this.listen(child, 'stdout');
    this.listen(child, 'stderr');
    const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
    child.once('error', (e) => {
      this.complaint += e.message;
      if (child.pid === undefined) this.exited(child, null, null);
    });
    child.once('exit', (code, signal) => {
      const timeout = new Promise<void>((resolve) => setTimeout(resolve, drain).unref());
      void Promise.race([ended, timeout]).then(() => this.exited(child, code, signal));
    });
    return child;
  }

  /** Output written by file descriptor: native code and child processes. */
  private listen(child: ChildProcess, name: 'stdout' | 'stderr'): void {
    const decoder = new StringDecoder('utf8');
    let held = '';
    const put = (text: string): void => {
      if (!this.ready && name === 'stderr') this.complaint = (this.complaint + text).slice(-2000);
      if (text) this.onOutput(this.running?.run ?? this.last, { type: 'stream', name, text });
    };
    child[name]!.on('data', (chunk: Buffer) => {
      held += decoder.write(chunk);
      for (;;) {
        const marker = this.running && endMarker(this.running.run);
        const at = marker ? held.indexOf(marker) : -1;
        if (at < 0) break;
        put(held.slice(0, at));
        held = held.slice(at + marker!.length);
        this.ended(name);
      }
      // The beginning of a marker may be all that has come so far.
      const partial = held.lastIndexOf('\0');
      const keep = partial >= 0 && held.length - partial < 32 ? partial : held.length;
      put(held.slice(0, keep));
      held = held.slice(keep);
    });
    child[name]!.on('close', () => put(held));
  }

  private handle(child: ChildProcess, event: ExecutorEvent): void {
    if (child !== this.child) return;
    if (event.type === 'ready') this.ready = true;
    else if (event.type === 'output') this.onOutput(event.run, event.output);
    else if (event.type === 'handled') this.handled(event.delivery);
    else if (event.type === 'restart') this.end('asked');
    else if (event.type === 'question') void this.asked(child, event.run, event.question, event.ask);
    else if (event.type === 'done' && this.running?.run === event.run) {
      const { error, result, completed } = event;
      this.running.done = { error, result, completed };
      this.finishWhenComplete();
    }
  }

  private async asked(child: ChildProcess, run: number, question: number, ask: Question): Promise<void> {
    const answer = await this.onQuestion(run, ask);
    if (child.connected) child.send({ type: 'input', question, answer } satisfies ExecutorCommand, () => {});
  }

  private ended(stream: string): void {
    this.running?.open.delete(stream);
    this.finishWhenComplete();
  }

  /** A cell is over when it says so and everything written by descriptor has been read. */
  private finishWhenComplete(): void {
    const r = this.running;
    if (!r?.done || r.open.size) return;
    this.running = undefined;
    r.resolve(r.done);
  }

  private exited(child: ChildProcess, code: number | null, signal: NodeJS.Signals | null): void {
    if (child !== this.child || this.closed) return;
    kill(child); // what it started and left behind
    for (const delivery of this.deliveries.keys()) this.handled(delivery);
    const running = this.running;
    const asked = this.ending === 'asked';
    const error = asked
      ? undefined
      : this.ending
        ? interrupted()
        : this.ready
          ? deathOf(code, signal)
          : notStarted(this.complaint);
    this.running = undefined;
    // One that could not start is not started again and again.
    if (this.ready || this.ending) this.child = this.start();
    else this.failed = error;
    this.ending = undefined;
    if (asked) this.onOutput(running?.run ?? this.last, { type: 'stream', name: 'stderr', text: restarted });
    this.onLost?.(running ? undefined : error);
    running?.resolve({ error, completed: 0, lost: true });
  }

  /** Set by the owner: the process is gone; why, if no cell says so. */
  onLost: ((untold?: CellError) => void) | undefined;
}

const restarted =
  'The process that runs the cells is a new one: all variables are gone; a simulation that wrote checkpoints goes on with resume(file, potential)\n';

function kill(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    child.kill('SIGKILL');
  }
}

function interrupted(): CellError {
  const evalue =
    'the cell did not stop and its process was ended; all variables are lost, a simulation that wrote checkpoints goes on with resume(file, potential)';
  return { ename: 'KeyboardInterrupt', evalue, traceback: [`KeyboardInterrupt: ${evalue}`] };
}

function notStarted(complaint: string): CellError {
  const reason =
    complaint
      .trim()
      .split('\n')
      .find((line) => /error/i.test(line)) ?? complaint.trim();
  const evalue = `the process that runs the cells did not start: ${reason || 'it gave no reason'}`;
  return { ename: 'ExecutorDied', evalue, traceback: [`ExecutorDied: ${evalue}`, complaint.trim()] };
}

function deathOf(code: number | null, signal: NodeJS.Signals | null): CellError {
  const causes: Partial<Record<NodeJS.Signals, string>> = {
    SIGSEGV: 'native code touched memory that is not its own',
    SIGABRT: 'native code or the JavaScript heap gave up',
    SIGKILL: 'perhaps the machine ran out of memory',
    SIGFPE: 'native code divided integers by zero',
    SIGILL: 'native code met an instruction this processor lacks',
    SIGBUS: 'native code touched memory that is not there',
  };
  const how = signal ? `by ${signal}` : `with exit code ${code}`;
  const why = signal ? causes[signal] : 'the code called process.exit';
  const evalue = `the process that runs the cells ended ${how}${why ? ` (${why})` : ''}; all variables are lost, a new process runs the next cell; a simulation that wrote checkpoints goes on with resume(file, potential)`;
  return { ename: 'ExecutorDied', evalue, traceback: [`ExecutorDied: ${evalue}`] };
}
