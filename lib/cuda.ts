/** Which GPU: by index, by name, or the first that can be used. */
import { invalid, type MdlabError } from './errors.js';
import { type NativeCudaDevice, native } from './native.js';

let listed: readonly Gpu[] | undefined;

/** A GPU as the driver tells of it. */
export type Gpu = NativeCudaDevice;

/**
 * The GPUs of this machine, any of which the option `device` names by index or by part of its name. A process is told once:
 * what is lost later still has its name.
 * @throws ENOTFOUND where CUDA is not
 * @example gpus().map(({ index, name }) => `${index} ${name}`)
 */
export function gpus(): readonly Gpu[] {
  listed ??= native().cudaDevices();
  return listed;
}

/**
 * Index of a GPU given by index (`1`, or `'1'`) or by part of its name, whatever the case; of several that bear the name the
 * first. Default: `usableGpu`.
 * @throws EINVALID naming those that are there, ENOTFOUND where CUDA is not
 */
export function deviceIndex(device: number | string | undefined = usableGpu()?.index ?? 0): number {
  const devices = gpus();
  const text = String(device).trim().toLowerCase();
  const found =
    typeof device === 'number' || /^\d+$/.test(text)
      ? devices.find(({ index }) => index === Number(device))
      : devices.find(({ name }) => text !== '' && name.toLowerCase().includes(text));
  const known = devices.map(({ index, name }) => `${index} (${name})`).join(', ');
  return found?.index ?? invalid('device', `must be one of ${known}`, device);
}

let found: Gpu | null | undefined;

/** The GPU that is used unless another is named; undefined where there is none, or no compiler for its kernels. */
export function usableGpu(): Gpu | undefined {
  if (found === undefined) {
    try {
      found = gpus().find(canBeUsed) ?? null;
    } catch {
      found = null;
    }
  }
  return found ?? undefined;
}

/** Tensor cores with 16-byte asynchronous copies (Ampere and later), and a compiler that knows the architecture. */
function canBeUsed({ capability }: Gpu): boolean {
  if (Number(capability) < 8) return false;
  try {
    native().cudaCompile('cuda/self-test.cu', ['mdlab::selfTest'], `sm_${capability.replace('.', '')}`);
    return true;
  } catch (error) {
    // Anything else is an error that whoever uses the GPU has to see.
    return !['ENOTFOUND', 'EUNSUPPORTED'].includes((error as MdlabError).code);
  }
}
