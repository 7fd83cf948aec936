/** Where a potential computes. */
import { deviceEnvironment } from '../environment.js';
import { native } from '../native.js';
import { type Potential, wayFields } from './potential.js';

/** Index of the GPU a potential computes on; undefined where that is a CPU. */
export function deviceOf(potential: Potential): number | undefined {
  const { backend, device } = potential.info;
  return backend === 'cuda' ? (device ?? 0) : undefined;
}

/** Columns that say what computed; of a GPU, they go over those of `environment`. */
export function placeOf(potential: Potential): Record<string, string | number> {
  const { backend, pipeline, precision, ...info } = potential.info;
  const told = wayFields.flatMap((key) => {
    const value = info[key];
    return value === undefined ? [] : [[key, value === false ? 'left out' : value] as const];
  });
  const device = deviceOf(potential);
  return {
    backend,
    pipeline: pipeline ?? 'none',
    precision,
    ...Object.fromEntries(told),
    ...(device === undefined ? {} : deviceEnvironment(device)),
  };
}

/** Bytes that native code holds where a potential computes: host memory, or the GPU's. */
export interface MemoryMeter {
  held(): number;
  /** Most bytes held since `reset`. */
  peak(): number;
  reset(): void;
}

export function memoryMeter(potential: Potential): MemoryMeter {
  const device = deviceOf(potential);
  const n = native();
  if (device === undefined)
    return { held: () => n.memory().bytes, peak: () => n.memory().peak, reset: () => n.resetPeak() };
  return {
    held: () => n.cudaMemory(device).bytes,
    peak: () => n.cudaMemory(device).peak,
    reset: () => n.resetCudaPeak(device),
  };
}
