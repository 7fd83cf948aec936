/** Ways to colour the particles of a view: by what they are, where they stand in the chain, or a number each. */
import { appearance } from '../elements.js';
import { invalid, unknownChoice } from '../errors.js';
import type { Structure } from '../structure/index.js';

/** One number per particle, or one such list per frame of the trajectory. */
export type ParticleValues = ArrayLike<number> | readonly ArrayLike<number>[];

/** One way of colouring. */
export interface Coloring {
  readonly name: string;
  /** `#rrggbb`; at most 256. */
  readonly palette: readonly string[];
  /** (n), or (frames, n): places in the palette. */
  readonly index: Uint8Array;
  /** Ends of a scale of numbers, whose palette rises evenly from one to the other. */
  readonly range?: readonly [number, number];
}

/** What a colouring is chosen from. */
export interface ColoringOptions {
  colorBy?: string | ArrayLike<number>;
  values?: Readonly<Record<string, ParticleValues>>;
}

/** Steps of a scale; one place is left for what has no number. */
const steps = 255;
const missing = '#999999';
/** The name of numbers given without one. */
const given = 'value';
const ownKinds = ['element', 'residue', 'chain', 'type'];

/**
 * The colouring asked for, then every other that the structure and the values allow.
 * @param frames how many frames the trajectory has @param kept which of them are shown
 * @throws EINVALID for an unknown name, a structure that lacks it, or lists of a wrong length
 */
export function coloringsOf(
  s: Structure,
  options: ColoringOptions,
  frames: number,
  kept: readonly number[],
): Coloring[] {
  const values = { ...options.values };
  let first = options.colorBy ?? 'element';
  if (typeof first !== 'string') {
    values[given] = first;
    first = given;
  }
  const numbers = Object.entries(values).map(([name, v]) => byNumber(s, name, v, frames, kept));
  const own = [byElement(s)];
  if (s.residues) own.push(byResidue(s), byChain(s));
  if (s.types) own.push(byType(s));
  const all = [...own, ...numbers];
  const chosen = all.find((c) => c.name === first);
  if (!chosen) refuse(first, s, all);
  return [chosen, ...all.filter((c) => c !== chosen)];
}

function refuse(name: string, s: Structure, all: readonly Coloring[]): never {
  const needs = name === 'type' ? 'types' : 'residues';
  if (ownKinds.includes(name))
    invalid('view.colorBy', `'${name}' needs ${needs}`, s.name || 'a structure without');
  unknownChoice(
    'view.colorBy',
    name,
    all.map((c) => c.name),
  );
}

function byElement(s: Structure): Coloring {
  const palette = [...new Set(s.symbols.map((name) => appearance(name).color))].slice(0, 256);
  const places = new Map(palette.map((color, i) => [color, i]));
  return {
    name: 'element',
    palette,
    index: Uint8Array.from(s.symbols, (name) => places.get(appearance(name).color) ?? 0),
  };
}

function byType(s: Structure): Coloring {
  return { name: 'type', palette: categories, index: Uint8Array.from(s.types!, (t) => t & 255) };
}

function byChain(s: Structure): Coloring {
  const groups = numbered(s.residues!.chains);
  return { name: 'chain', palette: categories, index: Uint8Array.from(groups, (g) => g & 255) };
}

/** From the first residue to the last. */
function byResidue(s: Structure): Coloring {
  const { ids, chains } = s.residues!;
  const groups = numbered(Array.from(ids, (id, i) => `${chains[i]}:${id}`));
  const last = groups.reduce((a, g) => Math.max(a, g), 1);
  return {
    name: 'residue',
    palette: rising,
    index: Uint8Array.from(groups, (g) => Math.round(((steps - 1) * g) / last)),
  };
}

/** The place of each key among the different ones. */
function numbered(keys: readonly string[]): number[] {
  const places = new Map<string, number>();
  return keys.map((key) => {
    if (!places.has(key)) places.set(key, places.size);
    return places.get(key)!;
  });
}

/** Viridis; blue to red around zero where there are numbers of both signs. */
function byNumber(
  s: Structure,
  name: string,
  values: ParticleValues,
  frames: number,
  kept: readonly number[],
): Coloring {
  const subject = name === given ? 'view.colorBy' : `view.values '${name}'`;
  const perFrame = typeof values[0] === 'object';
  const all = (perFrame ? values : [values]) as readonly ArrayLike<number>[];
  if (perFrame && all.length !== frames)
    invalid(subject, `must have one list for each of ${frames} frames`, all.length);
  const lists = perFrame ? kept.map((k) => all[k]!) : all;
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const list of lists) {
    if (list.length !== s.count) invalid(subject, `must have ${s.count} numbers`, list.length);
    for (let i = 0; i < list.length; i++) {
      const v = list[i]!;
      if (Number.isFinite(v)) [low, high] = [Math.min(low, v), Math.max(high, v)];
    }
  }
  if (!(high >= low)) [low, high] = [0, 0];
  const signed = low < 0 && high > 0;
  if (signed) [low, high] = [-Math.max(-low, high), Math.max(-low, high)];
  const index = new Uint8Array(lists.length * s.count);
  for (const [f, list] of lists.entries()) {
    for (let i = 0; i < s.count; i++) {
      const t = high > low ? (list[i]! - low) / (high - low) : 0.5;
      index[f * s.count + i] = Number.isFinite(t) ? Math.round((steps - 1) * t) : steps;
    }
  }
  return { name, palette: signed ? balanced : rising, index, range: [low, high] };
}

/** Hues of equal lightness, a golden angle apart, for things that have no colour of their own. */
function categorical(index: number): string {
  return hsl((index * 137.508) % 360, 0.55, 0.55);
}

// Nine stops of matplotlib's viridis (CC0).
const viridisStops = [
  '440154',
  '472d7b',
  '3b528b',
  '2c728e',
  '21918c',
  '28ae80',
  '5ec962',
  'addc30',
  'fde725',
];
// Blue and red of equal lightness around near-white, which still shows on white.
const balancedStops = ['0B4F8A', '6BAED6', 'E8E8E8', 'F4A582', 'B2182B'];

const rising = scale(viridisStops);
const balanced = scale(balancedStops);
const categories: readonly string[] = Array.from({ length: 256 }, (_, i) => categorical(i));

function scale(stops: readonly string[]): readonly string[] {
  return [...Array.from({ length: steps }, (_, i) => between(stops, i / (steps - 1))), missing];
}

/** @param t 0..1 along the stops */
function between(stops: readonly string[], t: number): string {
  const at = t * (stops.length - 1);
  const i = Math.min(stops.length - 2, Math.floor(at));
  const channel = (hex: string, k: number): number => Number.parseInt(hex.slice(2 * k, 2 * k + 2), 16);
  const mix = [0, 1, 2].map(
    (k) => channel(stops[i]!, k) + (at - i) * (channel(stops[i + 1]!, k) - channel(stops[i]!, k)),
  );
  return `#${mix.map((v) => Math.round(v).toString(16).padStart(2, '0')).join('')}`;
}

function hsl(hue: number, saturation: number, lightness: number): string {
  const a = saturation * Math.min(lightness, 1 - lightness);
  const f = (n: number): string => {
    const k = (n + hue / 30) % 12;
    const v = lightness - a * Math.max(-1, Math.min(k - 3, 9 - k, 1));
    return Math.round(255 * v)
      .toString(16)
      .padStart(2, '0');
  };
  return `#${f(0)}${f(8)}${f(4)}`;
}
