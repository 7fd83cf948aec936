#pragma once
#include <vector>

#include "nn/hermite-table.h"
#include "nn/packed-cubic.h"
#include "nn/spline-grid.h"

namespace mdlab {

// Functions R -> R^C of one distance as one cubic per interval of a (stretched) coordinate t, kept
// in 16 bits a coefficient (nn/packed-cubic.h) with a scale per function, channel and order: fixed
// digits as fine as the range allows, halves with 11 significant bits. A
// cubic takes the function's slopes at the three Gauss points of its interval and its mean there,
// which errs a third less than one through the ends. Neighbours meet to rounding only: value and
// slope jump by what the digits leave out.
class PackedTable {
 public:
  PackedTable() = default;
  // As SplineTable: `tolerance` bounds the error of value and slope, rounding included.
  PackedTable(PackedDigits digits, int functions, int channels, double lower, double upper,
              double tolerance, int mostIntervals, const TableSource& source);

  const SplineGrid& grid() const { return grid_; }
  const TableErrors& errors() const { return errors_; }
  int functions() const { return static_cast<int>(cubics_.size()); }
  int channels() const { return channels_; }
  // (intervals, channels).
  const std::vector<PackedCubic>& cubics(int function) const { return cubics_[function]; }
  // (channels, 4): what a unit of c0 … c3 is worth; of fixed digits times 2^23 and half a range it
  // is exact in single precision, of halves it is a power of two.
  const std::vector<float>& scales(int function) const { return scales_[function]; }
  // c0 … c3 of one cubic.
  void unpack(int function, int interval, int channel, double (&c)[4]) const;
  // The cubic whose c0 and c1 are zero, and with it value and slope in the middle.
  PackedCubic zero() const;

 private:
  void fit(const SplineGrid& grid, const TableSource& source, int function);

  PackedDigits digits_ = PackedDigits::fixed;
  int channels_ = 0;
  SplineGrid grid_{};
  TableErrors errors_;
  std::vector<std::vector<PackedCubic>> cubics_;
  std::vector<std::vector<float>> scales_;
};

}  // namespace mdlab
