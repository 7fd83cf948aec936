// A session whose outputs are collected, for tests.
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Connection } from '../../kernel/connection.js';
import { type ExecuteReply, Session } from '../../kernel/session.js';
import type { Output } from '../../kernel/wire.js';

const folders: string[] = [];
process.on('exit', () => {
  for (const f of folders) rmSync(f, { recursive: true, force: true });
});

/** A new empty folder, removed when the process ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'mdlab-test-'));
  folders.push(folder);
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

export const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return false;
  }
};

/**
 * What a process has started, and what those have; none where there is no /proc. The maker of the compiler's snapshot is left
 * out: it serves later kernels, and ends by itself.
 */
export function descendants(of: number): number[] {
  if (!existsSync('/proc/self/stat')) return [];
  const parents = readdirSync('/proc')
    .filter((f) => /^\d+$/.test(f))
    .flatMap((f) => {
      try {
        return [[Number(f), Number(readFileSync(`/proc/${f}/stat`, 'utf8').split(') ')[1]!.split(' ')[1])]];
      } catch {
        return [];
      }
    });
  const found = [of];
  for (const p of found) found.push(...parents.filter(([, parent]) => parent === p).map(([pid]) => pid!));
  const command = (pid: number): string => readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  return found.slice(1).filter((pid) => alive(pid) && !command(pid).includes('snapshot-build'));
}

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Addresses that processes listen on, as Linux writes them: 0100007F:1F90 is 127.0.0.1:8080. */
export function listening(pids: number[]): string[] {
  const sockets = new Set(
    pids.flatMap((pid) =>
      readdirSync(`/proc/${pid}/fd`).flatMap(
        (fd) => /^socket:\[(\d+)\]$/.exec(link(`/proc/${pid}/fd/${fd}`))?.[1] ?? [],
      ),
    ),
  );
  const found = ['tcp', 'tcp6'].flatMap((kind) =>
    readFileSync(`/proc/net/${kind}`, 'utf8')
      .split('\n')
      .map((l) => l.trim().split(/\s+/))
      .filter((f) => f[3] === '0A' && sockets.has(f[9]!))
      .map((f) => f[1]!),
  );
  return found.sort();
}

/** The same for a connection to 127.0.0.1: what a kernel may listen on. */
export function addressesOf(c: Connection): string[] {
  const ports = [c.shell_port, c.iopub_port, c.stdin_port, c.control_port, c.hb_port];
  return ports.map((p) => `0100007F:${p.toString(16).toUpperCase().padStart(4, '0')}`).sort();
}

function link(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
