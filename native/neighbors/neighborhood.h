#pragma once
// Device code only: all that may be in reach of a cell's atoms, gathered in shared memory.
#include "neighbors/device-geometry.h"

namespace mdlab {

inline constexpr int segment = 256;    // candidates that are sieved before hits are written
inline constexpr int mostLists = 128;  // cells, images counted, that a neighbourhood may have

// Cells a system of so many atoms may have; the host sizes arrays by it.
__device__ inline double cellShare(int atoms) { return atoms / cellAtoms + cellsAtLeast; }

__device__ inline int low16(unsigned word) { return short(word & 0xFFFFu); }
__device__ inline int high16(unsigned word) { return short(word >> 16); }
__device__ inline DeviceTurns packTurns(int x, int y, int z) {
  return {unsigned(x & 0xFFFF) | unsigned(y) << 16, unsigned(z & 0xFFFF)};
}
__device__ inline DeviceTurns operator+(DeviceTurns a, DeviceTurns b) {
  return {__vadd2(a.xy, b.xy), (a.z + b.z) & 0xFFFFu};
}
__device__ inline DeviceTurns operator-(DeviceTurns a, DeviceTurns b) {
  return {__vsub2(a.xy, b.xy), (a.z - b.z) & 0xFFFFu};
}

__device__ inline Point placedAt(const ListArguments& a, int place) {
  const long long atoms = a.batch.atoms;
  return {a.placed[place], a.placed[atoms + place], a.placed[2 * atoms + place]};
}

// How many of atomAt[begin .. begin+length-1], ascending, are below `atom`.
__device__ inline int countBelow(const int* atomAt, int begin, int length, int atom) {
  int low = begin, high = begin + length;
  while (low < high) {
    const int middle = low + (high - low) / 2;
    if (atomAt[middle] < atom)
      low = middle + 1;
    else
      high = middle;
  }
  return low - begin;
}

// An atom that looks for its neighbours: t = X·x_j + Y·y_j + Z·z_j + |u_j|² is d² − |u_i|².
struct Looking {
  float x, y, z;         // Å, −2 u_i
  float sure, possible;  // Å², less |u_i|²: t below is certainly a neighbour, above certainly none
  int atom;
  DeviceTurns turns;
};

// Atoms and images around a cell, as lists of consecutive places each ascending in atom, the lists
// ordered by image. Coordinates u start at the first atom that looks.
template <int Most>
struct Neighborhood {
  static constexpr int most = Most, buckets = 512, placeBits = 25;
  int system, lists, homeList;
  int candidates;                // not taken yet
  int staged;                    // of them in the arrays below
  int lowest;                    // atom number of the candidates being sorted
  float perAtom;                 // buckets
  float low[3], high[3], limit;  // Å, Å²: candidates farther from this box are dropped
  Looking row[partAtoms];
  int begin[mostLists], left[mostLists], before[mostLists + 1];
  DeviceTurns image[mostLists];
  Point offset[mostLists];  // Å: the image, less where u starts
  unsigned scratch[32];
  union {
    int bucket[buckets];                 // while sorting
    unsigned short near[4][2][segment];  // while sieving: candidates a warp found for two atoms
  };
  int atom[Most];
  union {
    DeviceTurns turn[Most];        // lattice vectors to the candidate, less the looking atom's own
    unsigned long long key[Most];  // while sorting: atom, list, place in the list
  };
  union {
    float4 at[Most + 32];  // u and |u|²; padded to whole warps with what no atom can reach
    unsigned long long other[Most];
  };

  // Lists the cells around `cell` for the atoms at places first .. last-1. False where the system
  // looks at all pairs after all. For the whole block; ends in a barrier.
  __device__ bool open(const ListArguments& a, int cell, int first, int last);
  // Gathers candidates from number `from` on, in any order. Ends in a barrier.
  __device__ void stage(const ListArguments& a, int from);
  // Gathers the next candidates ordered by atom and image; false when these are the last. `again`:
  // not for the first time. Ends in a barrier.
  __device__ bool stageSorted(const ListArguments& a, bool again);

