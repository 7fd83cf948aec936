/** Source maps, as far as stack traces need them: from a place in the code that runs to the line and column a person typed. */
import type { TextEdits } from './text-edits.js';

/** Per line of generated code, triples (column, source line, source column), all 0-based, ascending by column. */
export type LineMap = number[][];

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const comment = /\n?\/\/# sourceMappingURL=data:application\/json[^,\n]*;base64,([A-Za-z0-9+/=]+)\s*$/;

/** Takes the inline source map off emitted code. */
export function splitInlineMap(code: string): { code: string; map: LineMap } {
  const found = comment.exec(code);
  if (!found) return { code, map: [] };
  const { mappings } = JSON.parse(Buffer.from(found[1]!, 'base64').toString()) as { mappings: string };
  return { code: code.slice(0, found.index), map: decode(mappings) };
}

/** Decodes the `mappings` of a version 3 source map that has one source. */
export function decode(mappings: string): LineMap {
  let line = 0;
  let column = 0;
  return mappings.split(';').map((text) => {
    const triples: number[] = [];
    let generated = 0;
    for (const segment of text ? text.split(',') : []) {
      const fields = numbers(segment);
      generated += fields[0]!;
      if (fields.length < 4) continue;
      line += fields[2]!;
      column += fields[3]!;
      triples.push(generated, line, column);
    }
    return triples;
  });
}

function numbers(segment: string): number[] {
  const out: number[] = [];
  let value = 0;
  let shift = 0;
  for (const c of segment) {
    const digit = alphabet.indexOf(c);
    value += (digit & 31) << shift;
    shift += 5;
    if (digit & 32) continue;
    out.push(value & 1 ? -(value >> 1) : value >> 1);
    value = 0;
    shift = 0;
  }
  return out;
}

/** The map of the edited code, given that of the code before the edits. Inserted text belongs to what it stands before. */
export function shiftMap(map: LineMap, edits: TextEdits): LineMap {
  const byLine = new Map<number, { column: number; by: number }[]>();
  for (const { line, column, by } of edits.shifts()) {
    const list = byLine.get(line);
    if (list) list.push({ column, by });
    else byLine.set(line, [{ column, by }]);
  }
  const known = map.map((triples) => triples.slice());
  for (const { line, column, as } of edits.aliases) {
    const shown = originalPosition(map, line, as);
    const triples = known[line] ?? [];
    for (let i = 0; shown && i < triples.length; i += 3)
      if (triples[i] === column) triples.splice(i + 1, 2, shown.line, shown.column);
  }
  return known.map((triples, line) => {
    const shifts = byLine.get(line);
    if (!shifts) return triples;
    const out = triples.slice();
    let next = 0;
    let by = 0;
    for (let i = 0; i < out.length; i += 3) {
      while (next < shifts.length && shifts[next]!.column < triples[i]!) by = shifts[next++]!.by;
      out[i] = triples[i]! + by;
    }
    return out;
  });
}

/** The source place of a generated one, both 0-based; undefined where nothing of the source stands behind it. */
export function originalPosition(
  map: LineMap,
  line: number,
  column: number,
): { line: number; column: number } | undefined {
  const triples = map[line];
  if (!triples?.length) return undefined;
  let i = 0;
  while (i + 3 < triples.length && triples[i + 3]! <= column) i += 3;
  return { line: triples[i + 1]!, column: triples[i + 2]! };
}
