/** The protocol counts characters (code points); JavaScript and TypeScript count UTF-16 units. */

export function toUnits(text: string, codePoints: number): number {
  let units = 0;
  for (let n = 0; n < codePoints && units < text.length; n++)
    units += text.codePointAt(units)! > 0xffff ? 2 : 1;
  return units;
}

export function toCodePoints(text: string, units: number): number {
  let n = 0;
  for (let at = 0; at < units && at < text.length; n++) at += text.codePointAt(at)! > 0xffff ? 2 : 1;
  return n;
}
