/** `mdlab doctor`: what was found on this machine, and whether its backends agree. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { usableGpu } from '../../lib/cuda.js';
import { invalid } from '../../lib/errors.js';
import { beadsFromSequence, evaluate, randomSchnet, type SchnetOptions, sequences } from '../../lib/index.js';
import { native } from '../../lib/native.js';
import { findChromium } from '../../lib/plot/chromium.js';
import { forceErrors } from '../../lib/studies/models.js';
import { findJupyter } from '../jupyter.js';
import { listKernelspecs } from '../kernelspec.js';
import { version } from '../version.js';

export const help = `mdlab doctor   what was found on this machine, and the largest difference between the backends' forces
  Exits with 1 when the addon does not load or a backend is off.`;

const root = fileURLToPath(new URL('../../../', import.meta.url));
/** A bundle is built already, and has no npm to build or install with. */
const bundled = !existsSync(join(root, 'package-lock.json'));

/** One line of the report; `wrong` makes the whole fail. */
interface Finding {
  name: string;
  text: string;
  wrong?: boolean;
}

/** @returns the exit code */
export async function run(args: string[]): Promise<number> {
  if (args[0] === '--help' || args[0] === '-h') {
    console.log(help);
    return 0;
  }
  if (args.length) invalid('mdlab doctor', 'takes no arguments', args.join(' '));
  let failed = false;
  for (const group of [machine, addon, cuda, frontEnds, forces]) {
    for (const { name, text, wrong } of group()) {
      failed ||= wrong === true;
      console.log(`${wrong ? 'FAIL' : '    '} ${name.padEnd(24)} ${text}`);
    }
  }
  return failed ? 1 : 0;
}

function machine(): Finding[] {
  const gib = (totalmem() / 2 ** 30).toFixed(0);
  return [
    { name: 'mdlab', text: `${version}, Node ${process.versions.node}, ${process.platform} ${process.arch}` },
    {
      name: 'processor',
      text: `${cpus()[0]?.model ?? 'unknown'}, ${availableParallelism()} cores, ${gib} GiB`,
    },
    { name: 'vector instructions', text: features() },
    { name: 'compiler', text: versionOf(process.env['CXX'] ?? 'c++') },
    { name: 'CMake', text: versionOf('cmake') },
  ];
}

function features(): string {
  if (process.platform !== 'linux') return 'not listed on this platform';
  const flags = new Set(
    readFileSync('/proc/cpuinfo', 'utf8')
      .match(/^(?:flags|Features)\s*:(.*)$/m)?.[1]
      ?.split(' '),
  );
  const known = [
    'sse4_2',
    'avx',
    'avx2',
    'fma',
    'f16c',
    'avx512f',
    'avx512_fp16',
    'amx_tile',
    'asimd',
    'sve',
  ];
  return known.filter((f) => flags.has(f)).join(' ') || 'none known';
}

function versionOf(command: string): string {
  const { status, stdout } = spawnSync(command, ['--version'], { encoding: 'utf8' });
  return status === 0
    ? stdout.split('\n')[0]!
    : `${command} not found; ${bundled ? 'a bundle needs none' : 'npm run setup installs it or says how'}`;
}

function addon(): Finding[] {
  try {
    const { compiler, simd } = native().buildInfo();
    return [{ name: 'native addon', text: `${simd}, compiler ${compiler}, ${native().threads()} threads` }];
  } catch (e) {
    return [{ name: 'native addon', text: (e as Error).message, wrong: true }];
  }
}

/** CUDA's libraries, and every GPU tried from source to result. */
function cuda(): Finding[] {
  const libraries = native()
    .cudaLibraries()
    .map(({ name, path, why }) => {
      // What the loader said of every name is for whoever asks for the library itself.
      const short = why?.split('. The loader said:')[0]?.replace(/^[^:]*: /, '');
      return { name, text: path ?? `not usable: ${short}` };
    });
  return [...libraries, ...gpus()];
}

function gpus(): Finding[] {
  try {
    return native()
      .cudaDevices()
      .map((d) => {
        const name = `GPU ${d.index}`;
        const gib = (d.memory / 2 ** 30).toFixed(0);
        const text = `${d.name}, ${gib} GiB, compute capability ${d.capability}, driver for CUDA ${d.cuda}`;
        try {
          const right = native()
            .cudaSelfTest(d.index, false)
            .every((v, i) => v === i * i);
          return { name, text: right ? text : `${text}; computes wrong results`, wrong: !right };
        } catch (e) {
          return { name, text: `${text}; not usable: ${(e as Error).message}`, wrong: true };
        }
      });
  } catch {
    return []; // the driver's line says why
  }
}

function frontEnds(): Finding[] {
  const jupyter = findJupyter(root);
  const kernels = listKernelspecs().map((k) => k.folder);
  return [
    {
      name: 'Jupyter',
      text: jupyter
        ? `${jupyter.kind} ${jupyter.version}, ${jupyter.command}`
        : `none found; ${bundled ? 'run and export need none' : 'npm start installs one'}`,
    },
    {
      name: 'kernel installed in',
      text: kernels.join(', ') || 'no shared folder (mdlab kernel install writes one)',
    },
    {
      name: 'Chromium',
      text: browser(),
    },
  ];
}

function browser(): string {
  const path = findChromium();
  if (!path) return 'none found: PDF and WebGL figures need it (apt-get install chromium)';
  const { error, status, stderr, stdout } = spawnSync(path, ['--version'], {
    encoding: 'utf8',
    timeout: 20_000,
  });
  if (status === 0) return `${stdout.trim()}, ${path}`;
  return `${path} does not start: ${(error?.message ?? stderr).trim().split('\n')[0]}`;
}

/** The same forces by every backend and pipeline, on the benchmark protein with seeded random weights. */
function forces(): Finding[] {
  const structure = beadsFromSequence(sequences['1ENH']);
  const model = randomSchnet({ blocks: 2, hidden: 64, filters: 64 }, { seed: 7 });
  const exact = evaluate(model.with({ backend: 'reference' }), structure).forces;
  const cases: [SchnetOptions, number][] = [
    [{ backend: 'cpu', pipeline: 'baseline', precision: 'float64' }, 1e-12],
    [{ backend: 'cpu', pipeline: 'flash', precision: 'float64' }, 1e-12],
    [{ backend: 'cpu', pipeline: 'baseline', precision: 'float32' }, 1e-5],
    [{ backend: 'cpu', pipeline: 'flash', precision: 'float32' }, 1e-5],
    [{ backend: 'cpu', pipeline: 'table', precision: 'float32' }, 1e-5],
  ];
  if (usableGpu())
    for (const pipeline of ['baseline', 'flash', 'table'] as const)
      cases.push([{ backend: 'cuda', pipeline, precision: 'float32' }, 1e-5]);
  return cases.map(([options, limit]) => {
    const name = `forces ${options.backend} ${options.pipeline} ${options.precision}`;
    let error: number;
    try {
      error = forceErrors(evaluate(model.with(options), structure).forces, exact).forceError;
    } catch (e) {
      return { name, text: (e as Error).message, wrong: true };
    }
    const text = `${error.toExponential(1)} relative to reference (limit ${limit.toExponential(0)})`;
    return { name, text, wrong: !(error <= limit) };
  });
}
