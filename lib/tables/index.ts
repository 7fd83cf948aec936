/** Tables: arquero's verbs, and what a workbench adds to them. See https://idl.uw.edu/arquero for the verbs. */
export {
  agg,
  all,
  bin,
  type ColumnTable as Table,
  desc,
  endswith,
  escape,
  from,
  matches,
  not,
  op,
  range,
  rolling,
  startswith,
} from 'arquero';
export { toCSV } from '../io/tables.js';
export { column } from './column.js';
export { type Columns, table } from './make.js';
