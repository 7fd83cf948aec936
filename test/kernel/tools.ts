// A session whose outputs are collected, for tests.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ExecuteReply, Session } from '../../kernel/session.js';
import type { Output } from '../../kernel/wire.js';

/** A new empty folder, removed when the process ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'mdlab-test-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export class TestSession {
  readonly outputs: { cell: number; output: Output }[] = [];
  readonly session: Session<number>;
  private cells = 0;

  constructor(readonly folder: string = temporaryFolder()) {
    this.session = new Session(folder, (cell: number, output) => this.outputs.push({ cell, output }));
  }

  /** Number of the cell run last, as outputs name it. */
  get cellsRun(): number {
    return this.cells;
  }

  async run(code: string): Promise<ExecuteReply> {
    return this.session.execute(code, ++this.cells);
  }

  /** text/plain of the last expression; fails where the cell does. */
  async value(code: string): Promise<unknown> {
    const r = await this.run(code);
    if (r.status === 'ok') return r.result?.['text/plain'];
    throw new Error(r.status === 'error' ? `${code}\n${r.error.traceback.join('\n')}` : r.status);
  }

  /** The error of a cell that must fail. */
  async error(code: string): Promise<{ ename: string; evalue: string; text: string }> {
    const r = await this.run(code);
    if (r.status !== 'error') throw new Error(`did not fail (${r.status}): ${code}`);
    return { ename: r.error.ename, evalue: r.error.evalue, text: r.error.traceback.join('\n') };
  }

  /** Everything written to a stream so far, of one cell or of all. */
  text(name: 'stdout' | 'stderr', cell?: number): string {
    return this.outputs
      .filter((o) => cell === undefined || o.cell === cell)
      .map(({ output }) => (output.type === 'stream' && output.name === name ? output.text : ''))
      .join('');
  }

  close(): Promise<void> {
    return this.session.close();
  }
}

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
