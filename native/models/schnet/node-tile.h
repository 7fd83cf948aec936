#pragma once
// Device code only: products of a tile of T atoms with one layer's weights on tensor cores, in
// single precision: every number is a sum of two halves, hi + lo (22 bits), and a product is
// hi·hi + (lo·hi + hi·lo) (Ootomo and Yokota, Int. J. High Perform. Comput. Appl. 36, 475 (2022)).
//
// Weights are the left operand (32 channels per group), atoms the right one. The order of channels
// within a group and of the summed index within a step is chosen so that a thread holds four
// consecutive channels of an atom: what one layer puts out is written as the next one reads it.
#include "cuda/mma.h"
#include "models/schnet/node-network.cuda.h"

namespace mdlab {
namespace node {

template <int T>
constexpr int blocksPerMultiprocessor = T < 24 ? 1 : 2;

template <int First, int... Rest>
constexpr int largest = First > largest<Rest...> ? First : largest<Rest...>;
template <int First>
constexpr int largest<First> = First;
template <int First, int... Rest>
constexpr int lastOf = lastOf<Rest...>;
template <int First>
constexpr int lastOf<First> = First;

__device__ __forceinline__ void mmaHalf(float (&c)[4], const uint4& a, unsigned b0, unsigned b1) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a.x), "r"(a.y), "r"(a.z), "r"(a.w), "r"(b0), "r"(b1));
}

// Blocks may start while the kernel before drains; what it wrote is there after this.
__device__ __forceinline__ void waitForInputs() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

// The power of two that brings numbers up to `bound` under 2^15; NaN for what is not finite.
__device__ __forceinline__ float rowScale(float bound) {
  const unsigned exponent = __float_as_uint(bound) >> 23;
  if (exponent >= 255) return __uint_as_float(0x7fffffffu);
  return __uint_as_float(min(268u - exponent, 227u) << 23);
}

// A tile holds for every atom its channels, four to a 16-byte unit: two words hi, two words lo.
// Units are permuted so that both the readers' and the writers' eight lanes meet all banks.
__device__ __forceinline__ int unitOf(int atom, int unit) {
  return unit ^ (atom & 6) ^ ((atom & 1) << 2);
}

template <int N>
__device__ __forceinline__ void store(float* to, const float (&v)[N]) {
  if constexpr (N == 4)
    *reinterpret_cast<float4*>(to) = make_float4(v[0], v[1], v[2], v[3]);
  else
    *reinterpret_cast<float2*>(to) = make_float2(v[0], v[1]);
}
template <int N>
__device__ __forceinline__ void read(const float* from, float (&v)[N]) {
  if constexpr (N == 4) {
    const float4 f = *reinterpret_cast<const float4*>(from);
    v[0] = f.x, v[1] = f.y, v[2] = f.z, v[3] = f.w;
  } else {
    const float2 f = *reinterpret_cast<const float2*>(from);
    v[0] = f.x, v[1] = f.y;
  }
}
template <int N>
__device__ __forceinline__ void add(const float* from, float (&v)[N]) {
  float w[N];
  read(from, w);
#pragma unroll
  for (int k = 0; k < N; ++k) v[k] += w[k];
}
template <int N>
__device__ __forceinline__ void multiply(const float* from, float (&v)[N]) {
  float w[N];
  read(from, w);
#pragma unroll
  for (int k = 0; k < N; ++k) v[k] *= w[k];
}

// Writes an atom's values at `channel`.. into a tile of `Channels`.
template <int Channels, int N>
__device__ __forceinline__ void putTile(uint4* tile, int atom, int channel, const float (&v)[N],
                                        float scale) {
  unsigned hi[N / 2], lo[N / 2];
#pragma unroll
  for (int k = 0; k < N / 2; ++k) {
    const float x = v[2 * k] * scale, y = v[2 * k + 1] * scale;
    hi[k] = packHalf(x, y);
    float a, b;
    unpackHalf(hi[k], a, b);
    lo[k] = packHalf(x - a, y - b);
  }
  uint4* unit = tile + atom * (Channels / 4) + unitOf(atom, channel / 4);
  if constexpr (N == 4) {
    *unit = make_uint4(hi[0], hi[1], lo[0], lo[1]);
  } else {
    unsigned* word = reinterpret_cast<unsigned*>(unit) + channel % 4 / 2;
    word[0] = hi[0];
    word[2] = lo[0];
  }
}

// What one layer multiplies by, per atom: sums into values, values into halves.
template <int T>
struct Scales {
  float values[T], halves[T];

  __device__ __forceinline__ void input(int atom, float norm, const NodeMatrix& matrix) {
    values[atom] = matrix.unscale / rowScale(norm);
  }
  __device__ __forceinline__ void output(int atom, float norm) { halves[atom] = rowScale(norm); }

  template <int N>
  __device__ __forceinline__ void toValues(int atom, const float* bias, int channel,
                                           float (&v)[N]) const {
    const float scale = values[atom];
    float b[N] = {};
    if (bias) read(bias + channel, b);
#pragma unroll
    for (int k = 0; k < N; ++k) v[k] = fmaf(v[k], scale, b[k]);
  }
  template <int Channels, int N>
  __device__ __forceinline__ void toTile(uint4* tile, int atom, int channel,
                                         const float (&v)[N]) const {
    putTile<Channels>(tile, atom, channel, v, halves[atom]);
  }
};

