/** Plotly figures to SVG and PNG inside this process, without a browser: plotly.js in happy-dom, pixels by resvg. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type CanvasSize, PixelContext } from './canvas.js';
import { fontCovers, fontFiles } from './font.js';
import { boundingBox, type Measured } from './measure.js';

/** A figure as plotly takes it. */
export interface PlotlyFigure {
  data: readonly Record<string, unknown>[];
  layout: Record<string, unknown>;
}

interface PlotlyLibrary {
  newPlot(div: unknown, data: unknown, layout: unknown, config: unknown): Promise<unknown>;
  purge(div: unknown): void;
  Snapshot: { toSVG(div: unknown, format: 'svg'): string };
}

interface Page {
  plotly: PlotlyLibrary;
  // biome-ignore lint/suspicious/noExplicitAny: happy-dom's window, whose types need the DOM library
  window: any;
}

const require = createRequire(import.meta.url);
const webgl =
  /3d$|gl$|^(surface|cone|volume|isosurface|streamtube)$|mapbox|maplibre|^(scatter|choropleth|density)map$/;

/** Whether a figure needs WebGL or map tiles, hence a browser. */
export function needsBrowser(figure: PlotlyFigure): boolean {
  return figure.data.some((t) => webgl.test(String(t['type'] ?? '')));
}

let page: Promise<Page> | undefined;
let turn: Promise<unknown> = Promise.resolve();

/** Draws a 2-D figure as SVG text. The same figure gives the same text. One figure at a time. */
export function renderSVG(figure: PlotlyFigure): Promise<string> {
  const result = turn.then(() => draw(figure));
  turn = result.catch(() => undefined);
  return result;
}

async function draw(figure: PlotlyFigure): Promise<string> {
  page ??= loadPage();
  const { plotly, window } = await page;
  const div = window.document.createElement('div');
  window.document.body.appendChild(div);
  try {
    // Plotly writes defaults into what it is given.
    const copy = structuredClone({ data: figure.data, layout: figure.layout });
    for (const [i, trace] of copy.data.entries()) trace['uid'] ??= `t${i}`;
    await plotly.newPlot(div, copy.data, copy.layout, { staticPlot: true });
    return repeatable(plotly.Snapshot.toSVG(div, 'svg'), figure);
  } finally {
    plotly.purge(div);
    div.remove();
    // happy-dom forgets the queries it has answered when a child of the document itself changes.
    const mark = window.document.createComment('');
    window.document.appendChild(mark);
    mark.remove();
    // Weak references are let go between turns of the event loop only: without one, a loop of drawings keeps every document.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Replaces plotly's random id by one of the content, so that equal figures give equal files. */
function repeatable(svg: string, figure: PlotlyFigure): string {
  const id = /<defs id="defs-([0-9a-f]+)"/.exec(svg)?.[1];
  if (!id) return svg;
  const hash = createHash('sha256').update(JSON.stringify(figure)).digest('hex').slice(0, 6);
  return svg.replaceAll(id, hash);
}

/** Browser names plotly.js reads as globals; it gets them as arguments, so that ours stay clean. */
const borrowed = [
  'DOMParser',
  'XMLSerializer',
  'HTMLElement',
  'HTMLCanvasElement',
  'SVGElement',
  'Element',
  'Node',
  'Image',
  'Event',
  'MouseEvent',
  'CustomEvent',
  'MutationObserver',
  'ResizeObserver',
  'getComputedStyle',
  'matchMedia',
  'requestAnimationFrame',
  'cancelAnimationFrame',
  'location',
] as const;

async function loadPage(): Promise<Page> {
  const { Window } = await import('happy-dom');
  // biome-ignore lint/suspicious/noExplicitAny: see Page
  const window: any = new Window({ width: 1280, height: 960, url: 'http://localhost/' });
  window.URL.createObjectURL ??= () => 'blob:none';
  mendMeasures(window);
  mendCanvas(window);
  const code = readFileSync(require.resolve('plotly.js-dist/plotly.js'), 'utf8');
  const module = { exports: {} as PlotlyLibrary };
  const run = new Function('window', 'self', 'document', 'navigator', 'module', ...borrowed, code);
  const globals = borrowed.map((name) =>
    typeof window[name] === 'function' && /^[a-z]/.test(name) ? window[name].bind(window) : window[name],
  );
  run.call(window, window, window, window.document, window.navigator, module, ...globals);
  return { plotly: module.exports, window };
}

/** Gives happy-dom's elements sizes: it lays nothing out and answers zero. */
// biome-ignore lint/suspicious/noExplicitAny: see Page
function mendMeasures(window: any): void {
  const rectangle = (element: Measured): unknown => {
    const b = boundingBox(element);
    return { ...b, left: b.x, top: b.y, right: b.x + b.width, bottom: b.y + b.height };
  };
  const prototype = window.Element.prototype;
  prototype.getBoundingClientRect = function (this: Measured): unknown {
    return rectangle(this);
  };
  window.SVGElement.prototype.getBBox = function (this: Measured): unknown {
    return rectangle(this);
  };
  window.SVGElement.prototype.getComputedTextLength = function (this: Measured): number {
    return boundingBox(this).width;
  };
}

/** Gives happy-dom's canvas the pixels heatmaps are drawn with. */
// biome-ignore lint/suspicious/noExplicitAny: see Page
function mendCanvas(window: any): void {
  const contexts = new WeakMap<CanvasSize, PixelContext>();
  const of = (canvas: CanvasSize): PixelContext => {
    if (!contexts.has(canvas)) contexts.set(canvas, new PixelContext(canvas));
    return contexts.get(canvas)!;
  };
  const prototype = window.HTMLCanvasElement.prototype;
  prototype.getContext = function (this: CanvasSize, kind: string): PixelContext | null {
    return kind === '2d' ? of(this) : null;
  };
  prototype.toDataURL = function (this: CanvasSize): string {
    return of(this).toDataURL();
  };
}

/** Pixels of an SVG as PNG. @param scale pixels per SVG unit */
export async function rasterize(svg: string, scale: number): Promise<Buffer> {
  const { Resvg } = await import('@resvg/resvg-js');
  const text = [...svg.matchAll(/>([^<]+)</g)].map((m) => unescapeXml(m[1]!)).join('');
  const drawing = new Resvg(svg, {
    fitTo: { mode: 'zoom', value: scale },
    font: {
      fontFiles: fontFiles(),
      defaultFontFamily: 'Inter',
      sansSerifFamily: 'Inter',
      loadSystemFonts: !fontCovers(text),
    },
  });
  return drawing.render().asPng();
}

function unescapeXml(text: string): string {
  return text
    .replace(/&#(x?)([0-9a-f]+);/gi, (_, x, n) => String.fromCodePoint(Number.parseInt(n, x ? 16 : 10)))
    .replace(/&lt;/g, '<')
    .replace(/&gt;/g, '>')
    .replace(/&amp;/g, '&');
}
