/** Any value as a MIME bundle, text/plain always among it: what a front end shows for it. */
import { invalid } from '../lib/errors.js';
import { formatNumber } from '../lib/format.js';
import { Live } from '../lib/live.js';
import { Figure, InteractiveFigure, View, view } from '../lib/plot/index.js';
import { escapeHtml, imageTag, type Library } from '../lib/plot/page.js';
import { type ProgressState, progressDetails, progressLine } from '../lib/progress.js';
import { Structure, Trajectory } from '../lib/structure/index.js';
import { Claims } from '../lib/studies/claims.js';
import { state } from './cell.js';
import { claimsBundle } from './claims.js';
import { describeOwn, describeStructure, describeTrajectory } from './describe.js';
import { foreignBundle } from './display-foreign.js';
import { isTable, tableBundle } from './display-table.js';
import { describeArray, describeShaped, describeValue, isShaped, isTypedArray } from './display-values.js';
import type { MimeBundle } from './wire.js';

export type { MimeBundle };

const richDisplay = Symbol.for('Jupyter.display');

/**
 * What to show for a value. Its own `Symbol.for('Jupyter.display')` goes first.
 * @param cell a name of the notebook cell that stays the same when the cell runs again: browser libraries are put into
 *   the first cell that needs them, and again when that cell runs again
 */
export function bundle(value: unknown, cell?: string): MimeBundle | Promise<MimeBundle> {
  const own = (value as Record<symbol, unknown> | null | undefined)?.[richDisplay];
  if (typeof own === 'function') {
    const shown: unknown = own.call(value);
    return shown instanceof Promise ? shown.then(checkedBundle) : checkedBundle(shown);
  }
  if (value instanceof Figure) return figureBundle(value, cell);
  if (value instanceof InteractiveFigure) return interactiveBundle(value.figure, cell);
  if (value instanceof View) return viewBundle(value, cell);
  if (isTable(value)) return tableBundle(value);
  if (value instanceof Claims) return claimsBundle(value);
  if (value instanceof Trajectory) return pictured(value, describeTrajectory(value));
  if (value instanceof Structure) return pictured(value, describeStructure(value));
  if (value instanceof Live) return homes.get(value) === (cell ?? '') ? {} : liveBundle(value, cell);
  if (value instanceof Error) return { 'text/plain': describeError(value) };
  return foreignBundle(value) ?? { 'text/plain': inWords(value) };
}

/** What somebody's own display gave. */
function checkedBundle(shown: unknown): MimeBundle {
  if (typeof shown !== 'object' || shown === null || Array.isArray(shown))
    invalid("Symbol.for('Jupyter.display')", 'must give an object from MIME types to contents', shown);
  return shown as MimeBundle;
}

function inWords(value: unknown): string {
  if (isTypedArray(value)) return describeArray(value);
  const own = describeOwn(value);
  if (own) return own;
  if (value instanceof Promise) return `${describeValue(value)}\nWrite await before it to have its value.`;
  return isShaped(value) ? describeShaped(value) : describeValue(value);
}

const homes = new WeakMap<Live, string>();

/** What to show of a live object; it shows itself, so as the last expression of its own cell it has nothing to add. */
export async function liveBundle(live: Live, cell?: string): Promise<MimeBundle> {
  if (!homes.has(live)) homes.set(live, cell ?? '');
  return bundle(await live.content(), cell);
}

async function figureBundle(figure: Figure, cell: string | undefined): Promise<MimeBundle> {
  const { data, layout } = figure.toJSON();
  const words = `Figure${figure.title ? `: ${figure.title}` : ''}`;
  const shown = { 'application/vnd.plotly.v1+json': { data, layout }, 'text/plain': words };
  try {
    return { ...shown, 'image/png': (await figure.toPNG()).toString('base64') };
  } catch (error) {
    // A 3-D figure where there is no browser to draw it: the reader's draws it.
    if ((error as { code?: unknown }).code !== 'ENOTFOUND') throw error;
    const text = `${words}\n${(error as Error).message}`;
    return { ...shown, ...(await interactiveBundle(figure, cell)), 'text/plain': text };
  }
}

/** Words beside a small drawing, where there is something to draw and not too much. */
async function pictured(what: Structure | Trajectory, words: string): Promise<MimeBundle> {
  const { count } = what instanceof Structure ? what : what.topology;
  if (count === 0 || count > 20_000 || (what instanceof Trajectory && what.length === 0)) {
    return { 'text/plain': words };
  }
  const small = view(what, { width: 320, height: 210, maxFrames: 1 });
  const image = imageTag(await small.toPNG({ scale: 1.5 }), small.alt, small.width, small.height);
  return { 'text/html': `<div>${image}<pre>${escapeHtml(words)}</pre></div>`, 'text/plain': words };
}

async function interactiveBundle(figure: Figure, cell: string | undefined): Promise<MimeBundle> {
  const html = await figure.toFragment(bringsLibrary(figure.library, cell));
  return { 'text/html': html, 'text/plain': `Figure${figure.title ? `: ${figure.title}` : ''}` };
}

async function viewBundle(view: View, cell: string | undefined): Promise<MimeBundle> {
  return { 'text/html': await view.toFragment(bringsLibrary('3dmol', cell)), 'text/plain': view.alt };
}

interface Delivery {
  cell: string;
  /** Number of the run it came with. */
  run: number;
}

const deliveries = new Map<Library, Delivery>();
/** Library and cell -> the run in which the cell used it last. */
const uses = new Map<string, number>();

/**
 * Whether this output carries the library: the first one does, and each later one of the same cell (its first output is
 * replaced when it runs again). A cell that is run again by itself brings it too: perhaps the page was loaded anew, and the
 * output that had it is gone. So does one of which no name is known.
 */
function bringsLibrary(library: Library, cell: string | undefined): boolean {
  if (cell === undefined) return true;
  const run = state.current?.id ?? 0;
  const use = `${library} ${cell}`;
  const before = uses.get(use) ?? 0;
  uses.set(use, run);
  const last = deliveries.get(library);
  if (last && last.cell !== cell && !(run > before && before > last.run)) return false;
  deliveries.set(library, { cell, run });
  return true;
}

/** A progress line as a bar; the kernel shows it under one display id and updates it. */
export function progressBundle(state: ProgressState): MimeBundle {
  const percent = (100 * state.fraction).toFixed(state.fraction < 1 ? 1 : 0);
  const label = escapeHtml(state.label);
  const counts = `${formatNumber(state.done)}/${formatNumber(state.total)} ${escapeHtml(state.unit)}`;
  const color = state.finished && state.fraction < 1 ? '#D55E00' : state.finished ? '#009E73' : '#0072B2';
  const bar = `<div style="flex:0 0 160px;height:8px;border-radius:4px;background:rgba(128,128,128,0.25);overflow:hidden"><div style="height:100%;width:${percent}%;background:${color}"></div></div>`;
  const words = [`${percent} %`, counts, ...progressDetails(state).map(escapeHtml)].join(' · ');
  return {
    'text/html': `<div style="display:flex;align-items:center;gap:10px;flex-wrap:wrap;font-variant-numeric:tabular-nums">${label ? `<b>${label}</b>` : ''}${bar}<span>${words}</span></div>`,
    'text/plain': progressLine(state),
  };
}

function describeError(error: Error): string {
  const cause = error.cause instanceof Error ? `\ncaused by ${describeError(error.cause)}` : '';
  return `${error.name}: ${error.message}${cause}`;
}
