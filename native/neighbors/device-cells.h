#pragma once
// Device code only: the neighbourhood of a cell, gathered in shared memory and sieved.
#include "neighbors/device-geometry.h"

namespace mdlab {

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

// The first of atomAt[begin .. end-1] that is not below `atom`, less begin.
__device__ inline int countBelow(const int* atomAt, int begin, int end, int atom) {
  int low = begin;
  while (low < end) {
    const int middle = low + (end - low) / 2;
    if (atomAt[middle] < atom)
      low = middle + 1;
    else
      end = middle;
  }
  return low - begin;
}

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

// All atoms and images that may be in reach of a cell's atoms, as lists of consecutive places each
// ascending in atom, ordered by image; as many at a time as there is room for.
template <int Most>
struct Neighborhood {
  static constexpr int most = Most;
  int system, lists, homeList;
  int candidates;  // not staged yet (fill), or all (count)
  int staged;
  double margin;  // Å: bound of the rounding of a displacement of wrapped positions
  Point origin;   // Å: where the sieve's coordinates start
  int begin[mostLists], left[mostLists], before[mostLists + 1];
  DeviceTurns image[mostLists];
  int scratch[32];
  float4 at[Most];  // Å; w holds the atom's number
  union {
    unsigned long long key[Most];  // while sorting: atom, list, place in the list
    DeviceTurns turn[Most];        // lattice vectors to the candidate, less the looking atom's own
  };

  // Lists the cells around `cell`, for the atoms from place `first` on. False where the system
  // looks at all pairs after all. For the whole block; ends in a barrier.
  __device__ bool open(const ListArguments& a, int cell, int first);
  // Gathers candidates from number `from` on, in the order of the lists.
  __device__ void stage(const ListArguments& a, int from);
  // Gathers the next candidates in ascending order; false when these are the last. `again`: not
  // for the first time.
  __device__ bool stageSorted(const ListArguments& a, bool again);

