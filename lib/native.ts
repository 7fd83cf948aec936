/** The only file that touches the native addon: finds it, loads it once, and types what it exports. */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MdlabError, withMdlabErrors } from './errors.js';
import { cacheFolder } from './folders.js';

/** Systems evaluated together, as native code reads them. */
export interface NativeBatch {
  /** (systems+1): first atom of each system. */
  offsets: Int32Array;
  /** (atoms,3) Å. */
  positions: Float64Array;
  /** (atoms). */
  types: Int32Array;
  /** (systems,9) lattice rows, Å. */
  boxes: Float64Array;
  /** (systems,3) 0 or 1. */
  periodic: Uint8Array;
}

declare const potentialBrand: unique symbol;
/** An opaque native potential; freed when collected. */
export interface NativePotential {
  readonly [potentialBrand]: true;
}

/** A neighbour list in compressed rows. */
export interface NativeNeighborList {
  /** (atoms+1). */
  rowStart: Float64Array;
  /** (edges). */
  column: Int32Array;
  /** (edges,3); empty where every system is open. */
  shift: Int16Array;
}

declare const verletBrand: unique symbol;
/** An opaque list kept from step to step; freed when collected. */
export interface NativeVerletList {
  readonly [verletBrand]: true;
}

declare const deviceListBrand: unique symbol;
/** An opaque list kept on a GPU; freed when collected. */
export interface NativeDeviceList {
  readonly [deviceListBrand]: true;
}

declare const dynamicsBrand: unique symbol;
/** An opaque run of molecular dynamics. */
export interface NativeDynamics {
  readonly [dynamicsBrand]: true;
}

declare const fireBrand: unique symbol;
/** An opaque minimisation. */
export interface NativeFire {
  readonly [fireBrand]: true;
}

/** A run as native/md/dynamics.h describes it; Å, fs, eV. */
export interface NativeDynamicsOptions {
  langevin: boolean;
  /** fs. */
  timestep: number;
  /** 1/fs. */
  friction: number;
  /** (systems) eV. */
  kT: Float64Array;
  seedLow: number;
  seedHigh: number;
  /** (systems) what noise is drawn by. */
  replica: Int32Array;
  removeDrift: boolean;
  /** Å per step. */
  displacementLimit: number;
  /** Å. */
  skin: number;
  /** Steps between tempering exchanges; 0: none. */
  exchangeEvery: number;
  /** (temperatures) eV. */
  ladder: Float64Array;
  /** (atoms) Å²/(fs² eV). */
  inverseMasses: Float64Array;
}

/** Copies of a run's state after its last whole step. */
export interface NativeDynamicsState {
  step: number;
  /** (atoms,3) Å. */
  positions: Float64Array;
  /** (atoms,3) Å/fs. */
  velocities: Float64Array;
  /** (atoms,3) eV/Å. */
  forces: Float64Array;
  /** (systems) eV. */
  potential: Float64Array;
  /** (systems) eV. */
  kinetic: Float64Array;
  /** (systems,3,3) eV; empty where no box is fully periodic. */
  virial: Float64Array;
  /** (atoms,3) Å: where the neighbour list was built; empty without one. */
  listBuiltAt: Float64Array;
  listRebuilds: number;
  /** Whether steps are taken on a GPU. */
  onDevice: boolean;
  /** (systems) eV. */
  kT: Float64Array;
  /** (systems) rung of the tempering ladder; empty without tempering. */
  rung: Float64Array;
  /** (temperatures−1). */
  attempted: Float64Array;
  accepted: Float64Array;
}

/** A GPU as the driver describes it. */
export interface NativeCudaDevice {
  index: number;
  name: string;
  /** Compute capability, as `9.0`. */
  capability: string;
  multiprocessors: number;
  /** Bytes. */
  memory: number;
  sharedPerBlock: number;
  l2: number;
  /** Newest CUDA the driver serves, as `13.0`. */
  cuda: string;
}

/** What native/binding exports, one block per binding file. */
export interface Addon {
  // core.cpp
  threads(): number;
  setThreads(count: number): void;
  requestCancel(): void;
  clearCancel(): void;
  /** What native code prints goes out line by line, also into a pipe. */
  lineOutput(): void;
  /** What native code has printed goes out now. */
  flushOutput(): void;
  memory(): { bytes: number; peak: number };
  resetPeak(): void;
  philox(counter: Uint32Array, keyLow: number, keyHigh: number): Uint32Array;
  buildInfo(): { compiler: string; simd: string };

