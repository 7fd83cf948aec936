/** Where a potential computes. */
import { deviceEnvironment } from '../environment.js';
import { native } from '../native.js';
import { type Potential, wayFields } from './potential.js';

/** Index of the GPU a potential computes on; undefined where that is a CPU. */
export function deviceOf(potential: Potential): number | undefined {
  const { backend, device } = potential.info;
  return backend === 'cuda' ? (device ?? 0) : undefined;
}

/**
 * Columns that say what computed; of a GPU, they go over those of `environment`. Of a sum, what its terms have: where they
 * differ all of it in their order, as 'float32 + float64'.
 */
export function placeOf(potential: Potential): Record<string, string | number> {
  const places = partsOf(potential).map(ownPlace);
  const names = new Set(['backend', 'pipeline', 'precision', ...places.flatMap(Object.keys)]);
  return Object.fromEntries(
    [...names].map((name) => {
      const told = [...new Set(places.flatMap((place) => place[name] ?? []))];
      return [name, told.length > 1 ? told.join(' + ') : (told[0] ?? 'none')];
    }),
  );
}

const partsOf = (potential: Potential): readonly Potential[] =>
  potential.terms.length > 0 ? potential.terms.flatMap(partsOf) : [potential];

/** Of a single term; what it does not have is left out. */
function ownPlace(potential: Potential): Record<string, string | number> {
  const { info } = potential;
  const told = (['backend', 'pipeline', 'precision', ...wayFields] as const).flatMap((key) => {
    const value = info[key];
    return value === undefined ? [] : [[key, value === false ? 'left out' : value] as const];
  });
  const device = deviceOf(potential);
  return { ...Object.fromEntries(told), ...(device === undefined ? {} : deviceEnvironment(device)) };
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
