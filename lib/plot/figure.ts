/** A figure: plotly traces on axes in the house style, shown, saved and exported. */
import { extname } from 'node:path';
import { checkOptionNames, invalid, unknownChoice } from '../errors.js';
import { writeWhole } from '../io/write-whole.js';
import { Live } from '../live.js';
import { withPage } from './browser-page.js';
import { fontFaceCss, htmlPage, imageTag, type Library, libraryScript, place, scriptJson } from './page.js';
import { needsBrowser, type PlotlyFigure, rasterize, renderSVG } from './render.js';
import { checkFigureOptions, type FigureOptions, houseLayout, isLog, palette } from './style.js';
import { type Trace, thinned } from './traces.js';
import { dotted, undrawn, undrawnNote } from './undrawn.js';

/** Traces as `figure` takes them: what `line`, `scatter` … give, nested as it comes. */
export type Traces = Trace | readonly Traces[];

/**
 * Puts traces on axes.
 * @example
 * const fig = figure([line(t, e, { name: 'energy' }), level(0, [0, 10])], { title: 'NVE', x: 'time (ps)', y: 'energy (eV)' });
 * await fig.save('nve.png');
 */
export function figure(traces: Traces, options: FigureOptions = {}): Figure {
  return new Figure(([traces] as unknown[]).flat(8) as Trace[], options);
}

/** Traces that the small plotly draws. */
const flat = new Set(
  'bar box contour heatmap histogram histogram2d histogram2dcontour image pie scatter violin'.split(' '),
);

/** What a figure may be saved as. */
const figureFormats: readonly string[] = ['.png', '.svg', '.html', '.pdf'];

/** A figure made by `figure`. `data` and `layout` are plotly's. */
export class Figure implements PlotlyFigure {
  readonly data: readonly Trace[];
  readonly layout: Record<string, unknown>;
  readonly title: string;
  /** As given. */
  readonly options: FigureOptions;

  /** @throws EINVALID when there is nothing to draw */
  constructor(traces: readonly Trace[], options: FigureOptions = {}) {
    checkFigureOptions(options);
    if (traces.length === 0) invalid('figure.traces', 'must hold at least one trace', traces);
    const odd = traces.find((t) => typeof t !== 'object' || t === null);
    if (odd !== undefined) invalid('figure.traces', 'must be what line, scatter, bars … give', odd);
    this.options = options;
    this.data = colored(traces).map(dotted);
    const shown = this.data.filter((t) => t['name'] && t['showlegend'] !== false).length;
    this.layout = houseLayout(
      options,
      { x: numbers(this.data, 'x'), y: numbers(this.data, 'y') },
      shown > 0 && (shown > 1 || options.legend !== undefined),
    );
    if (this.data.some((t) => (t['meta'] as Trace | undefined)?.['role'] === 'histogram')) {
      this.layout['bargap'] = 0;
      if (!options.bars) this.layout['barmode'] = 'overlay';
    }
    this.title = options.title ?? '';
    const left = undrawn(this.data, { x: isLog(options.x), y: isLog(options.y) });
    if (left) (this.layout['annotations'] as unknown[]).push(undrawnNote(left));
  }

  get width(): number {
    return Number(this.layout['width']);
  }
  get height(): number {
    return Number(this.layout['height']);
  }

  /** What plotly reads: data with at most seven digits, and layout. */
  toJSON(): { data: unknown; layout: unknown } {
    return { data: shortened(this.data), layout: this.layout };
  }

  /** SVG text. WebGL traces need Chromium. */
  async toSVG(): Promise<string> {
    if (!needsBrowser(this)) return renderSVG(this);
    const uri = await this.inBrowser('svg', 1);
    return decodeURIComponent(uri.slice(uri.indexOf(',') + 1));
  }

  /** PNG bytes. @param options scale: pixels per figure px, default 2 */
  async toPNG(options: { scale?: number } = {}): Promise<Buffer> {
    checkOptionNames<typeof options>('figure.toPNG', options, { scale: true });
    const scale = options.scale ?? 2;
    if (!(scale > 0 && scale <= 10)) invalid('figure.toPNG.scale', 'must be within 0..10', scale);
    if (!needsBrowser(this)) return rasterize(await this.toSVG(), scale);
    const uri = await this.inBrowser('png', scale);
    return Buffer.from(uri.slice(uri.indexOf(',') + 1), 'base64');
  }

