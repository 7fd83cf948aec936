// Tests that need a GPU.
import { test } from 'uvu';
import { gpus } from '../lib/cuda.js';
import { native } from '../lib/native.js';
import { skip } from './tools.js';

/** Why no CUDA device is here, or undefined where one is. */
export function withoutCuda(): string | undefined {
  try {
    gpus();
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

/** A test where two GPUs are. */
export function onTwoGpus(name: string, body: () => void | Promise<void>): void {
  const count = reason === undefined ? gpus().length : 0;
  if (count > 1) test(name, body);
  else skip(name, `needs two GPUs, ${count} here`);
}
