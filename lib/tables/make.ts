/** Tables from columns. */
import { type ColumnTable, table as tableOf } from 'arquero';
import { invalid } from '../errors.js';

/** Columns by name: an object, a map, or pairs. */
export type Columns = Parameters<typeof tableOf>[0];

/**
 * A table of columns.
 * @param names which columns, in which order; default all
 * @throws EINVALID for columns that are not equally long, or have no names
 * @example table({ time: [0, 1, 2], energy: Float64Array.of(3, 2, 1) }).filter((d) => d.energy > 1)
 */
export function table(columns: Columns, names?: Parameters<typeof tableOf>[1]): ColumnTable {
  const given = typeof columns === 'object' && columns !== null;
  const pairs = (
    given && Symbol.iterator in columns ? [...columns] : Object.entries(columns ?? {})
  ) as unknown[];
  let first: [name: string, length: number] | undefined;
  for (const pair of pairs) {
    const [name, values] = Array.isArray(pair) ? (pair as [string, ArrayLike<unknown> | undefined]) : [];
    if (typeof name !== 'string' || typeof values?.length !== 'number' || typeof values === 'string')
      invalid('table.columns', 'must be lists by name, such as { time: [0, 1], energy: [3, 2] }', columns);
    first ??= [name, values.length];
    if (values.length !== first[1])
      invalid(`table.${name}`, `must be as long as '${first[0]}', ${first[1]} values`, values.length);
  }
  return tableOf(columns, names);
}
