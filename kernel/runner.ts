/** Runs a notebook from start to end without Jupyter, sockets or Python, and fills in its outputs. */
import { dirname, resolve } from 'node:path';
import ts from 'typescript';
import { metadataOf } from './display-metadata.js';
import {
  type Notebook,
  type NotebookCell,
  OutputCollector,
  readNotebook,
  writeNotebook,
} from './notebook.js';
import { injectedTag, injectParameters } from './parameters.js';
import { type ExecuteReply, Session } from './session.js';
import { version } from './version.js';
import type { CellError } from './wire.js';

export interface RunOptions {
  /** name -> value as text; see parameters.ts. */
  parameters?: Record<string, string>;
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
}

export interface CellProgress {
  /** From 1, among the code cells. */
  index: number;
  count: number;
  source: string;
  /** Undefined when the cell starts. */
  seconds?: number;
  error?: CellError;
}

export interface RunResult {
  notebook: Notebook;
  /** The first error, if any. */
  error?: CellError;
  interrupted: boolean;
  seconds: number;
}

/** While it runs, the notebook is written at most this often, ms. */
const writeEvery = 5000;
/** A cell that has not stopped this long after its time-out is ended with its process, ms. */
const patience = 5000;

/** @throws MdlabError for a file that is no notebook, or wrong parameters; a failing cell is a result, not an exception. */
export async function runNotebook(file: string, options: RunOptions = {}): Promise<RunResult> {
  const notebook = readNotebook(file);
  injectParameters(notebook, options.parameters ?? {});
  const run = new Run(notebook, options, resolve(options.folder ?? dirname(resolve(file))));
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
  private written = Date.now();
  private error: CellError | undefined;

  constructor(
    private readonly notebook: Notebook,
    private readonly options: RunOptions,
    folder: string,
  ) {
    this.cells = notebook.cells.filter((c) => c.cell_type === 'code');
    for (const c of this.cells) Object.assign(c, { outputs: [], execution_count: null });
    this.session = new Session(folder, (cell: NotebookCell, output) => this.collector.add(cell, output));
    options.signal?.addEventListener('abort', this.interrupt);
  }

  async all(): Promise<RunResult> {
    let index = 0;
    for (const cell of this.cells) {
      index++;
      if (this.options.signal?.aborted) break;
      if (!cell.source.trim()) continue;
      const report = { index, count: this.cells.length, source: cell.source };
      this.options.onCell?.(report);
      const begun = Date.now();
      const error = await this.one(cell, index);
      this.options.onCell?.({ ...report, seconds: (Date.now() - begun) / 1000, error });
      this.error ??= error;
      if (error && !this.options.allowErrors) break;
      if (Date.now() - this.written > writeEvery) this.write();
    }
    // Outputs that come after their cell, such as of a timer that has just fired.
    await new Promise((done) => setTimeout(done, 20));
    this.write();
    const interrupted = this.options.signal?.aborted ?? false;
    return { notebook: this.notebook, error: this.error, interrupted, seconds: this.seconds };
  }

  async close(): Promise<void> {
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
    const error = late && r.status === 'error' ? timedOut(this.options.timeout!) : errorOf(r);
    if (error) this.collector.push(cell, { output_type: 'error', ...error });
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

  private write(): void {
    this.written = Date.now();
    Object.assign(this.notebook.metadata, {
      kernelspec: this.notebook.metadata['kernelspec'] ?? kernelspec,
      language_info: { name: 'typescript', file_extension: '.ts', mimetype: 'text/typescript' },
      mdlab: {
        versions: { mdlab: version, node: process.version, typescript: ts.version },
        platform: `${process.platform}-${process.arch}`,
        parameters: this.options.parameters ?? {},
        started: new Date(this.started).toISOString(),
        seconds: Number(this.seconds.toFixed(2)),
        status: this.error ? 'error' : this.options.signal?.aborted ? 'interrupted' : 'ok',
      },
    });
    if (this.options.output) writeNotebook(this.options.output, this.notebook);
  }
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
