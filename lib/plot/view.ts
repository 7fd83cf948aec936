/** A structure or trajectory to look at: turning and playing in a browser, a drawn picture everywhere else. */
import { extname } from 'node:path';
import { checkOptionNames, unknownChoice } from '../errors.js';
import { formatNumber } from '../format.js';
import { writeWhole } from '../io/write-whole.js';
import type { Residues, Structure, Trajectory } from '../structure/index.js';
import { eulerRotation, principalRotation, quaternion, type Rotation } from './camera.js';
import { drawScene } from './drawing.js';
import { htmlPage, imageTag, libraryScript, place } from './page.js';
import { rasterize } from './render.js';
import { boxEdges, makeScene, type Scene, type ViewOptions } from './scene.js';

/**
 * Looks at a structure or trajectory: turn it, play it, choose what colours it, click two, three or four particles for
 * their distance, angle or dihedral.
 * @example view(trajectory, { values: { 'charge (e)': charges }, colorBy: 'charge (e)' })
 * @example await view(trajectory, { colorBy: 'residue' }).save('folding.html');
 * @throws EINVALID for an unknown style or colouring, or nothing to show
 */
export function view(what: Structure | Trajectory, options: ViewOptions = {}): View {
  return new View(makeScene(what, options));
}

/** More particles than this are a picture only: no browser turns them smoothly, and their data would be megabytes. */
const liveMost = 50_000;

const viewFormats: readonly string[] = ['.png', '.svg', '.html'];

/** Made by `view`. */
export class View {
  readonly scene: Scene;
  private readonly turn: Rotation;

  constructor(scene: Scene) {
    this.scene = scene;
    this.turn = turnOf(scene);
  }

  get width(): number {
    return this.scene.options.width ?? 640;
  }
  get height(): number {
    return this.scene.options.height ?? 420;
  }

  /** One kept frame drawn flat. @param frame counts kept frames; negative from the end */
  toSVG(frame: number = 0): string {
    const n = this.scene.frames.length;
    return drawScene(this.scene, Math.max(0, Math.min(n - 1, frame < 0 ? n + frame : frame)), this.turn);
  }

  /** PNG bytes of one frame. @param options scale: pixels per px, default 2 */
  async toPNG(options: { frame?: number; scale?: number } = {}): Promise<Buffer> {
    checkOptionNames<typeof options>('view.toPNG', options, { frame: true, scale: true });
    return rasterize(this.toSVG(options.frame), options.scale ?? 2);
  }

  /** A page with the viewer, offline. */
  async toHTML(): Promise<string> {
    return htmlPage(this.alt, await this.toFragment(true), 'body{padding:16px}');
  }

  /** HTML for inside another page; shows the picture until (and unless) scripts run. Only a picture above 50 000 particles. */
  async toFragment(withLibrary: boolean): Promise<string> {
    // One and a half pixels per px: sharp enough, and half the bytes of two.
    const still = imageTag(await this.toPNG({ scale: 1.5 }), this.alt, this.width, this.height);
    if (this.scene.structure.count > liveMost) return `<div class="mdlab-view">${still}</div>`;
    return `${withLibrary ? libraryScript('3dmol') : ''}${place('view', still, this.data())}`;
  }

  /** Writes .html, .png or .svg by the name's ending, and gives the name back. */
  async save(file: string, options: { frame?: number; scale?: number } = {}): Promise<string> {
    checkOptionNames<typeof options>('view.save', options, { frame: true, scale: true });
    const format = extname(file).toLowerCase();
    if (!viewFormats.includes(format)) unknownChoice('view.save format', format || file, viewFormats);
    if (format === '.png') writeWhole(file, [await this.toPNG(options)]);
    else if (format === '.svg') writeWhole(file, [this.toSVG(options.frame)]);
    else writeWhole(file, [await this.toHTML()]);
    return file;
  }

  /** What is shown, in words. */
  get alt(): string {
    const { structure, frames } = this.scene;
    const name = this.scene.options.title || structure.name || 'structure';
    return `${name}: ${formatNumber(structure.count)} particles${frames.length > 1 ? `, ${frames.length} frames` : ''}`;
  }

