/** Markdown of notebooks as HTML: GitHub's dialect, formulas between dollars as MathML, nothing in it that acts. */
import katex from 'katex';
import { Marked, type TokenizerAndRendererExtension } from 'marked';
import { type Pictures, sanitized } from './sanitize.js';

/** HTML of Markdown; `key` is a text that the Markdown cannot hold. */
export function markdownToHtml(source: string, key: string, pictures: Pictures = {}): string {
  const formulas: string[] = [];
  // Formulas come in after the cleaning, which keeps no MathML of others.
  const place = (tex: string, display: boolean): string =>
    `<samp id="${key}-${formulas.push(formula(tex, display)) - 1}"></samp>`;
  const marked = new Marked({ gfm: true });
  marked.use({ extensions: [block(place), inline(place)] });
  const html = sanitized(marked.parse(source, { async: false }), pictures);
  return html.replace(new RegExp(`<samp id="${key}-(\\d+)"></samp>`, 'g'), (_, n) => formulas[Number(n)]!);
}

/** A formula in TeX as MathML, which browsers draw by themselves; one that is wrong stays text. */
export function formula(tex: string, display: boolean): string {
  return katex.renderToString(tex, { output: 'mathml', displayMode: display, throwOnError: false });
}

type Place = (tex: string, display: boolean) => string;

/** `$$…$$` and `\[…\]` and environments, on lines of their own. */
function block(place: Place): TokenizerAndRendererExtension {
  const rule =
    /^(?:\$\$([\s\S]+?)\$\$|\\\[([\s\S]+?)\\\]|(\\begin\{([a-z]+\*?)\}[\s\S]+?\\end\{\4\}))[ \t]*(?:\n|$)/;
  return {
    name: 'formulaBlock',
    level: 'block',
    start: (text) => text.match(/^(\$\$|\\\[|\\begin\{)/m)?.index,
    tokenizer: (text) => found('formulaBlock', rule.exec(text)),
    renderer: (token) => `<p>${place(String(token['tex']), true)}</p>\n`,
  };
}

/** `$…$` and `\(…\)`, as Jupyter takes them: not the prices in "from $5 to $6". */
function inline(place: Place): TokenizerAndRendererExtension {
  const rule = /^(?:\$\$([^$]+?)\$\$|\$(?!\s)((?:\\.|[^$\\])+?)(?<!\s)\$(?!\d)|\\\(([\s\S]+?)\\\))/;
  return {
    name: 'formula',
    level: 'inline',
    start: (text) => text.match(/\$|\\\(/)?.index,
    tokenizer: (text) => found('formula', rule.exec(text)),
    renderer: (token) => place(String(token['tex']), String(token.raw).startsWith('$$')),
  };
}

function found(
  type: string,
  m: RegExpExecArray | null,
): { type: string; raw: string; tex: string } | undefined {
  return m ? { type, raw: m[0], tex: (m[1] ?? m[2] ?? m[3])!.trim() } : undefined;
}
