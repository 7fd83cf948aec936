#pragma once
// Device code only: what both ways of multiplying a tile of atoms with one layer's weights share
// (node-narrow.h, node-wide.h). Products are in single precision: every number is a sum of two
// halves, hi + lo (22 bits), and a product is hi·hi + (lo·hi + hi·lo) (Ootomo and Yokota, Int. J.
// High Perform. Comput. Appl. 36, 475 (2022)).
//
// A tile is what the threads that share it work on: atoms first..end, whose features wait in shared
// memory between layers.
//   begin(list)       what layers are to come, in order; before anything else
//   load(...)         rows of device memory into the tile
//   layer<In, Out, P> out = weights · in + bias. Of 2 or 4 consecutive channels of an atom
//   fetch(atom,
//                     channel, u) reads what finish(atom, channel, v, u, scale) needs beside the
//                     values v, long before: nothing may be read from device memory where results
//                     are written. finish put()s what the next layer reads, times scale
//   sync()            meets the other threads of the tile
#include "cuda/mma.h"
#include "cuda/overlap.h"
#include "models/schnet/node-network.cuda.h"

namespace mdlab {
namespace node {

template <int First, int... Rest>
constexpr int largest = First > largest<Rest...> ? First : largest<Rest...>;
template <int First>
constexpr int largest<First> = First;
template <int First, int... Rest>
constexpr int lastOf = lastOf<Rest...>;
template <int First>
constexpr int lastOf<First> = First;

// One layer of those to come.
struct Coming {
  const void* words;
  int in, out;
};

// Layers of the longest kernel.
constexpr int mostLayers = 4 + 2 * maxHeadLayers;

// The power of two that brings numbers up to `bound` under 2^15; NaN for what is not finite.
__device__ __forceinline__ float rowScale(float bound) {
  const unsigned exponent = __float_as_uint(bound) >> 23;
  if (exponent >= 255) return __uint_as_float(0x7fffffffu);
  return __uint_as_float(min(268u - exponent, 227u) << 23);
}
// 1 / that, exactly.
__device__ __forceinline__ float inverse(float rowScale) {
  const unsigned bits = __float_as_uint(rowScale);
  return __uint_as_float(bits == 0x7fffffffu ? bits : (254u << 23) - bits);
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
// The same of what no kernel writes.
template <int N>
__device__ __forceinline__ void readConstant(const float* from, float (&v)[N]) {
#pragma unroll
  for (int k = 0; k < N; k += 2) {
    const float2 f = __ldg(reinterpret_cast<const float2*>(from + k));
    v[k] = f.x, v[k + 1] = f.y;
  }
}
template <int N>
__device__ __forceinline__ void add(float (&v)[N], const float (&u)[N]) {
#pragma unroll
  for (int k = 0; k < N; ++k) v[k] += u[k];
}
template <int N>
__device__ __forceinline__ void multiply(float (&v)[N], const float (&u)[N]) {
#pragma unroll
  for (int k = 0; k < N; ++k) v[k] *= u[k];
}

// Values times `scale` as pairs of halves: hi, and lo for what hi lacks.
template <int N>
__device__ __forceinline__ void split(const float (&v)[N], float scale, unsigned (&hi)[N / 2],
                                      unsigned (&lo)[N / 2]) {
#pragma unroll
  for (int k = 0; k < N / 2; ++k) {
    const float x = v[2 * k] * scale, y = v[2 * k + 1] * scale;
    hi[k] = packHalf(x, y);
    float a, b;
    unpackHalf(hi[k], a, b);
    lo[k] = packHalf(x - a, y - b);
  }
}

// What one layer multiplies by, per atom: sums into values, values into halves.
template <int T>
struct Scales {
  float values[T], halves[T];

  __device__ __forceinline__ void input(int atom, float norm, const NodeMatrix& matrix) {
    values[atom] = matrix.unscale * inverse(rowScale(norm));
  }
  __device__ __forceinline__ void output(int atom, float norm) { halves[atom] = rowScale(norm); }
};

// For a finish() that needs nothing more.
struct Nothing {
  template <int N>
  __device__ __forceinline__ void operator()(int, int, float (&)[N]) const {}
};

// Reads rows of (atoms,Channels) into a tile, zeros past its end. bounds(atom, norm) is called once
// per atom of the tile; norm is no less than the row's.
template <int Channels, class Tile, class Bounds>
__device__ __forceinline__ void loadRows(const float* rows, Tile& tile, const Bounds& bounds) {
  constexpr int units = Channels / 4, perLane = (units + 31) / 32, mine = Tile::size / 8;
  const int warp = tile.thread / 32, lane = tile.thread % 32;
  float v[mine][perLane][4] = {};
#pragma unroll
  for (int k = 0; k < mine; ++k)
#pragma unroll
    for (int q = 0; q < perLane; ++q) {
      const int i = tile.first + warp + 8 * k, unit = lane + 32 * q;
      if (unit < units && i < tile.end)
        read(rows + static_cast<long long>(i) * Channels + 4 * unit, v[k][q]);
    }
  float own = 0;
#pragma unroll
  for (int k = 0; k < mine; ++k) {
    unsigned most = 0;
#pragma unroll
    for (int q = 0; q < perLane; ++q)
#pragma unroll
      for (int c = 0; c < 4; ++c) most = max(most, __float_as_uint(fabsf(v[k][q][c])));
    most = __reduce_max_sync(0xffffffffu, most);
    const float norm = __uint_as_float(most) * sqrtf(float(Channels));
    if (lane == k) own = norm;
    const float scale = rowScale(norm);
#pragma unroll
    for (int q = 0; q < perLane; ++q)
      if (lane + 32 * q < units)
        tile.template put<Channels>(warp + 8 * k, 4 * (lane + 32 * q), v[k][q], scale);
  }
  if (lane < mine) bounds(warp + 8 * lane, own);
}

}  // namespace node
}  // namespace mdlab
