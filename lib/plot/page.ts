/** Pieces of self-contained HTML: libraries packed into the page, pictures as data, nothing fetched. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { fontFile } from './font.js';

const require = createRequire(import.meta.url);

/** Browser libraries a page may carry. */
export type Library = 'plotly-cartesian' | 'plotly' | '3dmol';

const sources: Record<Library, string> = {
  'plotly-cartesian': 'plotly.js-cartesian-dist-min/plotly-cartesian.min.js',
  plotly: 'plotly.js-dist/plotly.js',
  '3dmol': '3dmol/build/3Dmol-min.js',
};

const ownFile = (name: string): string =>
  fileURLToPath(new URL(`../../../lib/plot/${name}`, import.meta.url));

let client: string | undefined;

/** A script element with our own browser code (client.js, a plain script shipped as a file). */
export function clientScript(): string {
  client ??= `<script>${readFileSync(ownFile('client.js'), 'utf8')}</script>`;
  return client;
}

/**
 * A place in a page that client.js wakes: what is seen without scripts, then data, then the call. Works before the
 * client has arrived, and where scripts run detached from their element (classic notebooks).
 */
export function place(
  kind: 'figure' | 'view' | 'table',
  still: string,
  data?: unknown,
  argument?: string,
): string {
  const json = data === undefined ? '' : `<script type="application/json">${scriptJson(data)}</script>`;
  const id = createHash('sha256').update(still).update(json).digest('hex').slice(0, 12);
  const call = scriptJson([id, kind, ...(argument ? [argument] : [])]);
  const late = kind === 'table' ? '' : noteIfDead(id);
  const wake = `<script>(window.mdlabQueue=window.mdlabQueue||[]).push(${call});${late}</script>`;
  return `<div class="mdlab-${kind}" data-mdlab="${id}">${still}${json}</div>${wake}`;
}

/**
 * A script that, when a place has stayed a picture for some seconds, says below it why: in a notebook the library comes with
 * one cell's output, and that may be gone.
 */
function noteIfDead(id: string): string {
  const words =
    'Only a picture: the output that brought the script to draw it is not in this page. Run this cell again.';
  return (
    `setTimeout(function(){document.querySelectorAll('[data-mdlab="${id}"]:not([data-live])').forEach(function(e){` +
    `var p=document.createElement('p');p.className='mdlab-dead';p.textContent=${scriptJson(words)};e.append(p)})},8000)`
  );
}

/** Text as HTML. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}

/** A value as JSON that may stand inside a script element. */
export function scriptJson(value: unknown): string {
  return JSON.stringify(value)
    .replace(/</g, '\\u003c')
    .replace(/\u2028/g, '\\u2028')
    .replace(/\u2029/g, '\\u2029');
}

export function dataUri(type: string, bytes: Uint8Array | string): string {
  return `data:${type};base64,${Buffer.from(bytes as Uint8Array).toString('base64')}`;
}

/** A PNG inside the page, shown at its own size or the width there is. */
export function imageTag(png: Uint8Array, alt: string, width: number, height: number): string {
  const size = `width="${width}" height="${height}" style="max-width:100%;height:auto"`;
  return `<img alt="${escapeHtml(alt)}" src="${dataUri('image/png', png)}" ${size}>`;
}

const packed = new Map<Library, string>();

/**
 * Script elements that put our client code and one library into a page, compressed; the browser unpacks the library
 * when the first figure asks for it. One per page or notebook is enough.
 */
export function libraryScript(library: Library): string {
  let text = packed.get(library);
  if (!text) {
    const add = (name: string, file: string): string =>
      `mdlabClient.add(${scriptJson(name)},"${gzipSync(readFileSync(file), { level: 9 }).toString('base64')}");`;
    const own = library === '3dmol' ? add('viewer', ownFile('client-view.js')) : '';
    text = `${clientScript()}<script>${add(library, require.resolve(sources[library]))}${own}</script>`;
    packed.set(library, text);
  }
  return text;
}

let fontCss: string | undefined;

/** An @font-face with Inter inside, for pages whose text must look right anywhere (PDF). */
export function fontFaceCss(): string {
  fontCss ??= (['regular', 'semibold'] as const)
    .map((face) => {
      const weight = face === 'regular' ? 400 : 600;
      const uri = dataUri('font/ttf', readFileSync(fontFile(face)));
      return `@font-face{font-family:Inter;font-weight:${weight};src:url(${uri})}`;
    })
    .join('');
  return fontCss;
}

/** A whole HTML page. */
export function htmlPage(title: string, body: string, css: string = ''): string {
  return `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escapeHtml(title)}</title><style>body{margin:0;font-family:Inter,'Open Sans',Arial,sans-serif}${css}</style></head>
<body>${body}</body></html>
`;
}
