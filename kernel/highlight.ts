/** Light colouring of TypeScript: comments, strings, numbers, keywords. Wrong guesses only colour wrongly. */
import { escapeHtml } from '../lib/plot/page.js';

const keywords = new Set(
  `abstract any as async await bigint boolean break case catch class const continue debugger declare default delete do
  else enum export extends false finally for from function get if implements import in infer instanceof interface is
  keyof let namespace never new null number object of private protected public readonly return satisfies set static
  string super switch symbol this throw true try type typeof undefined unknown using var void while with yield`.split(
    /\s+/,
  ),
);

const token =
  /(\/\/[^\n]*|\/\*[\s\S]*?(?:\*\/|$))|("(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?|`(?:\\[\s\S]|[^`\\])*`?)|(\b(?:0[xbo][\da-f_]+|\d[\d_]*(?:\.\d[\d_]*)?(?:e[+-]?\d+)?)n?\b)|([A-Za-z_$][\w$]*)/gi;

/** Code as HTML with spans of class c (comment), s (string), n (number), k (keyword). */
export function highlight(code: string): string {
  let out = '';
  let at = 0;
  for (const m of code.matchAll(token)) {
    out += escapeHtml(code.slice(at, m.index));
    at = m.index + m[0].length;
    const kind = m[1] ? 'c' : m[2] ? 's' : m[3] ? 'n' : keywords.has(m[0]) ? 'k' : '';
    const text = escapeHtml(m[0]);
    out += kind ? `<span class="${kind}">${text}</span>` : text;
  }
  return out + escapeHtml(code.slice(at));
}
