/** Pictures and pages to files. */
import { writeFile } from 'node:fs/promises';
import { MdlabError, systemReason } from '../errors.js';

/** @throws EIO, with what lacks, where the file cannot be written */
export async function writeOut(file: string, content: string | Buffer): Promise<void> {
  try {
    await writeFile(file, content);
  } catch (error) {
    const none = (error as NodeJS.ErrnoException).code === 'ENOENT';
    const why = none ? 'its folder does not exist; make it with mkdirSync' : systemReason(error);
    throw new MdlabError('EIO', `${file}: cannot be written: ${why}`);
  }
}