// Reads rows first.. of (atoms,Channels) into a tile, zeros past the end. bounds(atom, norm) is
// called once per atom of the tile; norm is no less than the row's.
template <int Channels, int T, class Bounds>
__device__ __forceinline__ void loadRows(const float* rows, int first, int atoms, uint4* tile,
                                         const Bounds& bounds) {
  constexpr int units = Channels / 4, perLane = (units + 31) / 32;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  float mine = 0;
#pragma unroll
  for (int k = 0; k < T / 8; ++k) {
    const int atom = warp + 8 * k;
    float v[perLane][4] = {};
    unsigned most = 0;
#pragma unroll
    for (int q = 0; q < perLane; ++q) {
      const int unit = lane + 32 * q;
      if (unit < units && first + atom < atoms)
        read(rows + static_cast<long long>(first + atom) * Channels + 4 * unit, v[q]);
#pragma unroll
      for (int c = 0; c < 4; ++c) most = max(most, __float_as_uint(fabsf(v[q][c])));
    }
    most = __reduce_max_sync(0xffffffffu, most);
    const float norm = __uint_as_float(most) * sqrtf(float(Channels));
    if (lane == k) mine = norm;
    const float scale = rowScale(norm);
#pragma unroll
    for (int q = 0; q < perLane; ++q)
      if (lane + 32 * q < units) putTile<Channels>(tile, atom, 4 * (lane + 32 * q), v[q], scale);
  }
  if (lane < T / 8) bounds(warp + 8 * lane, mine);
}

// How eight warps share Out channels x T atoms: pieces of 32 channels (16 for small tiles, so that
// all warps work) times columns of up to `width` eights of atoms.
template <int Out, int T>
struct Division {
  static constexpr int half = T < 24 ? 1 : 0;
  static constexpr int rows = half ? 1 : 2;  // fragments of 16 channels in a piece
  static constexpr int pieces = Out / 32 * (half ? 2 : 1);
  static constexpr int eights = T / 8;
  static constexpr int wanted = pieces >= 8 ? 1 : 8 / pieces;
  static constexpr int columns = wanted < eights ? wanted : eights;
  static constexpr int width = (eights + columns - 1) / columns;
};

// out = weights · in for a tile of In channels. finish(atom, channel, v) gets sums of 2 or 4
// consecutive channels of an atom; the lanes of a warp call it together.
template <int In, int Out, int P, int T, class Finish>
__device__ __forceinline__ void layer(const NodeMatrix& matrix, const uint4* in,
                                      const Finish& finish) {
  using D = Division<Out, T>;
  constexpr int steps = In / 16, ahead = T < 24 ? 8 : 1;
  const int lane = threadIdx.x % 32, g = lane / 4, t = lane % 4;
  for (int job = threadIdx.x / 32; job < D::pieces * D::columns; job += 8) {
    const int piece = job % D::pieces, column = job / D::pieces;
    const int group = D::half ? piece / 2 : piece, from = D::half ? piece % 2 : 0;
    const uint4* words = static_cast<const uint4*>(matrix.words) +
                         (static_cast<long long>(group) * steps * 4 + from * 2) * 32 + lane;
    // Tensor cores cut sums short: the small products have a sum of their own.
    float whole[D::rows][D::width][4] = {}, cross[D::rows][D::width][4] = {};
    // Weights of the next steps are on their way while one is multiplied.
    uint4 hi[ahead + 1][D::rows], lo[ahead + 1][D::rows];
    const auto fetch = [&](int s) {
#pragma unroll
      for (int r = 0; r < D::rows; ++r) {
        hi[s % (ahead + 1)][r] = __ldg(words + (s * 4 + r * 2) * 32);
        if constexpr (P == 3) lo[s % (ahead + 1)][r] = __ldg(words + (s * 4 + r * 2 + 1) * 32);
      }
    };
#pragma unroll
    for (int s = 0; s < (ahead < steps ? ahead : steps); ++s) fetch(s);
#pragma unroll
    for (int s = 0; s < steps; ++s) {
      if (s + ahead < steps) fetch(s + ahead);
      const int now = s % (ahead + 1);
#pragma unroll
      for (int w = 0; w < D::width; ++w) {
        const int eight = column * D::width + w;
        if (D::eights % D::columns != 0 && eight >= D::eights) break;
        const int atom = 8 * eight + g;
        const uint4 b = in[atom * (In / 4) + unitOf(g, 4 * s + t)];
        if constexpr (P == 3) {
#pragma unroll
          for (int r = 0; r < D::rows; ++r) mmaHalf(cross[r][w], lo[now][r], b.x, b.y);
#pragma unroll
          for (int r = 0; r < D::rows; ++r) mmaHalf(cross[r][w], hi[now][r], b.z, b.w);
        }
#pragma unroll
        for (int r = 0; r < D::rows; ++r) mmaHalf(whole[r][w], hi[now][r], b.x, b.y);
      }
    }
#pragma unroll
    for (int w = 0; w < D::width; ++w) {
      const int eight = column * D::width + w;
      if (D::eights % D::columns != 0 && eight >= D::eights) break;
#pragma unroll
      for (int odd = 0; odd < 2; ++odd) {
        float v[2 * D::rows];
#pragma unroll
        for (int r = 0; r < D::rows; ++r) {
          v[2 * r] = whole[r][w][odd] + cross[r][w][odd];
          v[2 * r + 1] = whole[r][w][odd + 2] + cross[r][w][odd + 2];
        }
        finish(8 * eight + 2 * t + odd, 32 * group + 4 * g + 2 * from, v);
      }
    }
  }
}

}  // namespace node
}  // namespace mdlab
