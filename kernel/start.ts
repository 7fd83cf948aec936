/** `npm start`: runs the tour headless, shows where its page and figures are, then opens Jupyter. */
import { mkdirSync, readdirSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from './commands/run.js';
import { findJupyter, installJupyter, openJupyter } from './jupyter.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const folder = join(root, 'build', 'tour');
const withFrontEnd = !process.argv.includes('--no-ui');

mkdirSync(folder, { recursive: true });
console.log('\nrunning notebooks/tour.ipynb without Jupyter');
const code = await run([
  join(root, 'notebooks', 'tour.ipynb'),
  '--output',
  join(folder, 'tour.ipynb'),
  '--html',
  join(folder, 'tour.html'),
  '--folder',
  folder,
]);
for (const file of (readdirSync(folder, { recursive: true }) as string[]).sort())
  if (/\.(png|svg)$/.test(file)) console.log(relative(process.cwd(), resolve(folder, file)));

if (code !== 0 || !withFrontEnd) process.exit(code);

const say = (line: string): void => console.log(line);
const frontEnd = findJupyter(root) ?? installJupyter(root, say);
if (!frontEnd) process.exit(0);
say(
  `\nstarting Jupyter ${frontEnd.kind === 'lab' ? 'Lab' : 'Notebook'} ${frontEnd.version}; end it with Ctrl-C`,
);
const child = openJupyter(frontEnd, {
  folder: join(root, 'notebooks'),
  notebook: 'tour.ipynb',
  jupyterPath: join(root, 'build', 'jupyter', 'share', 'jupyter'),
});
// Jupyter ends its kernels first. Ctrl-C reaches it too: this process only waits, and passes on what is meant for it alone.
process.on('SIGINT', () => child.kill('SIGINT'));
for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill('SIGTERM'));
child.on('exit', (status) => process.exit(status ?? 0));
