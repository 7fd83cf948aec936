/**
 * An executed notebook as one HTML page that needs nothing else: no network, no fonts, no scripts to see it all. A content
 * security policy holds it to that: nothing is fetched, and of scripts only those of outputs run, which sort tables and
 * turn molecules.
 */
import { createHash } from 'node:crypto';
import { escapeHtml } from '../lib/plot/page.js';
import { ansiToHtml } from './ansi-html.js';
import { highlight } from './highlight.js';
import { pageCss } from './html-style.js';
import { formula, markdownToHtml } from './markdown.js';
import type { CellOutput, Notebook, NotebookCell } from './notebook.js';
import type { Pictures } from './sanitize.js';
import type { MimeBundle } from './wire.js';

export interface HtmlOptions {
  /** Of the page. Default: the notebook's first heading. */
  title?: string;
  /** Where relative paths of pictures in Markdown start. Default: such pictures are left out. */
  folder?: string;
  /** False: outputs have no scripts either, for a notebook of somebody else. Default true. */
  scripts?: boolean;
}

export function notebookToHtml(notebook: Notebook, options: HtmlOptions = {}): string {
  const title = options.title ?? firstHeading(notebook) ?? 'Notebook';
  // Made from the whole contents, it cannot stand in them: a script that Markdown smuggles in does not have it.
  const nonce = createHash('sha256').update(JSON.stringify(notebook)).digest('base64url').slice(0, 24);
  const page = new Page(options, nonce);
  const cells = notebook.cells.map((cell) => page.cell(cell)).join('\n');
  return `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${page.policy}">
<meta name="color-scheme" content="light dark"><title>${escapeHtml(title)}</title>
<style>${pageCss}</style></head>
<body><main>
${cells}
</main></body></html>
`;
}

function firstHeading(notebook: Notebook): string | undefined {
  for (const cell of notebook.cells) {
    const found = cell.cell_type === 'markdown' && /^#+\s+(.+)$/m.exec(cell.source);
    if (found) return found[1];
  }
  return undefined;
}

class Page {
  /** @param key a text that the notebook cannot hold */
  constructor(
    private readonly options: HtmlOptions,
    private readonly key: string,
  ) {}

  private get nonce(): string | undefined {
    return this.options.scripts === false ? undefined : this.key;
  }

  get policy(): string {
    const { nonce } = this;
    const scripts = nonce
      ? `script-src 'nonce-${nonce}' 'unsafe-eval'; worker-src blob:;`
      : "script-src 'none';";
    return `default-src 'none'; ${scripts} style-src 'unsafe-inline'; img-src data: blob:; font-src data:; media-src data:; connect-src data: blob:; base-uri 'none'; form-action 'none'`;
  }

  cell(cell: NotebookCell): string {
    if (cell.cell_type === 'markdown')
      return `<section class="text">${this.markdown(cell.source, attachedTo(cell))}</section>`;
    if (cell.cell_type === 'raw')
      return `<section class="raw"><pre>${escapeHtml(cell.source)}</pre></section>`;
    const outputs = (cell.outputs ?? []).map((o) => this.output(o)).join('\n');
    if (!cell.source.trim() && !outputs) return '';
    const count = cell.execution_count ?? ' ';
    const code = `<div class="code"><span class="count">${count}</span><pre><code>${highlight(cell.source)}</code></pre></div>`;
    return `<section class="cell">${code}${outputs ? `<div class="outputs">${outputs}</div>` : ''}</section>`;
  }

  private markdown(source: string, attached?: Pictures['attached']): string {
    return markdownToHtml(source, this.key, { folder: this.options.folder, attached });
  }

  private output(output: CellOutput): string {
    if (output.output_type === 'stream') {
      const words = ansiToHtml(output.text);
      return words.trim() ? `<pre class="stream ${output.name}">${words}</pre>` : '';
    }
    if (output.output_type === 'error') {
      const { ename, evalue, traceback } = output;
      const trace = traceback.length ? traceback.join('\n') : `${ename}: ${evalue}`;
      return `<pre class="error">${ansiToHtml(trace)}</pre>`;
    }
    return this.rich(output.data);
  }

  /** The richest form that shows without a library; every other form of the same thing is left out. */
  private rich(data: MimeBundle): string {
    const text = (type: string): string => String(data[type]);
    if ('text/html' in data) return `<div class="html">${this.html(text('text/html'))}</div>`;
    if ('image/svg+xml' in data) {
      const svg = Buffer.from(text('image/svg+xml')).toString('base64');
      return `<img alt="${altOf(data)}" src="data:image/svg+xml;base64,${svg}">`;
    }
    for (const type of ['image/png', 'image/jpeg', 'image/gif', 'image/webp']) {
      if (type in data) {
        const bytes = text(type).replace(/\s/g, '');
        return `<img alt="${altOf(data)}" src="data:${type};base64,${bytes}"${sizeOf(data)}>`;
      }
    }
    if ('text/markdown' in data) return `<div class="text">${this.markdown(text('text/markdown'))}</div>`;
    if ('text/latex' in data) return `<p>${formula(withoutDollars(text('text/latex')), true)}</p>`;
    if ('application/json' in data)
      return `<pre>${escapeHtml(JSON.stringify(data['application/json'], null, 2))}</pre>`;
    if ('text/plain' in data) return `<pre>${ansiToHtml(text('text/plain'))}</pre>`;
    return '';
  }

  /** An output's own HTML: its scripts get what lets them run. */
  private html(html: string): string {
    const { nonce } = this;
    if (nonce) return html.replace(/<script\b/gi, `<script nonce="${nonce}"`);
    return html.replace(/<script\b[\s\S]*?(<\/script\s*>|$)/gi, '');
  }
}

const withoutDollars = (tex: string): string => tex.trim().replace(/^\$+|\$+$/g, '');

/** Pictures attached to a Markdown cell, as data: URIs. */
function attachedTo(cell: NotebookCell): Map<string, string> {
  const found = Object.entries((cell.attachments ?? {}) as Record<string, MimeBundle>).flatMap(
    ([name, data]) =>
      Object.entries(data ?? {})
        .slice(0, 1)
        .map(([type, bytes]) => [name, `data:${type};base64,${String(bytes).replace(/\s/g, '')}`] as const),
  );
  return new Map(found);
}

function altOf(data: MimeBundle): string {
  return escapeHtml(String(data['text/plain'] ?? 'figure').slice(0, 200));
}

/** A plotly figure's PNG has two pixels per figure px: it is shown at the figure's size. */
function sizeOf(data: MimeBundle): string {
  const plotly = data['application/vnd.plotly.v1+json'] as { layout?: { width?: number } } | undefined;
  return plotly?.layout?.width ? ` width="${plotly.layout.width}"` : '';
}
