#pragma once
// Device code only: what the forward and the reverse kernel of flash.cu share.
#include "cuda/mma.h"
#include "models/schnet/elementary.cuda.h"
#include "models/schnet/flash.cuda.h"

namespace mdlab {

// A block's network as a thread block reads it.
struct Network {
  const uint4 *words1, *words2;
  const float *centers, *widths;  // (K)
  const float *scale1, *bias1;    // (F)
  float* sums;                    // this warp's (F)
};

// As many as their registers allow.
template <int Format, int F>
constexpr int warpsPerBlock = Format == tile::split || Format == tile::tf32 || F > 128 ? 8 : 12;

// Copies weights (where Resident) and vectors to shared memory.
template <int Format, int K, int F, bool Resident>
__device__ Network stage(const FlashNetwork& n, const FlashBasis& basis, uint4* shared) {
  constexpr int size1 = F / 16 * (K / 32) * wordsPer32<Format> * 32;
  constexpr int size2 = F / 16 * (F / 32) * wordsPer32<Format> * 32;
  const auto* from1 = reinterpret_cast<const uint4*>(n.words1);
  const auto* from2 = reinterpret_cast<const uint4*>(n.words2);
  Network net;
  net.words1 = Resident ? shared : from1;
  net.words2 = Resident ? shared + size1 : from2;
  float* floats = reinterpret_cast<float*>(Resident ? shared + size1 + size2 : shared);
  if constexpr (Resident) {
    for (int k = threadIdx.x; k < size1; k += blockDim.x) shared[k] = from1[k];
    for (int k = threadIdx.x; k < size2; k += blockDim.x) shared[size1 + k] = from2[k];
  }
  for (int k = threadIdx.x; k < K; k += blockDim.x) {
    floats[k] = basis.centers[k];
    floats[K + k] = basis.widths[k];
  }
  for (int k = threadIdx.x; k < F; k += blockDim.x) {
    floats[2 * K + k] = n.scale1[k];
    floats[2 * K + F + k] = n.bias1[k];
  }
  net.centers = floats;
  net.widths = floats + K;
  net.scale1 = floats + 2 * K;
  net.bias1 = net.scale1 + F;
  net.sums = floats + 2 * K + 2 * F + F * (threadIdx.x / 32);
  __syncthreads();
  return net;
}

// What the basis needs of one edge.
struct EdgeScalars {
  float c, dc;  // envelope and ℓ·its slope
  float t, dt;  // the Gaussians' argument and ℓ·its slope
};

__device__ __forceinline__ EdgeScalars edgeScalars(const FlashBasis& b, float r) {
  EdgeScalars e;
  float s, c;
  sincospif(fmaf(b.slope, r, b.start), &s, &c);
  const bool inside = r < b.upper;
  e.c = inside ? c * c : 0.f;
  e.dc = inside ? b.tangentLength * b.slopeOfR * s * c : 0.f;
  e.t = b.expNormal ? expf(b.alpha * (b.lower - r)) : r;
  e.dt = b.tangentLength * (b.expNormal ? -b.alpha * e.t : 1.f);
  return e;
}

__device__ __forceinline__ float4 load4(const float* p) {
  return *reinterpret_cast<const float4*>(p);
}
__device__ __forceinline__ void load4(const float* p, float (&to)[4]) {
  const float4 v = load4(p);
  to[0] = v.x, to[1] = v.y, to[2] = v.z, to[3] = v.w;
}

template <int Format, int Activation>
using ActivateOf = Activate<Activation, Format != tile::split>;

// act(sum·scale + bias), times `factor` where operands are integers.
template <int Format, int Activation>
__device__ __forceinline__ void activate4(const float (&sum)[4], const float (&scale)[4],
                                          const float (&bias)[4], float factor, float (&out)[4]) {
#pragma unroll
  for (int k = 0; k < 4; ++k) {
    out[k] = ActivateOf<Format, Activation>::value(fmaf(sum[k], scale[k], bias[k]));
    if constexpr (Format == tile::int8) out[k] *= factor;
  }
}

// The same and its tangent; `tangentScale` is scale in units of x itself, times its own factor.
template <int Format, int Activation>
__device__ __forceinline__ void activate4(const float (&sum)[4], const float (&tangent)[4],
                                          const float (&scale)[4], const float (&bias)[4],
                                          const float (&tangentScale)[4], float factor,
                                          float (&out)[4], float (&slope)[4]) {
#pragma unroll
  for (int k = 0; k < 4; ++k) {
    float d;
    out[k] = ActivateOf<Format, Activation>::value(fmaf(sum[k], scale[k], bias[k]), d);
    if constexpr (Format == tile::int8) out[k] *= factor;
    slope[k] = tangent[k] * tangentScale[k] * d;
  }
}

// A thread's four results of row g + 8h of a chunk.
template <class T>
__device__ __forceinline__ void rowOf(const T (&sum)[2][4], int h, float (&out)[4]) {
  out[0] = static_cast<float>(sum[0][2 * h]);
  out[1] = static_cast<float>(sum[0][2 * h + 1]);
  out[2] = static_cast<float>(sum[1][2 * h]);
  out[3] = static_cast<float>(sum[1][2 * h + 1]);
}

// Sum of v over the eight lanes with this lane % 4; each lane gets one of the four: column
// `columnOf(lane)` of its 16.
__device__ __forceinline__ float sumOverRows(const float (&v)[4], int lane) {
  const bool high = lane & 16, odd = lane & 8;
  const float a = (high ? v[2] : v[0]) + __shfl_xor_sync(~0u, high ? v[0] : v[2], 16);
  const float b = (high ? v[3] : v[1]) + __shfl_xor_sync(~0u, high ? v[1] : v[3], 16);
  float c = (odd ? b : a) + __shfl_xor_sync(~0u, odd ? a : b, 8);
  c += __shfl_xor_sync(~0u, c, 4);
  return c;
}
__device__ __forceinline__ int columnOf(int lane) {
  return 4 * (lane & 3) + ((lane & 16) ? 2 : 0) + ((lane & 8) ? 1 : 0);
}

__device__ __forceinline__ void scatter4(float* to, float a, float b, float c, float d) {
  atomicAdd(to, a);
  atomicAdd(to + 1, b);
  atomicAdd(to + 2, c);
  atomicAdd(to + 3, d);
}

}  // namespace mdlab
