/**
 * Bounding boxes of SVG text for a DOM that has no layout engine: enough for plotly to size legends, margins and
 * titles. Sizes come from the font's own advance widths (font.ts).
 */
import { type Face, textWidth } from './font.js';

/** The parts of a DOM element that measuring needs. */
export interface Measured {
  tagName: string;
  textContent: string | null;
  parentElement: Measured | null;
  childNodes: Iterable<{ nodeType: number; textContent: string | null }>;
  children: Iterable<Measured>;
  getAttribute(name: string): string | null;
}

interface Extent {
  x0: number;
  y0: number;
  x1: number;
  y1: number;
}

const empty: Extent = {
  x0: Number.POSITIVE_INFINITY,
  y0: Number.POSITIVE_INFINITY,
  x1: Number.NEGATIVE_INFINITY,
  y1: Number.NEGATIVE_INFINITY,
};
const union = (a: Extent, b: Extent): Extent => ({
  x0: Math.min(a.x0, b.x0),
  y0: Math.min(a.y0, b.y0),
  x1: Math.max(a.x1, b.x1),
  y1: Math.max(a.y1, b.y1),
});

/** Box of an element in its own coordinates, px. */
export function boundingBox(element: Measured): {
  x: number;
  y: number;
  width: number;
  height: number;
} {
  const e = extent(element);
  if (!(e.x1 >= e.x0)) return { x: 0, y: 0, width: 0, height: 0 };
  return { x: e.x0, y: e.y0, width: e.x1 - e.x0, height: e.y1 - e.y0 };
}

function extent(element: Measured): Extent {
  const tag = element.tagName.toLowerCase();
  if (tag === 'text') return textExtent(element);
  if (tag === 'rect') {
    const [x, y, w, h] = ['x', 'y', 'width', 'height'].map((k) => Number(element.getAttribute(k) ?? 0));
    return { x0: x!, y0: y!, x1: x! + w!, y1: y! + h! };
  }
  let all = empty;
  for (const child of element.children)
    all = union(all, moved(extent(child), child.getAttribute('transform')));
  return all;
}

/** Applies translate(...) and rotate(...) of a transform attribute to a box. */
function moved(e: Extent, transform: string | null): Extent {
  if (!transform || !(e.x1 >= e.x0)) return e;
  let corners: [number, number][] = [
    [e.x0, e.y0],
    [e.x1, e.y0],
    [e.x0, e.y1],
    [e.x1, e.y1],
  ];
  for (const m of [...transform.matchAll(/(translate|rotate)\(([^)]*)\)/g)].reverse()) {
    const [a = 0, b = 0, c = 0] = m[2]!.split(/[\s,]+/).map(Number);
    corners = corners.map(([x, y]) => (m[1] === 'translate' ? [x + a, y + b] : rotated(x, y, a, b, c)));
  }
  return corners.reduce((all, [x, y]) => union(all, { x0: x, y0: y, x1: x, y1: y }), empty);
}

function rotated(x: number, y: number, degrees: number, cx: number, cy: number): [number, number] {
  const t = (degrees * Math.PI) / 180;
  const [dx, dy] = [x - cx, y - cy];
  return [cx + dx * Math.cos(t) - dy * Math.sin(t), cy + dx * Math.sin(t) + dy * Math.cos(t)];
}

/** A style property from the element or the nearest ancestor that sets it. */
function inherited(element: Measured | null, property: string): string | undefined {
  for (let e = element; e; e = e.parentElement) {
    const style = e.getAttribute('style') ?? '';
    const match = new RegExp(`(?:^|;)\\s*${property}\\s*:\\s*([^;]+)`).exec(style);
    const value = match?.[1] ?? e.getAttribute(property);
    if (value) return value.trim();
  }
  return undefined;
}

function textExtent(text: Measured): Extent {
  const size = Number.parseFloat(inherited(text, 'font-size') ?? '12');
  const lines = [...text.children].filter((c) => c.getAttribute('class')?.includes('line'));
  const widths = lines.length ? lines.map((l) => lineWidth(l, size)) : [lineWidth(text, size)];
  const width = Math.max(...widths);
  if (width === 0) return empty;
  const x = Number(text.getAttribute('x') ?? 0);
  const y = Number(text.getAttribute('y') ?? 0);
  const anchor = inherited(text, 'text-anchor');
  const x0 = anchor === 'middle' ? x - width / 2 : anchor === 'end' ? x - width : x;
  const y0 = y - 0.97 * size;
  return { x0, y0, x1: x0 + width, y1: y0 + size * (1.21 + 1.3 * (widths.length - 1)) };
}

/** Width of a run of text and its nested spans, each with its own size and weight, px. */
function lineWidth(element: Measured, size: number): number {
  let sum = 0;
  const face = faceOf(element);
  const kids = [...element.children];
  for (const node of element.childNodes) {
    if (node.nodeType === 3) sum += size * textWidth(visible(node.textContent ?? ''), face);
    else {
      const kid = kids.shift();
      if (kid) sum += lineWidth(kid, kidSize(kid, size));
    }
  }
  return sum;
}

const visible = (text: string): string => text.replace(/\u200b/g, '');

function kidSize(kid: Measured, size: number): number {
  const own = /font-size\s*:\s*([\d.]+)(px|%|em)/.exec(kid.getAttribute('style') ?? '');
  if (!own) return size;
  const value = Number(own[1]);
  return own[2] === 'px' ? value : own[2] === '%' ? (value / 100) * size : value * size;
}

function faceOf(element: Measured): Face {
  const weight = inherited(element, 'font-weight') ?? '400';
  if (weight === 'bold' || Number(weight) >= 600) return 'semibold';
  return inherited(element, 'font-style') === 'italic' ? 'italic' : 'regular';
}