  // cuda.cpp
  /** Where the .cu files are, and where compiled kernels are kept. */
  setCudaFolders(sources: string, cache: string): void;
  /** What the driver lists. @throws ENOTFOUND where there is no driver or no device */
  cudaDevices(): NativeCudaDevice[];
  /** Bytes of this process's device arrays, and their peak since the last reset. */
  cudaMemory(device: number): { bytes: number; peak: number };
  /** Bytes as the driver counts them, all processes together. Gives back what this one has freed, which takes a while. */
  cudaSpace(device: number): { free: number; total: number };
  resetCudaPeak(device: number): void;
  nvrtcVersion(): string;
  /** CUDA's libraries: where each was opened, or why it was not. */
  cudaLibraries(): { name: string; path?: string; why?: string }[];
  /** Compiles kernels of one .cu file, for instance for `sm_90`; needs no GPU. @throws ENOTFOUND, ECOMPILE */
  cudaCompile(file: string, kernels: string[], architecture: string): { bytes: number; log: string };
  /** Every .cu file with the kernels a representative model asks of it; a file may come more than once. */
  cudaKernels(): { file: string; kernels: string[] }[];
  /** 1000 squares computed there; with `crash` an illegal read, which loses the device's memory. */
  cudaSelfTest(device: number, crash: boolean): Int32Array;

  // md.cpp
  createDynamics(
    potential: NativePotential,
    batch: NativeBatch,
    options: NativeDynamicsOptions,
  ): NativeDynamics;
  setPositions(run: NativeDynamics, positions: Float64Array): void;
  setVelocities(run: NativeDynamics, velocities: Float64Array): void;
  /** Maxwell-Boltzmann at kT (systems), eV. */
  drawVelocities(run: NativeDynamics, kT: Float64Array): void;
  /** Takes steps on a thread of its own; gives the steps since the run began. */
  advanceDynamics(run: NativeDynamics, steps: number): Promise<number>;
  stopDynamics(run: NativeDynamics): void;
  dynamicsStep(run: NativeDynamics): number;
  readDynamics(run: NativeDynamics): NativeDynamicsState;
  restoreDynamics(run: NativeDynamics, state: NativeDynamicsState): void;
  createFire(
    potential: NativePotential,
    batch: NativeBatch,
    options: { forceTolerance: number; maxMove: number; skin: number },
  ): NativeFire;
  advanceFire(run: NativeFire, steps: number): Promise<number>;
  stopFire(run: NativeFire): void;
  fireStep(run: NativeFire): number;
  readFire(run: NativeFire): {
    step: number;
    positions: Float64Array;
    potential: Float64Array;
    maxForce: Float64Array;
    steps: Float64Array;
  };
  harmonicWell(k: Float64Array, centers: Float64Array): NativePotential;
  lennardJones(epsilon: number, sigma: number, cutoff: number, switchFrom: number): NativePotential;
  // pool-check.cpp
  poolCheck(
    count: number,
    grain: number,
    how: 'sum' | 'nested' | 'throw' | 'sleep' | 'repeat' | 'allocate' | 'turns',
  ): { sum: number; workers: number };
  // neighbors.cpp
  neighborList(
    batch: NativeBatch,
    cutoff: number,
    skin: number,
    exclusionStart: Int32Array | null,
    exclusionColumn: Int32Array | null,
    pairs: boolean,
  ): NativeNeighborList;
  verletList(cutoff: number, skin: number): NativeVerletList;
  verletUpdate(list: NativeVerletList, batch: NativeBatch): NativeNeighborList & { rebuilds: number };

  // neighbors-cuda.cpp
  /**
   * The same list built on a GPU, `repeats` times again for the clock. Systems of up to `pairsUpTo` atoms look
   * at all pairs, larger ones use cells; negative: the default.
   */
  deviceNeighborList(
    device: number,
    batch: NativeBatch,
    cutoff: number,
    skin: number,
    exclusionStart: Int32Array | null,
    exclusionColumn: Int32Array | null,
    pairsUpTo: number,
    repeats: number,
  ): NativeNeighborList & { seconds: Float64Array; capacity: number };
  deviceVerletList(device: number, cutoff: number, skin: number, pairsUpTo: number): NativeDeviceList;
  /** Builds, or replays the captured update; `needed` edges where the arrays overflowed, else 0. */
  deviceVerletUpdate(
    list: NativeDeviceList,
    batch: NativeBatch,
    build: boolean,
  ): NativeNeighborList & { rebuilds: number; needed: number; capacity: number };

