// The rebuild of big systems, O(atoms): atoms are sorted into cells (ascending within a cell), and
// each cell's neighbourhood is sieved for all of its atoms together. Sieving is done in float from
// the cell's first atom; what rounding leaves open is decided by the one definition of d².
#include "neighbors/device-cells.h"

namespace mdlab {
namespace {

// Integers in the order of the floats they stand for.
__device__ int ordered(float f) {
  const int bits = __float_as_int(f);
  return bits ^ (bits >> 31 & 0x7FFFFFFF);
}
__device__ float unordered(int key) { return __int_as_float(key ^ (key >> 31 & 0x7FFFFFFF)); }

__device__ int atomsOf(const ListArguments& a, int system) {
  return a.batch.offsets[system + 1] - a.batch.offsets[system];
}

// Halves the finest direction until the cells are few enough for the system's share of the arrays.
__device__ void coarsen(DeviceGrid& grid, const double (&wanted)[3], int atoms) {
  double n[3];
  for (int k = 0; k < 3; ++k) n[k] = fmin(fmax(wanted[k], 1.0), 1e9);
  while (n[0] * n[1] * n[2] > cellShare(atoms)) {
    int most = 0;
    for (int k = 1; k < 3; ++k)
      if (n[k] > n[most]) most = k;
    n[most] = floor(n[most] / 2);
  }
  for (int k = 0; k < 3; ++k) grid.n[k] = int(n[k]);
}

// The grid of a system; leaves `pairs` set where cells make no sense.
__device__ DeviceGrid planGrid(const ListArguments& a, int system) {
  const DeviceLattice& lattice = a.lattices[system];
  DeviceGrid grid{};
  grid.pairs = 1;
  const int atoms = atomsOf(a, system);
  if (atoms <= a.pairsUpTo) return grid;
  double margin = lattice.margin, extent[3] = {0, 0, 0}, wanted[3];
  for (int k = 0; k < 3; ++k) {
    if (lattice.periodic[k]) continue;
    const SystemExtent& seen = a.extents[system];
    if (seen.low[k] > seen.high[k]) continue;  // no finite position: testMoved has seen it
    const float low = unordered(seen.low[k]), high = unordered(seen.high[k]);
    grid.low[k] = low;
    extent[k] = double(high) - low;
    margin += 0x1p-45 * (fabs(double(low)) + fabs(double(high)));
  }
  if (!(margin < a.reach / 16)) {
    if (atoms > oddAtoms) {
      a.state->fault = tooFar;
      grid.pairs = 2;
    }
    return grid;
  }
  grid.width = a.reach + margin;
  for (int k = 0; k < 3; ++k)
    wanted[k] = lattice.periodic[k] ? floor(a.reach / lattice.range[k] / grid.width)
                                    : floor(extent[k] / grid.width) + 3;
  coarsen(grid, wanted, atoms);
  double lists = 1;
  for (int k = 0; k < 3; ++k) {
    double stencil = 0;
    if (lattice.periodic[k]) stencil = ceil(grid.width * grid.n[k] * (lattice.range[k] / a.reach));
    lists *= lattice.periodic[k] ? 2 * stencil + 1 : min(grid.n[k], 3);
    grid.stencil[k] = int(fmin(stencil, 1e6));
  }
  grid.pairs = !(lists <= mostLists);
  return grid;
}

// Number of the slab a fraction is in; `fraction` of a periodic direction is wrapped.
__device__ int slabOf(const DeviceGrid& grid, int k, bool periodic, double fraction) {
  const int n = grid.n[k];
  if (periodic) return max(min(int(fraction * n), n - 1), 0);
  const double slab = floor((fraction - grid.low[k]) / grid.width);
  return slab >= 1 ? int((long long)(fmin(slab, 9e18)) % n) : 0;
}

__device__ Point fromFirst(const ListArguments& a, int system, int i) {
  return minus(pointOf(a.batch.positions, i), pointOf(a.batch.positions, a.batch.offsets[system]));
}

// Reads `count` whole numbers, hands back their prefix sums: a tile of scanItems by each block.
// Returns the sum up to and including this tile.
template <class Load, class Store>
__device__ unsigned long long scanTile(const ListArguments& a, unsigned epoch, int tile, int count,
                                       Load&& load, Store&& store) {
  __shared__ unsigned long long scratch[32], before;
  constexpr int each = scanItems / listThreads;
  const long long first = (long long)(tile)*scanItems + threadIdx.x * each;
  unsigned value[each];
  unsigned long long mine = 0, total;
  for (int k = 0; k < each; ++k) {
    value[k] = first + k < count ? load(int(first + k)) : 0;
    mine += value[k];
  }
  const auto base = blockPrefix(mine, scratch, total);
  if (threadIdx.x < 32) {
    const ChainWord sum = chainPrefix(a.chain, epoch, tile, total);
    if (threadIdx.x == 0) before = sum;
  }
  __syncthreads();
  unsigned long long sum = before + base;
  for (int k = 0; k < each; ++k) {
    if (first + k < count) store(int(first + k), sum);
    sum += value[k];
  }
  return before + total;
}

}  // namespace

// Shares here are of a million atoms of a liquid on one H200, by counters of ncu.

// Clears the cells; extents of open directions. A thread per atom or cell. Floor: 4 bytes a cell
// and an atom, 1 µs; 5.5 µs, warps wait for their loads.
__global__ void __launch_bounds__(listThreads) measureSystems(ListArguments a) {
  if (!a.state->moved) return;
  const int t = blockIdx.x * listThreads + threadIdx.x;
  if (t <= a.cellCapacity) a.cellStart[t] = 0;
  if (t >= a.batch.atoms) return;
  const int system = a.batch.systemOf[t];
  const DeviceLattice& lattice = a.lattices[system];
  if (lattice.dimensions == 3 || atomsOf(a, system) <= a.pairsUpTo) return;
  const Point d = fromFirst(a, system, t);
  if (!finite(d)) return;
  SystemExtent& extent = a.extents[system];
  for (int k = 0; k < 3; ++k) {
    if (lattice.periodic[k]) continue;
    const double f = fractionOf(lattice, k, d);
    const int low = ordered(__double2float_rd(f)), high = ordered(__double2float_ru(f));
    if (low < extent.low[k]) atomicMin(&extent.low[k], low);
    if (high > extent.high[k]) atomicMax(&extent.high[k], high);
  }
}

// Grids of all systems. One block: 4.3 µs, the latency of a system's grid and of the sum over them.
__global__ void __launch_bounds__(listThreads) planGrids(ListArguments a) {
  __shared__ int scratch[32];
  if (!a.state->moved) return;
  int cells = 0, pairSystems = 0;
  for (int from = 0; from < a.batch.systems; from += listThreads) {
    const int s = from + int(threadIdx.x);
    const bool real = s < a.batch.systems;
    DeviceGrid grid{};
    if (real) grid = planGrid(a, s);
    const int count = real && !grid.pairs ? grid.n[0] * grid.n[1] * grid.n[2] : 0;
    int total;
    grid.firstCell = cells + blockPrefix(count, scratch, total);
    if (real) a.grids[s] = grid;
    cells += total;
    pairSystems += __syncthreads_count(real && grid.pairs);
  }
  if (threadIdx.x > 0) return;
  a.state->cells = cells;
  a.state->pairSystems = pairSystems;
  a.state->fullest = 0;
}

// The cell of every atom, and how many are in each. A thread per atom. Floor: 24 bytes read, 36
// written, 12 µs, and one atomic an atom; 43 µs: atomics and scattered words keep the second-level
// cache 83 % busy.
__global__ void __launch_bounds__(listThreads) binAtoms(ListArguments a) {
  if (!a.state->moved) return;
  const int i = blockIdx.x * listThreads + threadIdx.x;
  if (i >= a.batch.atoms) return;
  for (int c = 0; c < 3; ++c) a.builtAt[3ll * i + c] = a.batch.positions[3ll * i + c];
  const int system = a.batch.systemOf[i];
  const DeviceGrid& grid = a.grids[system];
  a.cell[i] = -1;
  a.rowStart[i] = 0;  // until it is counted
  if (grid.pairs) return;
  const DeviceLattice& lattice = a.lattices[system];
  const Point d = fromFirst(a, system, i);
  if (!finite(d)) return;
  int cell = 0;
  for (int k = 0; k < 3; ++k) {
    double f = fractionOf(lattice, k, d);
    if (lattice.periodic[k]) {
      const double turns = floor(f);
      // Farther out the shifts, or the digits, might not suffice: all pairs can tell, in time
      // where the system is not too big.
      if (fabs(turns) > 8192) {
        if (atomsOf(a, system) > oddAtoms)
          a.state->fault = farApart;
        else
          a.grids[system].pairs = a.state->pairSystems = 1;
        return;
      }
      f -= turns;
    }
    cell = cell * grid.n[k] + slabOf(grid, k, lattice.periodic[k], f);
  }
  cell += grid.firstCell;
  a.cell[i] = cell;
  a.slot[i] = atomicAdd(a.cellStart + cell, 1);
}

// Where each cell's atoms begin. Blocks hand their sums on: 6.2 µs, that latency.
__global__ void __launch_bounds__(listThreads) scanCells(ListArguments a) {
  __shared__ int ticket;
  if (!a.state->moved) return;
  const int cells = a.state->cells, tile = takeTicket(&a.state->tickets[0], &ticket);
  scanTile(
      a, 2 * a.state->epoch, tile, cells + 1, [&](int c) { return a.cellStart[c]; },
      [&](int c, unsigned long long before) { a.cellStart[c] = int(before); });
  if (tile + 1 == gridDim.x && threadIdx.x == 0) a.state->tickets[0] = 0;
}

// Floor: 12 bytes read and 4 written an atom, 3 µs; 21 µs: words that lie scattered move 32 bytes
// each, the second-level cache is 73 % busy.
__global__ void __launch_bounds__(listThreads) scatterAtoms(ListArguments a) {
  if (!a.state->moved) return;
  const int i = blockIdx.x * listThreads + threadIdx.x;
  if (i < a.batch.atoms && a.cell[i] >= 0) a.unordered[a.cellStart[a.cell[i]] + a.slot[i]] = i;
}

// Atoms of a cell take the order of their indices, whatever order they came in, and their places
// get all that the sieve reads. A thread per place. Floor: 32 bytes read and 32 written an atom, 13
// µs; 53 µs: every atom reads the indices of its whole cell and writes to scattered places, which
// keeps load unit and second-level cache 70 % busy.
__global__ void __launch_bounds__(listThreads) orderAtoms(ListArguments a) {
  if (!a.state->moved) return;
  const int p = blockIdx.x * listThreads + threadIdx.x;
  if (p >= a.cellStart[a.state->cells]) return;
  const int i = a.unordered[p], cell = a.cell[i];
  const int begin = a.cellStart[cell], end = a.cellStart[cell + 1];
  int place = begin;
  for (int q = begin; q < end; ++q) place += a.unordered[q] < i;
  if (place == begin && end - begin > a.state->fullest) atomicMax(&a.state->fullest, end - begin);
  const int system = a.batch.systemOf[i];
  const DeviceLattice& lattice = a.lattices[system];
  Point d = fromFirst(a, system, i);
  double turns[3];
  for (int k = 0; k < 3; ++k) turns[k] = lattice.periodic[k] ? floor(fractionOf(lattice, k, d)) : 0;
  for (int k = 0; k < 3; ++k) {
    d.x -= turns[k] * lattice.rows[3 * k];
    d.y -= turns[k] * lattice.rows[3 * k + 1];
    d.z -= turns[k] * lattice.rows[3 * k + 2];
  }
  a.atomAt[place] = i;
  a.placed[place] = d.x;
  a.placed[(long long)(a.batch.atoms) + place] = d.y;
  a.placed[2ll * a.batch.atoms + place] = d.z;
  a.turns[place] = packTurns(int(turns[0]), int(turns[1]), int(turns[2]));
}

// Where each row begins. Floor: 8 bytes an atom, 2 µs; 17 µs: blocks wait for the sums before them.
__global__ void __launch_bounds__(listThreads) scanRows(ListArguments a) {
  __shared__ int ticket;
  if (!a.state->moved) return;
  const unsigned epoch = 2 * a.state->epoch + 1;
  const int tile = takeTicket(&a.state->tickets[1], &ticket);
  const auto total = scanTile(
      a, epoch, tile, a.batch.atoms, [&](int i) { return a.rowStart[i]; },
      [&](int i, unsigned long long before) {
        a.rowStart[i] = int(min(before, (unsigned long long)(a.capacity)));
      });
  if (tile + 1 < gridDim.x || threadIdx.x > 0) return;
  finishCount(a, total);
  a.rowStart[a.batch.atoms] = a.state->edges;
  a.state->tickets[1] = 0;
}

// Neighbours of every atom. Floor: 7 float operations for each of atoms · candidates (340 an atom
// in a liquid of 0.1 atoms/Å³ within 5.5 Å), 36 bytes of cache traffic for each of 449 a cell. On
// an H200 a million atoms take 0.72 ms, 11% of the float rate: issue slots are 58% busy, half of
// them with gathering, and barriers hold the rest.
__global__ void __launch_bounds__(countThreads, 8) countCells(ListArguments a) {
  __shared__ Neighborhood<512> hood;
  __shared__ int counts[partAtoms];
  if (!a.state->moved) return;
  forEachPart(a, [&](int cell, int first, int last) {
    if (!hood.open(a, cell, first, last)) return;
    const int rows = last - first, home = first - a.cellStart[cell];
    for (int r = threadIdx.x; r < rows; r += countThreads) counts[r] = 0;
    for (int from = 0; from < hood.candidates; from += hood.most) {
      hood.stage(a, from);
      countStaged(a, hood, from, home, rows, counts);
      __syncthreads();
    }
    for (int r = threadIdx.x; r < rows; r += countThreads) a.rowStart[hood.row[r].atom] = counts[r];
    __syncthreads();
  });
}

// Writes every row: candidates are sorted by atom and image once for all atoms of a cell, which
// then take theirs in order. Floor: 12 bytes written an edge, 0.2 ms for a million atoms of that
// liquid; an H200 takes 1.4 ms with 58% of its issue slots busy.
__global__ void __launch_bounds__(fillThreads, 8) fillCells(ListArguments a) {
  __shared__ Neighborhood<fillMost> hood;
  __shared__ int starts[partAtoms], ticket;
  if (!a.state->moved) return;
  __syncthreads();
  takeTicket(&a.state->tickets[2], &ticket);
  forEachPart(a, [&](int cell, int first, int last) {
    if (!hood.open(a, cell, first, last)) return;
    const int rows = last - first;
    for (int r = threadIdx.x; r < rows; r += fillThreads) starts[r] = a.rowStart[hood.row[r].atom];
    for (bool more = true, again = false; more; again = true) {
      more = hood.stageSorted(a, again);
      fillStaged(a, hood, rows, starts);
      __syncthreads();
    }
  });
  if (ticket + 1 < gridDim.x || threadIdx.x > 0) return;
  // All blocks run by now and have read what they are to do.
  a.state->tickets[2] = 0;
  a.state->moved = 0;
}

}  // namespace mdlab
