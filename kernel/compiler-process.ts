/** The compiler in a process of its own: reading types and checking a cell take long, and sockets and outputs must not wait. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Compilation } from './compiler.js';
import type { CompilerMethod } from './compiler-server.js';
import type { CompletenessReply } from './completeness.js';
import type { CompletionReply } from './completion.js';
import type { Help } from './help.js';
import {
  buildSnapshotLater,
  compilerEnvironment,
  compilerFlags,
  findSnapshot,
  forgetSnapshot,
} from './snapshot.js';

const plainEntry = fileURLToPath(new URL('./compiler-main.js', import.meta.url));

interface Pending {
  resolve(v: unknown): void;
  reject(e: Error): void;
  message: { call: number; method: CompilerMethod; args: unknown[] };
}

/** The Compiler's methods, from another process. */
export class CompilerProcess {
  private child: ChildProcess;
  private readonly pending = new Map<number, Pending>();
  private calls = 0;
  private closed = false;
  /** The process is gone, out of memory say; the next call starts another. */
  private ended = false;

  constructor(private readonly folder: string) {
    this.child = this.start();
  }

  /** From a snapshot of a process that has read everything already, where there is one that this Node takes. */
  private start(): ChildProcess {
    const snapshot = findSnapshot();
    if (!snapshot) buildSnapshotLater();
    const child = fork(plainEntry, [this.folder], {
      execArgv: [...(snapshot ? ['--snapshot-blob', snapshot] : []), ...compilerFlags],
      env: compilerEnvironment(),
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      // A terminal's Ctrl-C is for the parent.
      detached: true,
    });
    this.ended = false;
    let began = false;
    let complaint = '';
    child.stderr!.on('data', (text: Buffer) => {
      complaint = (complaint + text.toString()).slice(-2000);
    });
    child.on('message', (m: { call: number; value?: unknown; error?: string } | 'ready') => {
      began = true;
      if (m === 'ready') return;
      const p = this.pending.get(m.call);
      this.pending.delete(m.call);
      if (!p) return;
      if (m.error === undefined) p.resolve(m.value);
      else p.reject(new Error(m.error));
    });
    child.once('error', (e) => {
      complaint += e.message;
    });
    child.once('close', () => {
      if (child !== this.child || this.closed) return;
      if (snapshot && !began) {
        // This Node does not take it: the same calls to a process that reads everything itself.
        forgetSnapshot(snapshot);
        this.child = this.start();
        for (const { message } of this.pending.values()) this.child.send(message, () => {});
        return;
      }
      this.ended = true;
      const reason = new Error(`the compiler has ended: ${complaint.trim() || 'it gave no reason'}`);
      for (const p of this.pending.values()) p.reject(reason);
      this.pending.clear();
    });
    return child;
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

  /** Ends the process and what it is at; the next call starts another. */
  restart(): void {
    this.child.kill('SIGKILL');
  }

  get pid(): number | undefined {
    return this.child.pid;
  }

  close(): void {
    this.closed = true;
    this.child.kill('SIGKILL');
    for (const p of this.pending.values()) p.reject(new Error('the session is closed'));
    this.pending.clear();
  }

  private call(method: CompilerMethod, args: unknown[]): Promise<unknown> {
    if (this.closed) return Promise.reject(new Error('the session is closed'));
    if (this.ended) this.child = this.start();
    const call = ++this.calls;
    return new Promise((resolve, reject) => {
      const message = { call, method, args };
      this.pending.set(call, { resolve, reject, message });
      this.child.send(message, () => {});
    });
  }
}
