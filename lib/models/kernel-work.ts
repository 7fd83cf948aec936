/**
 * Counted work. One multiply-add is two operations. Divided by what a device can do per second, each number is a time
 * that cannot be beaten; the largest is the floor.
 */
export interface Work {
  /** Operations of matrix products, which tensor cores can do. */
  products: number;
  /** Other arithmetic: scaling, differences, multiplication with features, sums. */
  arithmetic: number;
  /** Exponentials, logarithms, reciprocals and roots of the special-function units. */
  special: number;
  /** Bytes of device memory: each array read or written once per kernel that needs it. */
  bytes: number;
  /** Bytes gathered by edge from arrays that stay in the second-level cache. */
  gathered: number;
  /** Bytes read from shared memory for operands of products. */
  shared: number;
}

/** The work of all launches of one kernel within one stage of an evaluation. */
export interface KernelWork extends Work {
  stage: string;
  kernel: string;
}

const nothing: Work = { products: 0, arithmetic: 0, special: 0, bytes: 0, gathered: 0, shared: 0 };

export const kernelWork = (stage: string, kernel: string, counts: Partial<Work>): KernelWork => ({
  ...nothing,
  ...counts,
  stage,
  kernel,
});

/** All work of one stage, whatever the kernel. */
export function workOfStage(all: readonly KernelWork[], stage: string): Work | undefined {
  const own = all.filter((w) => w.stage === stage);
  return own.length === 0 ? undefined : total(own);
}

function total(all: readonly Work[]): Work {
  const sum = { ...nothing };
  for (const w of all) for (const kind of Object.keys(nothing) as (keyof Work)[]) sum[kind] += w[kind];
  return sum;
}

/** One entry for each kernel of a stage, in the order of the first. */
export function byKernel(all: readonly KernelWork[]): KernelWork[] {
  const groups = new Map<string, KernelWork[]>();
  for (const work of all) {
    const key = `${work.stage}: ${work.kernel}`;
    groups.set(key, [...(groups.get(key) ?? []), work]);
  }
  return [...groups.values()].map((own) => ({ ...own[0]!, ...total(own) }));
}
