#pragma once
// Device code only: tiles of 64 atoms by wgmma (sm_90a alone), for layers of 64 or 128 channels. A
// block has up to three tiles, of four warps each; its weights pass through shared memory once for
// all of them, brought by bulk copies a layer ahead.
//
// Atoms are the left operand, in registers, weights the right one. Channels are ordered (packWide)
// so that a thread's sums of one layer are what it multiplies in the next: features never leave
// their warp. Rows of device memory come by bulk copies too, while the products before are made.
#include "cuda/group-mma.h"
#include "models/schnet/node-tile.h"

namespace mdlab {
namespace node {

class Wide {
 public:
  static constexpr int size = wideAtoms, tiles = wideTiles, each = 128, threads = tiles * each,
                       blocks = 1;
  // Whether another kernel goes back from the top: past about 4000 instructions (64 KB) each is
  // fetched anew by every warp.
  static constexpr bool apart = true;
  int thread, worker, first, end;

  // Memory holds wideBytes.
  __device__ __forceinline__ Wide(uint4* memory, int, int, int atoms)
      : thread(threadIdx.x % each),
        worker(tileOf() * gridDim.x + blockIdx.x),
        first(min(worker * size, atoms)),
        end(min(first + size, atoms)),
        weights_(reinterpret_cast<char*>(memory)),
        rows_(reinterpret_cast<float*>(weights_ + wideParts * widePart + tileOf() * wideRows)),
        active_(0) {
#pragma unroll
    for (int k = 0; k < tiles; ++k)
      active_ += (k * static_cast<int>(gridDim.x) + static_cast<int>(blockIdx.x)) * size < atoms;
  }
  __device__ __forceinline__ int workers() const { return tiles * gridDim.x; }

  // Weights of the first layers set out; they wait for no other kernel.
  template <int N>
  __device__ __forceinline__ void begin(const Coming (&list)[N], int count) {
    static_assert(N <= mostLayers);
    Feed& f = feed();
    if (threadIdx.x == 0) {
      for (auto& barrier : f.full) initBarrier(&barrier);
      for (auto& barrier : f.rows) initBarrier(&barrier);
      int parts = 0;
#pragma unroll
      for (int k = 0; k < N; ++k) {
        f.done[k] = 0;
        if (k < count)
          for (int part = 0; part < list[k].in / 32; ++part)
            f.part[parts++] = {static_cast<const char*>(list[k].words) + part * 128 * list[k].out,
                               128u * list[k].out};
      }
      f.count = parts;
      for (int part = 0; part < min(parts, wideParts); ++part) send(part);
    }
    __syncthreads();
    if (active_ > 1 && tileOf() == active_ - 1) turn<false>(0);
  }
  __device__ __forceinline__ void sync() {
    asm volatile("bar.sync %0, %1;" ::"r"(1 + tileOf()), "n"(each) : "memory");
  }

  template <int Channels, class Known, class Bounds>
  __device__ __forceinline__ void load(const float* rows, const Known& known,
                                       const Bounds& bounds) {
    if (thread == 0) copyRows(rows, Channels);
    const int lane = thread % 32, t = lane % 4, row = thread / 32 * 16 + lane / 4;
    float own = 0;
    if (t < 2) own = known(row + 8 * t);
    awaitRows();
    float v[Channels / 16][2][4] = {}, norm[2];
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      float most = 0;
#pragma unroll
      for (int q = 0; q < Channels / 16; ++q) {
        if (first + row + 8 * h < end)
          read(rows_ + (row + 8 * h) * Channels + 16 * q + 4 * t, v[q][h]);
#pragma unroll
        for (int c = 0; c < 4; ++c)
          most = __uint_as_float(max(__float_as_uint(most), __float_as_uint(fabsf(v[q][h][c]))));
      }
#pragma unroll
      for (int o = 1; o < 4; o *= 2)
        most = __uint_as_float(
            max(__float_as_uint(most), __float_as_uint(__shfl_xor_sync(0xffffffffu, most, o))));
      norm[h] = most * sqrtf(float(Channels));
      const float scale = rowScale(norm[h]);
#pragma unroll
      for (int q = 0; q < Channels / 16; ++q) {
        put<Channels>(0, 0, v[q][h], scale);
        keep(q, h);
      }
    }
    if (t < 2) bounds(row + 8 * t, t ? norm[1] : norm[0], own);
    __syncwarp();
  }

