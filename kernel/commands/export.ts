/** `mdlab export`: a notebook as it is, as one page. */
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { invalid, MdlabError } from '../../lib/errors.js';
import { writeWhole } from '../../lib/io/write-whole.js';
import { notebookToHtml } from '../html.js';
import { readNotebook } from '../notebook.js';

export const help = `mdlab export NOTEBOOK [options]   write a notebook as one HTML page that needs no network and no scripts to be read
  -o, --output OUT.html        default: NOTEBOOK's name with .html
      --no-scripts             without the scripts of outputs, for a notebook of somebody else: tables and molecules stand still`;

/** @returns the exit code */
export async function run(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      output: { type: 'string', short: 'o' },
      'no-scripts': { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) {
    console.log(help);
    return 0;
  }
  const file = positionals[0];
  if (!file || positionals.length > 1)
    throw new MdlabError(
      'EINVALID',
      `mdlab export: takes one notebook, received ${positionals.join(' ') || 'none'}; see mdlab export --help`,
    );
  const output = values.output ?? `${file.replace(/\.ipynb$/, '')}.html`;
  if (!existsSync(dirname(output)))
    invalid('mdlab export', 'must write into a folder that exists', output, 'make it first');
  const options = { folder: dirname(file), scripts: !values['no-scripts'] };
  writeWhole(output, [notebookToHtml(readNotebook(file), options)]);
  console.log(output);
  return 0;
}