  /** What client-view.js reads: positions on a 16-bit grid over all kept frames, colours by index. */
  private data(): Record<string, unknown> {
    const { scene } = this;
    const { structure, frames } = scene;
    const showBox = scene.options.box !== false;
    const boxes = frames.map((f) => (showBox ? (f.box ?? structure.box) : null));
    const sameBox = boxes.every((b) => b === boxes[0] || String(b?.vectors) === String(boxes[0]?.vectors));
    return {
      ...quantized(frames.map((f) => f.positions)),
      count: structure.count,
      frameCount: frames.length,
      labels: frames.map((f, i) => frameLabel(scene.kept[i]!, f.time)),
      bonds: Array.from(scene.bonds),
      colorings: scene.colorings.map(({ name, palette, index, range }) => ({
        name,
        palette: range ? palette : palette.slice(0, 1 + index.reduce((a, b) => Math.max(a, b), 0)),
        index: Buffer.from(index).toString('base64'),
        ...(range ? { range: range.map((v) => formatNumber(v, 3)) } : {}),
      })),
      symbols: coded(structure.symbols),
      radii: Array.from(scene.radii, (r) => Number(r.toFixed(3))),
      stick: scene.style === 'sticks' || scene.style === 'ball-and-stick' ? scene.stick : 0,
      cartoon: scene.style === 'cartoon',
      ...(structure.residues ? residueData(structure.residues) : {}),
      box: boxes[0] ? rounded(boxEdges(boxes[0])) : [],
      ...(sameBox ? {} : { boxes: boxes.map((b) => (b ? rounded(boxEdges(b)) : [])) }),
      view: [0, 0, 0, 0, ...quaternion(this.turn)],
      width: this.width,
      height: this.height,
    };
  }
}

function residueData(residues: Residues): Record<string, unknown> {
  const { atomNames, names, ids, chains } = residues;
  return {
    atomNames: coded(atomNames),
    // chain, name, number: 'A ALA 12'
    residues: coded(names.map((name, i) => `${chains[i]} ${name} ${ids[i]}`)),
  };
}

/** Words of which many are the same: each once, and 16-bit places among them. Beyond 65 535 different ones the rest is nameless. */
function coded(words: readonly string[]): { words: string[]; index: string } {
  const places = new Map<string, number>();
  const index = Uint16Array.from(words, (word) => {
    if (!places.has(word)) places.set(word, places.size);
    return Math.min(65_535, places.get(word)!);
  });
  const known = [...places.keys()].slice(0, 65_535);
  return { words: known, index: Buffer.from(index.buffer).toString('base64') };
}

function turnOf(scene: Scene): Rotation {
  if (scene.options.rotation) return eulerRotation(scene.options.rotation);
  const box = scene.frames[0]!.box ?? scene.structure.box;
  if (box && scene.options.box !== false) return eulerRotation([-72, 14, 0]);
  return principalRotation(scene.frames[0]!.positions);
}

function frameLabel(index: number, time: number | undefined): string {
  const frame = `frame ${formatNumber(index)}`;
  if (time === undefined) return frame;
  return `${frame}, ${time >= 1000 ? `${formatNumber(time / 1000, 5)} ps` : `${formatNumber(time, 5)} fs`}`;
}

/** Positions as integers: x = origin + step·k, the step fine enough for the picture (extent/65535). */
function quantized(frames: readonly ArrayLike<number>[]): { origin: number[]; step: number; frames: string } {
  const low = [1e300, 1e300, 1e300];
  const high = [-1e300, -1e300, -1e300];
  for (const p of frames) {
    for (let i = 0; i < p.length; i++) {
      if (p[i]! < low[i % 3]!) low[i % 3] = p[i]!;
      if (p[i]! > high[i % 3]!) high[i % 3] = p[i]!;
    }
  }
  const step = Math.max(1e-6, ...[0, 1, 2].map((k) => (high[k]! - low[k]!) / 65535));
  const grid = new Uint16Array(frames.length * frames[0]!.length);
  let at = 0;
  for (const p of frames)
    for (let i = 0; i < p.length; i++) grid[at++] = Math.round((p[i]! - low[i % 3]!) / step);
  return { origin: low, step, frames: Buffer.from(grid.buffer).toString('base64') };
}

function rounded(edges: [number[], number[]][]): number[][][] {
  return edges.map((pair) => pair.map((p) => p.map((v) => Number(v.toFixed(3)))));
}
