export { dataFile } from './data-file.js';
export { type Format, knownExtensions, type TrajectoryFormat } from './formats.js';
export type { StoredFrame, TrajectoryWriter } from './frames.js';
export {
  frames,
  type Loaded,
  type LoadedTrajectory,
  type LoadOptions,
  load,
  loadStructure,
  loadStructures,
  loadTrajectory,
  type TrajectoryOptions,
} from './load.js';
export { configurations, isConfigurations } from './mlcg.js';
export { readNpy, readNpz, writeNpy, writeNpz } from './npy.js';
export { GlobalName, InertObject, type PickleValue } from './pickle.js';
export { readSafetensors, type Safetensors, writeSafetensors } from './safetensors.js';
export { type Savable, type SaveOptions, save } from './save.js';
export { isSparseTensor, isTensor, type SparseTensor } from './sparse.js';
export type { Tensor } from './tensor.js';
export { readTorch, stateDict, type TorchOptions, torchAt } from './torch.js';
export { openTrajectory, type TrajectoryWriterOptions } from './writer.js';
