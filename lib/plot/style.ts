/** The house style of figures: colours that the colour-blind can tell apart, readable text, units on axes. */
import { checkOptionNames } from '../errors.js';
import { type Face, fontFamily, textWidth } from './font.js';

/** Okabe and Ito's palette (jfly.uni-koeln.de/color), without its yellow, which is faint on white. */
export const palette: readonly string[] = [
  '#0072B2',
  '#D55E00',
  '#009E73',
  '#CC79A7',
  '#56B4E9',
  '#E69F00',
  '#4D4D4D',
];

const ink = '#1F2933';
export const soft = '#52606D';
const grid = '#E4E7EB';

export interface AxisOptions {
  /** What is shown, without unit. */
  label?: string;
  /** Written in brackets after the label. */
  unit?: string;
  log?: boolean;
  /** Ends, in data units (also on a logarithmic axis). */
  range?: readonly [number, number];
  /** Ticks at these values only. */
  ticks?: readonly number[];
  /** Names of `ticks`, or of the categories. */
  tickLabels?: readonly string[];
  /** Starts the axis at zero. */
  zero?: boolean;
  /** Largest value first. */
  reversed?: boolean;
}

export interface FigureOptions {
  title?: string;
  /** Smaller line under the title, e.g. device, sizes, precision. */
  subtitle?: string;
  /** Axis, or just its label with unit: 'time (ps)'. */
  x?: string | AxisOptions;
  y?: string | AxisOptions;
  /** px; default 760 x 460. */
  width?: number;
  height?: number;
  /** Where the legend stands; default 'right', or none for a single unnamed trace. */
  legend?: 'right' | 'top' | 'inside' | 'none';
  /** How bars of several traces stand; default 'group'. */
  bars?: 'group' | 'stack' | 'overlay';
  /** Small print below the axes, e.g. the source of a paper's numbers. */
  note?: string;
  /** Plotly's own layout, laid over ours. */
  plotly?: Record<string, unknown>;
}

/** @throws EINVALID for an option of the figure or of an axis that is none */
export function checkFigureOptions(options: FigureOptions): void {
  checkOptionNames<FigureOptions>('figure', options, {
    ...{ title: true, subtitle: true, x: true, y: true, width: true, height: true },
    ...{ legend: true, bars: true, note: true, plotly: true },
  });
  for (const name of ['x', 'y'] as const) {
    const axis = options[name];
    if (axis === undefined || typeof axis === 'string') continue;
    checkOptionNames<AxisOptions>(`figure.${name}`, axis, {
      ...{ label: true, unit: true, log: true, range: true, ticks: true },
      ...{ tickLabels: true, zero: true, reversed: true },
    });
  }
}

/** Plotly layout in the house style. @param values every number drawn, by axis: decides the ticks of log axes */
export function houseLayout(
  options: FigureOptions,
  values: { x: Iterable<number>; y: Iterable<number> },
  legend: boolean,
): Record<string, unknown> {
  const place = options.legend ?? 'right';
  const width = options.width ?? 760;
  const height = options.height ?? 460;
  const margin = (options.plotly?.['margin'] ?? {}) as { l?: number };
  const room = width - (margin.l ?? 72) - 12;
  const title = options.title ? wrapped(options.title, 18, room, 'semibold') : [];
  const subtitle = options.subtitle ? wrapped(options.subtitle, 13, room) : [];
  const note = options.note ? wrapped(options.note, 11.5, room) : [];
  const above = { title: 34 + 23 * (title.length - 1), subtitle: 22 + 17 * (subtitle.length - 1) };
  const top =
    (title.length && above.title) +
    (subtitle.length && above.subtitle) +
    26 +
    (place === 'top' && legend ? 26 : 0);
  return merged(
    {
      width,
      height,
      font: { family: fontFamily, size: 14, color: ink },
      colorway: palette,
      paper_bgcolor: '#FFFFFF',
      plot_bgcolor: '#FFFFFF',
      separators: '.\u202f',
      margin: { l: 72, r: 28, t: top, b: note.length ? 73 + 15 * note.length : 64, pad: 2 },
      showlegend: legend && place !== 'none',
      legend: legendAt(place),
      barmode: options.bars ?? 'group',
      bargap: 0.2,
      hovermode: 'closest',
      xaxis: axisLayout(options.x, values.x),
      yaxis: axisLayout(options.y, values.y),
      annotations: [
        ...(title.length ? [heading(`<b>${title.join('<br>')}</b>`, top - 12, { size: 18 })] : []),
        ...(subtitle.length
          ? [
              heading(subtitle.join('<br>'), top - (title.length && above.title - 8) - 12, {
                size: 13,
                color: soft,
              }),
            ]
          : []),
        ...(note.length ? [noteAt(note.join('<br>'))] : []),
      ],
    },
    options.plotly ?? {},
  );
}

/** Words above the axes' left end, `up` px above them. */
function heading(text: string, up: number, font: Record<string, unknown>): Record<string, unknown> {
  return {
    text,
    font,
    showarrow: false,
    align: 'left',
    x: 0,
    xref: 'paper',
    xanchor: 'left',
    y: 1,
    yref: 'paper',
    yanchor: 'top',
    yshift: up,
  };
}

