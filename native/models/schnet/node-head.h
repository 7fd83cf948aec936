#pragma once
// Device code only: the output network forward and back, and the reverse of one block's update.
#include "models/schnet/node-activation.h"
#include "models/schnet/node-narrow.h"
#include "models/schnet/node-wide.h"

namespace mdlab {
namespace node {

// Bounds of norms: |act(z)| <= |z| for all activations, and |tanh| < 1.
template <int A>
__device__ __forceinline__ float activatedNorm(float norm, int width) {
  return A == 0 ? fminf(norm, sqrtf(float(width))) : norm;
}
template <int A>
constexpr float slopeLimit = A == 2 ? 1.1f : 1.f;

// From g in the tile: dE/dm = lin2ᵀ (slope ⊙ linᵀ g). scales: of linᵀ and lin2ᵀ.
template <int H, int F, int P, class Tile, class Arguments>
__device__ __forceinline__ void reverseUpdate(Tile& tile, const Arguments& a, float* gradM,
                                              const Scales<Tile::size>* scales) {
  tile.template layer<H, H, P>(
      a.linReverse, scales[0],
      [&](int atom, int channel, auto& slope) {
        const int i = tile.first + atom;
        if (i < tile.end) read(a.slope + static_cast<long long>(i) * H + channel, slope);
      },
      [&](int atom, int channel, auto& v, const auto& slope, float scale) {
        multiply(v, slope);
        tile.template put<H>(atom, channel, v, scale);
      });
  tile.template layer<H, F, P>(a.lin2Reverse, scales[1], Nothing(),
                               [&](int atom, int channel, auto& v, const auto&, float) {
                                 const int i = tile.first + atom;
                                 if (i < tile.end)
                                   store(gradM + static_cast<long long>(i) * F + channel, v);
                               });
}

// The output network over one tile. Scales in order: lin's output, the layers forward, the layers
// back (last first); Count hidden layers, the last of them Final wide.
template <int A, int P, class Tile, int Count, int Final>
struct Head {
  const NodeTopArguments& a;
  Tile& tile;
  Scales<Tile::size>* scales;
  float (*parts)[Tile::size];  // (Final/16): an atom's energy from 16 channels

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
      Scales<Tile::size>& s = scales[2 * Count - k];
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
    readConstant(a.last + channel, weight);
#pragma unroll
    for (int pair = 0; pair < N / 2; ++pair) {
      float sum = v[2 * pair] * weight[2 * pair] + v[2 * pair + 1] * weight[2 * pair + 1];
#pragma unroll
      for (int step = 4; step < 32; step *= 2) sum += __shfl_xor_sync(0xffffffffu, sum, step);
      if (threadIdx.x % 32 < 4) parts[Tile::sixteen(channel, pair)][atom] = sum;
    }
#pragma unroll
    for (int k = 0; k < N; ++k) v[k] = weight[k] * slope[k];
  }

  __device__ __forceinline__ void writeEnergies() const {
    for (int atom = tile.thread; tile.first + atom < tile.end; atom += 256) {
      float sum = 0;
      for (int k = 0; k < Final / 16; ++k) sum += parts[k][atom];
      a.energy[tile.first + atom] = sum;
    }
  }

  // Layers k, k+1 … forward from what is in the tile, and back: its gradient in its place.
  template <int K, int In>
  __device__ __forceinline__ void run() const {}
  template <int K, int In, int Width, int... Rest>
  __device__ __forceinline__ void run() const {
    tile.template layer<In, Width, P>(
        a.head[K], scales[1 + K], Nothing(),
        [&](int atom, int channel, auto& v, const auto&, float scale) {
          [[maybe_unused]] const int i = tile.first + atom;
          float slope[sizeof(v) / sizeof(float)];
          activate<A>(v, slope);
          if constexpr (sizeof...(Rest) == 0)
            output(atom, channel, v, slope);
          else if (a.gradient && i < tile.end)
            store(a.headSlope[K] + static_cast<long long>(i) * Width + channel, slope);
          tile.template put<Width>(atom, channel, v, scale);
        });
    run<K + 1, Width, Rest...>();
    if (!a.gradient) return;
    tile.template layer<Width, In, P>(
        a.headReverse[K], scales[2 * Count - K],
        [&](int atom, int channel, auto& slope) {
          if constexpr (K > 0) {
            const int i = tile.first + atom;
            if (i < tile.end)
              read(a.headSlope[K - 1] + static_cast<long long>(i) * In + channel, slope);
          }
        },
        [&](int atom, int channel, auto& v, const auto& slope, float scale) {
          [[maybe_unused]] const int i = tile.first + atom;
          if constexpr (K > 0)
            multiply(v, slope);
          else if (i < tile.end)
            store(a.x + static_cast<long long>(i) * In + channel, v);
          tile.template put<In>(atom, channel, v, scale);
        });
  }
};

}  // namespace node
}  // namespace mdlab
