/** Where files that belong to a user go. */
import { lstatSync, mkdirSync, mkdtempSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/** The user's home. Where nobody says (a container's user without a name, an empty HOME), a folder among the temporary ones. */
export function homeFolder(env: NodeJS.ProcessEnv = process.env): string {
  let home = env['HOME'];
  try {
    home ||= homedir();
  } catch {
    // The system knows no such user.
  }
  if (home) return home;
  temporary ??= privateFolder(join(tmpdir(), `mdlab-${process.getuid?.() ?? 'home'}`));
  return temporary;
}

/** What a variable of the XDG base directories names: it counts where it is an absolute path, as their specification says. */
export function xdgFolder(variable: string, env: NodeJS.ProcessEnv): string | undefined {
  const folder = env[variable] ?? '';
  return isAbsolute(folder) ? folder : undefined;
}

/** mdlab's part of the user's cache. */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  return join(xdgFolder('XDG_CACHE_HOME', env) ?? join(homeFolder(env), '.cache'), 'mdlab');
}

let temporary: string | undefined;

/** `folder` where it is, or can be made, nobody else's; else a new one: what is cached is run. */
export function privateFolder(folder: string): string {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const { mode, uid } = lstatSync(folder);
    const user = process.getuid?.();
    if (user === undefined || (uid === user && (mode & 0o170077) === 0o040000)) return folder;
  } catch {
    // A file of somebody else's has the name.
  }
  return mkdtempSync(`${folder}-`);
}
