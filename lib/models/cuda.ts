import { invalid } from '../errors.js';
import { native } from '../native.js';

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