  template <int Channels>
  __device__ __forceinline__ void put(int, int, const float (&v)[4], float scale) {
    split(v, scale, hi_, lo_);
  }

  template <int In, int Out, int P, class Beside, class Finish>
  __device__ __forceinline__ void layer(const NodeMatrix& matrix, const Scales<size>& scales,
                                        const Beside& beside, const Finish& finish) {
    static_assert(P == 3 && In % 64 == 0 && Out % 64 == 0 && In <= 128 && Out <= 128);
    const int lane = thread % 32, t = lane % 4, row = thread / 32 * 16 + lane / 4;
    const float* from[2] = {};
    bool copied = false;
    if constexpr (Beside::some) {
      copied = !beside.scattered;
      if (copied) {
        sync();  // all have read the rows before
        if (thread == 0) copyRows(beside.base, Out);
      }
#pragma unroll
      for (int h = 0; h < 2; ++h) {
        from[h] = copied ? rows_ + (row + 8 * h) * Out
                         : beside.base + static_cast<long long>(beside.row[row + 8 * h]) * Out;
      }
    }
    float sums[Out / 8][4] = {};
    multiply<In, Out>(sums);
    if (copied) awaitRows();
    const float value[2] = {scales.values[row], scales.values[row + 8]},
                half[2] = {scales.halves[row], scales.halves[row + 8]};
    // Read a step ahead: nothing moves over what finish() stores.
    float bias[2][4] = {}, u[2][2][4] = {};
    const auto readAhead = [&](int q) {
      if (matrix.bias) readConstant(matrix.bias + 16 * q + 4 * t, bias[q % 2]);
#pragma unroll
      for (int h = 0; h < 2; ++h)
        if constexpr (Beside::some) read(from[h] + 16 * q + 4 * t, u[q % 2][h]);
    };
    readAhead(0);
#pragma unroll
    for (int q = 0; q < Out / 16; ++q) {
      if (q + 1 < Out / 16) readAhead(q + 1);
#pragma unroll
      for (int h = 0; h < 2; ++h) {
        float v[4];
#pragma unroll
        for (int k = 0; k < 4; ++k)
          v[k] = fmaf(sums[2 * q + k / 2][2 * h + k % 2], value[h], bias[q % 2][k]);
        lower_ = h;
        finish(row + 8 * h, 16 * q + 4 * t, v, u[q % 2][h], half[h]);
        keep(q, h);
      }
    }
  }

  // Adds to an atom's total what finish() was called for.
  template <int Out>
  __device__ __forceinline__ void collect(float (*)[size], int, int, const float (&terms)[4]) {
    const float sum = (terms[0] + terms[1]) + (terms[2] + terms[3]);
    if (lower_)
      totalLower_ += sum;
    else
      totalUpper_ += sum;
  }
  template <int Out, class Use>
  __device__ __forceinline__ void totals(float (*)[size], const Use& use) {
    const int lane = thread % 32, row = thread / 32 * 16 + lane / 4;
#pragma unroll
    for (int o = 1; o < 4; o *= 2) {
      totalUpper_ += __shfl_xor_sync(0xffffffffu, totalUpper_, o);
      totalLower_ += __shfl_xor_sync(0xffffffffu, totalLower_, o);
    }
    if (lane % 4 < 2) use(row + lane % 4 * 8, lane % 4 ? totalLower_ : totalUpper_);
  }
  template <int Out>
  static constexpr int parts = 1;

 private:
  struct Part {
    const char* words;
    unsigned bytes;
  };
  // The block's weights: all parts of 32 summed channels to come, in order; which of those that
  // have room at a time are there; and how many warps are done with a layer. And each tile's rows.
  struct Feed {
    unsigned long long full[wideParts], rows[tiles];
    Part part[4 * mostLayers];
    int count, done[mostLayers];
  };
  static __device__ __forceinline__ Feed& feed() {
    __shared__ Feed f;
    return f;
  }
  static __device__ __forceinline__ int tileOf() { return threadIdx.x / each; }

