export { NeighborList, type NeighborListOptions, neighborList, type PairList } from './neighbor-list.js';