  // potential.cpp
  sumPotentials(potentials: NativePotential[]): NativePotential;
  /** Overwrites the outputs; forces and virial may be undefined. */
  evaluate(
    potential: NativePotential,
    batch: NativeBatch,
    energy: Float64Array,
    forces: Float64Array | undefined,
    virial: Float64Array | undefined,
  ): { edges: number; listSeconds: number; seconds: number };

  // priors.cpp
  createBonded(
    topologies: {
      atoms: number;
      terms: {
        name: string;
        coordinate: string;
        form: string;
        tuples: Int32Array;
        parameters: Float64Array;
      }[];
    }[],
    assignment: Int32Array | undefined,
    device: number | undefined,
  ): NativePotential;
  bondedTermEnergies(potential: NativePotential, batch: NativeBatch): Float64Array;

  // nn.cpp
  activation(name: string, x: Float32Array | Float64Array, slope: Float32Array | Float64Array): void;
  roundToHalf(x: Float32Array): void;
  /** Measured limits of this machine: multiply-adds in flop/s, cache reads and memory triad in byte/s. */
  machinePeaks(
    cacheBytes: number,
    memoryBytes: number,
  ): { float32: number; float64: number; cache: number; memory: number };
  /** Seconds of evaluations with forces by the device's clock, positions and list being there. */
  timeOnDevice(
    potential: NativePotential,
    batch: NativeBatch,
    repeats: number,
  ): { seconds: Float64Array; edges: number };
  /** Measured limits of a GPU, byte/s and operations/s; tensor cores by mma.sync, a multiply-add is two. */
  devicePeaks(device: number): {
    memory: number;
    l2: number;
    shared: number;
    float32: number;
    float64: number;
    tf32: number;
    bfloat16: number;
    float16: number;
    int8: number;
  };
  multiply(
    a: Float32Array | Float64Array,
    weight: Float64Array,
    inputs: number,
    outputs: number,
    c: Float32Array | Float64Array,
    repeats: number,
  ): number;

  // schnet.cpp
  schnet(config: NativeSchnetConfig, parameters: Float64Array, options: NativeSchnetOptions): NativePotential;
  schnetTimes(
    potential: NativePotential,
  ): { stage: string; seconds: number; kernel?: string; launches?: number }[];
  schnetTable(potential: NativePotential): {
    intervals: number;
    bytes: number;
    tolerance: number;
    worstError: number;
    valueError: number;
    slopeError: number;
    maxValueError: number;
    maxSlopeError: number;
  } | null;
  schnetEstimate(potential: NativePotential, edges: number, atoms: number): number;
}

/** Shape of a SchNet model; lengths in the model's unit, `basis` functions C(r)·exp(−width (t(r) − center)²). */
export interface NativeSchnetConfig {
  types: number;
  hidden: number;
  filters: number;
  blocks: number;
  activation: 'tanh' | 'ssp' | 'silu';
  head: Int32Array;
  basis: 'gaussian' | 'expnormal';
  centers: Float64Array;
  widths: Float64Array;
  lower: number;
  upper: number;
  /** Å per model length. */
  lengthUnit: number;
  /** eV per model energy. */
  energyUnit: number;
}

export interface NativeSchnetOptions {
  backend: 'reference' | 'cpu' | 'cuda';
  /** Index of the GPU, with `cuda`. */
  device: number;
  precision: 'float64' | 'float32';
  pipeline: 'baseline' | 'flash' | 'table';
  radialBasis: boolean;
  messagePassing: boolean;
  aggregation: boolean;
  weights16: boolean;
  /** Place in SchnetOperands. */
  operands: number;
  /** Index: float32, float16, int16. */
  entries: number;
  envelopeGradient: boolean;
  tolerance: number;
}

const root = fileURLToPath(new URL('../../', import.meta.url));

/** Path of the built addon, as setup recorded it. @throws ENOTFOUND when it is not built */
export function addonPath(): string {
  const record = join(root, 'build', 'addon.json');
  if (existsSync(record)) {
    const { path } = JSON.parse(readFileSync(record, 'utf8')) as { path: string };
    const file = join(root, path);
    if (existsSync(file)) return file;
  }
  throw new MdlabError(
    'ENOTFOUND',
    `native addon: not built, looked for ${record}; run \`npm run setup\` in ${root}`,
  );
}

let loaded: Addon | undefined;

/** The addon, loaded on first use. */
export function native(): Addon {
  if (loaded) return loaded;
  loaded = withMdlabErrors(createRequire(import.meta.url)(addonPath()) as Addon);
  loaded.setCudaFolders(join(root, 'native'), join(cacheFolder(), 'kernels'));
  return loaded;
}
