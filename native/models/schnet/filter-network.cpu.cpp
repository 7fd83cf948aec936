#include "models/schnet/filter-network.h"

#include "nn/elementary.h"
#include "nn/half.h"

namespace mdlab {

template <class T>
PackedLinear<T>::PackedLinear(const Linear& l, bool half)
    : forward(l.weight.data(), l.out, l.in, l.in, 1, half),
      reverse(forward.out() ? PackedWeights<T>(l.weight.data(), l.in, l.out, 1, l.in, half)
                            : PackedWeights<T>()) {
  if (l.bias.empty()) return;
  bias.reset(forward.stride());
  bias.fill(0);
  for (int o = 0; o < l.out; ++o) bias[o] = static_cast<T>(l.bias[o]);
}

template <class T>
FilterNetwork<T>::FilterNetwork(const SchnetConfig& config, const SchnetBlock& block,
                                const RadialBasisTile<T>& basis, bool half)
    : filter1(block.filter1, half),
      filter2(block.filter2, half),
      activation_(config.activation),
      basis_(basis),
      half_(half) {}

// The slope is carried forward beside the value (two stacked halves through the same weights),
// which costs what the reverse pass would and yields W' itself.
template <class T>
void FilterNetwork<T>::evaluate(const double* r, int n, T* w, T* dw, bool envelopeGradient,
                                T* scratchMemory) const {
  const int K = basis_.stride(), F = stride();
  T* c = scratchMemory;
  T *dc = c + tile, *t = dc + tile, *dt = t + tile;
  T* phi = dt + tile;                            // (2·tile, K): values, then slopes
  T* hidden = phi + std::int64_t{2 * tile} * K;  // (2·tile, F)
  const bool slopes = dw != nullptr;
  basis_.envelope(r, n, c, dc);
  basis_.argument(r, n, t, dt);
  T* dphi = phi + std::int64_t{n} * K;
  for (int e = 0; e < n; ++e)
    basis_.row(c[e], dc[e], t[e], dt[e], phi + e * K, slopes ? dphi + e * K : nullptr);
  if constexpr (sizeof(T) == 4)
    if (half_) roundToHalf(phi, std::int64_t{slopes ? 2 * n : n} * K);

  multiply(phi, K, n, filter1.forward, filter1.biasOrNull(), hidden, F);
  T* dhidden = hidden + std::int64_t{n} * F;
  if (slopes) {
    // w serves as room for act'(pre) until the last product overwrites it.
    multiply<T>(dphi, K, n, filter1.forward, nullptr, dhidden, F);
    elementary::activate(activation_, hidden, w, std::int64_t{n} * F);
    for (std::int64_t k = 0; k < std::int64_t{n} * F; ++k) dhidden[k] *= w[k];
  } else {
    elementary::activate<T>(activation_, hidden, nullptr, std::int64_t{n} * F);
  }
  if constexpr (sizeof(T) == 4)
    if (half_) roundToHalf(hidden, std::int64_t{slopes ? 2 * n : n} * F);

  multiply<T>(hidden, F, n, filter2.forward, filter2.biasOrNull(), w, F);
  if (slopes) multiply<T>(dhidden, F, n, filter2.forward, nullptr, dw, F);
  for (int e = 0; e < n; ++e) {
    T* __restrict we = w + e * F;
    const T ce = c[e], dce = envelopeGradient ? dc[e] : T(0);
    if (slopes) {
      T* __restrict dwe = dw + e * F;
      for (int f = 0; f < F; ++f) dwe[f] = dce * we[f] + ce * dwe[f];
    }
    for (int f = 0; f < F; ++f) we[f] *= ce;
  }
}

template struct PackedLinear<float>;
template struct PackedLinear<double>;
template class FilterNetwork<float>;
template class FilterNetwork<double>;

}  // namespace mdlab
