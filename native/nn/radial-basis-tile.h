#pragma once
#include <cstdint>

#include "core/buffer.h"
#include "nn/elementary.h"
#include "nn/gemm.h"
#include "nn/radial-basis.h"

namespace mdlab {

// The basis in arithmetic that vectorises, over tiles of distances.
template <class T>
class RadialBasisTile {
 public:
  explicit RadialBasisTile(const RadialBasis& basis);
  int count() const { return count_; }
  int stride() const { return padded<T>(count_); }

  // Envelope C and C' (dC may be null), and the Gaussians' argument t(r) and t'(r) (dt may be null)
  // of n distances; computed in double, rounded once.
  void envelope(const double* r, std::int64_t n, T* c, T* dc) const;
  void argument(const double* r, std::int64_t n, T* t, T* dt) const;

  // One row: φ_k (and φ'_k unless null), `stride()` values, from an edge's c, dc, t, dt.
  void row(T c, T dc, T t, T dt, T* phi, T* dphi) const;

  // e^y for y <= 0, the Gaussians of the basis: 0 below e^-60 (float) or e^-600 (double), where it
  // adds nothing and products with it would be denormal, which is slow.
  static T gaussian(T y) {
    return y < (sizeof(T) == 4 ? T(-60) : T(-600)) ? T(0) : elementary::exp(y);
  }

  const T* centers() const { return centers_.data(); }  // (stride)
  const T* widths() const { return widths_.data(); }    // (stride)

 private:
  RadialBasis::Type type_;
  CosineCutoff cutoff_;
  double alpha_;
  int count_;
  Buffer<T> centers_, widths_;
};

}  // namespace mdlab
