/** What a result depends on besides its parameters: machine, build, versions. Every row of a study carries it. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism, cpus, platform, release, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { deviceIndex, gpus } from './cuda.js';
import { native } from './native.js';

/** Machine, build and versions. */
export interface Environment {
  /** What computed, e.g. 'CPU: AMD EPYC 7B13'; a GPU's name on a GPU. */
  device: string;
  /** Of the device; 'none' on a CPU. */
  driver: string;
  cpu: string;
  /** Cores this process may use. */
  cores: number;
  /** Threads native code computes with. */
  threads: number;
  /** Instruction set native code was built for, e.g. 'avx512'. */
  simd: string;
  compiler: string;
  /** Of the host, in GiB. */
  memoryGiB: number;
  system: string;
  mdlab: string;
  /** Of the checkout, with '+' after it where files were changed; 'unknown' outside a checkout. */
  commit: string;
  node: string;
}

/** The GPU a result was computed on; stamped over what `environment` says of the device. */
export interface DeviceEnvironment {
  /** Its name. */
  device: string;
  /** Version of NVIDIA's driver where the system tells it, and the newest CUDA it serves. */
  driver: string;
  /** Compute capability, as '9.0'. */
  capability: string;
  /** Version of the compiler that made the kernels. */
  nvrtc: string;
  /** Of the GPU, in GiB. */
  deviceMemoryGiB: number;
  multiprocessors: number;
}

/**
 * The GPU that a study computes on, for its rows.
 * @param device index of the GPU, or part of its name. Default the first that can be used
 * @throws ENOTFOUND where there is no CUDA, EINVALID for a GPU that is not there
 */
export function deviceEnvironment(device?: number | string): DeviceEnvironment {
  const d = gpus()[deviceIndex(device)]!;
  return {
    device: d.name,
    driver: `${driverVersion() ?? 'unknown'} (CUDA ${d.cuda})`,
    capability: d.capability,
    nvrtc: native().nvrtcVersion(),
    deviceMemoryGiB: Math.round((10 * d.memory) / 2 ** 30) / 10,
    multiprocessors: d.multiprocessors,
  };
}

function driverVersion(): string | undefined {
  const file = '/proc/driver/nvidia/version';
  return existsSync(file) ? /\s(\d+\.\d[\d.]*)\s/.exec(readFileSync(file, 'utf8'))?.[1] : undefined;
}

let told: Omit<Environment, 'threads'> | undefined;

/** The machine, the build and the versions as they are now. Works without the native addon, which it then calls 'not built'. */
export function environment(): Environment {
  told ??= look();
  return { ...told, threads: builtPart((addon) => addon.threads(), 0) };
}

function look(): Omit<Environment, 'threads'> {
  const cpu = cpus()[0]?.model.trim() || 'unknown';
  const build = builtPart((addon) => addon.buildInfo(), { simd: 'not built', compiler: 'not built' });
  return {
    device: `CPU: ${cpu}`,
    driver: 'none',
    cpu,
    cores: availableParallelism(),
    simd: build.simd,
    compiler: build.compiler,
    memoryGiB: Math.round((10 * totalmem()) / 2 ** 30) / 10,
    system: `${platform()} ${release()}`,
    mdlab: packageVersion(),
    commit: commit(),
    node: process.version.slice(1),
  };
}

function builtPart<T>(ask: (addon: ReturnType<typeof native>) => T, otherwise: T): T {
  try {
    return ask(native());
  } catch {
    return otherwise;
  }
}

const root = fileURLToPath(new URL('../../', import.meta.url));

function packageVersion(): string {
  return (JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as { version: string }).version;
}

function commit(): string {
  // Written by `npm run bundle`, whose folder is no checkout.
  const bundled = `${root}build/commit`;
  if (existsSync(bundled)) return readFileSync(bundled, 'utf8').trim();
  const git = (...args: string[]): string =>
    execFileSync('git', ['-C', root, ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: 5000,
    });
  try {
    // A checkout of its own, not whatever repository this folder happens to lie in.
    if (git('rev-parse', '--show-prefix').trim() !== '') return 'unknown';
    const changed = git('status', '--porcelain', '--untracked-files=no').trim() !== '';
    return `${git('rev-parse', '--short=10', 'HEAD').trim()}${changed ? '+' : ''}`;
  } catch {
    return 'unknown';
  }
}
