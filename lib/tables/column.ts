import type { ColumnTable } from 'arquero';
import { invalid, unknownChoice } from '../errors.js';

/**
 * A column as numbers, in row order.
 * @example line(column(t, 'replicas'), column(t, 'rate'))
 * @throws EINVALID for an unknown name, or values that are not numbers (missing ones become NaN)
 */
export function column(table: ColumnTable, name: string): Float64Array {
  if (!table.columnNames().includes(name)) unknownChoice('column', name, table.columnNames());
  return Float64Array.from(table.array(name) as Iterable<unknown>, (value, row) => {
    if (value === null || value === undefined) return Number.NaN;
    if (typeof value !== 'number') invalid(`column '${name}'`, 'must hold numbers', value, `see row ${row}`);
    return value;
  });
}
