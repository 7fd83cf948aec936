#include "cuda/overlap.h"
#include "cuda/warp.h"
#include "models/schnet/packed-filter.h"
#include "models/schnet/spline-filter.h"
#include "models/schnet/table-stretch.h"

// The table pipeline over rows of directed pairs: any size, box and image. A block keeps its slice
// of the channels of one filter table in shared memory; a warp takes a stretch of the rows
// (table-stretch.h), a lane owns N channels, and sums run in the order of the rows in registers, so
// two runs give the same bits. What a pair's weights are is worked out by one lane for all. The
// table is copied and the rows are shared out while the kernel before drains.
//
// What bounds it, per directed pair and 64 channels, in cycles of a multiprocessor: the load unit
// moves 128 bytes a cycle, 4 coefficients of 256 bytes (16-bit tables: 512 bytes in all), y_j (and
// g_j) of 256 bytes, and the pair's own words; instructions leave at 4 a cycle.
//   float32: loads 13 forward, 19 in reverse; instructions 7 and 14
//   16 bits: loads 8 and 11; instructions 9 and 14
// Counters of one H200, 64 systems of 269 atoms, 2.46 M directed pairs, clocks not locked: ms, and
// how busy (%) the load unit, the issue slots and the L2 cache are.
//                        forward            reverse            reverse without features' gradient
//   float32, with a box  0.299: 93, 44      0.475: 87, 56      0.424: 89, 50
//   float16              0.239: 72, 77,  6  0.43 : 57, 67, 22  0.357: 74, 65
//   int16, a finer grid  0.292: 60, 66, 16  0.517: 47, 57, 29
// So float32 is held by the load unit, float16 by load unit and issue slots together. A bigger
// table leaves less first-level cache for features: warps of int16 wait for the L2 cache, in
// reverse more than for anything else. tableBegin takes 0.048 ms (0.062 with a box), tableFinish
// 0.052: its warps wait 14 cycles an instruction for slopes that lie scattered.
namespace mdlab {
namespace {

// Features of an atom, at the lane's channels: one instruction of address.
struct Features {
  const char* first;
  unsigned stride;  // bytes
  __device__ Features(const float* features, const TableSlices& slices, int channel)
      : first(reinterpret_cast<const char*>(features + channel)),
        stride(slices.features * sizeof(float)) {}
  template <int N>
  __device__ Channels<N> of(int atom) const {
    return load<N>(reinterpret_cast<const float*>(
        first + static_cast<unsigned long long>(static_cast<unsigned>(atom)) * stride));
  }
};

// What both kernels begin with and share: the slice's table and the block's part of the pairs.
template <class Filter, int areaBytes>
struct TableBlock {
  static constexpr int N = Filter::channels, areaFloats = areaBytes / sizeof(float);
  const TableRows& rows;
  const TableSlices& slices;
  int slice, channel;
  float *table, *areas;
  TableStart* start;  // of the block's warps

  __device__ TableBlock(const TableRows& allRows, const TableSlices& all, float4* memory)
      : rows(allRows),
        slices(all),
        slice(blockIdx.x % all.slices),
        channel(slice * 32 * N + laneOf() * N),
        table(reinterpret_cast<float*>(memory)) {
    const int tableFloats = all.rows * 32 * N * Filter::words;
    areas = table + tableFloats;
    start = reinterpret_cast<TableStart*>(areas + blockDim.x / 32 * areaFloats);
    startTable(table, all.table + static_cast<long long>(slice) * tableFloats, tableFloats);
  }
  __device__ float* area() const { return areas + warpOf() * areaFloats; }

  // `old`: rows may be read before the kernel before is done. Kernels start the next one when they
  // have waited, so that whatever is older than the one before is done.
  __device__ Stretch begin(bool old) const {
    if (!old) waitForKernelBefore();
    const int group = blockIdx.x / slices.slices, groups = gridDim.x / slices.slices;
    const int inEight = min(tableRowsInEight, static_cast<int>(blockDim.x) / (8 * 32));
    if (rows.atoms <= inEight * groups)
      cutRowsInEight(rows, group, groups, start);
    else
      cutRows(rows, group, groups, start, reinterpret_cast<int*>(start + 33));
    __syncthreads();
    const Stretch stretch(rows, start + warpOf());
    awaitTable();
    if (old) waitForKernelBefore();
    letNextKernelStart();
    __syncthreads();
    return stretch;
  }

