/** Every public name of mdlab, and nothing else. */
export { MdlabError } from './errors.js';
export * from './io/index.js';
export * from './structure/index.js';
