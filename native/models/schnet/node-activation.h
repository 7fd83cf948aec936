#pragma once
// Device code only: activations and their slopes from two special functions, absolute error a few
// 1e-7 (A: 0 tanh, 1 shifted softplus, 2 silu, as nn/activation.h counts them).
#include "cuda/special.h"

namespace mdlab {
namespace node {

// v <- act(v), slope <- act'(v).
template <int A, int N>
__device__ __forceinline__ void activate(float (&v)[N], float (&slope)[N]) {
  constexpr float log2e = 1.44269504f, ln2 = 0.69314718f;
#pragma unroll
  for (int k = 0; k < N; ++k) {
    const float x = v[k];
    if constexpr (A == 0) {
      // The quotient loses digits near 0; there the odd polynomial (Taylor, to x^9) does not.
      const float far = 1.f - 2.f * reciprocalFast(exp2Fast(2.f * log2e * x) + 1.f);
      const float s = x * x;
      const float near =
          x +
          x * s * (-0.333333333f + s * (0.133333333f + s * (-0.0539682540f + s * 0.0218694885f)));
      v[k] = fabsf(x) < 0.15f ? near : far;
      slope[k] = 1.f - v[k] * v[k];
    } else {
      const float e = exp2Fast(-log2e * fabsf(x));
      const float r = reciprocalFast(1.f + e);
      const float sigmoid = x >= 0 ? r : e * r;
      if constexpr (A == 1) {
        v[k] = fmaxf(x, 0.f) + ln2 * log2Fast(1.f + e) - ln2;
        slope[k] = sigmoid;
      } else {
        v[k] = x * sigmoid;
        slope[k] = sigmoid * (1.f + x * (1.f - sigmoid));
      }
      if (!(x == x)) v[k] = slope[k] = x;
    }
  }
}

}  // namespace node
}  // namespace mdlab
