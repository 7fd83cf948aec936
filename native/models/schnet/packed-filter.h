#pragma once
// Device code only: the tabulated filter of nn/packed-table.h, read from shared memory.
#include "cuda/warp.h"
#include "nn/packed-cubic.h"

namespace mdlab {

__device__ inline void loadCubics(const PackedCubic* from, PackedCubic (&to)[1]) {
  const uint2 v = *reinterpret_cast<const uint2*>(from);
  to[0] = {v.x, v.y};
}
__device__ inline void loadCubics(const PackedCubic* from, PackedCubic (&to)[2]) {
  const uint4 v = *reinterpret_cast<const uint4*>(from);
  to[0] = {v.x, v.y};
  to[1] = {v.z, v.w};
}

// A whole number below 2^23 as the digits of 2^23 + n.
__device__ inline float lowBits(unsigned word, int bits) {
  return __uint_as_float((word & ((1u << bits) - 1)) | 0x4b000000u);
}
__device__ inline float upperHalf(unsigned word) {
  return __uint_as_float(__byte_perm(word, 0x4b000000u, 0x7432));
}

// The lane's filters as the kernels of table.cu read them: W and dW/dt. Per channel one 8-byte word
// and, besides the cubic's own, 4 integer operations and 4 multiply-adds.
template <int N>
class PackedFilter {
 public:
  static constexpr int channels = N, words = 2;  // of a channel in a row
  // `scales`: those of the lane's channels, 4 each.
  __device__ PackedFilter(const float* table, const float* scales)
      : lane_(reinterpret_cast<const PackedCubic*>(table) + laneOf() * N) {
#pragma unroll
    for (int c = 0; c < N; ++c) {
      const float4 s = reinterpret_cast<const float4*>(scales)[c];
      const float of[4] = {s.x, s.y, s.z, s.w};
#pragma unroll
      for (int k = 0; k < 4; ++k) {
        scale_[c][k] = of[k];
        zero_[c][k] = -(8388608.0f + (1u << (packedBits(k) - 1))) * of[k];
      }
    }
  }
  __device__ Channels<N> value(unsigned place) const {
    const float t = middle(place);
    PackedCubic cubic[N];
    load(place, cubic);
    Channels<N> w;
#pragma unroll
    for (int c = 0; c < N; ++c) {
      float k[4];
      unpack(cubic[c], c, k);
      w.c[c] = fmaf(t, fmaf(t, fmaf(t, k[3], k[2]), k[1]), k[0]);
    }
    return w;
  }
  template <bool WithValue>
  __device__ void read(unsigned place, Channels<N>& value, Channels<N>& slope) const {
    const float t = middle(place), twice = t + t, square = 3.0f * t * t;
    PackedCubic cubic[N];
    load(place, cubic);
#pragma unroll
    for (int c = 0; c < N; ++c) {
      float k[4];
      unpack(cubic[c], c, k);
      slope.c[c] = fmaf(square, k[3], fmaf(twice, k[2], k[1]));
      if constexpr (WithValue) value.c[c] = fmaf(t, fmaf(t, fmaf(t, k[3], k[2]), k[1]), k[0]);
    }
  }

 private:
  // From the middle of the interval.
  static __device__ float middle(unsigned place) {
    constexpr int up = 23 - splineFractionBits;
    return __uint_as_float(((place << up) & 0x7fffffu) | 0x3f800000u) - 1.5f;
  }
  __device__ void load(unsigned place, PackedCubic (&cubic)[N]) const {
    loadCubics(lane_ + (place >> splineFractionBits) * (32 * N), cubic);
  }
  __device__ void unpack(const PackedCubic& p, int c, float (&k)[4]) const {
    const float n[4] = {lowBits(p.value, packedValueBits), lowBits(p.slope, packedSlopeBits),
                        upperHalf(p.value), upperHalf(p.slope)};
#pragma unroll
    for (int o = 0; o < 4; ++o) k[o] = fmaf(n[o], scale_[c][o], zero_[c][o]);
  }

  const PackedCubic* lane_;
  float scale_[N][4], zero_[N][4];
};

}  // namespace mdlab
