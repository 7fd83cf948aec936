export { findChromium } from './chromium.js';
export { Figure, figure, InteractiveFigure, LiveFigure, type Traces } from './figure.js';
export type { Scene, ViewOptions, ViewStyle } from './scene.js';
export { type AxisOptions, type FigureOptions, palette } from './style.js';
export {
  type BarOptions,
  bars,
  type HeatmapOptions,
  type HistogramOptions,
  heatmap,
  histogram,
  type LineOptions,
  level,
  line,
  reference,
  type ScatterOptions,
  scatter,
  type Trace,
  type Values,
} from './traces.js';
export { View, view } from './view.js';
