/** What a paper claims beside what came out here, and whether it holds: rows of a table, collected by `npm run reproduce`. */
import { invalid } from '../errors.js';
import { formatNumber } from '../format.js';
import { from, type Table } from '../tables/index.js';
import { type PaperNumber, paperNumbers } from './papers.js';

/** How a number of ours must stand to the published one; `within` is a part of it. */
export type ClaimRule = 'at least' | 'at most' | { within: number };

export interface Claim {
  /** What is claimed, in words. */
  what: string;
  /** The number as `paperNumbers` has it, a number, or words. */
  published: PaperNumber | number | string;
  /** Default: the published number's; '' for a ratio. */
  unit?: string;
  /** In the same unit, or in words; undefined or NaN where it was not measured. */
  ours: number | string | undefined;
  /** Between numbers a rule; of anything else, whether the claim holds. */
  rule: ClaimRule | boolean;
  /** In what this run is unlike the paper's, so that the numbers cannot be compared: 'smoke run', '8 replicas'. */
  unlike?: string | false;
}

export type Verdict = 'holds' | 'does not hold' | 'not comparable' | 'not measured';

/** A claim with its verdict, as it is kept in a notebook. */
export interface ClaimRow {
  /** As `papers()` names it. */
  paper: string;
  what: string;
  published: number | string;
  /** Null where it was not measured. */
  ours: number | string | null;
  unit: string;
  /** 'at least', 'at most', 'within 10 %', or '' where the notebook judged by itself. */
  rule: string;
  verdict: Verdict;
  /** Why a claim is not comparable, else ''. */
  unlike: string;
  /** Hardware of the published number, where it has one. */
  publishedOn: string;
  measuredOn: string;
}

/** Judged claims; a notebook shows them as a table. */
export class Claims {
  constructor(readonly rows: readonly ClaimRow[]) {}

  /** Columns: claim, paper, paper ran on, measured here, rule, verdict. */
  get table(): Table {
    return from(
      this.rows.map((r) => ({
        claim: r.what,
        paper: shown(r.published, r.unit),
        'paper ran on': r.publishedOn,
        'measured here': shown(r.ours, r.unit),
        rule: r.rule,
        verdict: r.unlike ? `${r.verdict}: ${r.unlike}` : r.verdict,
      })),
    );
  }
}

/**
 * Judges claims of a paper by the numbers of this run.
 * @param paper a name that `papers()` knows
 * @param measuredOn the device of this run, e.g. 'NVIDIA H200' or 'CPU: AMD EPYC 9B14, 2 threads'
 * @throws EINVALID for an unknown paper, and for a rule between things that are no numbers
 * @example
 * const fast = paperNumbers('flashschnet').numbers.find((n) => n.id === '1enh-128-speedup')!;
 * claims('flashschnet', environment().device, [
 *   { what: 'speedup', published: fast, ours: 7.1, rule: 'at least' },           // holds
 *   { what: 'speedup', published: fast, ours: 7.1, rule: { within: 0.05 } },     // does not hold
 * ])
 */
export function claims(paper: string, measuredOn: string, list: readonly Claim[]): Claims {
  const { id } = paperNumbers(paper);
  return new Claims(list.map((c) => judged(c, id, measuredOn)));
}

function judged(claim: Claim, paper: string, measuredOn: string): ClaimRow {
  const { what, published: p, rule, unlike } = claim;
  const [published, unit, publishedOn] =
    typeof p === 'object' ? [p.value, claim.unit ?? p.unit, p.hardware] : [p, claim.unit ?? '', ''];
  const measured = claim.ours !== undefined && !Number.isNaN(claim.ours);
  const row = { paper, what, published, ours: measured ? claim.ours! : null, unit, publishedOn, measuredOn };
  const base = { ...row, rule: worded(rule) };
  if (!measured) return { ...base, verdict: 'not measured', unlike: '' };
  const holds = typeof rule === 'boolean' ? rule : obeys(what, claim.ours!, published, rule);
  if (unlike) return { ...base, verdict: 'not comparable', unlike };
  return { ...base, verdict: holds ? 'holds' : 'does not hold', unlike: '' };
}

function obeys(what: string, ours: number | string, published: number | string, rule: ClaimRule): boolean {
  if (typeof ours === 'string' || typeof published === 'string')
    return invalid(`claim '${what}'`, 'must have numbers for its rule', worded(rule), 'give true or false');
  if (rule === 'at least') return ours >= published;
  if (rule === 'at most') return ours <= published;
  return Math.abs(ours - published) <= rule.within * Math.abs(published);
}

function worded(rule: ClaimRule | boolean): string {
  if (typeof rule === 'boolean') return '';
  return typeof rule === 'string' ? rule : `within ${formatNumber(100 * rule.within)} %`;
}

function shown(value: number | string | null, unit: string): string {
  if (value === null) return '';
  if (typeof value === 'string') return value;
  return `${formatNumber(value)}${unit ? ` ${unit}` : ''}`;
}
