export { configurations, isConfigurations } from './mlcg.js';
export { GlobalName, InertObject, type PickleValue } from './pickle.js';
export { readSafetensors, type Safetensors, writeSafetensors } from './safetensors.js';
export { isSparseTensor, isTensor, type SparseTensor } from './sparse.js';
export type { Tensor } from './tensor.js';
export { readTorch, stateDict, type TorchOptions, torchAt } from './torch.js';
