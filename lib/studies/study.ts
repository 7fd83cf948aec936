/** Studies: a measure over a grid of parameters, row by row, with progress, a file to go on from, and full provenance. */
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname, extname } from 'node:path';
import { digest } from '../digest.js';
import { environment } from '../environment.js';
import { checkOptionNames, invalid, MdlabError } from '../errors.js';
import { jsonLines, parseJsonLines, tableOfRows } from '../io/tables.js';
import { readText } from '../io/text.js';
import { append, writeWhole } from '../io/write-whole.js';
import { Progress } from '../progress.js';
import type { Table } from '../tables/index.js';
import { fingerprint } from './inputs.js';
import { spread } from './timing.js';

/** What a row is measured at: plain values, because they name the row in the file. */
export type Parameters = Record<string, string | number | boolean>;
/** What is measured: columns of the row. */
export type Measured = Record<string, unknown>;

export interface MeasureContext {
  /** Aborted when the study is to stop. */
  readonly signal: AbortSignal | undefined;
  /** 0 … repeats−1. */
  readonly repeat: number;
}

export interface StudyOptions<P extends Parameters> {
  /** Shown in the progress line and written into every row. */
  name: string;
  /** Values of each parameter; every combination is a row, the last parameter changing fastest. */
  grid?: { readonly [K in keyof P]: readonly P[K][] };
  /** The rows one by one, in place of a grid. */
  rows?: readonly P[];
  /** Gives the columns of a row, or of several rows that share its parameters. */
  measure: (
    parameters: P,
    context: MeasureContext,
  ) => Measured | readonly Measured[] | Promise<Measured | readonly Measured[]>;
  /** Measures each row this often; numbers become their median, with 5th and 95th percentile beside it. Default 1. */
  repeats?: number;
  /**
   * Rows are kept here, in a `.jsonl` file, as they come, and those already there of the same name, parameters and `version` are not
   * measured again. What `measure` takes from around it (a model, a structure, a constant) is not seen: name it in `version`.
   */
  file?: string;
  /**
   * Of the measuring code and of all that it uses beside the parameters: rows of another version are measured anew. Default the
   * commit and the measure's own text, which stays the same when a value changes that the text only names: give
   * `version: \`1, tolerance ${tolerance}\`` then.
   */
  version?: string;
  /** Columns written into every row: seed, precision, sizes … */
  stamp?: Measured;
  signal?: AbortSignal;
  /** Shows a progress line. Default true. */
  progress?: boolean;
}

/** What every study hands on as it is. */
export type KeptOptions = Pick<StudyOptions<Parameters>, 'file' | 'version' | 'signal' | 'progress'>;

export const keptOptionNames: Readonly<Record<keyof KeptOptions, true>> = {
  file: true,
  version: true,
  signal: true,
  progress: true,
};

/** Thrown when a study is stopped; `table` holds the finished rows. */
export class StudyInterrupted extends MdlabError {
  readonly table: Table;
  constructor(name: string, table: Table, done: number, total: number, file: string | undefined) {
    const kept = file ? `; they are kept in ${file}, run it again to go on` : '';
    super('EINTERRUPTED', `study '${name}': stopped after ${done} of ${total} rows${kept}`);
    this.table = table;
  }
}

/**
 * Measures every row and gives them as a table, in the order of the grid. A row whose measure throws is kept with the
 * message in its column `error`, and is measured again next time; when every row throws, so does the study.
 * @example
 * const t = await study({ name: 'cutoff', grid: { cutoff: [5, 10, 15] }, file: 'cutoff.jsonl', measure: ({ cutoff }) => ({ error: f(cutoff) }) });
 * @throws EINVALID for an empty grid or rows that differ in their parameters, StudyInterrupted when stopped, what the first
 *   row threw when all did
 */
export function study<P extends Parameters>(options: StudyOptions<P>): Promise<Table> {
  checkOptionNames<typeof options>('study', options, {
    ...keptOptionNames,
    ...{ name: true, grid: true, rows: true, measure: true, repeats: true, stamp: true },
  });
  return studyOf(options);
}

/**
 * A study whose kept rows count for the same inputs alone.
 * @param inputs all that a row depends on beside its parameters, as data; asked where there is a file, when the row is due
 */
export async function studyOf<P extends Parameters>(
  options: StudyOptions<P>,
  inputs?: (parameters: P) => unknown,
): Promise<Table> {
  const { file, measure, name, repeats = 1, signal } = options;
  if (!(Number.isInteger(repeats) && repeats > 0))
    invalid('study.repeats', 'must be a positive whole number', repeats);
  const wanted = options.rows ?? (options.grid ? combinations(options.grid) : []);
  if (wanted.length === 0) invalid('study', 'needs rows or a grid with values', name);
  const place = environment();
  const version = options.version ?? `${place.commit} ${digest(measure.toString())}`;
  const keys: string[] = [];
  const kept = file ? openFile(file) : new Map<string, Measured[]>();
  const progress =
    options.progress === false ? undefined : new Progress(wanted.length, { label: name, unit: 'rows' });
  const table = (): Table => tableOfRows(keys.flatMap((key) => kept.get(key) ?? []));
  let done = 0;
  let cause: unknown;
  try {
    for (const [i, parameters] of wanted.entries()) {
      if (signal?.aborted) throw signal.reason;
      const given = file && inputs ? await tell(() => inputs(parameters), signal) : undefined;
      keys[i] = keyOf(name, parameters, version, given?.print);
      if (!finished(kept.get(keys[i]!))) {
        const measured = await measureRow(parameters, given?.failing ?? measure, repeats, signal, (error) => {
          cause ??= error;
        });
        const stamp = {
          ...options.stamp,
          repeats,
          date: new Date().toISOString(),
          study: name,
          ...place,
          version,
        };
        const rows = measured.map((m) => ({ ...parameters, ...m, ...without(stamp, m) }));
        kept.set(keys[i]!, rows);
        if (file) append(file, jsonLines(rows.map((row) => ({ key: keys[i]!, ...row }))));
      }
      done++;
      progress?.update(done);
    }
  } catch (error) {
    progress?.finish(isInterrupt(error, signal) ? 'interrupted' : 'failed');
    if (isInterrupt(error, signal)) throw new StudyInterrupted(name, table(), done, wanted.length, file);
    throw error;
  }
  const failures = keys.filter((key) => !finished(kept.get(key))).length;
  // A table of messages alone would only fail further down, less clearly.
  if (failures === keys.length) {
    progress?.finish('failed');
    throw cause;
  }
  progress?.finish(failures ? `${failures} row${failures > 1 ? 's' : ''} failed` : '');
  return table();
}

