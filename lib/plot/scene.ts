/** A structure as spheres, sticks and box edges with colours: what both the 3-D viewer and the flat drawing show. */
import { appearance, beads, findElement } from '../elements.js';
import { checkOptionNames, invalid, unknownChoice } from '../errors.js';
import type { Box, Structure, Trajectory, TrajectoryFrame } from '../structure/index.js';
import { type Coloring, coloringsOf, type ParticleValues } from './coloring.js';

/** How particles are drawn; 'cartoon' follows the backbone of residues. */
export type ViewStyle = 'ball-and-stick' | 'spacefill' | 'sticks' | 'points' | 'cartoon';
const viewStyles: readonly ViewStyle[] = ['ball-and-stick', 'spacefill', 'sticks', 'points', 'cartoon'];

export interface ViewOptions {
  /** Default: ball-and-stick where there are bonds, else spacefill; points above 20 000 particles. */
  style?: ViewStyle;
  /** 'element' (default), 'residue' (along the chain), 'type', 'chain', a name of `values`, or one number per particle. */
  colorBy?: 'element' | 'residue' | 'type' | 'chain' | (string & {}) | ArrayLike<number>;
  /**
   * Numbers to colour by, by their name with unit, e.g. `{ 'charge (e)': q }`: one per particle, or such a list for each
   * frame. The reader chooses among them, too.
   */
  values?: Readonly<Record<string, ParticleValues>>;
  /** px; default 640 x 420. */
  width?: number;
  height?: number;
  /** Draws the cell; default true where there is one. */
  box?: boolean;
  /** Words under the picture. */
  title?: string;
  /** Most frames kept; the rest is skipped evenly. Default 200, fewer for large systems (2 MB of data). */
  maxFrames?: number;
  /** Turn of the camera about x, y, z, degrees; default along the least extent of the first frame. */
  rotation?: readonly [number, number, number];
}

/** Everything a picture needs but positions and camera. */
export interface Scene {
  readonly structure: Structure;
  readonly frames: readonly TrajectoryFrame[];
  /** Index of each kept frame in the trajectory. */
  readonly kept: readonly number[];
  readonly style: ViewStyle;
  /** Ways to colour, the one to start with first. */
  readonly colorings: readonly Coloring[];
  /** Sphere radius of each particle, Å. */
  readonly radii: Float64Array;
  /** Stick radius, Å; 0 without sticks. */
  readonly stick: number;
  /** (m,2) */
  readonly bonds: Int32Array;
  readonly options: ViewOptions;
}

/** Bytes of frame data (6 per particle and frame) a view may hold. */
const frameBudget = 2e6;

/** @throws EINVALID for an unknown style or colouring, or a picture of nothing */
export function makeScene(what: Structure | Trajectory, options: ViewOptions): Scene {
  checkOptionNames<ViewOptions>('view', options, {
    ...{ style: true, colorBy: true, values: true, width: true, height: true },
    ...{ box: true, title: true, maxFrames: true, rotation: true },
  });
  const [structure, frames] =
    'frames' in what ? [what.topology, what.frames] : [what, [{ positions: what.positions, box: what.box }]];
  if (structure.count === 0) invalid('view', 'needs at least one particle', structure.count);
  if (frames.length === 0) invalid('view', 'needs at least one frame', frames.length);
  const style = options.style ?? defaultStyle(structure);
  if (!viewStyles.includes(style)) unknownChoice('view.style', style, viewStyles);
  if (style === 'cartoon' && !structure.residues) {
    invalid(
      'view.style',
      "'cartoon' needs residues",
      structure.name || 'a structure without',
      "use 'ball-and-stick'",
    );
  }
  const most = Math.max(
    1,
    Math.min(options.maxFrames ?? 200, Math.floor(frameBudget / (6 * structure.count))),
  );
  const kept = evenly(frames.length, most);
  const large = averageBond(structure) > 2.5;
  return {
    structure,
    frames: kept.map((i) => frames[i]!),
    kept,
    style,
    colorings: coloringsOf(structure, options, frames.length, kept),
    radii: radiiOf(structure, style),
    stick:
      { 'ball-and-stick': large ? 0.35 : 0.16, sticks: large ? 0.35 : 0.16, cartoon: 0.45 }[
        style as string
      ] ?? 0,
    bonds: drawnBonds(structure, style),
    options,
  };
}

/** `#rrggbb` of a particle in a kept frame, by the first colouring. */
export function colorOf(scene: Scene, frame: number, particle: number): string {
  const { index, palette } = scene.colorings[0]!;
  const at = index.length > scene.structure.count ? frame * scene.structure.count + particle : particle;
  return palette[index[at]!]!;
}

function drawnBonds(s: Structure, style: ViewStyle): Int32Array {
  if (style === 'spacefill' || style === 'points') return new Int32Array(0);
  return style === 'cartoon' ? backbone(s) : bondsOf(s);
}

