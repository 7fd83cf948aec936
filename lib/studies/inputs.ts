/** What a row was measured of, told as a digest, so that kept rows are given back for the same inputs alone. */
import { digest } from '../digest.js';
import { evaluate, type Potential } from '../models/potential.js';
import { Schnet } from '../models/schnet.js';
import { replicas, Structure } from '../structure/index.js';
import { collectGarbage } from './collect.js';

/** Of data, structures and arrays within it included; the order of keys does not count, and functions and signals do not. */
export const fingerprint = (data: unknown): string => digest(JSON.stringify(data, plain) ?? '');

function plain(_: string, value: unknown): unknown {
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  if (ArrayBuffer.isView(value)) {
    const bytes = new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    return [value.constructor.name, bytes.length, digest(bytes)];
  }
  if (value instanceof Map) return [...value].sort(([a], [b]) => (a < b ? -1 : 1));
  if (value instanceof AbortSignal) return undefined;
  if (value instanceof Structure) {
    const { info: _info, name: _name, ...physical } = value;
    return sorted(physical);
  }
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? sorted(value) : value;
}

const sorted = (object: object): object =>
  Object.fromEntries(Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1)));

/**
 * Of a potential: a SchNet's shape, options and weights, the terms of sums, the parameters of analytic terms; of any other, whose
 * parameters lie in native code, its energy and forces on a structure.
 */
function potentialPrint(potential: Potential, at: Structure): string {
  const { info, terms } = potential;
  if (potential instanceof Schnet) {
    const { digest: weights, options } = potential;
    return fingerprint({ info, options, weights });
  }
  if (terms.length > 0) return fingerprint({ info, terms: terms.map((term) => potentialPrint(term, at)) });
  if (info.parameters !== undefined) return fingerprint(info);
  // Off symmetric places, where different potentials may answer alike.
  const { energy, forces } = evaluate(potential, replicas(at, 1, { jitter: 0.1, seed: 1 }));
  return fingerprint({ info, energy, forces });
}

/**
 * Digests of models by name. A function is called for it, once; what it made is let go of, and freed, before anything is measured.
 * @param at where a model is evaluated that shows its parameters in no other way
 */
export function printsOf(
  models: Readonly<Record<string, Potential | (() => Potential)>>,
): (name: string, at: Structure) => Promise<string> {
  const known = new Map<string, string>();
  const print = (name: string, at: Structure): string => {
    const model = models[name]!;
    return potentialPrint(typeof model === 'function' ? model() : model, at);
  };
  return async (name, at) => {
    const key = `${at.count} ${name}`;
    if (!known.has(key)) {
      known.set(key, print(name, at));
      await collectGarbage();
    }
    return known.get(key)!;
  };
}
