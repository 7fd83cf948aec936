// Tests that need a GPU.
import { test } from 'uvu';
import { native } from '../lib/native.js';
import { skip } from './tools.js';

/** Why no CUDA device is here, or undefined where one is. */
export function withoutCuda(): string | undefined {
  try {
    native().cudaDevices();
    native().nvrtcVersion();
    return undefined;
  } catch (error) {
    return (error as Error).message.split(/[:;]/)[0]!;
  }
}

const reason = withoutCuda();

/** A test where a GPU is; elsewhere it is skipped by name. */
export function onCuda(name: string, body: () => void | Promise<void>): void {
  if (reason === undefined) test(name, body);
  else skip(name, `no CUDA device (${reason})`);
}
