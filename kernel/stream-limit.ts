/** Of one cell's stream text no more than this is shown as it comes, characters; of the rest, the end follows the cell. */
const most = 16 * 1024 * 1024;
const tailKept = 64 * 1024;
const notice = `\n… the cell has written ${most / 2 ** 20} million characters: more is not shown until it is over, then only the end\n`;

/** Keeps one cell from filling memory, file and front end with text. */
export class StreamLimit {
  private passed = 0;
  private dropped = 0;
  private tail = '';

  /** What of the text is shown now. */
  pass(text: string): string {
    const room = Math.max(0, most - this.passed);
    this.passed += Math.min(room, text.length);
    if (text.length <= room) return text;
    const said = this.dropped > 0;
    this.dropped += text.length - room;
    this.tail = (this.tail + text.slice(room)).slice(-tailKept);
    return text.slice(0, room) + (said ? '' : notice);
  }

  /** When the cell is over: how much was left out, and the end of it; '' where nothing was. */
  rest(): string {
    if (!this.dropped) return '';
    const left = this.dropped - this.tail.length;
    const text = `… ${left} characters were left out; the output ends with:\n${this.tail}`;
    [this.dropped, this.tail] = [0, ''];
    return text;
  }
}
