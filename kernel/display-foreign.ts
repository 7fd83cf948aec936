/** Things of other libraries, told by their shape: pictures as bytes, SVG and HTML elements, Vega-Lite charts, tensors. */
import { rasterize } from '../lib/plot/render.js';
import type { MimeBundle } from './wire.js';

/** What a value of another library is shown as; undefined for what is none. */
export function foreignBundle(value: unknown): MimeBundle | Promise<MimeBundle> | undefined {
  if (value instanceof Uint8Array) return imageBundle(value);
  if (typeof value !== 'object' || value === null) return undefined;
  const { outerHTML, toSpec } = value as { outerHTML?: unknown; toSpec?: unknown };
  if (typeof outerHTML === 'string') return elementBundle(outerHTML);
  // vega-lite-api's charts.
  const spec = typeof toSpec === 'function' ? (toSpec.call(value) as unknown) : value;
  return vegaBundle(spec);
}

/** First bytes of the image formats that front ends show. */
const signatures: readonly (readonly [type: string, hex: string])[] = [
  ['image/png', '89504e470d0a1a0a'],
  ['image/jpeg', 'ffd8ff'],
  ['image/gif', '47494638'],
];

function imageBundle(bytes: Uint8Array): MimeBundle | undefined {
  const start = Buffer.from(bytes.subarray(0, 8)).toString('hex');
  const type = signatures.find(([, hex]) => start.startsWith(hex))?.[0];
  if (!type) return undefined;
  const text = `${type}, ${bytes.length} bytes`;
  return { [type]: Buffer.from(bytes).toString('base64'), 'text/plain': text };
}

/** An element of any document (happy-dom, jsdom, linkedom): Observable Plot's charts are such. */
async function elementBundle(html: string): Promise<MimeBundle> {
  if (!/^\s*<svg\b/i.test(html)) {
    const words = wordsOf(html);
    const text = words.length > 200 ? `${words.slice(0, 200)}…` : words;
    return { 'text/html': html, 'text/plain': text || 'an HTML element' };
  }
  const svg = /^\s*<svg\b[^>]*\bxmlns=/i.test(html)
    ? html
    : html.replace(/<svg\b/i, '<svg xmlns="http://www.w3.org/2000/svg"');
  const title = wordsOf(/<title>([\s\S]*?)<\/title>/i.exec(html)?.[1] ?? '');
  const shown = { 'image/svg+xml': svg, 'text/plain': title || 'an SVG picture' };
  try {
    // Untrusted notebooks show no SVG.
    return { ...shown, 'image/png': (await rasterize(svg, 2)).toString('base64') };
  } catch {
    return shown; // A browser may still draw what resvg does not understand.
  }
}

function wordsOf(html: string): string {
  return html
    .replace(/<(style|script)\b[\s\S]*?<\/\1\s*>/gi, '')
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim();
}

function vegaBundle(spec: unknown): MimeBundle | undefined {
  const { $schema, title, description } = (spec ?? {}) as Record<string, unknown>;
  const found = typeof $schema === 'string' && /\/vega(-lite)?\/v(\d+)/.exec($schema);
  if (!found) return undefined;
  const type = `application/vnd.vega${found[1] ? 'lite' : ''}.v${found[2]}+json`;
  const name = typeof title === 'string' ? title : typeof description === 'string' ? description : '';
  // Through JSON, because a chart may hold typed arrays, dates and methods.
  return { [type]: JSON.parse(JSON.stringify(spec)), 'text/plain': `Vega chart${name ? `: ${name}` : ''}` };
}
