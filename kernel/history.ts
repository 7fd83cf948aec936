/** What was run in this session, for history_request. */

export interface HistoryRequest {
  output?: boolean;
  hist_access_type?: string;
  session?: number;
  start?: number;
  stop?: number | null;
  n?: number | null;
  pattern?: string;
  unique?: boolean;
}

interface Entry {
  line: number;
  input: string;
  output: string | null;
}

/** The one session there is. */
const session = 1;

export class History {
  private readonly entries: Entry[] = [];

  /** @returns what takes the cell's output as text */
  add(line: number, input: string): (output: string) => void {
    const entry: Entry = { line, input, output: null };
    this.entries.push(entry);
    return (output) => {
      entry.output = output;
    };
  }

  /** Triples (session, line, input), or (session, line, [input, output]) where outputs are asked for. */
  find(request: HistoryRequest): unknown[] {
    const found = this.select(request);
    return found.map((e) => [session, e.line, request.output ? [e.input, e.output] : e.input]);
  }

  private select(r: HistoryRequest): Entry[] {
    if (r.hist_access_type === 'range') {
      // 0 is the session going on.
      if (r.session && r.session !== session) return [];
      return this.entries.filter(
        (e) => e.line >= (r.start ?? 0) && e.line < (r.stop ?? Number.POSITIVE_INFINITY),
      );
    }
    let found = this.entries;
    if (r.hist_access_type === 'search') {
      const pattern = globPattern(r.pattern ?? '*');
      found = found.filter((e) => pattern.test(e.input));
      if (r.unique)
        found = [...new Map(found.map((e) => [e.input, e] as const).reverse()).values()].reverse();
    }
    return r.n ? found.slice(-r.n) : found;
  }
}

/** `*` any text, `?` one character. */
function globPattern(glob: string): RegExp {
  const parts = [...glob].map((c) =>
    c === '*' ? '.*' : c === '?' ? '.' : c.replace(/[\\^$.|+()[\]{}]/g, '\\$&'),
  );
  return new RegExp(`^${parts.join('')}$`, 's');
}
