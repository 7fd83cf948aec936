/** The executor's own stdout and stderr. */
import type { Output } from './wire.js';

/** What JavaScript writes to stdout and stderr becomes output of the cell that wrote it. */
export function captureStreams(emit: (output: Output) => void): void {
  for (const name of ['stdout', 'stderr'] as const) {
    const write = (
      chunk: string | Uint8Array,
      encoding?: BufferEncoding | (() => void),
      done?: () => void,
    ): boolean => {
      const text = typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8');
      if (text) emit({ type: 'stream', name, text });
      const callback = typeof encoding === 'function' ? encoding : done;
      if (callback) process.nextTick(callback);
      return true;
    };
    process[name].write = write as typeof process.stdout.write;
  }
}
