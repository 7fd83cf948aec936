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
  if (load) {
    const command = await load();
    try {
      return await command.run(args);
    } catch (e) {
      throw misused(e) ? new Misuse(name!, command.help, e.message) : e;
    }
  }
  if (name === '--version') {
    console.log(version);
    return 0;
  }
  if (name && name !== 'help' && name !== '--help' && name !== '-h') {
    const known = Object.keys(commands).join(', ');
    throw new MdlabError('EINVALID', `mdlab: no command '${name}'; known are ${known}; see mdlab --help`);
  }
  const all = await Promise.all(Object.values(commands).map((c) => c()));
  console.log(all.map((c) => c.help).join('\n\n'));
  return 0;
}

const misused = (e: unknown): e is Error =>
  String((e as { code?: unknown }).code).startsWith('ERR_PARSE_ARGS');

/** What Node's parser says of an option, for people: its advice is about its own rules. */
class Misuse extends Error {
  constructor(command: string, help: string, said: string) {
    const option = /'(?:-\w, )?(--?[\w-]+)/.exec(said)?.[1] ?? '';
    const known = [...new Set(help.match(/--[a-z][a-z-]*/g))].join(', ');
    const what = said.startsWith('Unknown option')
      ? `no option '${option}'; known are ${known || 'none'}`
      : said.includes('ambiguous')
        ? `option '${option}' needs a value; one that begins with - is joined to it, as in ${option}=-1`
        : `${said.split(/[.\n]/)[0]!.replace(/^O/, 'o')}`;
    super(`mdlab ${command}: ${what}; see mdlab ${command} --help`);
  }
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (e) {
  const code = String((e as { code?: unknown }).code);
  const usage = e instanceof Misuse;
  // Errors of the library, its native half and the system (EINVALID, ENUMERIC, ENOENT) speak for themselves; a stack
  // is for those that nobody foresaw.
  const foreseen = usage || e instanceof MdlabError || /^E[A-Z]+$/.test(code);
  console.error(foreseen ? (e as Error).message.replaceAll('\n', ' ') : e);
  process.exitCode = usage ? 2 : 1;
}
