#pragma once
#include "models/schnet/schnet.h"
#include "nn/gemm.h"
#include "nn/radial-basis-tile.h"

namespace mdlab {

// A layer packed for both directions, its bias padded.
template <class T>
struct PackedLinear {
  PackedWeights<T> forward, reverse;  // (out,in) and (in,out)
  Buffer<T> bias;                     // (padded out); empty: none
  PackedLinear() = default;
  explicit PackedLinear(const Linear& layer, bool half = false);
  const T* biasOrNull() const { return bias.size() ? bias.data() : nullptr; }
};

// One block's W(r) = C(r)·filter2 act(filter1 φ(r) + b) over tiles of distances.
template <class T>
class FilterNetwork {
 public:
  static constexpr int tile = 48;  // distances per call at most: 8 register blocks of rows
  static constexpr std::int64_t scratch(int basisStride, int filterStride) {
    return std::int64_t{2 * tile} * (basisStride + filterStride) + 4 * tile;
  }

  FilterNetwork(const SchnetConfig& config, const SchnetBlock& block,
                const RadialBasisTile<T>& basis, bool half);

  int stride() const { return filter2.forward.stride(); }
  std::int64_t scratchSize() const { return scratch(basis_.stride(), stride()); }

  // w (n, stride) of n <= tile distances; dw (same shape) = dW/dr unless null, without the term of
  // C' when envelopeGradient is false.
  void evaluate(const double* r, int n, T* w, T* dw, bool envelopeGradient, T* scratchMemory) const;

  PackedLinear<T> filter1, filter2;

 private:
  Activation activation_;
  const RadialBasisTile<T>& basis_;
  bool half_;
};

}  // namespace mdlab
