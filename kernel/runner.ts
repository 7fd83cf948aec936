/** Runs a notebook from start to end without Jupyter, sockets or Python, and fills in its outputs. */
import { statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import ts from 'typescript';
import { invalid, MdlabError } from '../lib/errors.js';
import { progressIds } from '../lib/progress.js';
import { painted } from './ansi.js';
import { metadataOf } from './display-metadata.js';
import { kernelInfo } from './kernel-info.js';
import {
  type Notebook,
  type NotebookCell,
  OutputCollector,
  readNotebook,
  writeNotebook,
} from './notebook.js';
import { injectedTag, injectParameters, type ParameterValues } from './parameters.js';
import { type ExecuteReply, Session } from './session.js';
import { version } from './version.js';
import type { CellError, MimeBundle, Output } from './wire.js';

export interface RunOptions {
  parameters?: ParameterValues;
  /** Where the executed notebook goes; it is also written while the run goes on. Not written when not given. */
  output?: string;
  /** A cell that runs longer is interrupted and the run fails, s. Default: no limit. */
  timeout?: number;
  /** Go on after a failing cell. Default false. */
  allowErrors?: boolean;
  /** Interrupts the running cell and ends the run. */
  signal?: AbortSignal;
  /** Where cells run and look their imports up. Default: the notebook's folder. */
  folder?: string;
  onCell?: (progress: CellProgress) => void;
  /** The output could not be written while the run goes on; told once. It is tried again, and at the end. */
  onUnwritten?: (why: Error) => void;
}

export interface CellProgress {
  /** From 1, among the code cells. */
  index: number;
  count: number;
  source: string;
  /** Undefined when the cell starts, and while it runs. */
  seconds?: number;
  /** While it runs: its newest progress line. */
  line?: string;
  error?: CellError;
}

export interface RunResult {
  notebook: Notebook;
  /** The first error, if any. */
  error?: CellError;
  interrupted: boolean;
  seconds: number;
}

/** While it runs, a notebook that has changed is written this often, ms: a killed run leaves what it had. */
const writeEvery = 2000;
/** A cell that has not stopped this long after its time-out is ended with its process, ms. */
const patience = 5000;

/**
 * @throws MdlabError for a file that is no notebook, wrong parameters, a folder that is not there, or an output that cannot be
 *   written: at the beginning before any cell runs, at the end naming where the notebook is instead. A failing cell is a result.
 */
export async function runNotebook(file: string, options: RunOptions = {}): Promise<RunResult> {
  const notebook = readNotebook(file);
  injectParameters(notebook, options.parameters ?? {});
  const folder = resolve(options.folder ?? dirname(resolve(file)));
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory())
    invalid('folder', 'must be there for cells to run in', options.folder, 'make it first');
  const run = new Run(notebook, options, folder);
  try {
    return await run.all();
  } finally {
    await run.close();
  }
}

class Run {
  private readonly cells: NotebookCell[];
  private readonly collector = new OutputCollector();
  private readonly session: Session<NotebookCell>;
  private readonly started = Date.now();
  /** Changed since it was written last. */
  private changed = true;
  private readonly writer: NodeJS.Timeout;
  /** Told that the output could not be written. */
  private unwritten = false;
  private error: CellError | undefined;
  /** Of the running cell. */
  private report: CellProgress | undefined;

  constructor(
    private readonly notebook: Notebook,
    private readonly options: RunOptions,
    folder: string,
  ) {
    this.cells = notebook.cells.filter((c) => c.cell_type === 'code');
    for (const c of this.cells) Object.assign(c, { outputs: [], execution_count: null });
    this.session = new Session(folder, (cell: NotebookCell, output) => {
      this.collector.add(cell, output);
      this.changed = true;
      const line = progressOf(output);
      if (line !== undefined && this.report) this.options.onCell?.({ ...this.report, line });
    });
    this.writer = setInterval(() => this.changed && this.keep(), writeEvery);
    options.signal?.addEventListener('abort', this.interrupt);
  }

  async all(): Promise<RunResult> {
    // A place that cannot be written is better known now than after hours.
    this.write('running');
    // Loading the compiler is no cell's time. A terminal's Ctrl-C can end one that is only being started.
    await this.session.isComplete('').catch((e: unknown) => {
      if (!this.options.signal?.aborted) throw e;
    });
    let index = 0;
    for (const cell of this.cells) {
      index++;
      if (this.options.signal?.aborted) break;
      if (!cell.source.trim()) continue;
      const report = { index, count: this.cells.length, source: cell.source };
      this.report = report;
      this.options.onCell?.(report);
      const begun = new Date();
      const error = await this.one(cell, index);
      this.report = undefined;
      const done = new Date();
      cell.metadata['execution'] = timing(begun, done);
      this.options.onCell?.({ ...report, seconds: (Number(done) - Number(begun)) / 1000, error });
      this.changed = true;
      this.error ??= error;
      if (error && !this.options.allowErrors) break;
    }
    // Outputs that come after their cell, such as of a timer that has just fired.
    await new Promise((done) => setTimeout(done, 20));
    const interrupted = this.options.signal?.aborted ?? false;
    clearInterval(this.writer);
    this.finish(this.error ? 'error' : interrupted ? 'interrupted' : 'ok');
    return { notebook: this.notebook, error: this.error, interrupted, seconds: this.seconds };
  }

