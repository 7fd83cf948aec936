#pragma once
// Device code only: the tabulated filter of nn/spline-table.h, read from shared memory.
#include "cuda/warp.h"
#include "nn/spline-grid.h"

namespace mdlab {

// Weights of the four coefficients a distance lies between, times 6 (value) and 2 (slope per
// knot): W = Σ b T, dW/dt = 3 Σ d T with T as SplineTable keeps it.
struct SplineWeights {
  float b[4], d[4];
};

__device__ inline SplineWeights splineWeights(unsigned place) {
  constexpr int up = 23 - splineFractionBits;
  const float one = __uint_as_float(((place << up) & 0x7fffffu) | 0x3f800000u);  // 1 + u
  const float u = one - 1.0f, v = 2.0f - one, uu = u * u, vv = v * v;
  SplineWeights w;
  w.b[0] = vv * v;
  w.b[1] = fmaf(uu, fmaf(3.0f, u, -6.0f), 4.0f);
  w.b[2] = fmaf(vv, fmaf(3.0f, v, -6.0f), 4.0f);
  w.b[3] = uu * u;
  w.d[0] = -vv;
  w.d[1] = u * fmaf(3.0f, u, -4.0f);
  w.d[2] = v * fmaf(-3.0f, v, 4.0f);
  w.d[3] = uu;
  return w;
}

// The lane's N channels of W; `lane` is the table's slice at the lane's channels.
template <int N>
__device__ inline void splineTaps(const float* lane, unsigned place, Channels<N> (&tap)[4]) {
  const float* row = lane + (place >> splineFractionBits) * (32 * N);
#pragma unroll
  for (int k = 0; k < 4; ++k) tap[k] = load<N>(row + k * 32 * N);
}

template <int N>
__device__ inline Channels<N> combine(const float (&w)[4], const Channels<N> (&tap)[4]) {
  Channels<N> sum;
#pragma unroll
  for (int c = 0; c < N; ++c)
    sum.c[c] = fmaf(w[3], tap[3].c[c],
                    fmaf(w[2], tap[2].c[c], fmaf(w[1], tap[1].c[c], w[0] * tap[0].c[c])));
  return sum;
}

// The lane's filters as the kernels of table.cu read them: W, and dW/dt over slopeFactor.
template <int N>
class SplineFilter {
 public:
  static constexpr int channels = N, words = 1;  // of a channel in a row
  __device__ SplineFilter(const float* table, const float* /*scales*/)
      : lane_(table + laneOf() * N) {}
  __device__ Channels<N> value(unsigned place) const {
    Channels<N> tap[4];
    splineTaps<N>(lane_, place, tap);
    return combine(splineWeights(place).b, tap);
  }
  template <bool WithValue>
  __device__ void read(unsigned place, Channels<N>& value, Channels<N>& slope) const {
    Channels<N> tap[4];
    splineTaps<N>(lane_, place, tap);
    const SplineWeights w = splineWeights(place);
    slope = combine(w.d, tap);
    if constexpr (WithValue) value = combine(w.b, tap);
  }

 private:
  const float* lane_;
};

// Copies a slice of the table into shared memory; all threads of the block call it.
__device__ inline void copyTable(float* to, const float* from, int floats) {
  for (int k = threadIdx.x * 4; k < floats; k += blockDim.x * 4)
    *reinterpret_cast<float4*>(to + k) = *reinterpret_cast<const float4*>(from + k);
}

// The place of a distance on the grid; a distance that is not a number has one, so that its force
// is not a number either.
__device__ inline unsigned splinePlace(const SplineGrid& g, double r) {
  if (r >= g.upper || (g.lower > 0 && r <= g.lower)) return splineNowhere;
  const double t = splineCoordinate(g, r) * (1 << splineFractionBits);
  const double most = static_cast<double>(g.intervals) * (1 << splineFractionBits) - 1;
  return static_cast<unsigned>(t < most ? (t > 0 ? t : 0) : most);
}

}  // namespace mdlab
