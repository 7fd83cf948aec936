/** Where files that belong to a user go. */
import { homedir, tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/**
 * The user's home. Where nobody says (a container's user without a name, an empty HOME), the folder of temporary files: what is
 * kept below it can be made anew.
 */
export function homeFolder(env: NodeJS.ProcessEnv = process.env): string {
  let home = env['HOME'];
  try {
    home ||= homedir();
  } catch {
    // The system knows no such user.
  }
  return home || tmpdir();
}

/** mdlab's part of the user's cache. XDG_CACHE_HOME counts where it is an absolute path, as its specification says. */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  const cache = env['XDG_CACHE_HOME'] ?? '';
  return join(isAbsolute(cache) ? cache : join(homeFolder(env), '.cache'), 'mdlab');
}
