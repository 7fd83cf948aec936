import { readFileSync } from 'node:fs';
import { MdlabError, systemReason } from '../errors.js';

/**
 * A file's text.
 * @param subject what the file is called in the error; default its path
 * @throws ENOTFOUND saying why it cannot be read
 */
export function readText(file: string, subject: string = file, remedy?: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const why = `${subject}: cannot be read: ${systemReason(error)}`;
    throw new MdlabError('ENOTFOUND', remedy ? `${why}; ${remedy}` : why);
  }
}
