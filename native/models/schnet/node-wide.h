#pragma once
// Device code only: tiles of T atoms by wgmma (sm_90a alone), for layers of 64 or 128 channels. A
// block of 512 threads works on two tiles; its weights pass through shared memory once for both,
// two layers at a time, brought by bulk copies while the layers before are multiplied.
//
// Weights are the left operand, 64 channels for each of a tile's two groups of four warps, atoms
// the right one. A group's rows are ordered (packWide) so that a thread holds two consecutive
// channels of an atom.
#include "cuda/group-mma.h"
#include "models/schnet/node-tile.h"

namespace mdlab {
namespace node {

template <int T>
class Wide {
 public:
  static constexpr int size = T, threads = 512, blocks = 1;
  static constexpr bool summersApart = false;
  int thread, worker, first, end;

  // Memory holds wideBytes<T>.
  __device__ __forceinline__ Wide(uint4* memory, int, int rows, int atoms)
      : thread(threadIdx.x % 256),
        worker(blockIdx.x * 2 + threadIdx.x / 256),
        first(min(worker * rows, atoms)),
        end(min(first + rows, atoms)),
        weights_(reinterpret_cast<char*>(memory)),
        tile_(weights_ + 2 * wideSlot + threadIdx.x / 256 * wideTileBytes<T>) {}

  // Weights of the first two layers set out; they wait for no other kernel.
  template <int N>
  __device__ __forceinline__ void begin(const Coming (&list)[N], int count) {
    static_assert(N <= mostLayers);
    Feed& f = feed();
    if (threadIdx.x == 0) {
#pragma unroll
      for (int k = 0; k < N; ++k) f.list[k] = list[k];
      f.count = count;
      f.done[0] = f.done[1] = 0;
      for (auto& slot : f.full)
        for (auto& barrier : slot) initBarrier(&barrier);
      fetch(0);
      fetch(1);
    }
    __syncthreads();
  }
  __device__ __forceinline__ void sync() {
    asm volatile("bar.sync %0, 256;" ::"r"(1 + threadIdx.x / 256) : "memory");
  }

  template <int Channels, class Bounds>
  __device__ __forceinline__ void load(const float* rows, const Bounds& bounds) {
    loadRows<Channels>(rows, *this, bounds);
    showToGroupMma();
    sync();
  }

  template <int Channels, int N>
  __device__ __forceinline__ void put(int atom, int channel, const float (&v)[N], float scale) {
    unsigned hi[N / 2], lo[N / 2];
    split(v, scale, hi, lo);
    char* to = tile_ + channel / 8 * wideAlong<T> + atom * 16 + channel % 8 * 2;
    if constexpr (N == 4) {
      *reinterpret_cast<uint2*>(to) = make_uint2(hi[0], hi[1]);
      *reinterpret_cast<uint2*>(to + plane) = make_uint2(lo[0], lo[1]);
    } else {
      *reinterpret_cast<unsigned*>(to) = hi[0];
      *reinterpret_cast<unsigned*>(to + plane) = lo[0];
    }
  }

