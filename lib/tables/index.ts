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
  table,
} from 'arquero';
export { column, loadTable, saveTable, tableFormats, toCSV } from './files.js';
