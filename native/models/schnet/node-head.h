#pragma once
// Device code only: the output network forward and back, and the reverse of one block's update.
#include "models/schnet/node-activation.h"
#include "models/schnet/node-tile.h"

namespace mdlab {
namespace node {

// Bounds of norms: |act(z)| <= |z| for all activations, and |tanh| < 1.
template <int A>
__device__ __forceinline__ float activatedNorm(float norm, int width) {
  return A == 0 ? fminf(norm, sqrtf(float(width))) : norm;
}
template <int A>
constexpr float slopeLimit = A == 2 ? 1.1f : 1.f;

// From g in `in`: dE/dm = lin2ᵀ (slope ⊙ linᵀ g). scales: of linᵀ and lin2ᵀ.
template <int H, int F, int A, int P, int T, class Arguments>
__device__ __forceinline__ void reverseUpdate(const Arguments& a, const float* slopes, float* gradM,
                                              const Scales<T>* scales, int first, const uint4* in,
                                              uint4* out) {
  layer<H, H, P, T>(a.linReverse, in, [&](int atom, int channel, auto& v) {
    const int i = first + atom;
    scales[0].toValues(atom, nullptr, channel, v);
    if (i < a.atoms) multiply(slopes + static_cast<long long>(i) * H + channel, v);
    scales[0].template toTile<H>(out, atom, channel, v);
  });
  __syncthreads();
  layer<H, F, P, T>(a.lin2Reverse, out, [&](int atom, int channel, auto& v) {
    const int i = first + atom;
    scales[1].toValues(atom, nullptr, channel, v);
    if (i < a.atoms) store(gradM + static_cast<long long>(i) * F + channel, v);
  });
}

// The output network over one tile. Scales in order: lin's output, the layers forward, the layers
// back (last first); Count hidden layers, the last of them Final wide.
template <int A, int P, int T, int Count, int Final>
struct Head {
  const NodeTopArguments& a;
  int first;
  Scales<T>* scales;
  float (*parts)[T];  // (Final/16): an atom's energy from 16 channels

  // Fills the scales from ‖x‖ and gives the bound of ‖g‖.
  template <int... Widths>
  __device__ __forceinline__ float chain(int atom, float norm) const {
    constexpr int widths[] = {Widths..., 0};
    if constexpr (Count > 0) scales[0].output(atom, norm);
    for (int k = 0; k < Count; ++k) {
      scales[1 + k].input(atom, norm, a.head[k]);
      norm = activatedNorm<A>(a.head[k].norm * norm + a.head[k].biasNorm, widths[k]);
      scales[1 + k].output(atom, norm);
    }
    float g = a.lastNorm * (Count > 0 ? slopeLimit<A> : 1.f);
    scales[Count].output(atom, g);
    for (int k = Count; k-- > 0;) {
      Scales<T>& s = scales[2 * Count - k];
      s.input(atom, g, a.headReverse[k]);
      g *= a.headReverse[k].norm * (k > 0 ? slopeLimit<A> : 1.f);
      s.output(atom, g);
    }
    return g;
  }

  // Energy from the last features, and their gradient times `slope` in place of them.
  template <int N>
  __device__ __forceinline__ void output(int atom, int channel, float (&v)[N],
                                         const float (&slope)[N]) const {
    float weight[N];
    read(a.last + channel, weight);
#pragma unroll
    for (int pair = 0; pair < N / 2; ++pair) {
      float sum = v[2 * pair] * weight[2 * pair] + v[2 * pair + 1] * weight[2 * pair + 1];
#pragma unroll
      for (int step = 4; step < 32; step *= 2) sum += __shfl_xor_sync(0xffffffffu, sum, step);
      // The pair's place among its four channels tells which of a group's two parts it is.
      if (threadIdx.x % 32 < 4) parts[channel / 32 * 2 + channel % 4 / 2 + pair][atom] = sum;
    }
#pragma unroll
    for (int k = 0; k < N; ++k) v[k] = weight[k] * slope[k];
  }

  __device__ __forceinline__ void writeEnergies() const {
    for (int atom = threadIdx.x; atom < T; atom += 256) {
      float sum = 0;
      for (int k = 0; k < Final / 16; ++k) sum += parts[k][atom];
      if (first + atom < a.atoms) a.energy[first + atom] = sum;
    }
  }

  // Layers k, k+1 … forward from `in`, and back: the gradient of `in` in its place.
  template <int K, int In>
  __device__ __forceinline__ void run(uint4*, uint4*) const {}
  template <int K, int In, int Width, int... Rest>
  __device__ __forceinline__ void run(uint4* in, uint4* out) const {
    layer<In, Width, P, T>(a.head[K], in, [&](int atom, int channel, auto& v) {
      scales[1 + K].toValues(atom, a.head[K].bias, channel, v);
      float slope[sizeof(v) / sizeof(float)];
      activate<A>(v, slope);
      if constexpr (sizeof...(Rest) == 0)
        output(atom, channel, v, slope);
      else if (a.gradient && first + atom < a.atoms)
        store(a.headSlope[K] + static_cast<long long>(first + atom) * Width + channel, slope);
      scales[1 + K].template toTile<Width>(out, atom, channel, v);
    });
    __syncthreads();
    run<K + 1, Width, Rest...>(out, in);
    if (!a.gradient) return;
    layer<Width, In, P, T>(a.headReverse[K], out, [&](int atom, int channel, auto& v) {
      const int i = first + atom;
      const Scales<T>& s = scales[2 * Count - K];
      s.toValues(atom, nullptr, channel, v);
      if (i < a.atoms) {
        if constexpr (K == 0)
          store(a.x + static_cast<long long>(i) * In + channel, v);
        else
          multiply(a.headSlope[K - 1] + static_cast<long long>(i) * In + channel, v);
      }
      s.template toTile<In>(in, atom, channel, v);
    });
    __syncthreads();
  }
};

}  // namespace node
}  // namespace mdlab
