#pragma once
// Device code only: cells shared out over the blocks, and the sieve of a neighbourhood.
#include "neighbors/neighborhood.h"

namespace mdlab {

// Calls f(cell, first, last) for stretches of up to partAtoms places of one cell, shared out over
// the blocks.
template <class F>
__device__ void forEachPart(const ListArguments& a, F&& f) {
  const long long cells = a.state->cells, jobs = cells * a.parts;
  for (long long job = blockIdx.x; job < jobs; job += gridDim.x) {
    const int cell = int(job % cells), part = int(job / cells), last = a.cellStart[cell + 1];
    for (int first = a.cellStart[cell] + part * partAtoms; first < last;
         first += a.parts * partAtoms)
      f(cell, first, min(first + partAtoms, last));
  }
}

__device__ inline float sieve(const Looking& from, const float4& u) {
  return from.x * u.x + (from.y * u.y + (from.z * u.z + u.w));
}

// Whether a staged candidate is a neighbour, of those that may be.
template <class Hood>
__device__ bool isNeighbor(const ListArguments& a, const Hood& hood, const Looking& from, int k,
                           bool exclude) {
  const float t = sieve(from, hood.at[k]);
  const int i = from.atom, j = hood.atom[k];
  const DeviceTurns s = hood.turn[k] + from.turns;
  if (j == i && (s.xy | s.z) == 0) return false;
  if (!(t < from.sure)) {
    const Point d = minus(pointOf(a.batch.positions, j), pointOf(a.batch.positions, i));
    const DeviceLattice& lattice = a.lattices[hood.system];
    if (!(imageDistance2(d, lattice, low16(s.xy), high16(s.xy), low16(s.z)) < a.reach2))
      return false;
  }
  return !(exclude && excluded(a.exclusions, i, j));
}

// Adds to counts[r] what looking atom r has among the staged candidates, which are those from
// number `from` on; four atoms to a warp at a time. `home`: place of atom 0 in its own list.
template <class Hood>
__device__ void countStaged(const ListArguments& a, const Hood& hood, int from, int home, int rows,
                            int* counts) {
  constexpr int group = 4;
  const int lane = threadIdx.x & 31, warps = blockDim.x >> 5, staged = hood.staged;
  const int self = hood.before[hood.homeList] + home - from;
  for (int first = group * (threadIdx.x >> 5); first < rows; first += group * warps) {
    Looking look[group];
    int sure[group], possible[group];
    for (int r = 0; r < group; ++r) {
      look[r] = hood.row[min(first + r, rows - 1)];
      sure[r] = possible[r] = 0;
    }
    for (int k = lane; k < staged; k += 32) {
      const float4 u = hood.at[k];
      for (int r = 0; r < group; ++r) {
        const float t = sieve(look[r], u);
        sure[r] += t < look[r].sure;
        possible[r] += t < look[r].possible;
      }
    }
    for (int r = 0; r < group && first + r < rows; ++r) {
      int count = __reduce_add_sync(wholeWarp, sure[r]);
      const bool exclude = hasExclusions(a.exclusions, look[r].atom);
      if (exclude || count != __reduce_add_sync(wholeWarp, possible[r])) {
        int mine = 0;
        for (int k = lane; k < staged; k += 32)
          mine += sieve(look[r], hood.at[k]) < look[r].possible &&
                  isNeighbor(a, hood, look[r], k, exclude);
        count = __reduce_add_sync(wholeWarp, mine);
      } else {
        const int own = self + first + r;
        count -= own >= 0 && own < Hood::most;
      }
      if (lane == 0) counts[first + r] += count;
    }
  }
}

// Notes which of the staged candidates from .. to-1 may be neighbours of two looking atoms, in
// order; returns how many. By a warp.
template <class Hood>
__device__ int2 sievePair(const Hood& hood, const Looking& a, const Looking& b, int from, int to,
                          unsigned short* nearA, unsigned short* nearB) {
  const unsigned below = lanesBelow();
  int countA = 0, countB = 0;
  for (int k0 = from; k0 < to; k0 += 32) {
    const int k = k0 + int(threadIdx.x & 31);
    const float4 u = hood.at[k];
    const bool inA = sieve(a, u) < a.possible, inB = sieve(b, u) < b.possible;
    const unsigned maskA = __ballot_sync(wholeWarp, inA), maskB = __ballot_sync(wholeWarp, inB);
    if (inA) nearA[countA + __popc(maskA & below)] = k;
    if (inB) nearB[countB + __popc(maskB & below)] = k;
    countA += __popc(maskA);
    countB += __popc(maskB);
  }
  __syncwarp();
  return make_int2(countA, countB);
}

// Writes the edges of one looking atom from `start` on; returns where the next ones go. By a warp.
template <class Hood>
__device__ int writeEdges(const ListArguments& a, const Hood& hood, const Looking& from,
                          const unsigned short* near, int count, int start) {
  const bool exclude = hasExclusions(a.exclusions, from.atom);
  for (int n0 = 0; n0 < count; n0 += 32) {
    const int n = n0 + int(threadIdx.x & 31), k = n < count ? near[n] : 0;
    const bool hit = n < count && isNeighbor(a, hood, from, k, exclude);
    const unsigned mask = __ballot_sync(wholeWarp, hit), e = start + __popc(mask & lanesBelow());
    if (hit && e < unsigned(a.capacity)) {
      a.column[e] = hood.atom[k];
      const DeviceTurns s = hood.turn[k] + from.turns;
      if (a.shift) writeShift(a.shift + e, s.xy, s.z);
    }
    start += __popc(mask);
  }
  return start;
}

// Writes the edges of all looking atoms among the staged candidates; starts[r] is the next entry
// of atom r. A warp takes two atoms at a time.
template <class Hood>
__device__ void fillStaged(const ListArguments& a, Hood& hood, int rows, int* starts) {
  const int warp = threadIdx.x >> 5, warps = blockDim.x >> 5;
  unsigned short *nearA = hood.near[warp][0], *nearB = hood.near[warp][1];
  for (int r = 2 * warp; r < rows; r += 2 * warps) {
    const int second = min(r + 1, rows - 1);
    const Looking lookA = hood.row[r], lookB = hood.row[second];
    int startA = starts[r], startB = starts[second];
    for (int from = 0; from < hood.staged; from += segment) {
      const int to = min(from + segment, hood.staged);
      const int2 count = sievePair(hood, lookA, lookB, from, to, nearA, nearB);
      startA = writeEdges(a, hood, lookA, nearA, count.x, startA);
      if (second > r) startB = writeEdges(a, hood, lookB, nearB, count.y, startB);
      __syncwarp();
    }
    if ((threadIdx.x & 31) != 0) continue;
    starts[r] = startA;
    if (second > r) starts[second] = startB;
  }
}

}  // namespace mdlab
