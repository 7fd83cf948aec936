/** HTML that somebody wrote into Markdown, with only what shows text and pictures left of it. */
import { existsSync, readFileSync } from 'node:fs';
import { extname, resolve } from 'node:path';
import { Window } from 'happy-dom';
import { dataUri } from '../lib/plot/page.js';

/** What a page may take pictures from: all of them end up inside it. */
export interface Pictures {
  /** Relative paths start here; undefined: no file is read. */
  folder?: string;
  /** name -> data: URI of what is attached to the cell. */
  attached?: ReadonlyMap<string, string>;
}

const kept = new Set(
  `a abbr b bdi bdo blockquote br caption cite code col colgroup dd del details dfn div dl dt em figcaption figure h1 h2 h3 h4 h5 h6
  hr i img input ins kbd li mark ol p pre q rp rt ruby s samp section small span strong sub summary sup table tbody td tfoot
  th thead time tr u ul var wbr`.split(/\s+/),
);
/** Not even their text is for people. */
const dropped = new Set(
  'script style template noscript iframe object embed svg math link meta base title textarea select'.split(
    ' ',
  ),
);
const attributes = new Set(
  'align alt checked class colspan datetime dir disabled height href id lang open reversed rowspan scope span src start title valign value width'.split(
    ' ',
  ),
);

/** @returns HTML without scripts, handlers, styles, frames and forms; headings have ids, as Jupyter makes them */
export function sanitized(html: string, pictures: Pictures = {}): string {
  const { document } = new Window();
  const body = document.createElement('div');
  body.innerHTML = html;
  clean(body as unknown as Node, pictures);
  return body.innerHTML;
}

/** As much of the DOM as is used here: Node's types have none of it. */
interface Node {
  localName?: string;
  nodeType: number;
  textContent: string;
  childNodes: Iterable<Node>;
  attributes: Iterable<{ name: string; value: string }>;
  getAttribute(name: string): string | null;
  setAttribute(name: string, value: string): void;
  removeAttribute(name: string): void;
  replaceWith(...nodes: (Node | string)[]): void;
  remove(): void;
}

const element = 1;
const text = 3;

function clean(parent: Node, pictures: Pictures): void {
  for (const node of [...parent.childNodes]) {
    if (node.nodeType === text) continue;
    const name = node.localName ?? '';
    if (node.nodeType !== element || dropped.has(name)) node.remove();
    else {
      clean(node, pictures);
      if (!kept.has(name)) node.replaceWith(...node.childNodes);
      else cleanElement(node, name, pictures);
    }
  }
}

function cleanElement(node: Node, name: string, pictures: Pictures): void {
  for (const { name: attribute } of [...node.attributes])
    if (!attributes.has(attribute)) node.removeAttribute(attribute);
  if (/^h[1-6]$/.test(name) && !node.getAttribute('id'))
    node.setAttribute('id', node.textContent.trim().replace(/\s/g, '-'));
  const href = node.getAttribute('href');
  if (href !== null && !/^(https?:|mailto:|#|[^:]*$)/i.test(href.trim())) node.removeAttribute('href');
  // Check boxes of task lists; nothing else that takes input.
  if (name === 'input') {
    node.setAttribute('type', 'checkbox');
    node.setAttribute('disabled', '');
  }
  if (name !== 'img') return void node.removeAttribute('src');
  const source = node.getAttribute('src') ?? '';
  const inside = inlined(source, pictures);
  if (inside) node.setAttribute('src', inside);
  else node.replaceWith(`[${node.getAttribute('alt') || 'picture'}: ${source.slice(0, 200)}]`);
}

const types: Record<string, string> = {
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
  '.gif': 'image/gif',
  '.svg': 'image/svg+xml',
  '.webp': 'image/webp',
};

function inlined(source: string, { folder, attached }: Pictures): string | undefined {
  if (/^data:image\/[\w+.-]+[;,]/i.test(source)) return source;
  if (source.startsWith('attachment:')) return attached?.get(decoded(source.slice('attachment:'.length)));
  if (folder === undefined || /^[\w+.-]+:|^\/\//.test(source)) return undefined;
  const path = resolve(folder, decoded(source));
  const type = types[extname(path).toLowerCase()];
  return type && existsSync(path) ? dataUri(type, readFileSync(path)) : undefined;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
