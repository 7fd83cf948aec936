#include "cuda/overlap.h"
#include "cuda/warp.h"
#include "models/schnet/packed-filter.h"
#include "models/schnet/spline-filter.h"
#include "models/schnet/table.cuda.h"

// The table pipeline over a neighbour list of directed pairs: any size, box and image. A block
// keeps its slice of the channels of one filter table in shared memory; a warp owns an atom's row
// (or a fixed part of it), a lane owns N channels, and sums run in the order of the list in
// registers, so two runs give the same bits. What a pair's weights are is worked out by one lane
// for all; the table is copied while the kernel before drains.
//
// What bounds it, per directed pair and 64 channels, in cycles of a multiprocessor: the load unit
// moves 128 bytes a cycle, 4 coefficients of 256 bytes (16-bit tables: 512 bytes in all), y_j (and
// g_j) of 256 bytes, and the pair's own words; instructions leave at 4 a cycle.
//   float32: loads 13 forward, 19 in reverse; instructions 7 and 14
//   16 bits: loads 8 and 11; instructions 9 and 14
// Measured on one H200, 64 systems of 269 atoms: 17 and 23 cycles; 16 bits 15 and 23. That is four
// fifths of the bound with float32, three fifths with 16 bits; the rest is probably waiting for
// features from the L2 cache (inferred, not profiled).
// One system: 9.2 and 16.5 microseconds a kernel.
namespace mdlab {
namespace {

// A row's own slots: the k-th chunk of 8 goes to part k mod parts.
struct Row {
  int i;
  long long slot;
  int chunks, part;
};

__device__ Row rowOf(const TableRows& rows, int i, int part) {
  if (i >= rows.atoms) return {0, 0, 0, 0};
  return {i, firstSlot(rows, i), (rows.count[i] + 7) / 8, part};
}

// The pairs of a warp's part of a row, eight at a time: each lane of eight reads one, ahead of the
// eight before it.
struct EightByEight {
  const TableRows& rows;
  const Row& row;
  int parts;
  unsigned place;
  int atom;
  __device__ EightByEight(const TableRows& all, const Row& of, int together)
      : rows(all), row(of), parts(together), place(0), atom(0) {
    read(row.part);
  }
  // Lays chunk k out for the warp.
  template <bool WithSlopes, class Filter>
  __device__ void put(const Filter& filter, int k) {
    __syncwarp();
    if (laneOf() < 8) filter.template put<WithSlopes>(laneOf(), place, atom);
    read(k + parts);
    __syncwarp();
  }