/** Alpha carbons of residues that follow one another in a chain, joined. */
function backbone(s: Structure): Int32Array {
  const { atomNames, ids, chains } = s.residues!;
  const alphas = atomNames.flatMap((name, i) => (name === 'CA' ? [i] : []));
  const joined = alphas.slice(1).flatMap((j, k) => {
    const i = alphas[k]!;
    return chains[i] === chains[j] && ids[j] === ids[i]! + 1 ? [i, j] : [];
  });
  return Int32Array.from(joined);
}

function defaultStyle(s: Structure): ViewStyle {
  if (s.count > 20_000) return 'points';
  return bondsOf(s).length > 0 ? 'ball-and-stick' : 'spacefill';
}

/** At most `most` of 0..n−1, first and last among them. */
function evenly(n: number, most: number): number[] {
  if (n <= most) return Array.from({ length: n }, (_, i) => i);
  if (most === 1) return [0];
  return Array.from({ length: most }, (_, i) => Math.round((i * (n - 1)) / (most - 1)));
}

function averageBond(s: Structure): number {
  const b = s.bonds;
  if (!b?.length) return 0;
  let sum = 0;
  for (let k = 0; k < b.length; k += 2) sum += distance(s.positions, b[k]!, b[k + 1]!);
  return (2 * sum) / b.length;
}

function distance(p: Float64Array, i: number, j: number): number {
  return Math.hypot(p[3 * i]! - p[3 * j]!, p[3 * i + 1]! - p[3 * j + 1]!, p[3 * i + 2]! - p[3 * j + 2]!);
}

const guessed = new WeakMap<Structure, Int32Array>();

/** The structure's own bonds, without those that cross the box; else pairs as close as covalent radii allow. */
export function bondsOf(s: Structure): Int32Array {
  let bonds = guessed.get(s);
  if (!bonds) {
    bonds = s.bonds ? withoutLong(s, s.bonds) : s.count <= 20_000 ? guessBonds(s) : new Int32Array(0);
    guessed.set(s, bonds);
  }
  return bonds;
}

function withoutLong(s: Structure, bonds: Int32Array): Int32Array {
  if (!s.box) return bonds;
  const v = s.box.vectors;
  const half = 0.5 * Math.min(...[0, 3, 6].map((r) => Math.hypot(v[r]!, v[r + 1]!, v[r + 2]!)));
  const out: number[] = [];
  for (let k = 0; k < bonds.length; k += 2) {
    if (distance(s.positions, bonds[k]!, bonds[k + 1]!) < half) out.push(bonds[k]!, bonds[k + 1]!);
  }
  return Int32Array.from(out);
}

/** Pairs closer than 1.2 times the sum of covalent radii, by a hashed grid of 3 Å cells; two hydrogens never. */
function guessBonds(s: Structure): Int32Array {
  // Beads are bonded like the heavy atoms they stand for; an unknown name is bonded to nothing.
  const radius = s.symbols.map((e) => findElement(e)?.covalentRadius ?? (beads[e] ? 0.76 : 0));
  const cell = (i: number, d: readonly number[]): string =>
    d.map((o, k) => Math.floor(s.positions[3 * i + k]! / 3) + o).join();
  const grid = new Map<string, number[]>();
  const out: number[] = [];
  for (let i = 0; i < s.count; i++) {
    if (!(radius[i]! > 0)) continue;
    for (const d of neighbourCells) {
      for (const j of grid.get(cell(i, d)) ?? []) {
        const near = distance(s.positions, i, j) < 1.2 * (radius[i]! + radius[j]!);
        if (near && !(s.symbols[i] === 'H' && s.symbols[j] === 'H')) out.push(j, i);
      }
    }
    const home = cell(i, [0, 0, 0]);
    grid.set(home, [...(grid.get(home) ?? []), i]);
  }
  // Points without chemistry (a random cloud) touch everything: no bonds say more than all.
  return Int32Array.from(out.length > 12 * s.count ? [] : out);
}

const neighbourCells = [-1, 0, 1].flatMap((x) =>
  [-1, 0, 1].flatMap((y) => [-1, 0, 1].map((z) => [x, y, z] as const)),
);

function radiiOf(s: Structure, style: ViewStyle): Float64Array {
  if (style === 'cartoon')
    return Float64Array.from(s.residues!.atomNames, (name) => (name === 'CA' ? 0.45 : 0));
  const scale = style === 'spacefill' ? 1 : style === 'points' ? 0.12 : style === 'sticks' ? 0.1 : 0.26;
  return Float64Array.from(s.symbols, (name) => scale * appearance(name).radius);
}

/** The twelve edges of a cell, from its origin at (0,0,0), Å. */
export function boxEdges(box: Box): [number[], number[]][] {
  const v = Array.from(box.vectors);
  const corner = (i: number, j: number, k: number): number[] =>
    [0, 1, 2].map((c) => i * v[c]! + j * v[3 + c]! + k * v[6 + c]!);
  const edges: [number[], number[]][] = [];
  for (const [a, b] of [
    [0, 0],
    [0, 1],
    [1, 0],
    [1, 1],
  ] as const) {
    edges.push(
      [corner(0, a, b), corner(1, a, b)],
      [corner(a, 0, b), corner(a, 1, b)],
      [corner(a, b, 0), corner(a, b, 1)],
    );
  }
  return edges;
}