  /** PDF bytes, one page of the figure's size. @throws ENOTFOUND without Chromium */
  async toPDF(): Promise<Buffer> {
    const svg = await this.toSVG();
    const { width, height } = this;
    const html = htmlPage(this.title, svg, `${fontFaceCss()}svg{display:block}@page{margin:0}`);
    return withPage('figure.save(.pdf)', { width, height }, async (page) => {
      await page.setContent(html);
      await page.evaluate('document.fonts.ready');
      return page.pdf({ width: `${width}px`, height: `${height}px`, printBackground: true, pageRanges: '1' });
    });
  }

  /** A page that shows the figure offline: the picture at once, interactive when its script has run. */
  async toHTML(): Promise<string> {
    return htmlPage(this.title || 'figure', await this.toFragment(true));
  }

  /** HTML for inside another page. @param withLibrary false where the page already carries `this.library` */
  async toFragment(withLibrary: boolean): Promise<string> {
    const img = imageTag(await this.still(), this.title || 'figure', this.width, this.height);
    return `${withLibrary ? libraryScript(this.library) : ''}${place('figure', img, this, this.library)}`;
  }

  /** What stands for the figure until scripts run: its picture, or words where no browser is here to draw that. */
  private async still(): Promise<Buffer> {
    try {
      return await this.toPNG();
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'ENOTFOUND') throw error;
    }
    const text = 'drawn where scripts run<br>(no Chromium was there to make a picture)';
    const none = { visible: false };
    const words = { text, showarrow: false, x: 0.5, y: 0.5, xref: 'paper', yref: 'paper' };
    const annotations = [...(this.layout['annotations'] as unknown[]), words];
    const layout = { ...this.layout, annotations, xaxis: none, yaxis: none };
    return rasterize(await renderSVG({ data: [], layout }), 2);
  }

  /** The smallest plotly that can draw this figure. */
  get library(): Library {
    return this.data.every((t) => flat.has(String(t['type'] ?? 'scatter'))) ? 'plotly-cartesian' : 'plotly';
  }

  /** The same figure, shown in a notebook with zoom and pointer read-out (about 0.6 MB once per notebook). */
  interactive(): InteractiveFigure {
    return new InteractiveFigure(this);
  }

  /**
   * Shows the figure here and now, to be redrawn as a simulation runs: at most twice a second, in one output.
   * @example
   * const live = figure(line([], []), { x: 'time (ps)', y: 'temperature (K)' }).live();
   * for await (const frame of run) live.append(frame.time / 1000, frame.temperature[0]!);
   */
  live(): LiveFigure {
    return new LiveFigure(this);
  }

  /** Writes .png, .svg, .html or .pdf by the name's ending, and gives the name back. @param options scale: of a PNG */
  async save(file: string, options: { scale?: number } = {}): Promise<string> {
    checkOptionNames<typeof options>('figure.save', options, { scale: true });
    const format = extname(file).toLowerCase();
    if (!figureFormats.includes(format)) unknownChoice('figure.save format', format || file, figureFormats);
    if (format === '.png') writeWhole(file, [await this.toPNG(options)]);
    else if (format === '.svg') writeWhole(file, [await this.toSVG()]);
    else if (format === '.pdf') writeWhole(file, [await this.toPDF()]);
    else writeWhole(file, [await this.toHTML()]);
    return file;
  }

  private inBrowser(format: 'png' | 'svg', scale: number): Promise<string> {
    const { width, height } = this;
    return withPage('figure with WebGL', { width, height }, async (page) => {
      await page.setContent(htmlPage('', `${libraryScript('plotly')}<div id="f"></div>`));
      const call = `mdlabClient.load("plotly").then(P => P.toImage(${scriptJson(this)}, ${scriptJson({ format, width, height, scale })}))`;
      return String(await page.evaluate(call));
    });
  }
}

/** Marks a figure to be shown interactively. */
export class InteractiveFigure {
  readonly figure: Figure;
  constructor(figure: Figure) {
    this.figure = figure;
  }
}

/** Least time between two drawings of a live figure, ms. */
const liveInterval = 500;

/** All points of a growing line; what is drawn of a long one is thinned as `line` does it. */
interface Points {
  x: number[];
  y: number[];
}

/**
 * Made by `figure(…).live()`, which shows it in the cell that calls it. It is drawn while the cell awaits something, such
 * as the next frame of a simulation; the last state is drawn always, and is what a notebook saves.
 */
