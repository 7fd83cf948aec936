/** Claims in a notebook's outputs: written by `display`, read by `mdlab reproduce`. */
import type { ClaimRow, Claims } from '../lib/studies/claims.js';
import { tableBundle } from './display-table.js';
import type { Notebook } from './notebook.js';
import type { MimeBundle } from './wire.js';

const type = 'application/vnd.mdlab.claims+json';

/** Shown as a table; the judged numbers go along. */
export function claimsBundle(claims: Claims): MimeBundle {
  return { ...tableBundle(claims.table), [type]: claims.rows };
}

/** All claims that an executed notebook shows, in its order. */
export function claimsIn(notebook: Notebook): ClaimRow[] {
  return notebook.cells
    .flatMap((cell) => cell.outputs ?? [])
    .flatMap((o) => ('data' in o ? ((o.data[type] as ClaimRow[] | undefined) ?? []) : []));
}
