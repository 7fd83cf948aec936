/** Every public name of mdlab, and nothing else. */

export * from './analysis/index.js';
export { type Gpu, gpus } from './cuda.js';
export { type Appearance, appearance, beads, type Element, element, elements } from './elements.js';
export { MdlabError } from './errors.js';
export * from './io/index.js';
export * from './md/index.js';
export * from './models/index.js';
export * from './neighbors/index.js';
export * from './plot/index.js';
export { Progress, type ProgressOptions } from './progress.js';
export * from './structure/index.js';
export * from './studies/index.js';
export * from './tables/index.js';
export * from './widgets/index.js';