export class LiveFigure extends Live {
  private now: Figure;
  private readonly options: FigureOptions;
  private grown: Points[] | undefined;

  /** Use `figure(…).live()`. */
  constructor(figure: Figure) {
    super(liveInterval);
    this.now = figure;
    this.options = { ...figure.options };
    this.changed();
  }

  /** The figure as it is now: to save, or to show elsewhere. */
  get figure(): Figure {
    this.redraw();
    return this.now;
  }

  override content(): Figure {
    return this.figure;
  }

  /**
   * Draws other traces on the same axes. @param options changes of the figure's options, e.g. its title
   * @throws EINVALID when there is nothing to draw
   */
  update(traces: Traces, options: FigureOptions = {}): void {
    checkFigureOptions(options);
    Object.assign(this.options, options);
    this.now = new Figure([traces].flat(8) as Trace[], this.options);
    this.grown = undefined;
    this.changed();
  }

  /**
   * Adds one point to every trace, in their order.
   * @example for await (const frame of run) live.append(frame.time / 1000, frame.temperature[0]!);
   * @throws EINVALID when there are not as many values as traces
   */
  append(x: number, ...ys: number[]): void {
    const { data } = this.now;
    if (ys.length !== data.length) {
      const names = data.map((t, i) => t['name'] ?? `trace ${i + 1}`).join(', ');
      invalid('live.append', `needs one y for each of ${data.length} traces (${names})`, ys.length);
    }
    this.grown ??= data.map((t) => ({
      x: Array.from((t['x'] ?? []) as number[]),
      y: Array.from((t['y'] ?? []) as number[]),
    }));
    for (const [i, line] of this.grown.entries()) {
      line.x.push(x);
      line.y.push(ys[i]!);
    }
    this.changed();
  }

  /** Puts what was appended into the figure. */
  private redraw(): void {
    const { grown } = this;
    if (!grown) return;
    const traces = this.now.data.map((t, i) => {
      const { x, y } = grown[i]!;
      const few = thinned(x, y);
      return { ...t, x: few ? few.map((k) => x[k]) : [...x], y: few ? few.map((k) => y[k]) : [...y] };
    });
    this.now = new Figure(traces, this.options);
  }
}

/** Gives every trace its colour of the palette, bands that of the line they belong to. */
function colored(traces: readonly Trace[]): Trace[] {
  let next = 0;
  const out = traces.map((t) => ({ ...t }));
  const isBand = (t: Trace): boolean => (t['meta'] as Trace | undefined)?.['role'] === 'band';
  for (const [i, t] of out.entries()) {
    if (isBand(t)) continue;
    const kind = t['type'] ?? 'scatter';
    if (kind !== 'scatter' && kind !== 'bar' && kind !== 'scattergl') continue;
    const marker = { ...((t['marker'] as Trace) ?? {}) };
    const stroke = { ...((t['line'] as Trace) ?? {}) };
    const color = stroke['color'] ?? marker['color'] ?? palette[next++ % palette.length]!;
    if (kind !== 'bar') t['line'] = { ...stroke, color };
    t['marker'] = { color, ...marker };
    for (let b = i - 1; b >= 0 && b >= i - 2 && isBand(out[b]!); b--) {
      if (out[b]!['fill']) out[b]!['fillcolor'] = faint(String(color));
    }
  }
  return out;
}

/** A colour at 20 % opacity. */
function faint(color: string): string {
  const n = /^#([0-9a-f]{6})$/i.exec(color);
  if (!n) return 'rgba(128,128,128,0.2)';
  const v = Number.parseInt(n[1]!, 16);
  return `rgba(${v >> 16},${(v >> 8) & 255},${v & 255},0.2)`;
}

function* numbers(traces: readonly Trace[], axis: 'x' | 'y'): Generator<number> {
  for (const t of traces) {
    const values = t[axis];
    if (Array.isArray(values) || ArrayBuffer.isView(values)) {
      for (const v of values as unknown as Iterable<unknown>) if (typeof v === 'number') yield v;
    }
  }
}

/** Numbers rounded to seven digits, typed arrays as plain ones; the rest as it is. */
function shortened(value: unknown): unknown {
  if (typeof value === 'number') return Number.isInteger(value) ? value : Number(value.toPrecision(7));
  if (ArrayBuffer.isView(value)) return Array.from(value as unknown as ArrayLike<number>, shortened);
  if (Array.isArray(value)) return value.map(shortened);
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, shortened(v)]));
  }
  return value;
}
