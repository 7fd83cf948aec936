#pragma once
#include "models/schnet/edge-tensors.h"
#include "nn/elementary.h"
#include "nn/simd.h"

namespace mdlab {

// Technique 2 on its own: from the stored basis (E,K), the filter network, envelope, gather,
// product and sum of a tile of edges at a time; no (E,F) array. The reverse pass computes filters
// again.
template <class T, class S>
class FusedMessages {
  static constexpr int tile = FilterNetwork<T>::tile;
  static constexpr std::int64_t rowsPerPiece = 16;
  // Private sums of a fused scatter-add: a fixed number, so that the threads do not matter.
  static constexpr std::int64_t slabs = 8;

 public:
  FusedMessages(const InteractionContext<T>& context, const EdgeList<T>& edges)
      : c_(context),
        edges_(edges),
        K_(context.basis.stride()),
        F_(padded<T>(context.config.filters)) {}

  void forward(int block, const S* basis, const T* envelope, const T* y, T* m) {
    const FilterNetwork<T>& net = c_.filters[block];
    overTiles(
        rowsPerPiece,
        [&](std::int64_t first, int n, std::int64_t, Room& room) {
          filters(net, basis + first * K_, n, room, false);
          for (int e = 0; e < n; ++e) {
            const T* __restrict w = room.w + e * F_;
            const T* __restrict from = y + edges_.j[first + e] * F_;
            T* __restrict to = m + edges_.i[first + e] * F_;
            const T c = envelope[first + e];
            for (int f = 0; f < F_; ++f) to[f] += c * w[f] * from[f];
          }
        },
        m);
  }

  // gradBasis (E,K) and gradEnvelope (E) are added to; gradY is overwritten unless null.
  void reverse(int block, const S* basis, const T* envelope, const T* y, const T* gradM, T* gradY,
               S* gradBasis, T* gradEnvelope) {
    const FilterNetwork<T>& net = c_.filters[block];
    const bool segments = c_.options.techniques.aggregation;
    const std::int64_t atoms = static_cast<std::int64_t>(edges_.rowStart.size()) - 1;
    const bool scatter = gradY && !segments;
    if (scatter) {
      slabSums_.reset(slabs * atoms * F_);
      slabSums_.fill(0);
    }
    const std::int64_t grain = scatter ? (atoms + slabs - 1) / slabs : rowsPerPiece;
    overTiles(
        grain,
        [&](std::int64_t first, int n, std::int64_t piece, Room& room) {
          filters(net, basis + first * K_, n, room, true);
          for (int e = 0; e < n; ++e) {
            const std::int64_t i = edges_.i[first + e] * F_, j = edges_.j[first + e] * F_;
            const T* __restrict w = room.w + e * F_;
            const T c = envelope[first + e];
            if (scatter)
              addScaled(w, c, gradM + i, slabSums_.data() + piece * atoms * F_ + j);
            else if (gradY)
              addScaled(w, c, gradM + j, gradY + i);
            gradEnvelope[first + e] += filterGradient(w, c, gradM + i, y + j, room.gradW + e * F_);
          }
          networkReverse(net, gradBasis + first * K_, n, room);
        },
        segments ? gradY : nullptr);
    if (scatter) sumSlabs(atoms, gradY);
  }

  static double scatterBytes(double atoms, int width) { return atoms * width * slabs * sizeof(T); }

 private:
  // One thread's tile, all (tile,·).
  struct Room {
    T *phi, *hidden, *slope, *w, *gradW;
  };

  Room room() const {
    thread_local Buffer<T> memory;
    memory.reset(std::int64_t{tile} * (K_ + 4 * F_));
    T* at = memory.data();
    const std::int64_t rows = std::int64_t{tile} * F_;
    T* hidden = at + std::int64_t{tile} * K_;
    return {at, hidden, hidden + rows, hidden + 2 * rows, hidden + 3 * rows};
  }

  // body(first edge, edges, piece, room) for tiles of consecutive edges of `rows` rows at a time;
  // `zero`, (atoms,F), is cleared first.
  template <class Body>
  void overTiles(std::int64_t rows, const Body& body, T* zero) {
    const std::int64_t atoms = static_cast<std::int64_t>(edges_.rowStart.size()) - 1;
    if (zero) std::fill(zero, zero + atoms * F_, T(0));
    parallelFor(atoms, rows, [&](std::int64_t begin, std::int64_t end, int) {
      Room r = room();
      const std::int64_t last = edges_.rowStart[end];
      for (std::int64_t e = edges_.rowStart[begin]; e < last; e += tile)
        body(e, static_cast<int>(std::min<std::int64_t>(tile, last - e)), begin / rows, r);
    });
  }

  void filters(const FilterNetwork<T>& net, const S* basis, int n, Room& room, bool slopes) const {
    for (int k = 0; k < n * K_; ++k) room.phi[k] = get(basis[k]);
    multiply(room.phi, K_, n, net.filter1.forward, net.filter1.biasOrNull(), room.hidden, F_);
    elementary::activate(c_.config.activation, room.hidden, slopes ? room.slope : nullptr,
                         std::int64_t{n} * F_);
    if constexpr (std::is_same_v<S, Half>) roundToHalf(room.hidden, std::int64_t{n} * F_);
    multiply(room.hidden, F_, n, net.filter2.forward, net.filter2.biasOrNull(), room.w, F_);
  }

  void addScaled(const T* __restrict w, T c, const T* __restrict from, T* __restrict to) const {
    for (int f = 0; f < F_; ++f) to[f] += c * w[f] * from[f];
  }

  // gradW = C·gradM_i ⊙ y_j; returns dE/dC.
  T filterGradient(const T* w, T c, const T* gradM, const T* y, T* gradW) const {
    VectorOf<T> sum{};
    for (int v = 0; v < F_ / lanes<T>; ++v) {
      const VectorOf<T> g = vectors(gradM)[v] * vectors(y)[v];
      sum += g * vectors(w)[v];
      vectors(gradW)[v] = g * c;
    }
    return total<T>(sum);
  }

  void networkReverse(const FilterNetwork<T>& net, S* gradBasis, int n, Room& room) const {
    const std::int64_t count = std::int64_t{n} * F_;
    if constexpr (std::is_same_v<S, Half>) roundToHalf(room.gradW, count);
    multiply<T>(room.gradW, F_, n, net.filter2.reverse, nullptr, room.hidden, F_);
    for (std::int64_t k = 0; k < count; ++k) room.hidden[k] *= room.slope[k];
    if constexpr (std::is_same_v<S, Half>) roundToHalf(room.hidden, count);
    multiply<T>(room.hidden, F_, n, net.filter1.reverse, nullptr, room.phi, K_);
    for (int k = 0; k < n * K_; ++k) put(gradBasis[k], get(gradBasis[k]) + room.phi[k]);
  }

  void sumSlabs(std::int64_t atoms, T* to) const {
    parallelFor(atoms, 32, [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t k = begin * F_; k < end * F_; ++k) {
        T sum = 0;
        for (std::int64_t s = 0; s < slabs; ++s) sum += slabSums_[s * atoms * F_ + k];
        to[k] = sum;
      }
    });
  }

  InteractionContext<T> c_;
  const EdgeList<T>& edges_;
  int K_, F_;
  Buffer<T> slabSums_;
};

}  // namespace mdlab
