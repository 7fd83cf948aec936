/** Source lines around a place, with a marker, as messages show them. */

/** Lines shown above and below. */
const around = 2;
/** Longest piece of a line that is shown, so that the marker stays below its place: front ends wrap at some 115. */
const longest = 108;

/** @param line 0-based @param column 0-based, UTF-16 units @param width how much of the line is underlined */
export function frame(source: string, line: number, column: number, width = 1): string {
  const lines = source.split('\n');
  if (line >= lines.length) return '';
  const first = Math.max(0, line - around);
  const last = Math.min(lines.length - 1, line + around);
  const digits = String(last + 1).length;
  const out: string[] = [];
  const from = lines[line]!.length > longest && column > longest - 20 ? column - longest / 2 : 0;
  for (let i = first; i <= last; i++) {
    const whole = lines[i]!.replace(/\r$/, '');
    const start = i === line ? from : 0;
    const text = `${start ? '…' : ''}${whole.slice(start, start + longest)}${whole.length > start + longest ? '…' : ''}`;
    out.push(`${i === line ? '>' : ' '} ${String(i + 1).padStart(digits)} | ${text}`.trimEnd());
    if (i !== line) continue;
    const before = text.slice(0, column - start + (start ? 1 : 0)).replace(/[^\t]/g, ' ');
    const room = Math.max(1, Math.min(width, text.length - before.length));
    out.push(`  ${' '.repeat(digits)} | ${before}${'^'.repeat(room)}`);
  }
  return out.join('\n');
}
