#pragma once
// Device code only: activations of the filter network.
#include "cuda/special.h"
#include "cuda/warp.h"

namespace mdlab {

// Activations of x given as x·exponentUnit (folded into filter1's scale): absolute error 1e-7.
// Fast: tanh by its own instruction, whose error (4e-6 RMS here) 16-bit operands round away.
template <int Activation, bool Fast = false>
struct Activate;
template <>
struct Activate<0, true> {
  static constexpr float unit = 1.f;
  static __device__ __forceinline__ float value(float x) {
    float y;
    asm("tanh.approx.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
  }
  static __device__ __forceinline__ float value(float x, float& slope) {
    const float h = value(x);
    slope = fmaf(-h, h, 1.f);
    return h;
  }
};
template <>
struct Activate<0, false> {  // tanh, x·2 log2(e)
  static constexpr float unit = 2.885390081777927f;
  static __device__ __forceinline__ float value(float x) {
    return fmaf(-2.f, reciprocalFast(1.f + exp2Fast(x)), 1.f);
  }
  static __device__ __forceinline__ float value(float x, float& slope) {
    const float h = value(x);
    slope = fmaf(-h, h, 1.f);
    return h;
  }
};
template <bool Fast>
struct Activate<1, Fast> {  // shifted softplus, x·log2(e)
  static constexpr float unit = 1.4426950408889634f;
  static constexpr float ln2 = 0.6931471805599453f;
  static __device__ __forceinline__ float value(float x) {
    return ln2 * (fmaxf(x, 0.f) + (log2Fast(1.f + exp2Fast(-fabsf(x))) - 1.f));
  }
  static __device__ __forceinline__ float value(float x, float& slope) {
    slope = reciprocalFast(1.f + exp2Fast(-x));
    return value(x);
  }
};
template <bool Fast>
struct Activate<2, Fast> {  // silu, x·log2(e)
  static constexpr float unit = 1.4426950408889634f;
  static constexpr float ln2 = 0.6931471805599453f;
  static __device__ __forceinline__ float value(float x) {
    return ln2 * x * reciprocalFast(1.f + exp2Fast(-x));
  }
  static __device__ __forceinline__ float value(float x, float& slope) {
    const float s = reciprocalFast(1.f + exp2Fast(-x)), h = ln2 * x * s;
    slope = fmaf(h, 1.f - s, s);
    return h;
  }
};

}  // namespace mdlab
