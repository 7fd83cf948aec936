/**
 * The font of every picture: Inter (SIL Open Font License), read from its npm package, so that text is there on a
 * machine without fonts and looks the same everywhere. Its advance widths come from the font file itself
 * (OpenType tables cmap, hhea, hmtx), because a DOM without a layout engine measures all text as zero wide.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

/** CSS family list: Inter where we draw, what looks most like it in a browser without it. */
export const fontFamily = "Inter, 'Open Sans', 'Helvetica Neue', Arial, sans-serif";

const resolve = createRequire(import.meta.url).resolve;
const faces = {
  regular: '400Regular/Inter_400Regular.ttf',
  italic: '400Regular_Italic/Inter_400Regular_Italic.ttf',
  semibold: '600SemiBold/Inter_600SemiBold.ttf',
} as const;
export type Face = keyof typeof faces;

/** Path of one face's TrueType file. */
export function fontFile(face: Face): string {
  return resolve(`@expo-google-fonts/inter/${faces[face]}`);
}

/** All faces drawn with. */
export function fontFiles(): string[] {
  return (Object.keys(faces) as Face[]).map(fontFile);
}

interface Metrics {
  unitsPerEm: number;
  /** Glyph of a code point; 0 is the missing glyph. */
  glyph(codePoint: number): number;
  advance(glyph: number): number;
}

const cache = new Map<Face, Metrics>();

function metrics(face: Face): Metrics {
  let m = cache.get(face);
  if (!m) {
    m = readMetrics(readFileSync(fontFile(face)));
    cache.set(face, m);
  }
  return m;
}

/** Width of one line of text, in units of the font size. Kerning is left out (below 1 %). */
export function textWidth(text: string, face: Face = 'regular'): number {
  const m = metrics(face);
  let sum = 0;
  for (const c of text) sum += m.advance(m.glyph(c.codePointAt(0)!));
  return sum / m.unitsPerEm;
}

/** Whether the font has a glyph for every character; other text needs a font of the system. */
export function fontCovers(text: string): boolean {
  const m = metrics('regular');
  for (const c of text) if (c > ' ' && m.glyph(c.codePointAt(0)!) === 0) return false;
  return true;
}

function readMetrics(file: Buffer): Metrics {
  const tables = new Map<string, number>();
  for (let i = 0; i < file.readUInt16BE(4); i++) {
    const record = 12 + 16 * i;
    tables.set(file.toString('latin1', record, record + 4), file.readUInt32BE(record + 8));
  }
  const at = (name: string): number => tables.get(name)!;
  const long = file.readUInt16BE(at('hhea') + 34);
  return {
    unitsPerEm: file.readUInt16BE(at('head') + 18),
    advance: (glyph) => file.readUInt16BE(at('hmtx') + 4 * Math.min(glyph, long - 1)),
    glyph: characterMap(file, at('cmap')),
  };
}

/** Reads the cmap subtable of format 12 (all of Unicode) or 4 (its first plane). */
function characterMap(file: Buffer, cmap: number): (codePoint: number) => number {
  let best = { format: 0, offset: 0 };
  for (let i = 0; i < file.readUInt16BE(cmap + 2); i++) {
    const offset = cmap + file.readUInt32BE(cmap + 4 + 8 * i + 4);
    const format = file.readUInt16BE(offset);
    if ((format === 4 || format === 12) && format > best.format) best = { format, offset };
  }
  const t = best.offset;
  if (best.format === 12) {
    const groups = file.readUInt32BE(t + 12);
    return (c) => {
      for (let g = t + 16; g < t + 16 + 12 * groups; g += 12) {
        if (c <= file.readUInt32BE(g + 4)) {
          const start = file.readUInt32BE(g);
          return c < start ? 0 : file.readUInt32BE(g + 8) + c - start;
        }
      }
      return 0;
    };
  }
  const doubled = file.readUInt16BE(t + 6);
  return (c) => {
    for (let s = 0; s < doubled; s += 2) {
      if (c > file.readUInt16BE(t + 14 + s)) continue;
      const start = file.readUInt16BE(t + 16 + doubled + s);
      if (c < start) return 0;
      const delta = file.readUInt16BE(t + 16 + 2 * doubled + s);
      const place = t + 16 + 3 * doubled + s;
      const range = file.readUInt16BE(place);
      if (range === 0) return (c + delta) & 0xffff;
      const glyph = file.readUInt16BE(place + range + 2 * (c - start));
      return glyph === 0 ? 0 : (glyph + delta) & 0xffff;
    }
    return 0;
  };
}
