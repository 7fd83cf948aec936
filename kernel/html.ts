/** An executed notebook as one HTML page that needs nothing else: no network, no fonts, no scripts to see it all. */
import { marked } from 'marked';
import { escapeHtml } from '../lib/plot/page.js';
import { highlight } from './highlight.js';
import { pageCss } from './html-style.js';
import type { CellOutput, Notebook, NotebookCell } from './notebook.js';
import type { MimeBundle } from './wire.js';

/** @param options title: of the page; default the notebook's first heading */
export function notebookToHtml(notebook: Notebook, options: { title?: string } = {}): string {
  const title = options.title ?? firstHeading(notebook) ?? 'Notebook';
  const cells = notebook.cells.map(cellHtml).join('\n');
  return `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
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

function cellHtml(cell: NotebookCell): string {
  if (cell.cell_type === 'markdown')
    return `<section class="text">${markdown(cell.source, cell.attachments)}</section>`;
  if (cell.cell_type === 'raw') return `<section class="raw"><pre>${escapeHtml(cell.source)}</pre></section>`;
  const outputs = (cell.outputs ?? []).map(outputHtml).join('\n');
  if (!cell.source.trim() && !outputs) return '';
  const count = cell.execution_count ?? ' ';
  const code = `<div class="code"><span class="count">${count}</span><pre><code>${highlight(cell.source)}</code></pre></div>`;
  return `<section class="cell">${code}${outputs ? `<div class="outputs">${outputs}</div>` : ''}</section>`;
}

/** Markdown without scripts; pictures attached to the cell become part of the page. */
function markdown(source: string, attachments?: unknown): string {
  const attached = (attachments ?? {}) as Record<string, MimeBundle>;
  const html = marked.parse(source, { async: false, gfm: true });
  return withoutScripts(html).replace(/src="attachment:([^"]+)"/g, (whole, name: string) => {
    const [type, data] = Object.entries(attached[decodeURIComponent(name)] ?? {})[0] ?? [];
    return type ? `src="data:${type};base64,${data}"` : whole;
  });
}

function withoutScripts(html: string): string {
  return html
    .replace(/<(script|iframe|object|embed)\b[\s\S]*?(<\/\1\s*>|$)/gi, '')
    .replace(/\son\w+\s*=\s*("[^"]*"|'[^']*'|[^\s>]+)/gi, '')
    .replace(/(href|src)\s*=\s*(["']?)\s*javascript:[^"'\s>]*/gi, '$1=$2');
}

function outputHtml(output: CellOutput): string {
  if (output.output_type === 'stream') {
    const words = escapeHtml(plainText(output.text));
    return words.trim() ? `<pre class="stream ${output.name}">${words}</pre>` : '';
  }
  if (output.output_type === 'error') {
    const trace = output.traceback.length ? output.traceback.join('\n') : `${output.ename}: ${output.evalue}`;
    return `<pre class="error">${escapeHtml(plainText(trace))}</pre>`;
  }
  return richHtml(output.data);
}

/** The richest form that shows without a library; every other form of the same thing is left out. */
function richHtml(data: MimeBundle): string {
  const text = (type: string): string => String(data[type]);
  if ('text/html' in data) return `<div class="html">${text('text/html')}</div>`;
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
  if ('text/markdown' in data) return `<div class="text">${markdown(text('text/markdown'))}</div>`;
  if ('text/latex' in data) return `<pre>${escapeHtml(text('text/latex'))}</pre>`;
  if ('application/json' in data)
    return `<pre>${escapeHtml(JSON.stringify(data['application/json'], null, 2))}</pre>`;
  if ('text/plain' in data) return `<pre>${escapeHtml(plainText(text('text/plain')))}</pre>`;
  return '';
}

function altOf(data: MimeBundle): string {
  return escapeHtml(String(data['text/plain'] ?? 'figure').slice(0, 200));
}

/** A plotly figure's PNG has two pixels per figure px: it is shown at the figure's size. */
function sizeOf(data: MimeBundle): string {
  const plotly = data['application/vnd.plotly.v1+json'] as { layout?: { width?: number } } | undefined;
  return plotly?.layout?.width ? ` width="${plotly.layout.width}"` : '';
}

/** Without terminal colours. */
function plainText(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what terminal codes are made of
  return text.replace(/\x1b\[[0-9;?]*[A-Za-z]/g, '');
}
