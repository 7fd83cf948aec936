#pragma once
// Device code only: the tabulated filter of nn/packed-table.h, read from shared memory.
#include "cuda/mma.h"
#include "cuda/warp.h"
#include "models/schnet/spline-filter.h"
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

// The lane's filters as the kernels of table.cu read them: W and dW/dt. Per channel one 8-byte word
// and, besides the cubic's own, 4 operations that make floats of the digits and 4 products with
// their scales.
template <int N, PackedDigits Digits>
class PackedFilter {
 public:
  static constexpr int channels = N, words = 2;  // of a channel in a row
  struct Pair {
    float t, square;  // t from the middle of the interval, 3t²
    unsigned row;     // bytes from the lane's first
    int atom;
  };
  __device__ PackedFilter(const float* table, float* area, const TableSlices& slices, int channel)
      : lane_(reinterpret_cast<const char*>(table + laneOf() * 2 * N)),
        eight_(reinterpret_cast<Pair*>(area)),
        large_(opaque(splineLarge, slices)) {
    const float4* scales = reinterpret_cast<const float4*>(slices.scales) + channel;
#pragma unroll
    for (int c = 0; c < N; ++c) {
      const float4 s = scales[c];
      const float of[4] = {s.x, s.y, s.z, s.w};
#pragma unroll
      for (int k = 0; k < 4; ++k) {
        scale_[c][k] = of[k];
        zero_[c][k] = fixed ? -(8388608.0f + (1u << (packedBits(k) - 1))) * of[k] : 0.0f;
      }
    }
  }
  // Pair n of eight.
  template <bool WithSlope>
  __device__ void put(int n, unsigned place, int atom) const {
    const float t = fmaf(splineFraction(place, large_), splineUnit, -0.5f - splineLargest);
    const unsigned row = (place >> splineFractionBits) * (256 * N);
    reinterpret_cast<float4*>(eight_)[n] =
        make_float4(t, 3.0f * t * t, __uint_as_float(row), __int_as_float(atom));
  }
  __device__ Pair pair(int n) const {
    const float4 p = reinterpret_cast<const float4*>(eight_)[n];
    return {p.x, p.y, __float_as_uint(p.z), __float_as_int(p.w)};
  }
  __device__ Channels<N> value(int /*n*/, const Pair& pair) const {
    Channels<N> value, slope;
    read<true, false>(pair, value, slope);
    return value;
  }
  template <bool WithValue>
  __device__ void read(int /*n*/, const Pair& pair, Channels<N>& value, Channels<N>& slope) const {
    read<WithValue, true>(pair, value, slope);
  }

 private:
  static constexpr bool fixed = Digits == PackedDigits::fixed;

  template <bool WithValue, bool WithSlope>
  __device__ void read(const Pair& pair, Channels<N>& value, Channels<N>& slope) const {
    PackedCubic cubic[N];
    loadCubics(reinterpret_cast<const PackedCubic*>(lane_ + pair.row), cubic);
    const float t = pair.t;
#pragma unroll
    for (int c = 0; c < N; ++c) {
      float k[4];
      unpack(cubic[c], c, k);
      if constexpr (WithSlope) slope.c[c] = fmaf(pair.square, k[3], fmaf(t + t, k[2], k[1]));
      if constexpr (WithValue) value.c[c] = fmaf(t, fmaf(t, fmaf(t, k[3], k[2]), k[1]), k[0]);
    }
  }
  __device__ void unpack(const PackedCubic& p, int c, float (&k)[4]) const {
    if constexpr (fixed) {
      const float n[4] = {low(p.value, packedValueBits), low(p.slope, packedSlopeBits),
                          high(p.value), high(p.slope)};
#pragma unroll
      for (int o = 0; o < 4; ++o) k[o] = fmaf(n[o], scale_[c][o], zero_[c][o]);
    } else {
      unpackHalf(p.value, k[0], k[2]);
      unpackHalf(p.slope, k[1], k[3]);
#pragma unroll
      for (int o = 0; o < 4; ++o) k[o] *= scale_[c][o];
    }
  }
  // Whole numbers as the last digits of 2^23 + n.
  __device__ float low(unsigned word, int bits) const {
    return __uint_as_float((word & ((1u << bits) - 1)) | large_);
  }
  __device__ float high(unsigned word) const {
    return __uint_as_float(__byte_perm(word, large_, 0x7432));
  }

  const char* lane_;
  Pair* eight_;
  // 2^23 as bits, in a register: where the compiler knows it, low() takes two instructions.
  unsigned large_;
  float scale_[N][4], zero_[N][4];
};

}  // namespace mdlab