/** Lines of words that fit into `room` px, at a size in px. `<br>` breaks a line too. */
function wrapped(text: string, size: number, room: number, face?: Face): string[] {
  const fits = (line: string): boolean => size * textWidth(line.replace(/<[^>]+>/g, ''), face) <= room;
  return text.split(/<br ?\/?>/).flatMap((part) => {
    const lines: string[] = [];
    for (const word of part.split(' ')) {
      const longer = `${lines.at(-1) ?? ''} ${word}`;
      if (lines.length && fits(longer)) lines[lines.length - 1] = longer;
      else lines.push(word);
    }
    return lines;
  });
}

function legendAt(place: FigureOptions['legend']): Record<string, unknown> {
  const common = { bgcolor: 'rgba(255,255,255,0.85)', font: { size: 13 }, traceorder: 'normal' };
  if (place === 'top')
    return { ...common, orientation: 'h', x: 0, y: 1.02, xanchor: 'left', yanchor: 'bottom' };
  if (place === 'inside') return { ...common, x: 0.99, y: 0.99, xanchor: 'right', yanchor: 'top' };
  return { ...common, x: 1.02, y: 1, xanchor: 'left', yanchor: 'top' };
}

function noteAt(text: string): Record<string, unknown> {
  return {
    text,
    showarrow: false,
    align: 'left',
    font: { size: 11.5, color: soft },
    x: 0,
    xref: 'paper',
    xanchor: 'left',
    y: 0,
    yref: 'paper',
    yanchor: 'top',
    yshift: -56,
  };
}

export const isLog = (given: string | AxisOptions | undefined): boolean =>
  typeof given === 'object' && given.log === true;

/** One axis in plotly's words. */
function axisLayout(
  given: string | AxisOptions | undefined,
  values: Iterable<number>,
): Record<string, unknown> {
  const axis: AxisOptions = typeof given === 'string' ? { label: given } : (given ?? {});
  const label = [axis.label, axis.unit ? `(${axis.unit})` : ''].filter(Boolean).join(' ');
  const ends = axis.range && (axis.log ? axis.range.map(Math.log10) : [...axis.range]);
  const [low, high] = axis.log ? positiveRange(axis.range ?? values) : [1, 1];
  // Powers of ten only where plain numbers would be long.
  const long = low < 1e-3 || high >= 1e6;
  const names = axis.tickLabels ?? (axis.log && long ? axis.ticks?.map(powerOfTen) : undefined);
  return {
    ...(label ? { title: { text: label, standoff: 12, font: { size: 15 } } } : {}),
    automargin: true,
    showline: true,
    linecolor: soft,
    linewidth: 1,
    gridcolor: grid,
    zeroline: false,
    ticks: 'outside',
    ticklen: 5,
    tickcolor: soft,
    separatethousands: true,
    exponentformat: 'power',
    minexponent: 6,
    ...(axis.log ? logTicks(low, high, axis.ticks === undefined) : {}),
    ...(axis.log && !long ? { exponentformat: 'none' } : {}),
    ...(axis.zero && !axis.log ? { rangemode: 'tozero' } : {}),
    ...(ends ? { range: ends } : {}),
    ...(axis.reversed ? { autorange: 'reversed' } : {}),
    ...(axis.ticks ? { tickmode: 'array', tickvals: [...axis.ticks] } : {}),
    ...(names ? { ticktext: [...names] } : {}),
  };
}

function positiveRange(values: Iterable<number>): [low: number, high: number] {
  let low = Number.POSITIVE_INFINITY;
  let high = 0;
  for (const v of values) {
    if (v > 0 && v < low) low = v;
    if (v > high && Number.isFinite(v)) high = v;
  }
  return [low, high];
}

/** As plotly writes the decades that it chooses itself. */
function powerOfTen(tick: number): string {
  const n = Math.round(Math.log10(tick));
  if (Math.abs(tick / 10 ** n - 1) > 1e-9) return String(tick);
  return n === 0 ? '1' : n === 1 ? '10' : `10<sup>${String(n).replace('-', '\u2212')}</sup>`;
}

/** Decades only where there are several; 1, 2, 5 within one or two; equal steps within less, where 1, 2, 5 would be one tick. */
function logTicks(low: number, high: number, minor: boolean): Record<string, unknown> {
  const wide = high / low >= 100;
  return {
    type: 'log',
    ...(high > low && high / low < 6
      ? { dtick: `L${evenStep(high - low)}`, tick0: 0 }
      : { dtick: wide ? 1 : 'D2' }),
    ...(wide && minor ? { minor: { ticks: 'outside', ticklen: 3, tickcolor: soft, dtick: 'D1' } } : {}),
  };
}

/** 1, 2 or 5 times a power of ten: about five steps to a span. */
function evenStep(span: number): number {
  const power = 10 ** Math.floor(Math.log10(span / 5));
  const times = span / 5 / power;
  return Number(((times < 1.5 ? 1 : times < 3.5 ? 2 : times < 7.5 ? 5 : 10) * power).toPrecision(3));
}

type Tree = Record<string, unknown>;
const isTree = (v: unknown): v is Tree => typeof v === 'object' && v !== null && !Array.isArray(v);

/** `b` laid over `a`, objects merged, everything else replaced. */
function merged(a: Tree, b: Tree): Tree {
  const out: Tree = { ...a };
  for (const [key, value] of Object.entries(b)) {
    const old = out[key];
    out[key] = isTree(old) && isTree(value) ? merged(old, value) : value;
  }
  return out;
}
