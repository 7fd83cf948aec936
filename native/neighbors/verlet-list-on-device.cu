// The device's Verlet list: the test that decides about a rebuild, and the rebuild of systems that
// look at all pairs. A warp finds a row in ascending order of neighbours, so no entry is sorted.
#include "cuda/overlap.h"
#include "neighbors/device-geometry.h"

namespace mdlab {
namespace {

// A NaN counts as having moved.
__device__ bool moved(const ListArguments& a, int i) {
  const Point now = pointOf(a.batch.positions, i), d = minus(now, pointOf(a.builtAt, i));
  if (!a.force && square3(d.x, d.y, d.z) <= a.moved2) return false;
  if (!finite(now)) {
    a.state->fault = notFinite;
    atomicMin(&a.state->badAtom, i);
  }
  return true;
}

__device__ bool sameBox(const DeviceBox& a, const DeviceBox& b) {
  bool same = true;
  for (int k = 0; k < 9; ++k) same = same && a.vectors[k] == b.vectors[k];
  for (int k = 0; k < 3; ++k) same = same && a.periodic[k] == b.periodic[k];
  return same;
}

// One row as a warp sees it: calls f(j, d) for 32 atoms of the system at a time, with all lanes;
// lanes without an atom get j = -1.
template <class F>
__device__ void forEachTile(const ListArguments& a, int i, F&& f) {
  const int system = a.batch.systemOf[i];
  const int first = a.batch.offsets[system], last = a.batch.offsets[system + 1];
  const Point xi = pointOf(a.batch.positions, i);
  for (int from = first; from < last; from += 32) {
    const int j = from + int(threadIdx.x & 31);
    const bool real = j < last;
    const Point d = real ? minus(pointOf(a.batch.positions, j), xi) : Point{0, 0, 0};
    f(real ? j : -1, d);
  }
}

// Neighbours of one atom. `masks`: lane t keeps which atoms of tile t are, for the first 32 tiles
// (open systems only). `lattice` is not read where Open.
template <bool Open>
__device__ int countRow(const ListArguments& a, const DeviceLattice* lattice, int i,
                        unsigned& masks) {
  const int lane = threadIdx.x & 31;
  const bool exclude = hasExclusions(a.exclusions, i);
  int count = 0, tile = 0;
  masks = 0;
  forEachTile(a, i, [&](int j, const Point& d) {
    if (Open) {
      bool hit = j >= 0 && j != i && square3(d.x, d.y, d.z) < a.reach2;
      if (exclude && hit) hit = !excluded(a.exclusions, i, j);
      const unsigned mask = __ballot_sync(wholeWarp, hit);
      if (lane == tile++) masks = mask;
      count += hit;
    } else if (j >= 0 && !(exclude && excluded(a.exclusions, i, j))) {
      forEachImage(*lattice, d, i == j, a.reach2, [&](int x, int y, int z) {
        ++count;
        if (max(max(abs(x), abs(y)), abs(z)) > 32767) a.state->fault = farApart;
      });
    }
  });
  return __reduce_add_sync(wholeWarp, count);
}

// Writes an open system's row from entry `start` on, as far as the arrays reach.
__device__ void fillOpenRow(const ListArguments& a, int i, long long start, unsigned masks) {
  const bool exclude = hasExclusions(a.exclusions, i);
  int tile = 0;
  forEachTile(a, i, [&](int j, const Point& d) {
    bool hit;
    if (tile < 32) {
      hit = __shfl_sync(wholeWarp, masks, tile++) >> (threadIdx.x & 31) & 1;
    } else {
      hit = j >= 0 && j != i && square3(d.x, d.y, d.z) < a.reach2;
      if (exclude && hit) hit = !excluded(a.exclusions, i, j);
    }
    const unsigned mask = __ballot_sync(wholeWarp, hit);
    const long long e = start + __popc(mask & lanesBelow());
    if (hit && e < a.capacity) a.column[e] = j;
    start += __popc(mask);
  });
}

// The same with images.
__device__ void fillRow(const ListArguments& a, const DeviceLattice& lattice, int i,
                        long long start) {
  const bool exclude = hasExclusions(a.exclusions, i);
  forEachTile(a, i, [&](int j, const Point& d) {
    const bool wanted = j >= 0 && !(exclude && excluded(a.exclusions, i, j));
    int count = 0, total;
    if (wanted) forEachImage(lattice, d, i == j, a.reach2, [&](int, int, int) { ++count; });
    long long e = start + warpPrefix(count, total);
    start += total;
    if (count == 0) return;
    forEachImage(lattice, d, i == j, a.reach2, [&](int x, int y, int z) {
      if (e < a.capacity) {
        a.column[e] = j;
        if (a.shift) writeShift(a.shift + e, (x & 0xFFFF) | unsigned(y) << 16, z);
      }
      ++e;
    });
  });
}

__device__ void keepPositions(const ListArguments& a) {
  for (int t = threadIdx.x; t < 3 * a.batch.atoms; t += listThreads)
    a.builtAt[t] = a.batch.positions[t];
  for (int s = threadIdx.x; s < a.batch.systems; s += listThreads)
    a.builtBoxes[s] = a.batch.boxes[s];
}

}  // namespace

// Decides whether the list is to be rebuilt: an atom has moved, or a box has changed, which also
// makes its lattice anew. A thread per atom (or system, where more). Floor: 48 bytes an atom; at 1
// million atoms 80% of an H200's copy bandwidth (14 µs) while nothing moves.
__global__ void __launch_bounds__(listThreads) testMoved(ListArguments a) {
  awaitKernelBefore();
  if (a.state->overflow) return;
  const int t = blockIdx.x * listThreads + threadIdx.x;
  bool any = t < a.batch.atoms && moved(a, t);
  if (t < a.batch.systems) {
    if (a.force || !sameBox(a.batch.boxes[t], a.builtBoxes[t])) {
      any = true;
      a.builtBoxes[t] = a.batch.boxes[t];
      a.lattices[t] = latticeOf(a.batch.boxes[t], a.reach);
    }
    for (int k = 0; a.extents && k < 3; ++k) {
      a.extents[t].low[k] = 0x7FFFFFFF;
      a.extents[t].high[k] = -0x7FFFFFFF - 1;
    }
  }
  if (__syncthreads_or(any) && threadIdx.x == 0) a.state->moved = 1;
}

// The rebuild where every system looks at all pairs: rows are counted, the blocks' sums chained,
// rows written. A warp per row. Small batches are tested here as well, by every block for itself.
// Floor: 8 double operations for each of Σ atoms² pairs (more where boxes repeat, and twice) and 4
// (12) bytes an edge: 3 µs at 64 × 269 beads within 16 Å, where an H200 takes 34 µs: what bounds it
// are loads, votes and index arithmetic around the few double operations.
template <bool Open, bool Small>
__global__ void __launch_bounds__(listThreads) buildPairs(ListArguments a) {
  __shared__ int ticket, counts[listWarps];
  __shared__ unsigned long long before;
  __shared__ DeviceLattice lattices[Small && !Open ? listWarps : 1];
  awaitKernelBefore();
  if (Small) {
    if (a.state->overflow) return;
    bool any = false;
    for (int t = threadIdx.x; t < a.batch.atoms; t += listThreads) any |= moved(a, t);
    for (int s = threadIdx.x; s < a.batch.systems; s += listThreads)
      any |= !sameBox(a.batch.boxes[s], a.builtBoxes[s]);
    if (!__syncthreads_or(any)) return;
  } else if (!a.state->moved) {
    return;
  }
  const unsigned epoch = a.state->epoch;
  const int tile = takeTicket(&a.state->tickets[0], &ticket);
  const int warp = threadIdx.x >> 5, lane = threadIdx.x & 31, i = tile * listWarps + warp;
  const bool row = i < a.batch.atoms;
  const DeviceLattice* lattice = nullptr;
  if (!Open && row) {
    const int system = a.batch.systemOf[i];
    lattice = Small ? lattices + warp : a.lattices + system;
    if (Small && lane == 0) lattices[warp] = latticeOf(a.batch.boxes[system], a.reach);
    __syncwarp();
  }
  unsigned masks = 0;
  const int count = row ? countRow<Open>(a, lattice, i, masks) : 0;
  if (lane == 0) counts[warp] = count;
  __syncthreads();
  int total;
  const int base = warpPrefix(lane < listWarps ? counts[lane] : 0, total);
  if (warp == 0) {
    const ChainWord sum = chainPrefix(a.chain, epoch, tile, total);
    if (lane == 0) before = sum;
  }
  __syncthreads();
  const long long start = before + __shfl_sync(wholeWarp, base, warp);
  if (row) {
    if (lane == 0) a.rowStart[i] = int(min(start, (long long)(a.capacity)));
    if (!Small && lane < 3) a.builtAt[3ll * i + lane] = a.batch.positions[3ll * i + lane];
    if (Open)
      fillOpenRow(a, i, start, masks);
    else
      fillRow(a, *lattice, i, start);
  }
  if (tile + 1 < gridDim.x) return;
  // All blocks run by now and have read the state: it may change.
  if (Small) keepPositions(a);
  if (threadIdx.x > 0) return;
  finishCount(a, before + total);
  a.rowStart[a.batch.atoms] = a.state->edges;
  a.state->tickets[0] = 0;
  a.state->moved = 0;
}

// The rows of systems that look at all pairs, beside others that use cells; a warp takes every so
// many rows. Floor: that of buildPairs, half of it each. 64 × 269 beads within 5.5 Å take an H200
// 40 and 66 µs, 56 and 64 % of all instructions that can be issued: what buildPairs says holds
// here.
__global__ void __launch_bounds__(listThreads) countPairRows(ListArguments a) {
  if (!a.state->moved || !a.state->pairSystems) return;
  const int warps = gridDim.x * listWarps;
  for (int i = blockIdx.x * listWarps + (threadIdx.x >> 5); i < a.batch.atoms; i += warps) {
    const int system = a.batch.systemOf[i];
    if (a.grids[system].pairs != 1) continue;
    unsigned masks;
    const int count = countRow<false>(a, a.lattices + system, i, masks);
    if ((threadIdx.x & 31) == 0) a.rowStart[i] = count;
  }
}

__global__ void __launch_bounds__(listThreads) fillPairRows(ListArguments a) {
  if (!a.state->moved || !a.state->pairSystems) return;
  const int warps = gridDim.x * listWarps;
  for (int i = blockIdx.x * listWarps + (threadIdx.x >> 5); i < a.batch.atoms; i += warps) {
    const int system = a.batch.systemOf[i];
    if (a.grids[system].pairs == 1) fillRow(a, a.lattices[system], i, a.rowStart[i]);
  }
}

// Before a build from the host: finds the first position that is not finite, and wrapped atoms too
// far from the first one of their system to count the boxes between. Floor: 24 bytes an atom; a
// million take 17 µs, 35 % of the memory's peak: warps wait for their loads two thirds of the time.
__global__ void __launch_bounds__(listThreads) checkPositions(ListArguments a) {
  const int i = blockIdx.x * listThreads + threadIdx.x;
  if (i >= a.batch.atoms) return;
  const int system = a.batch.systemOf[i];
  const Point p = pointOf(a.batch.positions, i);
  if (!finite(p)) {
    atomicMin(&a.state->badAtom, i);
  } else if (!a.batch.boxes[system].open) {
    const DeviceLattice lattice = latticeOf(a.batch.boxes[system], a.reach);
    const Point d = minus(p, pointOf(a.batch.positions, a.batch.offsets[system]));
    for (int k = 0; k < 3; ++k)
      if (lattice.periodic[k] && !(fabs(fractionOf(lattice, k, d)) < 1e9))
        a.state->fault = farApart;
  }
}

}  // namespace mdlab
