/** Pictures and pages to files. */
import { writeFile } from 'node:fs/promises';
import { MdlabError } from '../errors.js';

/** @throws EIO, with what lacks, where the file cannot be written */
export async function writeOut(file: string, content: string | Buffer): Promise<void> {
  try {
    await writeFile(file, content);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'its folder does not exist; make it with mkdirSync' : message;
    throw new MdlabError('EIO', `${file}: cannot be written: ${why}`);
  }
}
