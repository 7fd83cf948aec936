// Feeds mutated files to one loader, in a thread that the thread beside it watches for hangs.

import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { MdlabError } from '../../lib/errors.js';
import { random } from '../tools.js';
import { loaders } from './loaders.js';
import { mutated } from './mutate.js';

export interface Campaign {
  loader: string;
  count: number;
  seed: number;
  /** Runs this file alone. */
  only?: number;
}

export interface Outcome {
  loader: string;
  files: number;
  /** Files that loaded in spite of the damage, and files that were refused. */
  loaded: number;
  refused: number;
  seconds: number;
  slowestMs: number;
  /** Memory still held at the end, above that after the first tenth. */
  grownMB: number;
  /** Largest memory of a file's load, by ArrayBuffers and heap, in MB. */
  failures: string[];
}

/** Longest a single file may take. */
const limitMs = 5000;

/** File `index` of a campaign: the same bytes on every machine. */
export function fileOf(campaign: Campaign, index: number): Uint8Array {
  const loader = loaders.find((l) => l.name === campaign.loader)!;
  const bytes = mutated(seedsOf(loader.name), random(campaign.seed * 1_000_003 + index));
  return loader.wrap ? loader.wrap(bytes) : bytes;
}

const cache = new Map<string, Uint8Array[]>();
function seedsOf(name: string): Uint8Array[] {
  const known = cache.get(name) ?? loaders.find((l) => l.name === name)!.seeds();
  cache.set(name, known);
  return known;
}

function heldMB(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return (heapUsed + arrayBuffers) / 2 ** 20;
}

/** Runs a campaign in this thread; `progress[0]` counts files begun. */
function feed(campaign: Campaign, progress: Int32Array = new Int32Array(1)): Outcome {
  const loader = loaders.find((l) => l.name === campaign.loader)!;
  const outcome: Outcome = {
    loader: loader.name,
    files: 0,
    loaded: 0,
    refused: 0,
    seconds: 0,
    slowestMs: 0,
    grownMB: 0,
    failures: [],
  };
  const started = performance.now();
  let base = heldMB();
  const first = campaign.only ?? 0;
  for (let i = first; i < (campaign.only === undefined ? campaign.count : first + 1); i++) {
    const bytes = fileOf(campaign, i);
    Atomics.store(progress, 0, i + 1);
    const begun = performance.now();
    try {
      loader.load(bytes);
      outcome.loaded++;
    } catch (error) {
      if (error instanceof MdlabError && error.message.length < 2000) outcome.refused++;
      else outcome.failures.push(`file ${i}: ${(error as Error).stack ?? error}`);
    }
    outcome.slowestMs = Math.max(outcome.slowestMs, performance.now() - begun);
    outcome.files++;
    if (i === first + Math.floor(campaign.count / 10)) base = heldMB();
  }
  outcome.grownMB = heldMB() - base;
  outcome.seconds = (performance.now() - started) / 1000;
  if (outcome.grownMB > 16) outcome.failures.push(`memory grew by ${outcome.grownMB.toFixed(1)} MB`);
  if (outcome.slowestMs > limitMs) outcome.failures.push(`a file took ${outcome.slowestMs.toFixed(0)} ms`);
  return outcome;
}

/** Runs a campaign in a thread of its own; a file that takes longer than the limit ends it. */
export function feedWatched(campaign: Campaign): Promise<Outcome> {
  const progress = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(fileURLToPath(import.meta.url), { workerData: { campaign, progress } });
  return new Promise((resolve, reject) => {
    let last = -1;
    let since = Date.now();
    const watch = setInterval(() => {
      const now = Atomics.load(progress, 0);
      if (now !== last) {
        last = now;
        since = Date.now();
      } else if (Date.now() - since > 2 * limitMs) {
        clearInterval(watch);
        void worker.terminate();
        reject(new Error(`${campaign.loader} file ${now - 1} hangs`));
      }
    }, 200);
    worker.once('message', (outcome: Outcome) => {
      clearInterval(watch);
      resolve(outcome);
    });
    worker.once('error', (error) => {
      clearInterval(watch);
      reject(
        new Error(
          `${campaign.loader} file ${Atomics.load(progress, 0) - 1} ended the thread: ${error.message}`,
        ),
      );
    });
  });
}

if (!isMainThread && parentPort && (workerData as { campaign?: Campaign } | null)?.campaign) {
  const { campaign, progress } = workerData as { campaign: Campaign; progress: Int32Array };
  parentPort.postMessage(feed(campaign, progress));
}
