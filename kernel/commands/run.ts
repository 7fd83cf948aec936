/** `mdlab run`: a notebook from the command line. */
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { invalid, MdlabError, malformed } from '../../lib/errors.js';
import { readText } from '../../lib/io/text.js';
import { writeWhole } from '../../lib/io/write-whole.js';
import { logInterval, rewrite } from '../../lib/progress.js';
import { painted } from '../ansi.js';
import type { Notebook } from '../notebook.js';
import type { ParameterValues } from '../parameters.js';
import { type CellProgress, runNotebook } from '../runner.js';

export const help = `mdlab run NOTEBOOK [options]   run a notebook without Jupyter
  -p, --parameter NAME=VALUE   set a variable declared in the cell tagged 'parameters'; also as two words; may be repeated
  -f, --parameters-file FILE   set those that a YAML or JSON file has; -p goes before
  -o, --output OUT.ipynb       write the executed notebook there (default: NOTEBOOK's name with .out.ipynb,
                               or not at all where --html is given)
      --html [OUT.html]        write a page of it (default: the output's name with .html)
      --timeout SECONDS        interrupt a cell that runs longer
      --allow-errors           go on after a failing cell
      --folder FOLDER          where cells run (default: the notebook's folder)
  Stops at the first failing cell with exit code 1, interrupted with 130; what was done so far is written.`;

/** @returns the exit code */
export async function run(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: withHtmlDefault(withJoinedParameters(args)),
    allowPositionals: true,
    options: {
      parameter: { type: 'string', short: 'p', multiple: true },
      'parameters-file': { type: 'string', short: 'f', multiple: true },
      output: { type: 'string', short: 'o' },
      html: { type: 'string' },
      timeout: { type: 'string' },
      'allow-errors': { type: 'boolean' },
      folder: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) return print(help);
  const file = positionals[0];
  if (!file || positionals.length > 1)
    throw new MdlabError(
      'EINVALID',
      `mdlab run: takes one notebook, received ${positionals.join(' ') || 'none'}; ${file ? 'the output goes behind -o, a page OUT.html behind --html' : 'see mdlab run --help'}`,
    );
  const stem = file.replace(/\.ipynb$/, '');
  const output = values.output ?? (values.html === undefined ? `${stem}.out.ipynb` : undefined);
  const html = values.html === '' ? `${(values.output ?? file).replace(/\.ipynb$/, '')}.html` : values.html;
  for (const target of [output, html])
    if (target && !existsSync(dirname(target)))
      invalid('mdlab run', 'must write into a folder that exists', target, 'make it first');
  const abort = new AbortController();
  const onSignal = (): void => abort.abort();
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  const result = await runNotebook(file, {
    parameters: await parameters(values['parameters-file'] ?? [], values.parameter ?? []),
    output,
    timeout: values.timeout === undefined ? undefined : seconds(values.timeout),
    allowErrors: values['allow-errors'],
    folder: values.folder,
    signal: abort.signal,
    onCell: cellPrinter(),
    onUnwritten,
  });
  process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  if (html) await writeHtml(html, result.notebook, file);
  for (const written of [output, html]) if (written) console.log(written);
  const end = result.interrupted ? 'interrupted' : result.error ? 'failed' : 'done';
  console.error(`${end} after ${result.seconds.toFixed(1)} s`);
  if (result.interrupted) return 130;
  return result.error && !values['allow-errors'] ? 1 : 0;
}

function print(text: string): number {
  console.log(text);
  return 0;
}

/** `--html` alone means a default name: parseArgs knows no optional values. */
function withHtmlDefault(args: string[]): string[] {
  return args.map((a, i) => {
    if (a !== '--html') return a;
    const next = args[i + 1];
    return next?.endsWith('.html') ? a : '--html=';
  });
}

/** `-p name value`, as papermill has it, is `-p name=value`. */
export function withJoinedParameters(args: readonly string[]): string[] {
  const out: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const [option, name, value] = args.slice(i, i + 3);
    const apart = (option === '-p' || option === '--parameter') && name && !name.includes('=');
    // An option that follows is no value; a negative number is.
    if (!apart || value === undefined || /^--?[a-z]/i.test(value)) out.push(option!);
    else {
      out.push(option, `${name}=${value}`);
      i += 2;
    }
  }
  return out;
}

/** Of files, then of the command line, later ones over earlier ones. */
export async function parameters(files: string[], given: string[]): Promise<ParameterValues> {
  const values: ParameterValues = {};
  for (const file of files) Object.assign(values, await parametersFile(file));
  for (const text of given) {
    const at = text.indexOf('=');
    if (at <= 0) invalid('-p', 'must be NAME=VALUE or NAME VALUE', text);
    values[text.slice(0, at)] = text.slice(at + 1);
  }
  return values;
}

/** YAML, which JSON is part of. */
async function parametersFile(file: string): Promise<ParameterValues> {
  const { parse } = await import('yaml');
  const text = readText(file);
  let values: unknown;
  try {
    values = parse(text);
  } catch (e) {
    malformed(file, 'text', `must be YAML or JSON (${(e as Error).message.split('\n')[0]})`);
  }
  if (values === null) return {};
  if (typeof values !== 'object' || Array.isArray(values))
    malformed(file, 'text', 'must be names and values', values);
  return values as ParameterValues;
}

function seconds(text: string): number {
  const value = Number(text);
  if (!(value > 0)) invalid('--timeout', 'must be a positive number of seconds', text);
  return value;
}

/** Says which cell runs and how it ended; between, its progress: on a terminal in place, in a log a line now and then. */
export function cellPrinter(stream: NodeJS.WriteStream = process.stderr): (cell: CellProgress) => void {
  let [started, last] = [0, 0];
  return ({ index, count, source, seconds, error, line }) => {
    const place = `${String(index).padStart(String(count).length)}/${count}`;
    const now = performance.now() / 1000;
    if (line !== undefined) {
      if (stream.isTTY) rewrite(stream, `${place}  ${line}`);
      else if (now - last >= logInterval(now - started, 10)) {
        last = now;
        stream.write(`${place}  ${line}\n`);
      }
      return;
    }
    const first = source.trim().split('\n')[0]!.slice(0, 70);
    if (seconds === undefined) {
      started = last = now;
      if (stream.isTTY) rewrite(stream, `${place}           ${first}`);
      return;
    }
    const clear = stream.isTTY ? '\r\x1b[2K' : '';
    stream.write(`${clear}${place} ${seconds.toFixed(2).padStart(7)} s  ${first}\n`);
    if (!error) return;
    const colors = stream.isTTY && stream.hasColors();
    stream.write(`${(colors ? painted(error) : error).traceback.join('\n')}\n`);
  };
}

/** Tells that the output could not be written meanwhile. */
export const onUnwritten = ({ message }: Error): void => console.error(`${message}; the run goes on`);

/** @param file the notebook's own, which has the pictures of its Markdown beside it */
export async function writeHtml(target: string, notebook: Notebook, file: string): Promise<void> {
  const { notebookToHtml } = await import('../html.js');
  writeWhole(target, [notebookToHtml(notebook, { folder: dirname(file) })]);
}
