/** Terminal colours as HTML, for pages of our own. */
import { escapeHtml } from '../lib/plot/page.js';

// biome-ignore lint/suspicious/noControlCharactersInRegex: that is what terminal codes are made of
const control = /\x1b\[([0-9;?]*)([A-Za-z])/g;

/** Text with terminal colours as HTML: spans of class t1 (bold), t2 (dim) and t30 to t37, t90 to t97 (colours). Other codes are left out. */
export function ansiToHtml(text: string): string {
  let [out, at] = ['', 0];
  let [weight, color] = ['', ''];
  const add = (piece: string): void => {
    const classes = [weight, color].filter(Boolean).join(' ');
    if (piece) out += classes ? `<span class="${classes}">${escapeHtml(piece)}</span>` : escapeHtml(piece);
  };
  for (const m of text.matchAll(control)) {
    add(text.slice(at, m.index));
    at = m.index + m[0].length;
    if (m[2] !== 'm') continue;
    const numbers = m[1]!.split(';').map(Number);
    // Colours of 256 and of 24 bits take numbers of their own.
    const plain = numbers.some((n) => n === 38 || n === 48) ? [] : numbers;
    for (const n of plain) {
      if (n === 0) [weight, color] = ['', ''];
      else if (n === 1 || n === 2) weight = `t${n}`;
      else if (n === 22) weight = '';
      else if (n === 39) color = '';
      else if ((n >= 30 && n <= 37) || (n >= 90 && n <= 97)) color = `t${n}`;
    }
  }
  add(text.slice(at));
  return out;
}