/** The digest of a row's inputs; where they cannot be told, a measure that fails for the same reason. */
async function tell(
  inputs: () => unknown,
  signal: AbortSignal | undefined,
): Promise<{ print: string; failing?: () => never }> {
  try {
    return { print: fingerprint(await inputs()) };
  } catch (error) {
    if (isInterrupt(error, signal)) throw error;
    const failing = (): never => {
      throw error;
    };
    return { print: 'unknown', failing };
  }
}

/** A failing measure is a row with its message; only an interrupt goes further. */
async function measureRow<P extends Parameters>(
  parameters: P,
  measure: StudyOptions<P>['measure'],
  repeats: number,
  signal: AbortSignal | undefined,
  onError: (error: unknown) => void,
): Promise<Measured[]> {
  try {
    const runs: Measured[][] = [];
    for (let repeat = 0; repeat < repeats; repeat++) {
      const got = await measure(parameters, { signal, repeat });
      runs.push(Array.isArray(got) ? got : [got as Measured]);
      await new Promise((resolve) => setImmediate(resolve));
      signal?.throwIfAborted();
    }
    return runs[0]!.map((_, i) => combined(runs.map((run) => run[i] ?? {})));
  } catch (error) {
    if (isInterrupt(error, signal)) throw error;
    onError(error);
    return [{ error: error instanceof Error ? error.message : String(error) }];
  }
}

/** What a function gives, asked of it once: when it is first wanted. */
export function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

/** Models that a study makes anew: functions that give one. @throws EINVALID naming the one that is none */
export function checkMakers(subject: string, models: Readonly<Record<string, unknown>>): void {
  for (const [name, model] of Object.entries(models))
    if (typeof model !== 'function') invalid(`${subject}.${name}`, 'must be a function', model);
}

/** One run as it is; of several, numbers by median and percentiles and the rest as the last run has it. */
function combined(runs: readonly Measured[]): Measured {
  if (runs.length === 1) return runs[0]!;
  const out: Measured = {};
  for (const [name, value] of Object.entries(runs.at(-1)!)) {
    const values = runs.map((r) => r[name]);
    if (values.every((v) => typeof v === 'number')) {
      const { median, low, high } = spread(values as number[]);
      Object.assign(out, { [name]: median, [`${name}_p5`]: low, [`${name}_p95`]: high });
    } else out[name] = value;
  }
  return out;
}

function isInterrupt(error: unknown, signal: AbortSignal | undefined): boolean {
  const { code, name } = (error ?? {}) as { code?: unknown; name?: unknown };
  return Boolean(signal?.aborted) || code === 'EINTERRUPTED' || name === 'AbortError';
}

const finished = (rows: readonly Measured[] | undefined): boolean => rows?.every((r) => !r['error']) ?? false;

function combinations<P extends Parameters>(grid: { readonly [K in keyof P]: readonly P[K][] }): P[] {
  let out: Partial<P>[] = [{}];
  for (const name of Object.keys(grid) as (keyof P)[]) {
    out = out.flatMap((row) => grid[name].map((value) => ({ ...row, [name]: value })));
  }
  return out as P[];
}

function keyOf(name: string, parameters: Parameters, version: string, inputs: string | undefined): string {
  const sorted = Object.entries(parameters).sort(([a], [b]) => (a < b ? -1 : 1));
  return digest(JSON.stringify([name, sorted, version, ...(inputs === undefined ? [] : [inputs])]));
}

/** Rows of a file by key; the latest of a key counts. A line cut short by a crash is taken away. */
function openFile(file: string): Map<string, Measured[]> {
  const kept = new Map<string, Measured[]>();
  const there = existsSync(file);
  // A device is there too, and may be read without end.
  if (there && !statSync(file).isFile())
    invalid('study.file', 'must be a file', file, 'leave it out to keep rows in memory alone');
  // A name that promises another kind of table would be taken, or written over, as one.
  if (extname(file) !== '.jsonl')
    invalid('study.file', 'must end in .jsonl', file, 'rows are kept as JSON lines; save() writes .csv');
  if (!there) {
    mkdirSync(dirname(file), { recursive: true });
    return kept;
  }
  const text = readText(file);
  const rows = parseJsonLines(text, file);
  if (text !== '' && !text.endsWith('\n')) writeWhole(file, [jsonLines(rows)]);
  for (const { key, ...row } of rows) {
    const group = kept.get(String(key));
    const fresh = group?.[0]?.['date'] === row['date'] ? group : undefined;
    if (fresh) fresh.push(row);
    else kept.set(String(key), [row]);
  }
  return kept;
}

function without(stamp: Measured, taken: Measured): Measured {
  return Object.fromEntries(Object.entries(stamp).filter(([name]) => !(name in taken)));
}