 private:
  __device__ void addUp();
  __device__ void cut(const ListArguments& a);
  __device__ void sortKeys();
  __device__ void put(const ListArguments& a, int slot, int list, int place);
};

template <int Most>
__device__ bool Neighborhood<Most>::open(const ListArguments& a, int cell, int first) {
  const int s = a.batch.systemOf[a.atomAt[first]];
  const DeviceGrid& grid = a.grids[s];
  if (grid.pairs) return false;
  const DeviceLattice& lattice = a.lattices[s];
  int span[3], center[3], inner = cell - grid.firstCell;
  for (int k = 2; k >= 0; --k) {
    center[k] = inner % grid.n[k];
    inner /= grid.n[k];
    span[k] = lattice.periodic[k] ? 2 * grid.stencil[k] + 1 : min(grid.n[k], 3);
  }
  const int count = span[0] * span[1] * span[2];
  for (int l = threadIdx.x; l < count; l += blockDim.x) {
    int rest = l, index[3], turn[3];
    for (int k = 2; k >= 0; --k) {
      const int step = rest % span[k], n = grid.n[k];
      rest /= span[k];
      turn[k] = 0;
      if (lattice.periodic[k]) {
        const int slab = center[k] + step - grid.stencil[k];
        turn[k] = slab >= 0 ? slab / n : -((n - 1 - slab) / n);
        index[k] = slab - turn[k] * n;
      } else {
        index[k] = n < 3 ? step : (center[k] + step - 1 + n) % n;
      }
    }
    const int c = grid.firstCell + (index[0] * grid.n[1] + index[1]) * grid.n[2] + index[2];
    begin[l] = a.cellStart[c];
    left[l] = a.cellStart[c + 1] - begin[l];
    image[l] = packTurns(turn[0], turn[1], turn[2]);
    if (c == cell && turn[0] == 0 && turn[1] == 0 && turn[2] == 0) homeList = l;
  }
  if (threadIdx.x == 0) {
    system = s;
    lists = count;
    margin = grid.width - a.reach;
    origin = placedAt(a, first);
  }
  __syncthreads();
  addUp();
  if (threadIdx.x == 0) candidates = staged;
  __syncthreads();
  return true;
}

// Where each list's candidates start among all `left`, and how many there are. Ends in a barrier.
template <int Most>
__device__ void Neighborhood<Most>::addUp() {
  if (threadIdx.x < 32) {
    int sum = 0;
    for (int from = 0; from < lists; from += 32) {
      const int l = from + threadIdx.x;
      int total;
      const int base = warpPrefix(l < lists ? left[l] : 0, total);
      if (l < lists) before[l] = sum + base;
      sum += total;
    }
    if (threadIdx.x == 0) before[lists] = staged = sum;
  }
  __syncthreads();
}

template <int Most>
__device__ void Neighborhood<Most>::put(const ListArguments& a, int slot, int list, int place) {
  const double* m = a.lattices[system].rows;
  const DeviceTurns to = image[list];
  const double x = low16(to.xy), y = high16(to.xy), z = low16(to.z);
  const Point p = placedAt(a, place);
  at[slot] = make_float4(float(p.x + (x * m[0] + y * m[3] + z * m[6] - origin.x)),
                         float(p.y + (x * m[1] + y * m[4] + z * m[7] - origin.y)),
                         float(p.z + (x * m[2] + y * m[5] + z * m[8] - origin.z)),
                         __int_as_float(a.atomAt[place]));
  turn[slot] = to - a.turns[place];
}

template <int Most>
__device__ void Neighborhood<Most>::stage(const ListArguments& a, int from) {
  const int to = min(from + Most, candidates), lane = threadIdx.x & 31;
  for (int l = threadIdx.x >> 5; l < lists; l += blockDim.x >> 5) {
    const int base = before[l], stop = min(before[l + 1], to);
    for (int k = max(base, from) + lane; k < stop; k += 32)
      put(a, k - from, l, begin[l] + k - base);
  }
  if (threadIdx.x == 0) staged = to - from;
}

// Leaves in `take` (before[l+1] − before[l]) what lies below an atom number chosen so that no more
// than Most candidates do: the next in ascending order. Rarely needed: dense or coarse cells.
template <int Most>
__device__ void Neighborhood<Most>::cut(const ListArguments& a) {
  int low = a.batch.offsets[system], high = a.batch.offsets[system + 1];
  while (high - low > 1) {
    const int middle = low + (high - low) / 2;
    int mine = 0, total;
    for (int l = threadIdx.x; l < lists; l += blockDim.x)
      mine += countBelow(a.atomAt, begin[l], begin[l] + left[l], middle);
    blockPrefix(mine, scratch, total);
    __syncthreads();
    (total <= Most ? low : high) = middle;
  }
  if (threadIdx.x < 32) {
    int sum = 0;
    for (int from = 0; from < lists; from += 32) {
      const int l = from + threadIdx.x;
      int total;
      const int mine = l < lists ? countBelow(a.atomAt, begin[l], begin[l] + left[l], low) : 0;
      const int base = warpPrefix(mine, total);
      if (l < lists) before[l] = sum + base;
      sum += total;
    }
    if (threadIdx.x == 0) before[lists] = staged = sum;
  }
  __syncthreads();
}

// Ascending bitonic sort of any number of keys: what would stand beyond the last is larger than
// all, and stays. Strides below 64 stay within a warp's own keys.
template <int Most>
__device__ void Neighborhood<Most>::sortKeys() {
  const int count = staged;
  int pairs = 32;
  while (2 * pairs < count) pairs *= 2;
  const auto exchange = [&](int i, int j) {
    if (j >= count) return;
    const unsigned long long low = key[i], high = key[j];
    if (low <= high) return;
    key[i] = high;
    key[j] = low;
  };
  for (int size = 2; size <= 2 * pairs; size *= 2) {
    for (int stride = size / 2; stride > 0; stride /= 2) {
      if (size > 64 && stride >= 32)
        __syncthreads();
      else
        __syncwarp();
      const bool flip = stride == size / 2;
      for (int t = threadIdx.x; t < pairs; t += blockDim.x) {
        const int within = t & (stride - 1), base = (t - within) * 2;
        exchange(base + within, flip ? base + size - 1 - within : base + within + stride);
      }
    }
  }
  __syncthreads();
}

template <int Most>
__device__ bool Neighborhood<Most>::stageSorted(const ListArguments& a, bool again) {
  const int all = candidates;
  if (all > Most)
    cut(a);
  else if (again)
    addUp();
  const int taken = staged, lane = threadIdx.x & 31;
  for (int l = threadIdx.x >> 5; l < lists; l += blockDim.x >> 5) {
    const int base = before[l], length = before[l + 1] - base;
    for (int k = lane; k < length; k += 32)
      key[base + k] = (unsigned long long)(a.atomAt[begin[l] + k]) << 32 | unsigned(l << 16 | k);
  }
  __syncthreads();
  sortKeys();
  for (int slot = threadIdx.x; slot < taken; slot += blockDim.x) {
    const unsigned low = unsigned(key[slot]);
    put(a, slot, low >> 16, begin[low >> 16] + (low & 0xFFFFu));
  }
  if (all == taken) return false;
  __syncthreads();
  for (int l = threadIdx.x; l < lists; l += blockDim.x) {
    const int length = before[l + 1] - before[l];
    begin[l] += length;
    left[l] -= length;
  }
  if (threadIdx.x == 0) candidates = all - taken;
  return true;
}

// An atom that looks for its neighbours.
struct Looking {
  float x, y, z;         // Å, from the neighbourhood's origin
  float sure, possible;  // Å²: nearer is certainly a neighbour, farther certainly none
};

template <class Hood>
__device__ Looking lookFrom(const ListArguments& a, const Hood& hood, int place) {
  const Point p = minus(placedAt(a, place), hood.origin);
  // Coordinates are rounded by 2^-24 of themselves, and d² once or twice more: with room.
  const double size = a.reach + fabs(p.x) + fabs(p.y) + fabs(p.z);
  const double slack = 0x1p-20 * size + hood.margin;
  const double low = fmax(a.reach - slack, 0.0), high = a.reach + slack;
  return {float(p.x), float(p.y), float(p.z), __double2float_rd(low * low),
          __double2float_ru(high * high)};
}

__device__ inline float sieveDistance2(const Looking& from, const float4& p) {
  const float x = p.x - from.x, y = p.y - from.y, z = p.z - from.z;
  return x * x + y * y + z * z;
}

// Whether staged candidate k is a neighbour of atom i, whose own turns are given.
template <class Hood>
__device__ bool isNeighbor(const ListArguments& a, const Hood& hood, const Looking& from, int k,
                           int i, DeviceTurns own, bool exclude) {
  const float4 p = hood.at[k];
  const float d2 = sieveDistance2(from, p);
  if (d2 >= from.possible) return false;
  const int j = __float_as_int(p.w);
  const DeviceTurns s = hood.turn[k] + own;
  if (j == i && (s.xy | s.z) == 0) return false;
  if (!(d2 < from.sure)) {
    const Point d = minus(pointOf(a.batch.positions, j), pointOf(a.batch.positions, i));
    const DeviceLattice& lattice = a.lattices[hood.system];
    if (!(imageDistance2(d, lattice, low16(s.xy), high16(s.xy), low16(s.z)) < a.reach2))
      return false;
  }
  return !(exclude && excluded(a.exclusions, i, j));
}

// Adds to counts[r] what the atom at place first + r has among the staged candidates, from number
// `from` on; four atoms to a warp at a time.
template <class Hood>
__device__ void countStaged(const ListArguments& a, const Hood& hood, int from, int first, int last,
                            int* counts) {
  constexpr int group = 4;
  const int lane = threadIdx.x & 31, warps = blockDim.x >> 5, staged = hood.staged;
  const int homeBase = hood.before[hood.homeList] - hood.begin[hood.homeList] - from;
  for (int p = first + group * (threadIdx.x >> 5); p < last; p += group * warps) {
    Looking look[group];
    int sure[group], possible[group];
    for (int r = 0; r < group; ++r) {
      look[r] = lookFrom(a, hood, min(p + r, last - 1));
      sure[r] = possible[r] = 0;
    }
    for (int k = lane; k < staged; k += 32) {
      const float4 at = hood.at[k];
      for (int r = 0; r < group; ++r) {
        const float d2 = sieveDistance2(look[r], at);
        sure[r] += d2 < look[r].sure;
        possible[r] += !(d2 >= look[r].possible);
      }
    }
    for (int r = 0; r < group && p + r < last; ++r) {
      const int i = a.atomAt[p + r], self = p + r + homeBase;
      int count = __reduce_add_sync(wholeWarp, sure[r]);
      const bool exclude = hasExclusions(a.exclusions, i);
      if (exclude || count != __reduce_add_sync(wholeWarp, possible[r])) {
        const DeviceTurns own = a.turns[p + r];
        int mine = 0;
        for (int k = lane; k < staged; k += 32)
          mine += isNeighbor(a, hood, look[r], k, i, own, exclude);
        count = __reduce_add_sync(wholeWarp, mine);
      } else {
        count -= self >= 0 && self < staged;
      }
      if (lane == 0) counts[p + r - first] += count;
    }
  }
}

// Writes the edges of each atom among the staged candidates; starts[r] is the next entry of the
// atom at place first + r. A warp per atom.
template <class Hood>
__device__ void fillStaged(const ListArguments& a, const Hood& hood, int first, int last,
                           int* starts) {
  const int lane = threadIdx.x & 31, warps = blockDim.x >> 5, staged = hood.staged;
  for (int p = first + (threadIdx.x >> 5); p < last; p += warps) {
    const Looking look = lookFrom(a, hood, p);
    const int i = a.atomAt[p];
    const bool exclude = hasExclusions(a.exclusions, i);
    const DeviceTurns own = a.turns[p];
    int start = starts[p - first];
    for (int from = 0; from < staged; from += 32) {
      const int k = from + lane;
      const bool hit = k < staged && isNeighbor(a, hood, look, k, i, own, exclude);
      const unsigned mask = __ballot_sync(wholeWarp, hit);
      const int e = start + __popc(mask & lanesBelow());
      if (hit && unsigned(e) < unsigned(a.capacity)) {
        a.column[e] = __float_as_int(hood.at[k].w);
        const DeviceTurns s = hood.turn[k] + own;
        if (a.shift) writeShift(a.shift + e, s.xy, s.z);
      }
      start += __popc(mask);
    }
    if (lane == 0) starts[p - first] = start;
  }
}

}  // namespace mdlab
