/** Edits of a text at positions of the original, applied once; never moves a line break. */
import type ts from 'typescript';

interface Edit {
  start: number;
  end: number;
  text: string;
  /** Orders edits at one position: closing text of what ends here comes before opening text of what starts here. */
  rank: number;
}

export class TextEdits {
  private readonly edits: Edit[] = [];
  /** Places (line, column) of the original that traces are to show as others. */
  readonly aliases: { line: number; column: number; as: number }[] = [];
  private closings = 0;
  private openings = 0;

  constructor(readonly original: string) {}

  /** Opening text: of several at one position, the later call goes further inside. */
  insert(at: number, text: string): void {
    this.edits.push({ start: at, end: at, text, rank: 1e9 + this.openings++ });
  }

  /** Closing text: of several at one position, the later call goes further inside. */
  append(at: number, text: string): void {
    this.edits.push({ start: at, end: at, text, rank: -this.closings++ });
  }

  replace(start: number, end: number, text: string): void {
    const breaks = this.original.slice(start, end).replace(/[^\n]/g, '');
    this.edits.push({ start, end, text: text + breaks, rank: 1e9 + this.openings++ });
  }

  blank(node: ts.Node): void {
    this.replace(node.getStart(), node.end, '');
  }

  /** What runs at the end of a node on one line is said to be at the node's start: where V8 sees a call is not where people do. */
  showAtStart(node: ts.Node): void {
    const before = this.original.lastIndexOf('\n', node.end - 1) + 1;
    if (node.getStart() < before) return;
    const line = this.original.slice(0, before).split('\n').length - 1;
    this.aliases.push({ line, column: node.end - before, as: node.getStart() - before });
  }

  apply(): string {
    let out = '';
    let at = 0;
    for (const e of this.sorted()) {
      out += this.original.slice(at, e.start) + e.text;
      at = e.end;
    }
    return out + this.original.slice(at);
  }

  /** For each edit in order: where it ends in the original, and how far the text after it on that line has moved right in all. */
  shifts(): { line: number; column: number; by: number }[] {
    const starts = lineStarts(this.original);
    const out: { line: number; column: number; by: number }[] = [];
    let line = 0;
    let by = 0;
    for (const e of this.sorted()) {
      while (line + 1 < starts.length && starts[line + 1]! <= e.end) {
        line++;
        by = 0;
      }
      if (e.start >= starts[line]!) by += e.text.length - (e.end - e.start);
      else by = starts[line]! - e.end;
      out.push({ line, column: e.end - starts[line]!, by });
    }
    return out;
  }

  private sorted(): Edit[] {
    return this.edits.sort((a, b) => a.start - b.start || a.rank - b.rank);
  }
}

export function lineStarts(text: string): number[] {
  const starts = [0];
  for (let i = text.indexOf('\n'); i >= 0; i = text.indexOf('\n', i + 1)) starts.push(i + 1);
  return starts;
}