  __device__ __forceinline__ void send(int part) {
    Feed& f = feed();
    const Part p = f.part[part];
    const int slot = part % wideParts;
    copyBulk(weights_ + slot * widePart, p.words, p.bytes, &f.full[slot]);
  }
  __device__ __forceinline__ void copyRows(const float* rows, int channels) {
    copyBulk(rows_, rows + static_cast<long long>(first) * channels,
             (end - first) * channels * static_cast<int>(sizeof(float)), &feed().rows[tileOf()]);
  }
  __device__ __forceinline__ void awaitRows() {
    waitBarrier(&feed().rows[tileOf()], copies_ % 2);
    ++copies_;
  }
  // What finish() put down becomes the next layer's operand.
  __device__ __forceinline__ void keep(int q, int h) {
    high_[q][h] = hi_[0], high_[q][2 + h] = hi_[1];
    low_[q][h] = lo_[0], low_[q][2 + h] = lo_[1];
  }
  // Tiles take turns at the tensor cores: one multiplies while others work on their results.
  template <bool Mine>
  __device__ __forceinline__ void turn(int tile) {
    if constexpr (Mine)
      asm volatile("bar.sync %0, %1;" ::"r"(1 + tiles + tile), "n"(2 * each) : "memory");
    else
      asm volatile("bar.arrive %0, %1;" ::"r"(1 + tiles + tile), "n"(2 * each) : "memory");
  }

  // Tensor cores cut sums short: the small products are summed first.
  template <int In, int Out>
  __device__ __forceinline__ void multiply(float (&sums)[Out / 8][4]) {
    constexpr int count = In / 32;
    Feed& f = feed();
    multiplyByGroup<In, Out>(sums);
    // All warps of all tiles done with a layer: its weights make room.
    if (thread % 32 == 0 && atomicAdd(&f.done[layer_], 1) == 4 * active_ - 1)
      for (int part = part_ + wideParts; part < part_ + wideParts + count; ++part)
        if (part < f.count) send(part);
    part_ += count;
    ++layer_;
  }
  __device__ __forceinline__ void awaitPart(int part) {
    waitBarrier(&feed().full[part % wideParts], part / wideParts % 2);
  }
  // Where 16 summed channels' weights are, hi or lo; 8 of them and then 8.
  template <int Out>
  __device__ __forceinline__ unsigned weightsOf(int s, int lo) const {
    return sharedAddress(weights_) + (part_ + s / 2) % wideParts * widePart +
           (s % 2 * 2 + lo * 4) * 16 * Out;
  }
  template <int In, int Out>
  __device__ __forceinline__ void multiplyByGroup(float (&sums)[Out / 8][4]) {
    const auto right = [&](int s, int lo) {
      return groupOperand(weightsOf<Out>(s, lo), 16 * Out, 128);
    };
    const bool last = tileOf() == active_ - 1;
    if (active_ > 1) turn<true>(tileOf());
#pragma unroll
    for (int s = 0; s < In / 16; ++s) {
      if (s % 2 == 0) {
        awaitPart(part_ + s / 2);
        groupFence();
      }
      groupMma(sums, low_[s], right(s, 0));
      groupMma(sums, high_[s], right(s, 1));
    }
#pragma unroll
    for (int s = 0; s < In / 16; ++s) groupMma(sums, high_[s], right(s, 0));
    groupCommit();
    if (active_ > 1 && !(last && part_ + In / 32 == feed().count))
      turn<false>(last ? 0 : tileOf() + 1);
    groupWait();
    settle(sums);
  }
  char* weights_;
  float* rows_;
  int active_, part_ = 0, layer_ = 0, copies_ = 0;
  bool lower_ = false;
  float totalUpper_ = 0, totalLower_ = 0;
  unsigned hi_[2], lo_[2], high_[8][4], low_[8][4];
};

}  // namespace node
}  // namespace mdlab
