/** What was run, for history_request: in this session, and in earlier ones, which history-files.ts keeps. */
import { unknownChoice } from '../lib/errors.js';
import { HistoryFile, historyFolder, otherSessions } from './history-files.js';
import { type Content, flag, number, text } from './requests.js';

export interface Entry {
  session: number;
  line: number;
  input: string;
  output: string | null;
}

/** So many are given where the request does not say. */
const usualTail = 10;

export class History {
  private readonly own: Entry[] = [];
  private readonly file: HistoryFile;

  /** @param folder of the user's sessions; made with the first cell that is kept */
  constructor(private readonly folder: string = historyFolder()) {
    this.file = new HistoryFile(folder);
  }

  /** @returns what takes the cell's output as text */
  add(line: number, input: string): (output: string) => void {
    this.file.write({ line, input });
    const entry: Entry = { session: this.file.session, line, input, output: null };
    this.own.push(entry);
    return (output) => {
      entry.output = output;
      this.file.write({ line, output });
    };
  }

  /**
   * The entries a history_request asks for: triples (session, line, input), or (session, line, [input, output]); oldest first.
   * @throws EINVALID
   */
  find(request: Content): unknown[] {
    const output = flag(request, 'output', false);
    return this.select(request).map((e) => [e.session, e.line, output ? [e.input, e.output] : e.input]);
  }

  private select(r: Content): Entry[] {
    const type = r['hist_access_type'] ?? 'tail';
    if (type === 'range') {
      const [start, stop] = [number(r, 'start', 0), number(r, 'stop', Number.POSITIVE_INFINITY)];
      return this.session(number(r, 'session', 0)).filter((e) => e.line >= start && e.line < stop);
    }
    const all = [...otherSessions(this.folder, this.file.session).flat(), ...this.own];
    if (type === 'tail') return last(all, number(r, 'n', usualTail));
    if (type !== 'search') return unknownChoice('hist_access_type', type, ['tail', 'range', 'search']);
    const wanted = globOf(text({ pattern: '*', ...r }, 'pattern'));
    const found = all.filter((e) => wanted(e.input));
    return last(flag(r, 'unique', false) ? newestOfEach(found) : found, number(r, 'n', found.length));
  }

  /** 0 is the session going on, -1 the one before it; others go by their number. */
  private session(asked: number): Entry[] {
    if (asked === 0 || asked === this.file.session) return this.own;
    const others = otherSessions(this.folder, this.file.session);
    if (asked > 0) return others.find((s) => s[0]!.session === asked) ?? [];
    return (
      others.filter((s) => s[0]!.session < (this.own[0]?.session ?? Number.POSITIVE_INFINITY)).at(asked) ?? []
    );
  }
}

function last(entries: Entry[], n: number): Entry[] {
  return n > 0 ? entries.slice(-n) : [];
}

function newestOfEach(entries: Entry[]): Entry[] {
  const newest = new Map(entries.map((e) => [e.input, e]));
  return entries.filter((e) => newest.get(e.input) === e);
}

/** A glob: `*` any text, `?` one character, `[abc]`, `[a-z]` and `[^a]` one of a set. Takes no more than |text| |pattern| steps. */
export function globOf(pattern: string): (text: string) => boolean {
  const pieces = piecesOf(pattern);
  // Most texts are told apart by the longest run of plain characters.
  const plain = pattern.split(/[*?[\]]/).sort((a, b) => b.length - a.length)[0]!;
  const sought = pattern.includes('[') ? '' : plain;
  return (text) => text.includes(sought) && matches(text, pieces);
}

type Piece = '*' | ((character: number) => boolean);

function matches(text: string, pieces: Piece[]): boolean {
  let [t, p] = [0, 0];
  let [backText, backPiece] = [0, -1];
  const after = (at: number): number => at + (text.codePointAt(at)! > 0xffff ? 2 : 1);
  while (t < text.length) {
    const piece = pieces[p];
    if (piece === '*') [backText, backPiece, p] = [t, p, p + 1];
    else if (piece?.(text.codePointAt(t)!)) [t, p] = [after(t), p + 1];
    else if (backPiece >= 0) {
      backText = after(backText);
      [t, p] = [backText, backPiece + 1];
    } else return false;
    // What ends in `*` takes the rest, whatever it is.
    if (pieces[p] === '*' && p === pieces.length - 1) return true;
  }
  return pieces.slice(p).every((piece) => piece === '*');
}

function piecesOf(pattern: string): Piece[] {
  return (pattern.match(/\[\^?\]?[^\]]*\]|[\s\S]/gu) ?? []).map((piece) => {
    if (piece === '*') return '*';
    if (piece === '?') return () => true;
    const code = piece.codePointAt(0)!;
    if (piece.length < 3 || !piece.startsWith('[')) return (c) => c === code;
    const not = piece[1] === '^';
    const ranges = (piece.slice(not ? 2 : 1, -1).match(/[\s\S]-[\s\S]|[\s\S]/gu) ?? []).map((r) => {
      const [from, , to] = [...r];
      return [from!.codePointAt(0)!, (to ?? from)!.codePointAt(0)!] as const;
    });
    return (c) => ranges.some(([from, to]) => c >= from && c <= to) !== not;
  });
}
