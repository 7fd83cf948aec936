#pragma once
// Device code only: what both ways of multiplying a tile of atoms with one layer's weights share
// (node-narrow.h, node-wide.h). Products are in single precision: every number is a sum of two
// halves, hi + lo (22 bits), and a product is hi·hi + (lo·hi + hi·lo) (Ootomo and Yokota, Int. J.
// High Perform. Comput. Appl. 36, 475 (2022)).
//
// A tile is what the threads that share it work on: atoms first..end, whose features wait on the
// chip between layers. Tile number `worker` of workers(); past the atoms' end there are none.
//   begin(list)       what layers are to come, in order; before anything else
//   load(rows, known, bounds)
//                     rows of device memory into the tile. known(atom), a number, is asked for
//                     while they are on the way, bounds(atom, norm, number) then: once for each
//                     atom, norm no less than the row's
//   layer<In, Out, P>(matrix, scales, beside, finish)
//                     out = weights · in + bias. For 2 or 4 consecutive channels of an atom
//                     finish(atom, channel, v, u, scale) gets them, and the same ones of `beside`.
//                     It put()s what the next layer reads, times scale, and may collect() terms
//   totals(use)       use(atom, sum) of what the layer before collected
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

// Rows that a layer's results are joined with: row i of (atoms, Out) for atom i or, `scattered`,
// row row[k] for the tile's atom k.
struct Rows {
  static constexpr bool some = true;
  const float* base;
  bool scattered;
  const int* row;
};
// None.
struct Nothing {
  static constexpr bool some = false;
};

}  // namespace node
}  // namespace mdlab