  async close(): Promise<void> {
    clearInterval(this.writer);
    this.options.signal?.removeEventListener('abort', this.interrupt);
    await this.session.close();
  }

  private readonly interrupt = (): void => this.session.interrupt();

  private get seconds(): number {
    return (Date.now() - this.started) / 1000;
  }

  private async one(cell: NotebookCell, index: number): Promise<CellError | undefined> {
    cell.execution_count = index;
    const limit = this.limit();
    const options = { label: () => `In[${index}]`, place: String(index) };
    const r = await this.session.execute(cell.source, cell, options);
    const late = limit.stop();
    this.collector.finish(cell);
    const error = late && r.status === 'error' ? timedOut(this.options.timeout!) : errorOf(r);
    if (error) this.collector.push(cell, { output_type: 'error', ...painted(error) });
    const silent = cell.metadata.tags?.includes(injectedTag);
    if (r.status === 'ok' && r.result && !silent) {
      const result = { data: r.result, metadata: metadataOf(r.result), execution_count: index };
      this.collector.push(cell, { output_type: 'execute_result', ...result });
    }
    if (r.status === 'ok' && r.help)
      this.collector.push(cell, { output_type: 'display_data', data: r.help, metadata: {} });
    return error;
  }

  /** Interrupts the cell when its time is up; `stop()` tells whether that happened. */
  private limit(): { stop(): boolean } {
    const { timeout } = this.options;
    let late = false;
    const timers: NodeJS.Timeout[] = [];
    if (timeout !== undefined) {
      const expire = (): void => {
        late = true;
        this.session.interrupt();
      };
      timers.push(setTimeout(expire, timeout * 1000), setTimeout(expire, timeout * 1000 + patience));
    }
    return {
      stop: () => {
        for (const t of timers) clearTimeout(t);
        return late;
      },
    };
  }

  /** Between cells a full disk is no reason to lose them. */
  private keep(): void {
    try {
      this.write('running');
    } catch (e) {
      this.changed = true;
      if (!this.unwritten) this.options.onUnwritten?.(e as Error);
      this.unwritten = true;
    }
  }

  /** What was computed goes to the folder of temporary files where its own place cannot have it. */
  private finish(status: 'ok' | 'error' | 'interrupted'): void {
    try {
      this.write(status);
    } catch (e) {
      const instead = join(tmpdir(), `${process.pid}-${basename(this.options.output!)}`);
      try {
        writeNotebook(instead, this.notebook);
      } catch {
        throw e;
      }
      throw new MdlabError('EIO', `${(e as Error).message}; the notebook is in ${instead} instead`);
    }
  }

  private write(status: 'running' | 'ok' | 'error' | 'interrupted'): void {
    this.changed = false;
    Object.assign(this.notebook.metadata, {
      kernelspec: this.notebook.metadata['kernelspec'] ?? kernelspec,
      // As front ends write it: a notebook from here is not changed by being opened.
      language_info: kernelInfo()['language_info'],
      mdlab: {
        versions: { mdlab: version, node: process.version, typescript: ts.version },
        platform: `${process.platform}-${process.arch}`,
        parameters: this.options.parameters ?? {},
        started: new Date(this.started).toISOString(),
        seconds: Number(this.seconds.toFixed(2)),
        status,
      },
      widgets: this.collector.widgets.metadata,
    });
    if (this.options.output) writeNotebook(this.options.output, this.notebook);
  }
}

/** The line of a progress bar that was shown or moved. */
function progressOf(output: Output): string | undefined {
  if (!('data' in output) || !('id' in output) || !output.id?.startsWith(progressIds)) return undefined;
  return String((output.data as MimeBundle)['text/plain']);
}

/** When a cell ran, by the names that Jupyter's front ends and nbclient keep it under. */
function timing(begun: Date, done: Date): Record<string, string> {
  const [from, to] = [begun.toISOString(), done.toISOString()];
  return {
    'iopub.status.busy': from,
    'iopub.execute_input': from,
    'shell.execute_reply': to,
    'iopub.status.idle': to,
  };
}

const kernelspec = { name: 'mdlab', display_name: 'TypeScript (mdlab)', language: 'typescript' };

function errorOf(reply: ExecuteReply): CellError | undefined {
  if (reply.status === 'error') return reply.error;
  if (reply.status === 'ok') return undefined;
  return { ename: 'Aborted', evalue: 'the cell did not run', traceback: [] };
}

function timedOut(seconds: number): CellError {
  const evalue = `the cell ran longer than ${seconds} s and was interrupted`;
  return { ename: 'CellTimeout', evalue, traceback: [`CellTimeout: ${evalue}`] };
}
