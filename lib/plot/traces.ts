/** Building blocks of figures. Each function gives plotly traces; `figure` puts them on axes. */
import { checkOptionNames, invalid } from '../errors.js';
import { palette } from './style.js';

/** One plotly trace: `type`, `x`, `y` and what else plotly knows. */
export type Trace = Record<string, unknown>;
/** Numbers along an axis; for bars also names. */
export type Values = ArrayLike<number>;

export interface LineOptions {
  /** Shown in the legend. */
  name?: string;
  color?: string;
  /** px; default 2. */
  width?: number;
  dash?: 'solid' | 'dot' | 'dash' | 'dashdot';
  /** Draws a marker at each point. */
  markers?: boolean;
  /** Half-lengths of error bars, in y's unit: one number each, or [below, above]. */
  error?: Values | readonly [Values, Values];
  /** A shaded band between two curves over the same x. */
  band?: { low: Values; high: Values };
}

/** Longest line drawn point by point; longer ones keep the extremes of equal stretches. */
const longest = 4000;

/**
 * A line through points. Series longer than 4000 points are drawn by the least and greatest point of equal
 * stretches, which looks the same and keeps files small.
 * @example figure(line(times, energies, { name: 'total' }), { x: 'time (ps)', y: 'energy (eV)' })
 * @throws EINVALID when the lengths differ
 */
export function line(x: Values, y: Values, options: LineOptions = {}): Trace[] {
  checkOptionNames<LineOptions>('line', options, {
    name: true,
    color: true,
    width: true,
    dash: true,
    markers: true,
    error: true,
    band: true,
  });
  sameLength('line', x, y);
  const few = thinned(x, y);
  const color = options.color;
  const main: Trace = {
    type: 'scatter',
    mode: options.markers ? 'lines+markers' : 'lines',
    x: plain(x, few),
    y: plain(y, few),
    line: {
      width: options.width ?? 2,
      ...(color ? { color } : {}),
      ...(options.dash ? { dash: options.dash } : {}),
    },
    ...named(options.name),
    ...(options.markers ? { marker: { size: 7, ...(color ? { color } : {}) } } : {}),
    ...(options.error ? { error_y: errorBars(options.error, y.length, few) } : {}),
  };
  if (!options.band) return [main];
  sameLength('line band', options.band.low, options.band.high);
  sameLength('line band', x, options.band.low);
  return [...bandTraces(x, options.band, few), main];
}

/** Two invisible edges with the space between them filled; `figure` gives the fill its line's colour. */
function bandTraces(x: Values, band: { low: Values; high: Values }, few?: number[]): Trace[] {
  const edge = {
    type: 'scatter',
    mode: 'lines',
    x: plain(x, few),
    line: { width: 0 },
    hoverinfo: 'skip',
    showlegend: false,
  };
  return [
    { ...edge, y: plain(band.low, few), meta: { role: 'band' } },
    { ...edge, y: plain(band.high, few), fill: 'tonexty', meta: { role: 'band' } },
  ];
}

export interface ScatterOptions {
  name?: string;
  color?: string;
  /** One number per point, shown as colour with a scale beside the plot. */
  colorBy?: Values;
  /** Words beside the colour scale. */
  colorLabel?: string;
  /** px; default 7. */
  size?: number;
  symbol?: string;
  opacity?: number;
  error?: Values | readonly [Values, Values];
  /** Words shown when the pointer is on a point. */
  text?: readonly string[];
}

/** Points. @throws EINVALID when the lengths differ */
export function scatter(x: Values, y: Values, options: ScatterOptions = {}): Trace[] {
  checkOptionNames<ScatterOptions>('scatter', options, {
    ...{ name: true, color: true, colorBy: true, colorLabel: true },
    ...{ size: true, symbol: true, opacity: true, error: true, text: true },
  });
  sameLength('scatter', x, y);
  return [
    {
      type: 'scatter',
      mode: 'markers',
      x: plain(x),
      y: plain(y),
      ...named(options.name),
      marker: {
        size: options.size ?? 7,
        opacity: options.opacity ?? 0.85,
        ...(options.color ? { color: options.color } : {}),
        ...(options.symbol ? { symbol: options.symbol } : {}),
        ...(options.colorBy ? colorScale(options.colorBy, options.colorLabel) : {}),
      },
      ...(options.text ? { text: [...options.text], hoverinfo: 'text+x+y' } : {}),
      ...(options.error ? { error_y: errorBars(options.error, y.length) } : {}),
    },
  ];
}

