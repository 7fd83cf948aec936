#pragma once
// Device code only: the tabulated filter of nn/spline-table.h, read from shared memory.
#include "cuda/warp.h"
#include "models/schnet/table.cuda.h"
#include "nn/spline-grid.h"

namespace mdlab {

// Weights of the four coefficients a distance lies between, times 6 (value) and 2 (slope per
// knot): W = Σ b T, dW/dt = 3 Σ d T with T as SplineTable keeps it.
struct SplineWeights {
  float b[4], d[4];
};

// The fraction of a place as the last digits of 2^23 + n. `large`: 2^23 as bits; in a register the
// compiler does not see through it saves an instruction.
__device__ inline float splineFraction(unsigned place, unsigned large) {
  return __uint_as_float((place & ((1u << splineFractionBits) - 1)) | large);
}
constexpr unsigned splineLarge = 0x4b000000u;
constexpr float splineUnit = 1.0f / (1 << splineFractionBits), splineLargest = 8388608 * splineUnit;

__device__ inline SplineWeights splineWeights(unsigned place, unsigned large = splineLarge) {
  const float n = splineFraction(place, large);
  const float u = fmaf(n, splineUnit, -splineLargest), v = fmaf(n, -splineUnit, splineLargest + 1);
  const float uu = u * u, vv = v * v;
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

// A constant that the compiler has to keep in a register.
__device__ inline unsigned opaque(unsigned constant, const TableSlices& slices) {
  return constant + (static_cast<unsigned>(slices.rows) >> 31);
}

// The lane's filters as the kernels of table.cu read them: W, and dW/dt over slopeFactor. What all
// lanes need of a pair is worked out by one of them and read from the warp's own shared memory.
template <int N>
class SplineFilter {
 public:
  static constexpr int channels = N, words = 1;  // of a channel in a row
  struct Pair {
    unsigned row;  // bytes from the lane's first
    int atom;
  };
  __device__ SplineFilter(const float* table, float* area, const TableSlices& slices,
                          int /*channel*/)
      : lane_(reinterpret_cast<const char*>(table + laneOf() * N)),
        eight_(reinterpret_cast<Eight*>(area)),
        large_(opaque(splineLarge, slices)) {}
  // Pair n of eight.
  template <bool WithSlope>
  __device__ void put(int n, unsigned place, int atom) const {
    const SplineWeights w = splineWeights(place, large_);
    eight_->value[n] = make_float4(w.b[0], w.b[1], w.b[2], w.b[3]);
    if (WithSlope) eight_->slope[n] = make_float4(w.d[0], w.d[1], w.d[2], w.d[3]);
    eight_->pair[n] = make_uint2((place >> splineFractionBits) * (128 * N), atom);
  }
  __device__ Pair pair(int n) const {
    const uint2 p = eight_->pair[n];
    return {p.x, static_cast<int>(p.y)};
  }
  __device__ Channels<N> value(int n, const Pair& pair) const {
    Channels<N> tap[4];
    load(pair, tap);
    return weighed(eight_->value[n], tap);
  }
  template <bool WithValue>
  __device__ void read(int n, const Pair& pair, Channels<N>& value, Channels<N>& slope) const {
    Channels<N> tap[4];
    load(pair, tap);
    slope = weighed(eight_->slope[n], tap);
    if constexpr (WithValue) value = weighed(eight_->value[n], tap);
  }

 private:
  struct Eight {
    float4 value[8];
    uint2 pair[8];
    float4 slope[8];
  };
  __device__ void load(const Pair& pair, Channels<N> (&tap)[4]) const {
    const float* row = reinterpret_cast<const float*>(lane_ + pair.row);
#pragma unroll
    for (int k = 0; k < 4; ++k) tap[k] = mdlab::load<N>(row + k * 32 * N);
  }
  static __device__ Channels<N> weighed(const float4& w, const Channels<N> (&tap)[4]) {
    const float of[4] = {w.x, w.y, w.z, w.w};
    return combine(of, tap);
  }

  const char* lane_;
  Eight* eight_;
  unsigned large_;
};

// Starts to copy a slice of the table into shared memory; all threads of the block call it. What a
// thread has copied is there after awaitTable().
__device__ inline void startTable(float* to, const float* from, int floats) {
  for (int k = threadIdx.x * 4; k < floats; k += blockDim.x * 4)
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(
                     static_cast<unsigned>(__cvta_generic_to_shared(to + k))),
                 "l"(from + k)
                 : "memory");
}
__device__ inline void awaitTable() { asm volatile("cp.async.wait_all;" ::: "memory"); }

// The place of a distance on the grid; a distance that is not a number has one, so that its force
// is not a number either.
__device__ inline unsigned splinePlace(const SplineGrid& g, double r) {
  if (r >= g.upper || (g.lower > 0 && r <= g.lower)) return splineNowhere;
  const double t = splineCoordinate(g, r) * (1 << splineFractionBits);
  const double most = static_cast<double>(g.intervals) * (1 << splineFractionBits) - 1;
  return static_cast<unsigned>(t < most ? (t > 0 ? t : 0) : most);
}

}  // namespace mdlab
