/** What travels beside a bundle: the size of pictures that have more than one pixel per px. */
import type { MimeBundle } from './wire.js';

/** Metadata of a bundle, in the form front ends know: `{ 'image/png': { width, height } }`, px. */
export function metadataOf(data: MimeBundle): Record<string, unknown> {
  const size = typeof data['image/png'] === 'string' && sizeOf(data, data['image/png']);
  return size ? { 'image/png': size } : {};
}

function sizeOf(data: MimeBundle, png: string): { width: number; height: number } | undefined {
  const figure = data['application/vnd.plotly.v1+json'] as
    | { layout?: { width?: unknown; height?: unknown } }
    | undefined;
  const { width, height } = figure?.layout ?? {};
  if (typeof width === 'number' && typeof height === 'number') return { width, height };
  if (!('image/svg+xml' in data)) return undefined;
  // The picture of an SVG is drawn at two pixels per px (display-foreign.ts); its size stands at byte 16.
  const header = Buffer.from(png.slice(0, 32), 'base64');
  return { width: header.readUInt32BE(16) / 2, height: header.readUInt32BE(20) / 2 };
}