/** A paper's published points: open diamonds in black, never to be taken for ours. */
export function reference(
  x: Values | readonly string[],
  y: Values,
  options: { name: string; size?: number },
): Trace[] {
  checkOptionNames<typeof options>('reference', options, { name: true, size: true });
  sameLength('reference', x, y);
  return [
    {
      type: 'scatter',
      mode: 'markers',
      x: Array.from(x as ArrayLike<number | string>),
      y: plain(y),
      ...named(options.name),
      marker: { symbol: 'diamond-open', size: options.size ?? 12, color: '#000000', line: { width: 2 } },
    },
  ];
}

export interface BarOptions {
  name?: string;
  color?: string;
  error?: Values | readonly [Values, Values];
  /** Writes each value at its bar. */
  labels?: readonly string[];
  horizontal?: boolean;
}

/** Bars over names or numbers. @throws EINVALID when the lengths differ */
export function bars(x: readonly string[] | Values, heights: Values, options: BarOptions = {}): Trace[] {
  checkOptionNames<BarOptions>('bars', options, {
    name: true,
    color: true,
    error: true,
    labels: true,
    horizontal: true,
  });
  sameLength('bars', x, heights);
  const [along, up] = options.horizontal ? ['y', 'x'] : ['x', 'y'];
  return [
    {
      type: 'bar',
      [along!]: Array.from(x as ArrayLike<number | string>),
      [up!]: plain(heights),
      ...(options.horizontal ? { orientation: 'h' } : {}),
      ...named(options.name),
      ...(options.color ? { marker: { color: options.color } } : {}),
      ...(options.error ? { [`error_${up}`]: errorBars(options.error, heights.length) } : {}),
      ...(options.labels ? { text: [...options.labels], textposition: 'outside', cliponaxis: false } : {}),
    },
  ];
}

export interface HistogramOptions {
  name?: string;
  color?: string;
  /** Number of bins; default by Freedman and Diaconis, Z. Wahrscheinlichkeitstheorie 1981, 57, 453 (at most 200). */
  bins?: number;
  /** Ends of the first and last bin; default the data's. */
  range?: readonly [number, number];
  /** 'count' (default) or 'density' (area one). */
  scale?: 'count' | 'density';
}

/** How often values occur. Values that are not finite or outside `range` are left out. @throws EINVALID on no values */
export function histogram(values: Values, options: HistogramOptions = {}): Trace[] {
  checkOptionNames<HistogramOptions>('histogram', options, {
    name: true,
    color: true,
    bins: true,
    range: true,
    scale: true,
  });
  const { centers, heights, width } = binned(values, options);
  return [
    {
      type: 'bar',
      x: centers,
      y: heights,
      width: centers.map(() => width),
      ...named(options.name),
      marker: {
        ...(options.color ? { color: options.color } : {}),
        opacity: 0.8,
        line: { width: centers.length > 80 ? 0 : 1, color: '#FFFFFF' },
      },
      meta: { role: 'histogram' },
    },
  ];
}

/** Bins of a histogram: centres, heights and their common width, in the values' unit. */
export function binned(
  values: Values,
  options: HistogramOptions = {},
): { centers: number[]; heights: number[]; width: number } {
  const given = options.range;
  const kept = Float64Array.from(values)
    .filter((v) => Number.isFinite(v) && (!given || (v >= given[0] && v <= given[1])))
    .sort();
  const n = kept.length;
  if (n === 0) invalid('histogram.values', 'must hold a finite number within range', values);
  if (given && !(given[1] > given[0])) invalid('histogram.range', 'must rise', given);
  let [low, high] = given ?? [kept[0]!, kept[n - 1]!];
  if (low === high) [low, high] = [low - 0.5, high + 0.5];
  const iqr = kept[Math.floor(0.75 * (n - 1))]! - kept[Math.floor(0.25 * (n - 1))]!;
  const ideal = iqr > 0 ? ((high - low) * Math.cbrt(n)) / (2 * iqr) : Math.sqrt(n);
  const bins = options.bins ?? Math.max(1, Math.min(200, Math.ceil(ideal)));
  if (!(Number.isInteger(bins) && bins > 0))
    invalid('histogram.bins', 'must be a positive whole number', bins);
  const width = (high - low) / bins;
  const heights = new Array<number>(bins).fill(0);
  const weight = options.scale === 'density' ? 1 / (n * width) : 1;
  for (const v of kept) heights[Math.min(bins - 1, Math.floor((v - low) / width))]! += weight;
  return { centers: heights.map((_, i) => low + (i + 0.5) * width), heights, width };
}

export interface HeatmapOptions {
  x?: Values | readonly string[];
  y?: Values | readonly string[];
  /** Words beside the colour scale, with unit. */
  label?: string;
  /** 'sequential' (default, viridis) or 'diverging' (around zero). */
  scale?: 'sequential' | 'diverging';
  range?: readonly [number, number];
}

