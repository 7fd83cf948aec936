#pragma once
#include <vector>

#include "nn/hermite-table.h"
#include "nn/spline-grid.h"

namespace mdlab {

// Functions R -> R^C of one distance as uniform cubic B-splines of a (stretched) coordinate t:
//   W_c(t) = Σ_{k=0..3} b_k(u) T[q+k][c],   q = ⌊t⌋, u = t − q,
//   6b = (v³, 4 + u²(3u − 6), 4 + v²(3v − 6), u³), v = 1 − u,
// interpolating value at every knot and slope at both ends (de Boor, A Practical Guide to Splines,
// ch. IV). Twice continuously differentiable, so forces are the exact gradient of the tabulated
// energy, and smooth; one number per knot and channel, half of what value and slope take; the
// weights are those of the distance and serve all channels. Made for the GPU, where the table
// lives in shared memory.
class SplineTable {
 public:
  SplineTable() = default;
  // `tolerance` bounds the RMS error of value and slope relative to their RMS, per function, both
  // for distances uniform in [lower, upper) and for distances as dense as r² (those of a bulk).
  // Where rounding or `mostIntervals` (at most splineMostIntervals) leave it out of reach, the grid
  // is no finer than it helps (searchGrid) and errors() says what was reached.
  SplineTable(int functions, int channels, double lower, double upper, double tolerance,
              int mostIntervals, const TableSource& source);

  const SplineGrid& grid() const { return grid_; }
  const TableErrors& errors() const { return errors_; }
  // (intervals + 3, channels): T/6, so that the weights are whole: W = Σ (6 b_k) (T/6).
  const std::vector<float>& coefficients(int function) const { return coefficients_[function]; }

 private:
  int channels_ = 0;
  SplineGrid grid_{};
  TableErrors errors_;
  std::vector<std::vector<float>> coefficients_;
};

}  // namespace mdlab