 private:
  __device__ void openLists(const ListArguments& a, const DeviceGrid& grid, int cell, int first);
  __device__ void openRows(const ListArguments& a, double margin, int first, int last);
  template <class F>
  __device__ void addUp(const ListArguments& a, F&& length);
  __device__ void cut(const ListArguments& a);
  __device__ void gatherKeys(const ListArguments& a);
  __device__ void sortKeys();
  __device__ float4 relative(const ListArguments& a, int list, int place) const;
  __device__ void put(int slot, const float4& u, int number, DeviceTurns to);
  __device__ int claim(const float4& u, bool real);
  template <class F>
  __device__ void forEachNear(const ListArguments& a, int from, int to, F&& f);
  __device__ int bucketOf(unsigned long long k) const {
    return min(int(float(int(k >> 32) - lowest) * perAtom), buckets - 1);
  }
};

template <int Most>
__device__ bool Neighborhood<Most>::open(const ListArguments& a, int cell, int first, int last) {
  const int s = a.batch.systemOf[a.atomAt[first]];
  const DeviceGrid& grid = a.grids[s];
  if (grid.pairs) return false;
  if (threadIdx.x < 32)
    openRows(a, grid.width - a.reach, first, last);
  else
    openLists(a, grid, cell, first);
  if (threadIdx.x == 0) system = s;
  __syncthreads();
  addUp(a, [&](int l) { return left[l]; });
  if (threadIdx.x == 0) candidates = before[lists];
  __syncthreads();
  return true;
}

// By all warps but the first.
template <int Most>
__device__ void Neighborhood<Most>::openLists(const ListArguments& a, const DeviceGrid& grid,
                                              int cell, int first) {
  const DeviceLattice& lattice = a.lattices[a.batch.systemOf[a.atomAt[first]]];
  const Point origin = placedAt(a, first);
  int span[3], center[3], inner = cell - grid.firstCell;
  for (int k = 2; k >= 0; --k) {
    center[k] = inner % grid.n[k];
    inner /= grid.n[k];
    span[k] = lattice.periodic[k] ? 2 * grid.stencil[k] + 1 : min(grid.n[k], 3);
  }
  const int count = span[0] * span[1] * span[2];
  for (int l = threadIdx.x - 32; l < count; l += blockDim.x - 32) {
    int rest = l, index[3], turns[3];
    for (int k = 2; k >= 0; --k) {
      const int step = rest % span[k], n = grid.n[k];
      rest /= span[k];
      int slab = center[k] + step - (lattice.periodic[k] ? grid.stencil[k] : 1);
      turns[k] = 0;
      if (lattice.periodic[k]) {
        turns[k] = slab >= 0 ? slab / n : -((n - 1 - slab) / n);
        slab -= turns[k] * n;
      } else {
        slab = n < 3 ? step : slab < 0 ? slab + n : slab >= n ? slab - n : slab;
      }
      index[k] = slab;
    }
    const int c = grid.firstCell + (index[0] * grid.n[1] + index[1]) * grid.n[2] + index[2];
    begin[l] = a.cellStart[c];
    left[l] = a.cellStart[c + 1] - begin[l];
    image[l] = packTurns(turns[0], turns[1], turns[2]);
    const double *m = lattice.rows, x = turns[0], y = turns[1], z = turns[2];
    offset[l] = {x * m[0] + y * m[3] + z * m[6] - origin.x,
                 x * m[1] + y * m[4] + z * m[7] - origin.y,
                 x * m[2] + y * m[5] + z * m[8] - origin.z};
    if (c == cell && turns[0] == 0 && turns[1] == 0 && turns[2] == 0) homeList = l;
    if (l == 0) lists = count;
  }
}

// The looking atoms and the box around them; `margin` bounds the rounding of wrapped positions. By
// the first warp. Coordinates are rounded by 2^-24 of themselves and t some times more, of which
// the sum stays below 2^-19 (|u_i| + reach)²: twice that is allowed for.
template <int Most>
__device__ void Neighborhood<Most>::openRows(const ListArguments& a, double margin, int first,
                                             int last) {
  const Point origin = placedAt(a, first);
  float least[3] = {0, 0, 0}, most3[3] = {0, 0, 0}, farthest = 0;
  for (int r = threadIdx.x; r < last - first; r += 32) {
    const Point p = minus(placedAt(a, first + r), origin);
    const float u[3] = {float(p.x), float(p.y), float(p.z)};
    const double square = square3(u[0], u[1], u[2]), size = sqrt(square) + a.reach;
    const double slack = 0x1p-18 * size * size + 2 * size * margin;
    row[r] = {-2 * u[0],
              -2 * u[1],
              -2 * u[2],
              __double2float_rd(a.reach2 - slack - square),
              __double2float_ru(a.reach2 + slack - square),
              a.atomAt[first + r],
              a.turns[first + r]};
    farthest = fmaxf(farthest, __double2float_ru(size));
    for (int k = 0; k < 3; ++k) {
      least[k] = fminf(least[k], u[k]);
      most3[k] = fmaxf(most3[k], u[k]);
    }
  }
  for (int step = 16; step > 0; step /= 2) {
    farthest = fmaxf(farthest, __shfl_xor_sync(wholeWarp, farthest, step));
    for (int k = 0; k < 3; ++k) {
      least[k] = fminf(least[k], __shfl_xor_sync(wholeWarp, least[k], step));
      most3[k] = fmaxf(most3[k], __shfl_xor_sync(wholeWarp, most3[k], step));
    }
  }
  if (threadIdx.x > 0) return;
  for (int k = 0; k < 3; ++k) {
    low[k] = least[k];
    high[k] = most3[k];
  }
  const double reached = a.reach + 0x1p-20 * farthest + margin;
  limit = __double2float_ru(reached * reached * (1 + 0x1p-20));
}

// Where each list's candidates start among all when length(l) are taken from each, and the range
// of their atoms. Ends in a barrier.
template <int Most>
template <class F>
__device__ void Neighborhood<Most>::addUp(const ListArguments& a, F&& length) {
  if (threadIdx.x < 32) {
    int sum = 0, least = 0x7FFFFFFF, most1 = 0;
    for (int from = 0; from < lists; from += 32) {
      const int l = from + int(threadIdx.x), mine = l < lists ? length(l) : 0;
      int total;
      const int base = warpPrefix(mine, total);
      if (l < lists) before[l] = sum + base;
      if (mine > 0) {
        least = min(least, a.atomAt[begin[l]]);
        most1 = max(most1, a.atomAt[begin[l] + mine - 1]);
      }
      sum += total;
    }
    least = __reduce_min_sync(wholeWarp, least);
    most1 = __reduce_max_sync(wholeWarp, most1);
    if (threadIdx.x == 0) {
      before[lists] = sum;
      staged = 0;
      lowest = least;
      perAtom = buckets / (float(most1 - least) + 1);
    }
  }
  __syncthreads();
}

template <int Most>
__device__ float4 Neighborhood<Most>::relative(const ListArguments& a, int list, int place) const {
  const Point p = placedAt(a, place), o = offset[list];
  const float x = float(p.x + o.x), y = float(p.y + o.y), z = float(p.z + o.z);
  return make_float4(x, y, z, x * x + y * y + z * z);
}

// A slot for each lane whose candidate is near enough to the looking atoms, else -1. By a warp.
template <int Most>
__device__ int Neighborhood<Most>::claim(const float4& u, bool real) {
  const float x = fmaxf(fmaxf(low[0] - u.x, u.x - high[0]), 0.f);
  const float y = fmaxf(fmaxf(low[1] - u.y, u.y - high[1]), 0.f);
  const float z = fmaxf(fmaxf(low[2] - u.z, u.z - high[2]), 0.f);
  const bool near = real && !(x * x + y * y + z * z > limit);
  const unsigned mask = __ballot_sync(wholeWarp, near);
  int base = 0;
  if ((threadIdx.x & 31) == 0 && mask) base = atomicAdd(&staged, __popc(mask));
  base = __shfl_sync(wholeWarp, base, 0);
  return near ? base + __popc(mask & lanesBelow()) : -1;
}

template <int Most>
__device__ void Neighborhood<Most>::put(int slot, const float4& u, int number, DeviceTurns to) {
  at[slot] = u;
  atom[slot] = number;
  turn[slot] = to;
}

// Calls f(list, place, slot) for candidates from .. to-1 that are near enough to the looking atoms.
template <int Most>
template <class F>
__device__ void Neighborhood<Most>::forEachNear(const ListArguments& a, int from, int to, F&& f) {
  for (int k0 = from + int(threadIdx.x & ~31u); k0 < to; k0 += blockDim.x) {
    const int k = k0 + int(threadIdx.x & 31), known = min(k, to - 1);
    int list = 0;
    for (int above = lists; above - list > 1;) {
      const int middle = (list + above) / 2;
      (before[middle] <= known ? list : above) = middle;
    }
    const int place = begin[list] + known - before[list];
    const float4 u = relative(a, list, place);
    const int slot = claim(u, k == known);
    if (slot >= 0) f(list, place, slot, u);
  }
}

template <int Most>
__device__ void Neighborhood<Most>::stage(const ListArguments& a, int from) {
  if (threadIdx.x == 0) staged = 0;
  __syncthreads();
  forEachNear(a, from, min(from + Most, candidates),
              [&](int list, int place, int slot, const float4& u) {
                put(slot, u, a.atomAt[place], image[list] - a.turns[place]);
              });
  __syncthreads();
  if (threadIdx.x < 32) at[staged + threadIdx.x].w = __int_as_float(0x7F800000);
  __syncthreads();
}

// Chooses an atom number below which there are no more than Most candidates, of which the lists
// then give the next in ascending order. Rarely needed: dense or coarse cells.
template <int Most>
__device__ void Neighborhood<Most>::cut(const ListArguments& a) {
  int first = a.batch.offsets[system], last = a.batch.offsets[system + 1];
  while (last - first > 1) {
    const int middle = first + (last - first) / 2;
    unsigned mine = 0, total;
    for (int l = threadIdx.x; l < lists; l += blockDim.x)
      mine += countBelow(a.atomAt, begin[l], left[l], middle);
    blockPrefix(mine, scratch, total);
    __syncthreads();
    (total <= Most ? first : last) = middle;
  }
  addUp(a, [&](int l) { return countBelow(a.atomAt, begin[l], left[l], first); });
}

// Sorts key[0 .. staged-1]: into buckets by atom number, then by counting within each, so that the
// order in which keys came does not matter.
template <int Most>
__device__ void Neighborhood<Most>::sortKeys() {
  constexpr int each = 4;  // buckets a thread adds up at a time
  for (int b = threadIdx.x; b < buckets; b += blockDim.x) bucket[b] = 0;
  __syncthreads();
  for (int k = threadIdx.x; k < staged; k += blockDim.x) atomicAdd(bucket + bucketOf(key[k]), 1);
  __syncthreads();
  unsigned sum = 0;
  for (int from = 0; from < buckets; from += each * blockDim.x) {
    const int first = from + each * threadIdx.x;
    unsigned mine = 0, total;
    for (int k = 0; k < each && first < buckets; ++k) mine += bucket[first + k];
    unsigned start = sum + blockPrefix(mine, scratch, total);
    for (int k = 0; k < each && first < buckets; ++k) {
      const unsigned count = bucket[first + k];
      bucket[first + k] = start;
      start += count;
    }
    sum += total;
    __syncthreads();
  }
  for (int k = threadIdx.x; k < staged; k += blockDim.x)
    other[atomicAdd(bucket + bucketOf(key[k]), 1)] = key[k];
  __syncthreads();
  // By now a bucket's number is where it ends.
  for (int k = threadIdx.x; k < staged; k += blockDim.x) {
    const unsigned long long mine = other[k];
    const int b = bucketOf(mine), start = b > 0 ? bucket[b - 1] : 0;
    int rank = start;
    for (int q = start; q < bucket[b]; ++q) rank += other[q] < mine;
    key[rank] = mine;
  }
  __syncthreads();
}

// Keys of all that addUp() found and is near enough, as far as there is room; `staged` counts all.
// Ends in a barrier.
template <int Most>
__device__ void Neighborhood<Most>::gatherKeys(const ListArguments& a) {
  forEachNear(a, 0, before[lists], [&](int list, int place, int slot, const float4&) {
    if (slot < Most)
      key[slot] = (unsigned long long)(a.atomAt[place]) << 32 |
                  unsigned(list << placeBits | (place - begin[list]));
  });
  __syncthreads();
}

template <int Most>
__device__ bool Neighborhood<Most>::stageSorted(const ListArguments& a, bool again) {
  const int all = candidates;
  const bool tooMany = all > 2 * Most;
  if (tooMany)
    cut(a);
  else if (again)
    addUp(a, [&](int l) { return left[l]; });
  gatherKeys(a);
  if (!tooMany && staged > Most) {
    __syncthreads();
    cut(a);
    gatherKeys(a);
  }
  sortKeys();
  for (int slot = threadIdx.x; slot < staged; slot += blockDim.x) {
    const unsigned long long mine = key[slot];
    const int l = unsigned(mine) >> placeBits;
    const int place = begin[l] + int(mine & ((1u << placeBits) - 1));
    put(slot, relative(a, l, place), int(mine >> 32), image[l] - a.turns[place]);
  }
  if (threadIdx.x < 32) at[staged + threadIdx.x].w = __int_as_float(0x7F800000);
  __syncthreads();
  const int taken = before[lists];
  if (all == taken) return false;
  for (int l = threadIdx.x; l < lists; l += blockDim.x) {
    const int length = before[l + 1] - before[l];
    begin[l] += length;
    left[l] -= length;
  }
  if (threadIdx.x == 0) candidates = all - taken;
  return true;
}

}  // namespace mdlab