/** A matrix as colours. @param z rows from bottom to top @throws EINVALID when rows differ in length */
export function heatmap(z: readonly Values[], options: HeatmapOptions = {}): Trace[] {
  checkOptionNames<HeatmapOptions>('heatmap', options, {
    x: true,
    y: true,
    label: true,
    scale: true,
    range: true,
  });
  for (const row of z) {
    if (row.length !== z[0]!.length)
      invalid('heatmap.z', `rows must all have ${z[0]!.length} values`, row.length);
  }
  const limits = options.range ?? (options.scale === 'diverging' ? symmetric(z) : undefined);
  return [
    {
      type: 'heatmap',
      z: z.map((row) => plain(row)),
      ...(options.x ? { x: Array.from(options.x as ArrayLike<number | string>) } : {}),
      ...(options.y ? { y: Array.from(options.y as ArrayLike<number | string>) } : {}),
      colorscale: options.scale === 'diverging' ? diverging : 'Viridis',
      ...(limits ? { zmin: limits[0], zmax: limits[1] } : {}),
      colorbar: barOf(options.label),
    },
  ];
}

/** A horizontal line across the plot at one value, e.g. a target temperature. */
export function level(y: number, x: readonly [number, number], options: LineOptions = {}): Trace[] {
  return line(x, [y, y], { dash: 'dash', color: palette[6]!, width: 1.5, ...options });
}

// Crameri's idea of a balanced map: blue and red of equal lightness around near-white.
const diverging = [
  [0, '#0B4F8A'],
  [0.25, '#6BAED6'],
  [0.5, '#F7F7F7'],
  [0.75, '#F4A582'],
  [1, '#B2182B'],
];

function symmetric(z: readonly Values[]): [number, number] {
  let top = 0;
  for (const row of z)
    for (const v of Array.from(row)) if (Number.isFinite(v)) top = Math.max(top, Math.abs(v));
  return [-top, top];
}

function colorScale(values: Values, label: string | undefined): Trace {
  return { color: plain(values), colorscale: 'Viridis', showscale: true, colorbar: barOf(label) };
}

function barOf(label: string | undefined): Trace {
  return {
    thickness: 14,
    outlinewidth: 0,
    exponentformat: 'power',
    separatethousands: true,
    ...(label ? { title: { text: label, side: 'right' } } : {}),
  };
}

function errorBars(error: Values | readonly [Values, Values], n: number, few?: number[]): Trace {
  const pair = Array.isArray(error) && error.length === 2 && typeof error[0] === 'object';
  const [below, above] = (pair ? error : [undefined, error]) as [Values | undefined, Values];
  if (above.length !== n) invalid('error', `must have ${n} values`, above.length);
  if (below && below.length !== n) invalid('error', `must have ${n} values`, below.length);
  return {
    type: 'data',
    array: plain(above, few),
    ...(below ? { symmetric: false, arrayminus: plain(below, few) } : {}),
    thickness: 1.3,
    width: 4,
  };
}

const named = (name: string | undefined): Trace => (name ? { name } : {});

function sameLength(what: string, a: ArrayLike<unknown>, b: ArrayLike<unknown>): void {
  if (a.length !== b.length) invalid(what, `x and y must be equally long, x has ${a.length}`, b.length);
}

/** A plain array (plotly's JSON knows no typed arrays), at `few` indices only when given. */
function plain(values: Values, few?: number[]): number[] {
  return few ? few.map((i) => values[i]!) : Array.from(values);
}

/**
 * Indices to draw of a long series: both ends, and of each of 2000 stretches the least and greatest point, and a gap
 * (NaN) where no more than half of the stretch has values.
 */
export function thinned(x: Values, y: Values): number[] | undefined {
  const n = x.length;
  if (n <= longest) return undefined;
  const kept = new Set([0]);
  const stretches = longest / 2;
  for (let s = 0; s < stretches; s++) {
    const from = Math.floor((s * n) / stretches);
    const to = Math.floor(((s + 1) * n) / stretches);
    let [least, greatest, gap, gaps] = [-1, -1, -1, 0];
    for (let i = from; i < to; i++) {
      if (!Number.isFinite(y[i]!)) {
        gap = i;
        gaps++;
        continue;
      }
      if (least < 0 || y[i]! < y[least]!) least = i;
      if (greatest < 0 || y[i]! > y[greatest]!) greatest = i;
    }
    const points = [least, greatest, 2 * gaps >= to - from ? gap : -1].filter((i) => i >= 0);
    for (const i of points.sort((a, b) => a - b)) kept.add(i);
  }
  return [...kept.add(n - 1)];
}
