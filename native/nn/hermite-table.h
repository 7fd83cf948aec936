#pragma once
#include <cstdint>
#include <functional>
#include <vector>

#include "core/buffer.h"
#include "nn/gemm.h"
#include "nn/spline-grid.h"

namespace mdlab {

class PackedTable;

// Functions R -> R^C of one distance, replaced by cubic pieces that match value and slope at their
// ends, so that the derivative is continuous and the force is the exact gradient of the tabulated
// energy.
//
// The range [lower, upper) is cut into equal segments, each into its own number of equal intervals,
// doubled until the segment meets the tolerance: dense where a function bends, sparse where not.
// One grid serves all functions (the blocks of a network), so an edge looks its place up once.
// A grid of another table, stretched, stands in one segment.
class TableGrid {
 public:
  static constexpr int segments = 32;
  struct Place {
    std::int32_t interval;
    double u;         // 0..1 within the interval
    double perWidth;  // 1 / width of the interval: d/dr = perWidth · d/du
  };

  TableGrid() = default;
  TableGrid(double lower, double upper, const std::vector<int>& intervals);
  explicit TableGrid(const SplineGrid& stretched)
      : total_(stretched.intervals), stretched_(stretched) {}
  // lower <= r < upper.
  Place locate(double r) const {
    if (stretched_.intervals > 0) {
      const double t = splineCoordinate(stretched_, r);
      int k = static_cast<int>(t);
      k = k < 0 ? 0 : k >= total_ ? total_ - 1 : k;
      return {k, t - k, splineDensity(stretched_, r)};
    }
    const double x = (r - lower_) * perSegment_;
    int s = static_cast<int>(x);
    s = s < 0 ? 0 : s >= segments ? segments - 1 : s;
    const double f = (x - s) * count_[s];
    int k = static_cast<int>(f);
    k = k < 0 ? 0 : k >= count_[s] ? count_[s] - 1 : k;
    return {first_[s] + k, f - k, perSegment_ * count_[s]};
  }
  std::int32_t intervals() const { return total_; }
  double start(int segment, int interval, int count) const {
    return lower_ + (segment + static_cast<double>(interval) / count) / perSegment_;
  }
  int count(int segment) const { return count_[segment]; }
  int first(int segment) const { return first_[segment]; }

 private:
  double lower_ = 0, perSegment_ = 0;
  std::int32_t total_ = 0;
  std::int32_t first_[segments] = {}, count_[segments] = {};
  SplineGrid stretched_{};
};

// Writes value and slope of function `index` at n distances, (n,C) each.
using TableSource =
    std::function<void(int index, const double* r, int n, double* value, double* slope)>;

// RMS and largest errors over all functions, channels and a set of points between the knots,
// relative to the RMS and largest value (slope).
struct TableErrors {
  double value = 0, slope = 0, maxValue = 0, maxSlope = 0;
  double worst = 0;  // the largest RMS error, of value or slope, of one function: what is bounded
};

template <class T>
class HermiteTable {
 public:
  HermiteTable() = default;
  // Tabulates `functions` functions of `channels` channels; `tolerance` bounds the RMS error of
  // value and slope relative to their RMS, per function. Where rounding or 4096 intervals per
  // segment leave it out of reach, the grid is no finer than it helps and errors() says what was
  // reached.
  HermiteTable(int functions, int channels, double lower, double upper, double tolerance,
               const TableSource& source);
  // The cubics of a table in 16 bits, as they are after rounding.
  explicit HermiteTable(const PackedTable& packed);

  const TableGrid& grid() const { return grid_; }
  const TableErrors& errors() const { return errors_; }
  double bytes() const;

  // Vectors of channels kept together: see coefficients().
  static constexpr int chunk = 4;
  // First vector of the chunk that vector v belongs to: whole chunks, then single vectors.
  static int chunkStart(int v, int vectors) {
    return v < vectors / chunk * chunk ? v / chunk * chunk : v;
  }
  static int chunkVectors(int start, int vectors) { return start + chunk <= vectors ? chunk : 1; }

  // Coefficients of the chunk of channels that starts at vector v, all intervals in a row, so that
  // the part of the table a pass over the pairs reads fits a core's own cache. Per interval and per
  // vector of the chunk: c0 c1 c2 c3, a vector each;
  // W = c0 + u(c1 + u(c2 + u c3)), dW/du = c1 + u(2 c2 + 3u c3). Keeping c1 … c3, not differences
  // of neighbouring values, keeps the slope's digits in single precision.
  const T* coefficients(int function, int v) const {
    return coefficients_[function].data() + std::int64_t{v} * lanes<T> * 4 * grid_.intervals();
  }
  // c0 of one channel; the other coefficients follow a vector apart.
  const T* coefficient(int function, std::int32_t interval, int channel) const {
    const int v = channel / lanes<T>, start = chunkStart(v, stride_ / lanes<T>);
    const int together = chunkVectors(start, stride_ / lanes<T>);
    return coefficients(function, start) +
           (std::int64_t{interval} * together + (v - start)) * 4 * lanes<T> + channel % lanes<T>;
  }

 private:
  void refine(const TableSource& source, double tolerance);
  void fill(const TableSource& source);
  void measure(const TableSource& source);
  void setCubic(int function, std::int32_t interval, int channel, const double (&c)[4]);

  int channels_ = 0, stride_ = 0;
  double lower_ = 0, upper_ = 0;
  TableGrid grid_;
  TableErrors errors_;
  std::vector<Buffer<T>> coefficients_;  // per function: (chunks, intervals, vectors, 4, lanes)
};

}  // namespace mdlab
