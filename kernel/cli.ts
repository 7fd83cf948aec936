#!/usr/bin/env node
/** `mdlab COMMAND …`: one file per command under commands/. */
import { MdlabError } from '../lib/errors.js';
import { version } from './version.js';

interface Command {
  help: string;
  /** @returns the exit code */
  run(args: string[]): Promise<number>;
}

const commands: Record<string, () => Promise<Command>> = {
  doctor: () => import('./commands/doctor.js'),
  evaluate: () => import('./commands/evaluate.js'),
  export: () => import('./commands/export.js'),
  kernel: () => import('./commands/kernel.js'),
  reproduce: () => import('./commands/reproduce.js'),
  run: () => import('./commands/run.js'),
};

async function main([name, ...args]: string[]): Promise<number> {
  const load = commands[name ?? ''];
  if (load) return (await load()).run(args);
  if (name === '--version') {
    console.log(version);
    return 0;
  }
  const all = await Promise.all(Object.values(commands).map((c) => c()));
  console.log(all.map((c) => c.help).join('\n\n'));
  if (!name || name === 'help' || name === '--help' || name === '-h') return 0;
  throw new MdlabError(
    'EINVALID',
    `mdlab: no command '${name}'; known are ${Object.keys(commands).join(', ')}`,
  );
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (e) {
  const code = String((e as { code?: unknown }).code);
  const usage = code.startsWith('ERR_PARSE_ARGS');
  // Errors of the library, its native half and the system (EINVALID, ENUMERIC, ENOENT) speak for themselves; a stack
  // is for those that nobody foresaw.
  const foreseen = usage || e instanceof MdlabError || /^E[A-Z]+$/.test(code);
  console.error(foreseen ? (e as Error).message.replaceAll('\n', ' ') : e);
  process.exitCode = usage ? 2 : 1;
}