  // Completes the rows that warps share. `open`: the warp's sum of the row that goes on beyond its
  // stretch, else zero; of a row that began before the stretch and ended in it, it has written its
  // own sum.
  __device__ void finish(const Channels<N>& open, unsigned* passed, float* to) const {
    const SharedRows<N> shared{areas, areaFloats, start, passed, slices.slices};
    const int warp = warpOf(), warps = blockDim.x / 32;
    __syncwarp();
    store(area() + laneOf() * N, open);
    const TableStart own = start[warp];
    const bool ends = own.chunk > 0 && start[warp + 1].row > own.row;
    Channels<N> sum{};
    if (ends) sum = load<N>(at(own.row, to));
    __syncthreads();
    if (ends) {
      shared.add(sum, shared.before(warp));
      store(at(own.row, to), sum);
    }
    if (warp == warps - 1 && start[warps].chunk > 0) shared.send(shared.before(warps));
  }
  __device__ float* at(int row, float* to) const {
    return to + static_cast<long long>(row) * slices.features + channel;
  }
};

}  // namespace

// The list's pairs that are within the cutoff, in the list's order: a warp per row, or a block
// where rows are few.
__global__ void __launch_bounds__(32 * tableRowWarps) tableBegin(TableBegin a) {
  __shared__ int found[2][tableRowWarps];
  const int lane = laneOf(), warp = a.warps > 1 ? warpOf() : 0;
  const int i = a.warps > 1 ? blockIdx.x : blockIdx.x * (blockDim.x / 32) + warpOf();
  if (i >= a.batch.atoms) return;
  const int system = a.batch.systemOf[i];
  int begin = a.batch.offsets[system], end = a.batch.offsets[system + 1];
  awaitKernelBefore();
  if (a.list.rowStart) {
    begin = a.list.rowStart[i];
    end = a.list.rowStart[i + 1];
  }
  const double* x = a.batch.positions;
  const double xi = x[3 * i], yi = x[3 * i + 1], zi = x[3 * i + 2];
  const double* box = a.list.shift ? a.batch.boxes[system].vectors : nullptr;
  const long long slot = firstSlot(a.rows, i);
  int count = 0, turn = 0;
  for (int e0 = begin; e0 < end; e0 += 32 * a.warps, turn ^= 1) {
    const int e = e0 + 32 * warp + lane;
    unsigned place = splineNowhere;
    int j = i;
    TableDirection unit{};
    if (e < end) j = a.list.column ? a.list.column[e] : e;
    if (e < end && (j != i || a.list.column)) {
      double dx = x[3 * j] - xi, dy = x[3 * j + 1] - yi, dz = x[3 * j + 2] - zi;
      if (box) {
        const DeviceShift s = a.list.shift[e];
        dx += s.x * box[0] + s.y * box[3] + s.z * box[6];
        dy += s.x * box[1] + s.y * box[4] + s.z * box[7];
        dz += s.x * box[2] + s.y * box[5] + s.z * box[8];
      }
      const double r = sqrt(dx * dx + dy * dy + dz * dz);
      place = splinePlace(a.grid, r);
      unit = {static_cast<float>(dx / r), static_cast<float>(dy / r), static_cast<float>(dz / r),
              static_cast<float>(r)};
    }
    // Pairs that the row owns come first; counts of these and, times 2^16, of others.
    const bool inside = place != splineNowhere, own = !a.rows.owned || ownerOf(i, j) == i;
    const unsigned which[2] = {__ballot_sync(wholeWarp, inside && own),
                               __ballot_sync(wholeWarp, inside && !own)};
    int before = 0, all = __popc(which[0]) | __popc(which[1]) << 16;
    if (a.warps > 1) {
      if (lane == 0) found[turn][warp] = all;
      __syncthreads();
      const int others = lane < a.warps ? found[turn][lane] : 0;
      before = __reduce_add_sync(wholeWarp, lane < warp ? others : 0);
      all = __reduce_add_sync(wholeWarp, others);
    }
    if (inside) {
      const int earlier = own ? before & 0xffff : (all & 0xffff) + (before >> 16);
      const long long k = slot + count + earlier + __popc(which[!own] & ((1u << lane) - 1));
      a.rows.place[k] = place;
      a.rows.atom[k] = j;
      a.rows.unit[k] = unit;
    }
    count += (all & 0xffff) + (all >> 16);
    // All pairs are looked at in one turn.
    if (a.rows.owned && threadIdx.x % (32 * a.warps) == 0) a.rows.owned[i] = all & 0xffff;
  }
  if (warp > 0) return;
  // Every row has a chunk, were it an empty one.
  const int rest = count == 0 ? 8 : (8 - count % 8) % 8;
  if (lane < rest) {
    a.rows.place[slot + count + lane] = a.empty;
    a.rows.atom[slot + count + lane] = i;
    a.rows.unit[slot + count + lane] = {};
  }
  if (lane == 0) a.rows.count[i] = count;
}

template <class Filter>
__global__ void __launch_bounds__(1024) tableForward(TableMessage a) {
  constexpr int N = Filter::channels;
  extern __shared__ float4 sharedMemory[];
  using Block = TableBlock<Filter, tableForwardArea>;
  const Block block(a.rows, a.slices, sharedMemory);
  Stretch stretch = block.begin(a.old);
  const Filter filter(block.table, block.area(), a.slices, block.channel);
  const Features from(a.from, a.slices, block.channel);
  Channels<N> sum{};
  while (!stretch.done()) {
    const bool ended = stretch.template walkRow<false>(filter, [&](unsigned, int) {
      typename Filter::Pair pair[8];
      Channels<N> y[8];
#pragma unroll
      for (int n = 0; n < 8; ++n) {
        pair[n] = filter.pair(n);
        y[n] = from.of<N>(pair[n].atom);
      }
#pragma unroll
      for (int n = 0; n < 8; ++n) {
        const Channels<N> w = filter.value(n, pair[n]);
#pragma unroll
        for (int c = 0; c < N; ++c) sum.c[c] = fmaf(w.c[c], y[n].c[c], sum.c[c]);
      }
    });
    if (!ended) break;
    store(block.at(stretch.row() - 1, a.to), sum);
    sum = {};
  }
  block.finish(sum, a.passed, a.to);
}

// Owned: rows.owned tells which pairs' slopes are wanted.
template <class Filter, bool WithY, bool Owned>
__global__ void __launch_bounds__(768) tableReverse(TableReverse a) {
  // Pairs whose features are loaded at once: as many as registers allow.
  constexpr int N = Filter::channels, ahead = WithY && N * Filter::words > 2 ? 1 : 4;
  extern __shared__ float4 sharedMemory[];
  using Block = TableBlock<Filter, tableReverseArea>;
  const Block block(a.rows, a.slices, sharedMemory);
  Stretch stretch = block.begin(a.old);
  float* slopes = a.slope + block.slice * a.slotCount + (Owned ? 0 : laneOf() / 4);
  const Filter filter(block.table, block.area(), a.slices, block.channel);
  const Features y(a.y, a.slices, block.channel), g(a.g, a.slices, block.channel);
  Channels<N> sum{};
  while (!stretch.done()) {
    const int owned = Owned ? a.rows.owned[stretch.row()] : 0x7fffffff;
    const Channels<N> yi = y.of<N>(stretch.row()), gi = g.of<N>(stretch.row());
    const bool ended = stretch.template walkRow<true>(filter, [&](unsigned slot, int k) {
      if (WithY && Owned && 8 * k >= owned) {
#pragma unroll
        for (int half = 0; half < 8; half += 4) {
          Channels<N> gj[4];
#pragma unroll
          for (int n = 0; n < 4; ++n) gj[n] = g.of<N>(filter.pair(half + n).atom);
          __syncwarp();
#pragma unroll
          for (int n = 0; n < 4; ++n) {
            const Channels<N> w = filter.value(half + n, filter.pair(half + n));
#pragma unroll
            for (int c = 0; c < N; ++c) sum.c[c] = fmaf(w.c[c], gj[n].c[c], sum.c[c]);
          }
        }
        return;
      }
      const int mine = laneOf() / 4;
      float* to =
          slopes + (Owned ? ownedSlot(a.rows, stretch.row(), filter.pair(mine).atom) : slot);
      const bool writes = laneOf() % 4 == 0 && (!Owned || 8 * k + mine < owned);
      const float before = a.add && writes ? *to : 0.0f;
      float part[8];
      Channels<N> yj[ahead], gj[ahead];
#pragma unroll
      for (int n = 0; n < 8; ++n) {
        if (n % ahead == 0) {
#pragma unroll
          for (int m = 0; m < ahead; ++m) {
            const int atom = filter.pair(n + m).atom;
            yj[m] = y.of<N>(atom);
            gj[m] = g.of<N>(atom);
          }
          // Keeps the compiler from loading each where it is used.
          if (ahead > 1) __syncwarp();
        }
        const typename Filter::Pair pair = filter.pair(n);
        Channels<N> value, slope;
        filter.template read<WithY>(n, pair, value, slope);
        part[n] = 0;
#pragma unroll
        for (int c = 0; c < N; ++c)
          part[n] = fmaf(slope.c[c],
                         fmaf(yj[n % ahead].c[c], gi.c[c], yi.c[c] * gj[n % ahead].c[c]), part[n]);
        if constexpr (WithY) {
#pragma unroll
          for (int c = 0; c < N; ++c) sum.c[c] = fmaf(value.c[c], gj[n % ahead].c[c], sum.c[c]);
        }
      }
      const float total = warpSums(part);
      if (writes) *to = before + total;
    });
    if (!ended) break;
    if constexpr (WithY) store(block.at(stretch.row() - 1, a.to), sum);
    sum = {};
  }
  if constexpr (WithY) block.finish(sum, a.passed, a.to);
}

// dE/dr of a row's pairs along their directions, in double: a warp per row, or a block where rows
// are few.
__global__ void __launch_bounds__(32 * tableRowWarps) tableFinish(TableFinish a) {
  __shared__ double parts[9][tableRowWarps];
  const int lane = laneOf(), warp = a.warps > 1 ? warpOf() : 0;
  const int i = a.warps > 1 ? blockIdx.x : blockIdx.x * (blockDim.x / 32) + warpOf();
  // Rows are older than the kernel before.
  const bool real = i < a.rows.atoms;
  const long long slot = real ? firstSlot(a.rows, i) : 0;
  const int count = real ? a.rows.count[i] : 0;
  int k = 32 * warp + lane;
  TableDirection u{};
  double factor = 0;
  long long at = 0;
  const auto readPair = [&] {
    if (k >= count) return;
    u = a.rows.unit[slot + k];
    factor = a.slopeUnit * splineDensity(a.grid, u.r);
    at = a.rows.owned ? ownedSlot(a.rows, i, a.rows.atom[slot + k]) : slot + k;
  };
  readPair();
  awaitKernelBefore();
  if (!real) return;
  double f[9] = {};  // force, then virial
  while (k < count) {
    float slope = 0;
    for (int s = 0; s < a.slices; ++s) slope += a.slope[s * a.slotCount + at];
    const double force = factor * slope;
    const double x = force * u.x, y = force * u.y, z = force * u.z, half = -0.5 * u.r;
    f[0] += x;
    f[1] += y;
    f[2] += z;
    f[3] += half * x * u.x;
    f[4] += half * y * u.y;
    f[5] += half * z * u.z;
    f[6] += half * x * u.y;
    f[7] += half * x * u.z;
    f[8] += half * y * u.z;
    k += 32 * a.warps;
    readPair();
  }
  const int from = a.forces ? 0 : 3, to = a.rowVirial ? 9 : 3;
#pragma unroll
  for (int d = 0; d < 9; ++d) {
    if (d < from || d >= to) continue;
    f[d] = warpSum(f[d]);
    if (lane == 0 && a.warps > 1) parts[d][warp] = f[d];
  }
  if (a.warps > 1) {
    __syncthreads();
    if (warp > 0) return;
#pragma unroll
    for (int d = 0; d < 9; ++d) {
      f[d] = 0;
      for (int w = 0; w < a.warps && d >= from && d < to; ++w) f[d] += parts[d][w];
    }
  }
  if (lane > 0) return;
  if (a.forces)
    for (int d = 0; d < 3; ++d) a.forces[3ll * i + d] += f[d];
  if (a.rowVirial)
    for (int d = 0; d < 6; ++d) a.rowVirial[6ll * i + d] = f[3 + d];
}

// A block per system adds the rows' shares, always in the same order. As flashVirial: 4.3 µs.
__global__ void __launch_bounds__(256) tableVirial(TableVirial a) {
  __shared__ double part[8][6];
  const int s = blockIdx.x;
  awaitKernelBefore();
  double w[6] = {};
  for (int i = a.batch.offsets[s] + threadIdx.x; i < a.batch.offsets[s + 1]; i += 256)
    for (int d = 0; d < 6; ++d) w[d] += a.rowVirial[6ll * i + d];
  for (int d = 0; d < 6; ++d) {
    const double sum = warpSum(w[d]);
    if (laneOf() == 0) part[warpOf()][d] = sum;
  }
  __syncthreads();
  if (threadIdx.x >= 9) return;
  const int place[9] = {0, 3, 4, 3, 1, 5, 4, 5, 2};
  double sum = 0;
  for (int k = 0; k < 8; ++k) sum += part[k][place[threadIdx.x]];
  a.virial[9ll * s + threadIdx.x] += sum;
}

}  // namespace mdlab
