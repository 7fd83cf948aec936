/** Numbers in a fixed number of columns: decimal, then base 36 with capital, then with small letters (hybrid-36). */

/** The number in a field of the field's own width; undefined where it is none. */
export function decodeHybrid36(field: string): number | undefined {
  const text = field.trim();
  if (/^[+-]?\d+$/.test(text)) return Number(text);
  const width = field.length;
  if (text.length !== width || !/^([A-Z][0-9A-Z]*|[a-z][0-9a-z]*)$/.test(text)) return undefined;
  const first = 10 * 36 ** (width - 1);
  const capital = 10 ** width - first;
  const small = capital + 26 * 36 ** (width - 1);
  return Number.parseInt(text, 36) + (/^[A-Z]/.test(text) ? capital : small);
}

/** A number in `width` columns, right-aligned; undefined where hybrid-36 has no place for it. */
export function encodeHybrid36(value: number, width: number): string | undefined {
  if (value > -(10 ** (width - 1)) && value < 10 ** width) return String(value).padStart(width);
  const block = 26 * 36 ** (width - 1);
  const above = value - 10 ** width;
  if (above < 0 || above >= 2 * block) return undefined;
  const digits = ((above % block) + 10 * 36 ** (width - 1)).toString(36);
  return above < block ? digits.toUpperCase() : digits;
}
