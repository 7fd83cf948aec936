import { invalid } from '../errors.js';
import { type NativeCudaDevice, native } from '../native.js';

/**
 * Index of a GPU given by index or by part of its name.
 * @throws EINVALID for one that is not there, ENOTFOUND where CUDA is not
 */
export function deviceIndex(device: number | string = 0): number {
  const devices = native().cudaDevices();
  const found = devices.find(({ index, name }) =>
    typeof device === 'number' ? index === device : name.toLowerCase().includes(device.toLowerCase()),
  );
  const known = devices.map(({ index, name }) => `${index} (${name})`).join(', ');
  return found?.index ?? invalid('device', `must be one of ${known}`, device);
}

let found: NativeCudaDevice | null | undefined;

/** The GPU that is used unless another is named; undefined where there is none, or no compiler for its kernels. */
export function usableGpu(): NativeCudaDevice | undefined {
  if (found === undefined) {
    try {
      native().nvrtcVersion();
      // Tensor cores with 16-byte asynchronous copies: Ampere and later.
      found =
        native()
          .cudaDevices()
          .find((d) => Number(d.capability) >= 8) ?? null;
    } catch {
      found = null;
    }
  }
  return found ?? undefined;
}
