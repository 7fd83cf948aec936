/**
 * Notebooks written for the tslab kernel run here: what its module `tslab` is given to display goes to the cell that calls it.
 * tslab 1.0.22 hands each display to a function that its kernel sets on `dist/jupyter.js`.
 */
import { createRequire } from 'node:module';
import type { MimeBundle } from './wire.js';

interface TslabDisplay {
  data: MimeBundle;
  transient: { display_id?: string };
}
interface TslabKernel {
  lastWriteDisplayData: ((shown: TslabDisplay, update?: boolean) => void) | null;
}

/** @param url of the module as a cell imports it */
export function connectTslab(url: string): void {
  const kernel = createRequire(url)('./jupyter.js') as TslabKernel;
  kernel.lastWriteDisplayData = ({ data, transient }, update = false) => {
    display(data, { raw: true, update, ...(transient.display_id ? { id: transient.display_id } : {}) });
  };
}
