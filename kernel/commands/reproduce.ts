/** `mdlab reproduce`: every notebook on this machine, and what became of the papers' claims. */
import { mkdirSync, readdirSync } from 'node:fs';
import { basename, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { invalid, unknownChoice } from '../../lib/errors.js';
import { toCSV } from '../../lib/io/tables.js';
import { writeWhole } from '../../lib/io/write-whole.js';
import { type ClaimRow, Claims } from '../../lib/studies/claims.js';
import { paperNumbers } from '../../lib/studies/papers.js';
import { from } from '../../lib/tables/index.js';
import { claimsIn } from '../claims.js';
import { readNotebook } from '../notebook.js';
import { type ParameterValues, takesParameter } from '../parameters.js';
import { type RunResult, runNotebook } from '../runner.js';
import { cellPrinter, onUnwritten, parameters, withJoinedParameters, writeHtml } from './run.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const folder = join(root, 'notebooks');

export const help = `mdlab reproduce [NAME...] [options]   run the notebooks and print papers' claims beside what came out here
  NAME                         of a notebook in notebooks/ (default: all)
      --smoke                  small sizes, a minute each: shows that all works, not the papers' numbers
  -p, --parameter NAME=VALUE   for every notebook that declares it; may be repeated
  -o, --output FOLDER          for executed notebooks, pages, figures and claims.csv (default build/reproduce)
  Exits with 1 when a notebook fails; a claim that does not hold is a result.`;

interface Reproduced {
  name: string;
  result: RunResult;
  rows: ClaimRow[];
}

/** @returns the exit code */
export async function run(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: withJoinedParameters(args),
    allowPositionals: true,
    options: {
      smoke: { type: 'boolean' },
      parameter: { type: 'string', short: 'p', multiple: true },
      output: { type: 'string', short: 'o' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) {
    console.log(help);
    return 0;
  }
  const given = await parameters([], values.parameter ?? []);
  if (values.smoke) given['smoke'] = 'true';
  const names = wanted(positionals);
  refuseUnknown(given, names);
  const output = resolve(values.output ?? join(root, 'build', 'reproduce'));
  mkdirSync(output, { recursive: true });
  const abort = new AbortController();
  const onSignal = (): void => abort.abort();
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  const done: Reproduced[] = [];
  for (const name of names)
    if (!abort.signal.aborted) done.push(await one(name, given, output, abort.signal));
  process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  const rows = done.flatMap((d) => d.rows);
  if (rows.length) writeWhole(join(output, 'claims.csv'), [toCSV(from(rows))]);
  report(done, output);
  if (abort.signal.aborted) return 130;
  return done.some((d) => d.result.error) ? 1 : 0;
}

/** Names of notebooks without their ending; a path of one is its name too. */
function wanted(given: string[]): string[] {
  const names = given.map((name) => basename(name, '.ipynb'));
  const all = readdirSync(folder)
    .filter((f) => f.endsWith('.ipynb'))
    .map((f) => basename(f, '.ipynb'))
    .sort();
  for (const name of names) if (!all.includes(name)) unknownChoice('notebook', name, all);
  return names.length ? names : all;
}

const pathOf = (name: string): string => join(folder, `${name}.ipynb`);

/** A notebook is only given what it declares, but each parameter must be of some notebook. */
function refuseUnknown(given: ParameterValues, names: string[]): void {
  const notebooks = names.map((name) => readNotebook(pathOf(name)));
  for (const p of Object.keys(given))
    if (!notebooks.some((n) => takesParameter(n, p)))
      invalid('-p', `must be declared by one of ${names.join(', ')}`, p);
}

async function one(
  name: string,
  given: ParameterValues,
  output: string,
  signal: AbortSignal,
): Promise<Reproduced> {
  console.error(`\n${name}`);
  const notebook = readNotebook(pathOf(name));
  const own = Object.entries(given).filter(([p]) => takesParameter(notebook, p));
  const target = join(output, `${name}.ipynb`);
  const result = await runNotebook(pathOf(name), {
    parameters: Object.fromEntries(own),
    output: target,
    folder: output,
    signal,
    onCell: cellPrinter(),
    onUnwritten,
  });
  await writeHtml(join(output, `${name}.html`), result.notebook, pathOf(name));
  return { name, result, rows: claimsIn(result.notebook) };
}

function report(done: readonly Reproduced[], output: string): void {
  for (const { name, result, rows } of done) {
    const end = result.interrupted ? 'interrupted' : result.error ? 'FAILED' : 'done';
    console.log(`\n${name}: ${end} after ${result.seconds.toFixed(1)} s`);
    if (result.error) console.log(`${result.error.ename}: ${result.error.evalue}`);
    if (!rows.length) console.log('makes no claims');
    for (const paper of new Set(rows.map((r) => r.paper))) {
      const own = rows.filter((r) => r.paper === paper);
      console.log(`${paperNumbers(paper).citation}; measured on ${own[0]!.measuredOn}\n\n${table(own)}`);
    }
  }
  const verdicts = new Map<string, number>();
  for (const { verdict } of done.flatMap((d) => d.rows))
    verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1);
  const counts = [...verdicts].map(([verdict, n]) => `${n} ${verdict}`).join(', ');
  console.log(`\n${counts ? `claims: ${counts}; ` : ''}${relative(process.cwd(), output) || '.'}`);
}

/** Nothing cut off, unlike in a notebook. */
function table(rows: readonly ClaimRow[]): string {
  const lines = new Claims(rows).table.objects() as Record<string, string>[];
  const names = Object.keys(lines[0]!);
  const widths = names.map((name) => Math.max(name.length, ...lines.map((l) => l[name]!.length)));
  return [Object.fromEntries(names.map((n) => [n, n])), ...lines]
    .map((l) =>
      names
        .map((name, k) => l[name]!.padEnd(widths[k]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
