/** How numbers and times read everywhere: progress lines, tables, figures. */

/** Narrow no-break space: the thousands separator (ISO 80000-1), never mistaken for a decimal mark. */
const thinSpace = '\u202f';

/** Groups the integer part of a decimal literal in threes when it has five digits or more: 12 345.6. */
export function groupThousands(literal: string, separator: string = thinSpace): string {
  const match = /^([-−+]?)(\d{5,})(\D.*)?$/s.exec(literal);
  if (!match) return literal;
  const [, sign, digits, rest] = match;
  return `${sign}${digits!.replace(/\B(?=(\d{3})+$)/g, separator)}${rest ?? ''}`;
}

/**
 * A number for people: at most `digits` significant digits, thousands separated, exponents where they are shorter.
 * @example formatNumber(1234567.8) // '1 234 568'
 */
export function formatNumber(value: number, digits: number = 4): string {
  if (!Number.isFinite(value)) return String(value);
  if (Number.isInteger(value) && Math.abs(value) < 1e12) return groupThousands(String(value));
  const size = Math.abs(value);
  if (size >= 1e9 || size < 1e-4) return value.toExponential(digits - 1).replace(/\.?0+e/, 'e');
  const decimals = Math.max(0, digits - 1 - Math.floor(Math.log10(size)));
  const fixed = value.toFixed(Math.min(decimals, 100));
  return groupThousands(fixed.includes('.') ? fixed.replace(/\.?0+$/, '') : fixed);
}

/** Seconds as a clock: 0:07, 12:30, 3:05:00, 2 d 3:05:00. */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return '?';
  const s = Math.round(seconds);
  const two = (n: number): string => String(n).padStart(2, '0');
  const days = Math.floor(s / 86400);
  const hours = Math.floor((s % 86400) / 3600);
  const minutes = Math.floor((s % 3600) / 60);
  if (days) return `${days} d ${hours}:${two(minutes)}:${two(s % 60)}`;
  return hours ? `${hours}:${two(minutes)}:${two(s % 60)}` : `${minutes}:${two(s % 60)}`;
}

/** Bytes with a binary prefix: 1.5 MiB. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let power = 0;
  let value = bytes;
  while (Math.abs(value) >= 1024 && power < units.length - 1) {
    value /= 1024;
    power++;
  }
  return `${formatNumber(value, 3)} ${units[power]}`;
}
