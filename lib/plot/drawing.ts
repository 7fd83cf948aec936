/** A scene as a flat picture: shaded spheres and sticks sorted by depth, in SVG of our own. */
import { formatNumber } from '../format.js';
import type { Rotation } from './camera.js';
import type { Coloring } from './coloring.js';
import { escapeHtml } from './page.js';
import { boxEdges, colorOf, type Scene } from './scene.js';

interface Primitive {
  /** Towards the reader, Å. */
  depth: number;
  svg: string;
}

type Point = readonly [number, number, number];

/** Maps Å onto the picture. */
interface Projection {
  /** [px right, px down, Å towards the reader] */
  of(x: number, y: number, z: number): Point;
  /** px per Å. */
  scale: number;
  /** Mixes a colour with white by depth, so that what is far looks far. */
  fog(color: string, depth: number): string;
}

/** More spheres than this are drawn without highlights. */
const shadedMost = 4000;

/** SVG text of one frame. @param turn rows: right, up, towards the reader */
export function drawScene(scene: Scene, frame: number, turn: Rotation): string {
  const width = scene.options.width ?? 640;
  const height = scene.options.height ?? 420;
  const { positions } = scene.frames[frame]!;
  const box = scene.options.box === false ? null : (scene.frames[frame]!.box ?? scene.structure.box);
  const edges = box ? boxEdges(box) : [];
  const projection = project(scene, positions, edges.flat(), turn, { width, height });
  const parts = [
    ...spheres(scene, frame, positions, projection),
    ...sticks(scene, frame, positions, projection),
  ];
  for (const [a, b] of edges) parts.push(edge(a as unknown as Point, b as unknown as Point, projection));
  parts.sort((a, b) => a.depth - b.depth);
  const title = scene.options.title;
  const words = title
    ? `<text x="10" y="${height - 10}" font-family="Inter,Arial,sans-serif" font-size="13" fill="#52606D">${escapeHtml(title)}</text>`
    : '';
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">
<defs><radialGradient id="mdlab-ball" cx="0.36" cy="0.32" r="0.72">
<stop offset="0" stop-color="#fff" stop-opacity="0.75"/><stop offset="0.35" stop-color="#fff" stop-opacity="0.12"/>
<stop offset="0.75" stop-color="#000" stop-opacity="0.1"/><stop offset="1" stop-color="#000" stop-opacity="0.42"/>
</radialGradient></defs><rect width="${width}" height="${height}" fill="#fff"/>
${parts.map((p) => p.svg).join('\n')}${words}${scaleBar(scene.colorings[0]!, width, height)}</svg>
`;
}

/** The colours of numbers from least to greatest, in the lower right corner. */
function scaleBar({ name, palette, range }: Coloring, width: number, height: number): string {
  if (!range) return '';
  const stops = [0, 0.25, 0.5, 0.75, 1].map(
    (t) => `<stop offset="${t}" stop-color="${palette[Math.round(t * (palette.length - 2))]}"/>`,
  );
  const [x, y] = [width - 170, height - 16];
  const words = (at: number, anchor: string, text: string): string =>
    `<text x="${at}" y="${y - 5}" text-anchor="${anchor}" font-family="Inter,Arial,sans-serif" font-size="11" fill="#52606D">${escapeHtml(text)}</text>`;
  return `<defs><linearGradient id="mdlab-scale">${stops.join('')}</linearGradient></defs>
<rect x="${x}" y="${y}" width="160" height="8" fill="url(#mdlab-scale)" stroke="#829AB1" stroke-width="0.5"/>
${words(x, 'start', formatNumber(range[0], 3))}${words(x + 80, 'middle', name)}${words(x + 160, 'end', formatNumber(range[1], 3))}`;
}

function project(
  scene: Scene,
  positions: ArrayLike<number>,
  corners: readonly (readonly number[])[],
  turn: Rotation,
  size: { width: number; height: number },
): Projection {
  const turned = (x: number, y: number, z: number): Point => [
    turn[0]! * x + turn[1]! * y + turn[2]! * z,
    turn[3]! * x + turn[4]! * y + turn[5]! * z,
    turn[6]! * x + turn[7]! * y + turn[8]! * z,
  ];
  const low = [1e300, 1e300, 1e300];
  const high = [-1e300, -1e300, -1e300];
  const include = (p: Point, r: number): void => {
    for (let k = 0; k < 3; k++) {
      low[k] = Math.min(low[k]!, p[k]! - r);
      high[k] = Math.max(high[k]!, p[k]! + r);
    }
  };
  for (let i = 0; i < scene.structure.count; i++) {
    include(turned(positions[3 * i]!, positions[3 * i + 1]!, positions[3 * i + 2]!), scene.radii[i]!);
  }
  for (const c of corners) include(turned(c[0]!, c[1]!, c[2]!), 0);
  const margin = 18;
  const room = [size.width - 2 * margin, size.height - 2 * margin - (scene.options.title ? 18 : 0)];
  const scale = Math.min(60, room[0]! / (high[0]! - low[0]!), room[1]! / (high[1]! - low[1]!));
  const middle = [0, 1, 2].map((k) => (low[k]! + high[k]!) / 2);
  const depthSpan = Math.max(high[2]! - low[2]!, 1e-9);
  return {
    scale,
    of: (x, y, z) => {
      const t = turned(x, y, z);
      return [
        size.width / 2 + scale * (t[0] - middle[0]!),
        margin + room[1]! / 2 - scale * (t[1] - middle[1]!),
        t[2],
      ];
    },
    fog: (color, depth) => mixed(color, 0.5 * Math.max(0, Math.min(1, (high[2]! - depth) / depthSpan))),
  };
}

/** A colour with a share of white. */
function mixed(color: string, white: number): string {
  const v = Number.parseInt(color.slice(1), 16);
  const part = (shift: number): string =>
    Math.round(((v >> shift) & 255) * (1 - white) + 255 * white)
      .toString(16)
      .padStart(2, '0');
  return `#${part(16)}${part(8)}${part(0)}`;
}

