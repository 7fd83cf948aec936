/** Text lines of a file, read in pieces, so that a file larger than memory can be walked. */
import { malformed } from '../errors.js';
import type { ByteSource } from './source.js';

const pieceBytes = 1 << 20;
/** Longest line; a file without line ends is refused here rather than held in memory. */
const maxLine = 4 << 20;

export class LineReader {
  /** Number of the line that `next` gave last, from 1. */
  number = 0;
  /** Byte where the next line starts. */
  offset = 0;
  /** Whether the line that `next` gave last had a line end. */
  ended = true;
  private piece = Buffer.alloc(0);
  private at = 0;
  private readTo = 0;

  constructor(
    private readonly source: ByteSource,
    from: number = 0,
  ) {
    this.offset = from;
    this.readTo = from;
  }

  /** The next line without its end (LF or CR LF), or undefined at the end of the file. */
  next(): string | undefined {
    let end = this.piece.indexOf(10, this.at);
    while (end < 0 && this.readTo < this.source.size) {
      this.readMore();
      end = this.piece.indexOf(10, this.at);
    }
    const stop = end < 0 ? this.piece.length : end;
    if (stop === this.at && end < 0) return undefined;
    this.number++;
    this.ended = end >= 0;
    const trimmed = stop > this.at && this.piece[stop - 1] === 13 ? stop - 1 : stop;
    const line = this.piece.toString('utf8', this.at, trimmed);
    this.offset += stop - this.at + (this.ended ? 1 : 0);
    this.at = this.ended ? stop + 1 : stop;
    return line;
  }

  /** Bytes from here to the end of the file. */
  get left(): number {
    return this.source.size - this.offset;
  }

  /** EFORMAT at the line that `next` gave last. */
  fail(rule: string, received?: unknown): never {
    return malformed(this.source.name, `line ${this.number}`, rule, received);
  }

  private readMore(): void {
    const rest = this.piece.subarray(this.at);
    if (rest.length > maxLine) {
      malformed(this.source.name, `line ${this.number + 1}`, `must be shorter than ${maxLine} bytes`);
    }
    const length = Math.min(pieceBytes, this.source.size - this.readTo);
    const more = this.source.read(this.readTo, length, 'text');
    this.readTo += length;
    this.piece = Buffer.concat([rest, more]);
    this.at = 0;
  }
}
