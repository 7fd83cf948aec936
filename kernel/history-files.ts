/**
 * The user's history on disk: one file per session, named by its number, appended to as cells run; readable by its owner alone.
 * Several kernels may write at once, each its own file. Where nothing can be written, history lasts as long as the kernel.
 */
import {
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { homeFolder, xdgFolder } from '../lib/folders.js';
import type { Entry } from './history.js';

/** Older sessions are dropped when there are more, or when they take more bytes in all. */
const mostSessions = 500;
const mostBytes = 16 * 1024 * 1024;
/** A session that takes more is no longer written. */
const mostOfOne = 4 * 1024 * 1024;
/** Of an output no more is kept, characters. */
const mostOutput = 2000;

type Line = { line: number; input: string } | { line: number; output: string };

export function historyFolder(env: NodeJS.ProcessEnv = process.env): string {
  const state =
    xdgFolder('XDG_STATE_HOME', env) ??
    (process.platform === 'darwin'
      ? join(homeFolder(env), 'Library', 'Application Support')
      : process.platform === 'win32'
        ? env['LOCALAPPDATA'] || join(homeFolder(env), 'AppData', 'Local')
        : join(homeFolder(env), '.local', 'state'));
  return join(state, 'mdlab', 'history');
}

/** Numbers of the sessions on disk, oldest first. */
function sessions(folder: string): number[] {
  try {
    const names = readdirSync(folder).map((f) => /^([1-9]\d{0,8})\.jsonl$/.exec(f)?.[1]);
    return names
      .filter((n) => n !== undefined)
      .map(Number)
      .sort((a, b) => a - b);
  } catch {
    return [];
  }
}

const fileOf = (folder: string, session: number): string => join(folder, `${session}.jsonl`);

/** This session's file; made, with a number of its own, by the first line. */
export class HistoryFile {
  private descriptor: number | undefined;
  private written = 0;
  private number: number | undefined;

  constructor(private readonly folder: string) {}

  /** Before the first line: the number that the session will probably have. */
  get session(): number {
    return this.number ?? (sessions(this.folder).at(-1) ?? 0) + 1;
  }

  write(line: Line): void {
    if (this.number === undefined) this.open();
    if (this.descriptor === undefined) return;
    const kept = 'output' in line ? { ...line, output: line.output.slice(0, mostOutput) } : line;
    const bytes = Buffer.from(`${JSON.stringify(kept)}\n`);
    if (this.written + bytes.length > mostOfOne) return;
    this.written += bytes.length;
    try {
      writeSync(this.descriptor, bytes);
    } catch {
      closeSync(this.descriptor);
      this.descriptor = undefined;
    }
  }

  private open(): void {
    try {
      mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    } catch {
      // Opening says so too.
    }
    const { O_APPEND, O_CREAT, O_EXCL, O_WRONLY } = constants;
    const before = sessions(this.folder);
    for (let n = (before.at(-1) ?? 0) + 1; this.number === undefined; n++) {
      try {
        this.descriptor = openSync(fileOf(this.folder, n), O_APPEND | O_CREAT | O_EXCL | O_WRONLY, 0o600);
      } catch (e) {
        if ((e as NodeJS.ErrnoException).code === 'EEXIST') continue;
      }
      this.number = n;
    }
    prune(this.folder, before);
  }
}

function prune(folder: string, numbers: number[]): void {
  let [count, bytes] = [1, 0];
  for (const n of numbers.reverse()) {
    const file = fileOf(folder, n);
    try {
      bytes += statSync(file).size;
      if (++count > mostSessions || bytes > mostBytes) unlinkSync(file);
    } catch {
      // Another kernel was faster.
    }
  }
}

const read = new Map<string, { size: number; entries: Entry[] }>();

/** Entries of every session on disk but one, oldest first; sessions without any are left out. */
export function otherSessions(folder: string, own: number): Entry[][] {
  return sessions(folder)
    .filter((n) => n !== own)
    .map((n) => entriesOf(fileOf(folder, n), n))
    .filter((entries) => entries.length > 0);
}

/** Read again only when it has grown. What a crash left half-written, or is no entry, is passed over. */
function entriesOf(file: string, session: number): Entry[] {
  try {
    const { size } = statSync(file);
    const known = read.get(file);
    if (known?.size === size) return known.entries;
    if (size > 2 * mostOfOne) return [];
    const entries = parse(readFileSync(file, 'utf8'), session);
    read.set(file, { size, entries });
    return entries;
  } catch {
    return [];
  }
}

function parse(text: string, session: number): Entry[] {
  const entries = new Map<number, Entry>();
  for (const row of text.split('\n')) {
    let r: { line?: unknown; input?: unknown; output?: unknown } | null;
    try {
      r = JSON.parse(row);
    } catch {
      continue;
    }
    if (typeof r?.line !== 'number') continue;
    const { line, input, output } = r;
    if (typeof input === 'string') entries.set(line, { session, line, input, output: null });
    const entry = entries.get(line);
    if (entry && typeof output === 'string') entry.output = output;
  }
  return [...entries.values()];
}