const px = (v: number): string => String(Math.round(v * 100) / 100);

function spheres(scene: Scene, frame: number, p: ArrayLike<number>, to: Projection): Primitive[] {
  const shaded = scene.structure.count <= shadedMost;
  const hidden = scene.structure.count > 20_000 ? coveredSpheres(scene, p, to) : undefined;
  return Array.from(scene.radii).flatMap((radius, i) => {
    if (radius === 0 || hidden?.[i]) return [];
    const [x, y, depth] = to.of(p[3 * i]!, p[3 * i + 1]!, p[3 * i + 2]!);
    const shape = `cx="${px(x)}" cy="${px(y)}" r="${px(Math.max(0.6, radius * to.scale))}"`;
    const ball = `<circle ${shape} fill="${to.fog(colorOf(scene, frame, i), depth)}"${shaded ? '' : ' stroke="#0003" stroke-width="0.5"'}/>`;
    return { depth, svg: shaded ? `${ball}<circle ${shape} fill="url(#mdlab-ball)"/>` : ball };
  });
}

/** In a crowd, all but the nearest particle of each 2 x 2 px: a million of them would be a file nobody opens. */
function coveredSpheres(scene: Scene, p: ArrayLike<number>, to: Projection): Uint8Array {
  const nearest = new Map<string, { i: number; depth: number }>();
  const covered = new Uint8Array(scene.structure.count).fill(1);
  for (let i = 0; i < scene.structure.count; i++) {
    const [x, y, depth] = to.of(p[3 * i]!, p[3 * i + 1]!, p[3 * i + 2]!);
    const cell = `${Math.floor(x / 2)},${Math.floor(y / 2)}`;
    const held = nearest.get(cell);
    if (!held || depth > held.depth) nearest.set(cell, { i, depth });
  }
  for (const { i } of nearest.values()) covered[i] = 0;
  return covered;
}

/** Each bond as two halves in the colours of their ends, a dark edge below a lighter core. */
function sticks(scene: Scene, frame: number, p: ArrayLike<number>, to: Projection): Primitive[] {
  const out: Primitive[] = [];
  if (!(scene.stick > 0)) return out;
  const width = 2 * scene.stick * to.scale;
  for (let k = 0; k < scene.bonds.length; k += 2) {
    const [i, j] = [scene.bonds[k]!, scene.bonds[k + 1]!];
    const a: Point = [p[3 * i]!, p[3 * i + 1]!, p[3 * i + 2]!];
    const b: Point = [p[3 * j]!, p[3 * j + 1]!, p[3 * j + 2]!];
    const middle: Point = [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2, (a[2] + b[2]) / 2];
    for (const [end, atom] of [
      [a, i],
      [b, j],
    ] as const) {
      const [x1, y1, z1] = to.of(...end);
      const [x2, y2, z2] = to.of(...middle);
      const depth = (z1 + z2) / 2 - 0.01;
      const d = `x1="${px(x1)}" y1="${px(y1)}" x2="${px(x2)}" y2="${px(y2)}"`;
      const color = to.fog(colorOf(scene, frame, atom), depth);
      out.push({
        depth,
        svg: `<line ${d} stroke="${shade(color)}" stroke-width="${px(width)}" stroke-linecap="round"/><line ${d} stroke="${color}" stroke-width="${px(0.55 * width)}"/>`,
      });
    }
  }
  return out;
}

/** A colour at three quarters of its light. */
function shade(color: string): string {
  const v = Number.parseInt(color.slice(1), 16);
  return `#${[16, 8, 0]
    .map((s) =>
      Math.round(0.72 * ((v >> s) & 255))
        .toString(16)
        .padStart(2, '0'),
    )
    .join('')}`;
}

function edge(a: Point, b: Point, to: Projection): Primitive {
  const [x1, y1, z1] = to.of(...a);
  const [x2, y2, z2] = to.of(...b);
  return {
    depth: Math.min(z1, z2),
    svg: `<line x1="${px(x1)}" y1="${px(y1)}" x2="${px(x2)}" y2="${px(y2)}" stroke="#829AB1" stroke-width="1"/>`,
  };
}