  template <int In, int Out, int P, class Fetch, class Finish>
  __device__ __forceinline__ void layer(const NodeMatrix& matrix, const Scales<T>& scales,
                                        const Fetch& fetch, const Finish& finish) {
    static_assert(P == 3 && In % 64 == 0 && Out % 64 == 0 && In <= 128 && Out <= 128);
    const int lane = thread % 32, channel = 16 * (thread / 32) + 2 * (lane / 4);
    // Of 64 channels the first group has all; the second one's are the same.
    const bool mine = Out == 128 || thread < 128;
    float bias[2] = {}, u[T / 8][2][2] = {}, sums[T / 8][4] = {};
    if (matrix.bias && mine) readConstant(matrix.bias + channel, bias);
#pragma unroll
    for (int e = 0; mine && e < T / 8; ++e)
#pragma unroll
      for (int odd = 0; odd < 2; ++odd) fetch(8 * e + 2 * (lane % 4) + odd, channel, u[e][odd]);
    multiply<In, Out>(sums);
    sync();
    if (thread == 0) release();
    ++layer_;
    if (mine) {
      constexpr int together = 3;
#pragma unroll
      for (int from = 0; from < T / 8; from += together) {
        // Read before anything of these atoms is written, or each would wait for the last.
        float2 values[together], halves[together];
#pragma unroll
        for (int k = 0; k < together && from + k < T / 8; ++k) {
          const int atom = 8 * (from + k) + 2 * (lane % 4);
          values[k] = *reinterpret_cast<const float2*>(scales.values + atom);
          halves[k] = *reinterpret_cast<const float2*>(scales.halves + atom);
        }
#pragma unroll
        for (int k = 0; k < together && from + k < T / 8; ++k)
#pragma unroll
          for (int odd = 0; odd < 2; ++odd) {
            const int e = from + k;
            const float value = odd ? values[k].y : values[k].x;
            float v[2] = {fmaf(sums[e][odd], value, bias[0]),
                          fmaf(sums[e][odd + 2], value, bias[1])};
            finish(8 * e + 2 * (lane % 4) + odd, channel, v, u[e][odd],
                   odd ? halves[k].y : halves[k].x);
          }
      }
    }
    showToGroupMma();
    sync();
  }

  static __device__ __forceinline__ int sixteen(int channel, int) { return channel / 16; }

 private:
  static constexpr int plane = 16 * wideAlong<T>;

  // The block's weights: what is to come, and which parts of 32 summed channels have.
  struct Feed {
    Coming list[mostLayers];
    int count, done[2];  // layers to come; tiles done with the layers of a slot
    unsigned long long full[2][4];
  };
  static __device__ __forceinline__ Feed& feed() {
    __shared__ Feed f;
    return f;
  }

  __device__ void fetch(int layer) {
    Feed& f = feed();
    if (layer >= f.count) return;
    const Coming c = f.list[layer];
    const unsigned bytes = 128 * c.out;
    // All parts' barriers go through as many phases.
    for (int part = 0; part < 4; ++part)
      copyBulk(weights_ + layer % 2 * wideSlot + part * bytes,
               static_cast<const char*>(c.words) + part * bytes, 32 * part < c.in ? bytes : 0,
               &f.full[layer % 2][part]);
  }
  // Both tiles done with a layer: its weights make room.
  __device__ __forceinline__ void release() {
    if (atomicAdd(&feed().done[layer_ % 2], 1) % 2 == 1) fetch(layer_ + 2);
  }

  // Tensor cores cut sums short: the small products are summed first.
  template <int In, int Out>
  __device__ __forceinline__ void multiply(float (&sums)[T / 8][4]) {
    constexpr unsigned along = 16 * Out;
    const int slot = layer_ % 2, group = Out == 128 ? thread / 128 : 0;
    const unsigned weights = sharedAddress(weights_) + slot * wideSlot + group * 1024;
    const unsigned atoms = sharedAddress(tile_);
    const auto left = [&](int s, int lo) {
      const unsigned piece = s / 2 * 128 * Out + s % 2 * 2 * along + lo * 64 * Out;
      return groupOperand(weights + piece, along, 128);
    };
    const auto right = [&](int s, int lo) {
      return groupOperand(atoms + s * 2 * wideAlong<T> + lo * plane, wideAlong<T>, 128);
    };
#pragma unroll
    for (int part = 0; part < In / 32; ++part) {
      waitBarrier(&feed().full[slot][part], layer_ / 2 % 2);
      groupFence();
#pragma unroll
      for (int s = 2 * part; s < 2 * part + 2; ++s) {
        groupMma(sums, left(s, 1), right(s, 0));
        groupMma(sums, left(s, 0), right(s, 1));
      }
    }
#pragma unroll
    for (int s = 0; s < In / 16; ++s) groupMma(sums, left(s, 0), right(s, 0));
    groupWait();
    settle(sums);
  }

  char *weights_, *tile_;
  int layer_ = 0;
};

}  // namespace node
}  // namespace mdlab