 private:
  __device__ void read(int k) {
    if (k >= row.chunks) return;
    const long long slot = row.slot + 8 * k + laneOf() % 8;
    place = rows.place[slot];
    atom = rows.atom[slot];
  }
};

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

// Adds up the parts of a row in order and writes it. `area`: the warp's own, `stride` floats from
// one warp to the next. Called by all threads of the block.
template <int N>
__device__ void writeRow(float* area, int stride, const Channels<N>& sum, int parts, bool there,
                         float* to) {
  if (parts == 1) {
    if (there) store(to, sum);
    return;
  }
  float* mine = area + laneOf() * N;
  __syncwarp();
  store(mine, sum);
  __syncthreads();
  if (there && warpOf() % parts == 0) {
    Channels<N> total = sum;
    for (int p = 1; p < parts; ++p) {
      const Channels<N> other = load<N>(mine + p * stride);
#pragma unroll
      for (int c = 0; c < N; ++c) total.c[c] += other.c[c];
    }
    store(to, total);
  }
  __syncthreads();
}

}  // namespace

// A warp per row: the list's pairs that are within the cutoff, in the list's order.
__global__ void __launch_bounds__(128) tableBegin(TableBegin a) {
  const int i = blockIdx.x * 4 + warpOf(), lane = laneOf();
  if (i >= a.batch.atoms) return;
  const double* x = a.batch.positions;
  const double xi = x[3 * i], yi = x[3 * i + 1], zi = x[3 * i + 2];
  const double* box = a.list.shift ? a.batch.boxes[a.batch.systemOf[i]].vectors : nullptr;
  const int begin = a.list.rowStart[i], end = a.list.rowStart[i + 1];
  const long long slot = firstSlot(a.rows, i);
  int count = 0;
  for (int e0 = begin; e0 < end; e0 += 32) {
    const int e = e0 + lane;
    unsigned place = splineNowhere;
    int j = i;
    TableDirection unit{};
    if (e < end) {
      j = a.list.column[e];
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
    const bool inside = place != splineNowhere;
    const unsigned which = __ballot_sync(wholeWarp, inside);
    if (inside) {
      const long long k = slot + count + __popc(which & ((1u << lane) - 1));
      a.rows.place[k] = place;
      a.rows.atom[k] = j;
      a.rows.unit[k] = unit;
    }
    count += __popc(which);
  }
  const int rest = (8 - count % 8) % 8;
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
  float* table = reinterpret_cast<float*>(sharedMemory);
  const int slice = blockIdx.x % a.slices.slices;
  const int tableFloats = a.slices.rows * 32 * N * Filter::words;
  letNextKernelStart();
  copyTable(table, a.slices.table + static_cast<long long>(slice) * tableFloats, tableFloats);
  waitForKernelBefore();
  __syncthreads();
  const int channel = slice * 32 * N + laneOf() * N, perBlock = blockDim.x / 32 / a.parts;
  constexpr int areaFloats = tableForwardArea / sizeof(float);
  float* area = table + tableFloats + warpOf() * areaFloats;
  const Filter filter(table, area, a.slices, channel);
  const Features from(a.from, a.slices, channel);
  const int step = gridDim.x / a.slices.slices * perBlock;
  for (int i0 = blockIdx.x / a.slices.slices * perBlock; i0 < a.rows.atoms; i0 += step) {
    const int i = i0 + warpOf() / a.parts;
    const Row row = rowOf(a.rows, i, warpOf() % a.parts);
    Channels<N> sum{};
    EightByEight pairs(a.rows, row, a.parts);
    for (int k = row.part; k < row.chunks; k += a.parts) {
      pairs.put<false>(filter, k);
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
    }
    writeRow(area, areaFloats, sum, a.parts, i < a.rows.atoms,
             a.to + static_cast<long long>(i) * a.slices.features + channel);
  }
}

template <class Filter, bool WithY>
__global__ void __launch_bounds__(768) tableReverse(TableReverse a) {
  // Pairs whose features are loaded at once: as many as registers allow.
  constexpr int N = Filter::channels, ahead = WithY && N * Filter::words > 2 ? 1 : 4;
  extern __shared__ float4 sharedMemory[];
  float* table = reinterpret_cast<float*>(sharedMemory);
  const int slice = blockIdx.x % a.slices.slices;
  const int tableFloats = a.slices.rows * 32 * N * Filter::words;
  letNextKernelStart();
  copyTable(table, a.slices.table + static_cast<long long>(slice) * tableFloats, tableFloats);
  waitForKernelBefore();
  __syncthreads();
  float* slopes = a.slope + slice * a.slotCount;
  const int channel = slice * 32 * N + laneOf() * N, perBlock = blockDim.x / 32 / a.parts;
  constexpr int areaFloats = tableReverseArea / sizeof(float);
  float* area = table + tableFloats + warpOf() * areaFloats;
  const Filter filter(table, area, a.slices, channel);
  const Features y(a.y, a.slices, channel), g(a.g, a.slices, channel);
  const int step = gridDim.x / a.slices.slices * perBlock;
  for (int i0 = blockIdx.x / a.slices.slices * perBlock; i0 < a.rows.atoms; i0 += step) {
    const int i = i0 + warpOf() / a.parts;
    const Row row = rowOf(a.rows, i, warpOf() % a.parts);
    const Channels<N> yi = y.of<N>(row.i), gi = g.of<N>(row.i);
    Channels<N> sum{};
    EightByEight pairs(a.rows, row, a.parts);
    for (int k = row.part; k < row.chunks; k += a.parts) {
      pairs.put<true>(filter, k);
      float* to = slopes + row.slot + 8 * k + laneOf() / 4;
      const float before = a.add && laneOf() % 4 == 0 ? *to : 0.0f;
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
      if (laneOf() % 4 == 0) *to = before + total;
    }
    if constexpr (WithY)
      writeRow(area, areaFloats, sum, a.parts, i < a.rows.atoms,
               a.to + static_cast<long long>(i) * a.slices.features + channel);
  }
}

// A warp per row: dE/dr of its pairs along their directions, in double.
__global__ void __launch_bounds__(128) tableFinish(TableFinish a) {
  const int i = blockIdx.x * 4 + warpOf(), lane = laneOf();
  if (i >= a.rows.atoms) return;
  const long long slot = firstSlot(a.rows, i);
  const int count = a.rows.count[i];
  double f[3] = {}, w[6] = {};
  for (int k = lane; k < count; k += 32) {
    const TableDirection u = a.rows.unit[slot + k];
    float slope = 0;
    for (int s = 0; s < a.slices; ++s) slope += a.slope[s * a.slotCount + slot + k];
    const double force = a.slopeUnit * splineDensity(a.grid, u.r) * slope;
    const double x = force * u.x, y = force * u.y, z = force * u.z, half = -0.5 * u.r;
    f[0] += x;
    f[1] += y;
    f[2] += z;
    w[0] += half * x * u.x;
    w[1] += half * y * u.y;
    w[2] += half * z * u.z;
    w[3] += half * x * u.y;
    w[4] += half * x * u.z;
    w[5] += half * y * u.z;
  }
  if (a.forces)
    for (int d = 0; d < 3; ++d) {
      const double sum = warpSum(f[d]);
      if (lane == 0) a.forces[3ll * i + d] += sum;
    }
  if (a.rowVirial)
    for (int d = 0; d < 6; ++d) {
      const double sum = warpSum(w[d]);
      if (lane == 0) a.rowVirial[6ll * i + d] = sum;
    }
}

// A block per system adds the rows' shares, always in the same order.
__global__ void __launch_bounds__(256) tableVirial(TableVirial a) {
  __shared__ double part[8][6];
  const int s = blockIdx.x;
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
