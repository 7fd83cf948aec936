/** Terminal colours on tracebacks, which front ends expect; what the kernel itself passes on and prints stays plain. */
import type { CellError } from './wire.js';

type Style = 'name' | 'place' | 'mark' | 'soft';

/**
 * What reads on light and dark. Jupyter's plain cyan is too pale for its pink; its grey is black, so that what is to step back is
 * dim, which terminals and VS Code know and Jupyter leaves as it is.
 */
const codes: Record<Style, string> = { name: '1;31', place: '96', mark: '1;31', soft: '2' };

const paint = (style: Style, text: string): string => (text ? `\x1b[${codes[style]}m${text}\x1b[0m` : '');

/** The error as front ends show it: its name, places in code, and the mark below the place stand out. */
export function painted(error: CellError): CellError {
  const [head = '', ...rest] = error.traceback;
  const named = head.startsWith(error.ename)
    ? paint('name', error.ename) + head.slice(error.ename.length)
    : head;
  return { ...error, traceback: [named, ...rest.map(paintedEntry)] };
}

function paintedEntry(entry: string): string {
  const cause = /^(Caused by: )([\w$.]+)/.exec(entry);
  if (cause) return paint('soft', cause[1]!) + paint('name', cause[2]!) + entry.slice(cause[0].length);
  return entry.split('\n').map(paintedLine).join('\n');
}

const place = String.raw`[^\s()]+:\d+(?::\d+)?`;
const placeLine = new RegExp(`^(${place})( - error TS\\d+)?(.*)$`);
const frameLine = new RegExp(`^( {4}at (?:async )?)(.*?)(${place})(\\)?.*)$`);
const codeLine = /^(>| )( +\d+ \| ?)(.*)$/;
const markLine = /^( +\| )( *)(\^+)$/;

function paintedLine(line: string): string {
  let m = frameLine.exec(line);
  if (m) return paint('soft', m[1]!) + m[2] + paint('place', m[3]!) + m[4];
  m = markLine.exec(line);
  if (m) return paint('soft', m[1]!) + m[2] + paint('mark', m[3]!);
  m = codeLine.exec(line);
  if (m) return (m[1] === '>' ? paint('mark', m[1]) : m[1]) + paint('soft', m[2]!) + m[3];
  m = placeLine.exec(line);
  return m ? paint('place', m[1]!) + paint('soft', m[2] ?? '') + m[3] : line;
}
