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
  tile.template layer<H, H, P>(a.linReverse, scales[0], Rows{a.slope, false, nullptr},
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

// The output network over one tile, forward and back; hidden layers are Widths wide. Scales: of
// lin's output and the layers forward; of the layers back, last first.
template <int A, int P, class Tile, int H, int... Widths>
struct Head {
  static constexpr int widths[] = {H, Widths...}, count = sizeof...(Widths), final = widths[count];
  const NodeTopArguments& a;
  Tile& tile;
  Scales<Tile::size>*scales, *scalesBack;
  float (*parts)[Tile::size];  // for Tile::collect()

  // Fills the scales forward from a bound of ‖x‖.
  __device__ __forceinline__ void chain(int atom, float norm) const {
    constexpr int widths[] = {H, Widths...};
    if constexpr (count > 0) scales[0].output(atom, norm);
    for (int k = 0; k < count; ++k) {
      scales[1 + k].input(atom, norm, a.head[k]);
      norm = activatedNorm<A>(a.head[k].norm * norm + a.head[k].biasNorm, widths[k + 1]);
      scales[1 + k].output(atom, norm);
    }
  }
  // The same back from a bound of the last layer's gradient; gives one of ‖g‖.
  __device__ __forceinline__ float chainBack(int atom, float g) const {
    for (int k = count; k-- > 0;) {
      Scales<Tile::size>& s = scalesBack[count - 1 - k];
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
    float weight[N], terms[N];
    readConstant(a.last + channel, weight);
#pragma unroll
    for (int k = 0; k < N; ++k) terms[k] = v[k] * weight[k];
    tile.template collect<final>(parts, atom, channel, terms);
#pragma unroll
    for (int k = 0; k < N; ++k) v[k] = weight[k] * slope[k];
  }

  // Layers K, K + 1 … from what is in the tile; of the last one the gradient takes the place, in
  // the tile or, where another kernel goes back, in headSlope.
  template <int K>
  __device__ __forceinline__ void forward() const {
    if constexpr (K == count) {
      tile.template totals<final>(parts, [&](int atom, float sum) {
        if (tile.first + atom < tile.end) a.energy[tile.first + atom] = sum;
      });
    } else {
      constexpr int width = widths[K + 1];
      tile.template layer<widths[K], width, P>(
          a.head[K], scales[1 + K], Nothing(),
          [&](int atom, int channel, auto& v, const auto&, float scale) {
            const int i = tile.first + atom;
            float* const to = a.headSlope[K] + static_cast<long long>(i) * width + channel;
            float slope[sizeof(v) / sizeof(float)];
            activate<A>(v, slope);
            if constexpr (K + 1 == count) {
              output(atom, channel, v, slope);
              if (Tile::apart && a.gradient && i < tile.end) store(to, v);
            } else if (a.gradient && i < tile.end) {
              store(to, slope);
            }
            if constexpr (!Tile::apart || K + 1 < count)
              tile.template put<width>(atom, channel, v, scale);
          });
      forward<K + 1>();
    }
  }
  // Layers K, K - 1 … back from the gradient in the tile; dE/dx too into a.x.
  template <int K>
  __device__ __forceinline__ void back() const {
    if constexpr (K >= 0) {
      constexpr int width = widths[K];
      tile.template layer<widths[K + 1], width, P>(
          a.headReverse[K], scalesBack[count - 1 - K],
          [&] {
            if constexpr (K > 0)
              return Rows{a.headSlope[K - 1], false, nullptr};
            else
              return Nothing();
          }(),
          [&](int atom, int channel, auto& v, const auto& slope, float scale) {
            [[maybe_unused]] const int i = tile.first + atom;
            if constexpr (K > 0)
              multiply(v, slope);
            else if (i < tile.end)
              store(a.x + static_cast<long long>(i) * width + channel, v);
            tile.template put<width>(atom, channel, v, scale);
          });
      back<K - 1>();
    }
  }
};

}  // namespace node
}  // namespace mdlab
