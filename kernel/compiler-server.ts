/** The compiler's process: answers calls that come by IPC. Ends with its parent. */
import { getHeapStatistics } from 'node:v8';
import { Compiler } from './compiler.js';
import { TypeFiles } from './type-files.js';

export type CompilerMethod = 'compile' | 'withoutUnset' | 'complete' | 'inspect' | 'isComplete';

interface Call {
  call: number;
  method: CompilerMethod;
  args: never[];
}

/**
 * Left to itself the heap grows to several times what lives in it: each cell leaves most of a megabyte, and collecting takes
 * as long as several cells. So much garbage is collected at once, bytes, and so much when no call has come for a moment, ms.
 */
const most = 24e6;
const litter = 6e6;
const moment = 150;

let lowest = Number.POSITIVE_INFINITY;
function tidyUp(allowed: number): void {
  const used = (): number => getHeapStatistics().used_heap_size;
  if (used() - lowest > allowed) globalThis.gc?.();
  lowest = Math.min(lowest, used());
}

export function serve(folder: string, root: string, files: TypeFiles): void {
  const compiler = new Compiler(folder, root, files);
  process.on('disconnect', () => process.exit(0));
  let idle: NodeJS.Timeout | undefined;
  process.on('message', ({ call, method, args }: Call) => {
    clearTimeout(idle);
    idle = setTimeout(() => tidyUp(litter), moment);
    // After the answer has gone out.
    setImmediate(() => tidyUp(most));
    try {
      const run = compiler[method] as (...a: never[]) => unknown;
      process.send!({ call, value: run.apply(compiler, args) });
    } catch (e) {
      process.send!({ call, error: String((e as Error).stack ?? e) });
    }
  });
  process.send!('ready');
  // The first check costs far more than later ones: pay for it before anybody asks.
  setImmediate(() => {
    compiler.compile('', '1', 'warm-up');
    compiler.complete('', 'Num', 3);
  });
}

/** The files that most notebooks need, read. */
export function readFiles(root: string): TypeFiles {
  const files = new TypeFiles();
  const compiler = new Compiler(root, root, files);
  let declarations = '';
  for (const code of [
    "import * as mdlab from 'mdlab';",
    'const x = [1, 2].map((v) => v * 2); console.log(x); x',
  ]) {
    const done = compiler.compile(declarations, code, 'warm-up');
    if ('failure' in done) throw new Error(done.failure.traceback.join('\n'));
    declarations = done.cell.declarations;
  }
  return files;
}
