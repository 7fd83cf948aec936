/** Source lines around a place, with a marker, as messages show them. */

/** Lines shown above and below. */
const around = 2;

/** @param line 0-based @param column 0-based, UTF-16 units @param width how much of the line is underlined */
export function frame(source: string, line: number, column: number, width = 1): string {
  const lines = source.split('\n');
  if (line >= lines.length) return '';
  const first = Math.max(0, line - around);
  const last = Math.min(lines.length - 1, line + around);
  const digits = String(last + 1).length;
  const out: string[] = [];
  for (let i = first; i <= last; i++) {
    const text = lines[i]!.replace(/\r$/, '');
    out.push(`${i === line ? '>' : ' '} ${String(i + 1).padStart(digits)} | ${text}`.trimEnd());
    if (i !== line) continue;
    const before = text.slice(0, column).replace(/[^\t]/g, ' ');
    const room = Math.max(1, Math.min(width, text.length - column));
    out.push(`  ${' '.repeat(digits)} | ${before}${'^'.repeat(room)}`);
  }
  return out.join('\n');
}
