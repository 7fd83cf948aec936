import { byKernel, type KernelWork, kernelWork, type Work } from './kernel-work.js';
import type { SchnetConfig } from './schnet-config.js';
import type { SchnetTechniques } from './schnet-options.js';

/** What one launch reads and writes of arrays over the edges, each once, and of others (bytes). */
interface Arrays {
  /** Rows of a number for each basis function, and for each filter. */
  K?: number;
  F?: number;
  /** Of four bytes, and of eight. */
  numbers?: number;
  indices?: number;
  other?: number;
}

/** The operations of native/models/schnet/baseline.cuda.cpp by kernel, each over whole arrays. */
export function baselineWork(
  config: SchnetConfig,
  edges: number,
  atoms: number,
  techniques: SchnetTechniques,
  forces: boolean,
): KernelWork[] {
  const { filters, blocks: L } = config;
  const K = config.rbf.count;
  const { aggregation, radialBasis, weights16 } = techniques;
  const element = weights16 ? 2 : 4;
  const features = 4 * atoms * filters;
  const [perK, perF] = [edges * K, edges * filters];
  const all: KernelWork[] = [];
  let stage = '';
  /** A kernel launched so many times. `counts` and `arrays` are of one launch. */
  const add = (kernel: string, launches: number, arrays: Arrays, counts: Partial<Work> = {}): void => {
    const { numbers = 0, indices = 0, other = 0 } = arrays;
    const bytes =
      element * (perK * (arrays.K ?? 0) + perF * (arrays.F ?? 0)) +
      edges * (4 * numbers + 8 * indices) +
      other;
    const one = { ...counts, bytes };
    const times = Object.entries(one).map(([kind, count]) => [kind, launches * count] as const);
    all.push(kernelWork(stage, kernel, Object.fromEntries(times)));
  };
  /** in (edges,from) · weights → out (edges,to), which one that adds reads too. */
  const multiply = (arrays: Arrays, from: number, to: number): void =>
    add('cublasLtMatmul', L, { ...arrays, other: element * from * to }, { products: 2 * edges * from * to });
  const gather = (): void =>
    add('edgeGather', L, { F: 1, indices: 1, other: features }, { gathered: 4 * perF });
  /** Sums over the edges of each atom: of rows as they lie, or of the transposed ones. */
  const aggregate = (launches: number, transposed: boolean): void => {
    if (aggregation) {
      const order = transposed ? 1 : 0;
      add(
        'edgeSegments',
        launches,
        { F: 1, numbers: order, other: features + 4 * atoms },
        { arithmetic: perF },
      );
      return;
    }
    add('memset', launches, { other: features });
    add(
      'edgeScatter',
      launches,
      { F: 1, indices: 1, other: features },
      { arithmetic: perF, gathered: 4 * perF },
    );
  };

  stage = 'geometry';
  // Columns; i, j, d, r, and where the pair stands in the other atom's row.
  const found = { numbers: 5 + (aggregation ? 1 : 0), indices: 2, other: 24 * atoms };
  add('edgeGeometry', 1, found, { arithmetic: 9 * edges, special: edges });
  if (radialBasis) {
    add('edgeBasis', 1, { K: 1, numbers: 2 }, { arithmetic: 5 * perK, special: perK + 2 * edges });
  } else {
    add('edgeEnvelope', 1, { numbers: 3 }, { special: 2 * edges });
    add('edgeDifference', 1, { K: 1, numbers: 1 }, { arithmetic: perK });
    add('edgeGaussian', 1, { K: 2 }, { arithmetic: 2 * perK, special: perK });
    add('edgeScale', 1, { K: 2, numbers: 1 }, { arithmetic: perK });
  }
  // The gradients of envelope and basis.
  if (forces) add('memset', 1, { K: 1, numbers: 1 });

  stage = 'message';
  multiply({ K: 1, F: 1 }, K, filters);
  add('edgeActivate', L, { F: 2 }, { arithmetic: perF, special: 2 * perF });
  multiply({ F: 2 }, filters, filters);
  add('edgeScale', L, { F: 2, numbers: 1 }, { arithmetic: perF });
  gather();
  add('edgeProduct', L, { F: 3 }, { arithmetic: perF });
  aggregate(L, false);

  stage = 'message reverse';
  gather();
  // By the gathered features, by the filter but in block 0, by the filter before its envelope.
  add('edgeProduct', 3 * L - 1, { F: 3 }, { arithmetic: perF });
  aggregate(L - 1, true);
  add('edgeSum', L, { F: 1, numbers: 2 }, { arithmetic: 2 * perF });
  add('edgeScale', L, { F: 2, numbers: 1 }, { arithmetic: perF });
  multiply({ F: 2 }, filters, filters);
  add('edgeActivateReverse', L, { F: 3 }, { arithmetic: 3 * perF });
  multiply({ F: 1, K: 2 }, filters, K);

  stage = 'forces';
  if (radialBasis) {
    add('edgeBasis', 1, { K: 1, numbers: 3 }, { arithmetic: 10 * perK, special: perK + 2 * edges });
  } else {
    add('edgeEnvelope', 1, { numbers: 3 }, { special: 2 * edges });
    add('edgeProduct', 1, { K: 3 }, { arithmetic: perK });
    // To the envelope's gradient it adds.
    add('edgeSum', 1, { K: 1, numbers: 2 }, { arithmetic: perK });
    add('edgeGaussianReverse', 1, { K: 3, numbers: 2 }, { arithmetic: 7 * perK });
    add('edgeSum', 1, { K: 1, numbers: 1 }, { arithmetic: perK });
    add('edgeSlope', 1, { numbers: 5 });
  }
  // i and j, or where the pair stands in the other row; d, r, slope.
  const pairs = aggregation ? { numbers: 6 } : { numbers: 5, indices: 2 };
  add(
    aggregation ? 'edgeForcesSegments' : 'edgeForcesScatter',
    1,
    { ...pairs, other: 24 * atoms },
    { arithmetic: 24 * edges },
  );
  return byKernel(all);
}
