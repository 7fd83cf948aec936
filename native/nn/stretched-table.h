#pragma once
// What the tables over a SplineGrid share: samples of their source, their errors, and the search
// for the coarsest grid that meets a tolerance.
#include <cmath>
#include <functional>
#include <span>
#include <vector>

#include "nn/hermite-table.h"
#include "nn/spline-grid.h"

namespace mdlab {

// The largest RMS errors of a function among several, relative to the RMS of its value and slope.
struct GridErrors {
  double value = 0, slope = 0;
  double worst() const { return value > slope ? value : slope; }
  double together() const { return std::sqrt(value * value + slope * slope); }
};

// Value and slope of one function at points, (n,C) each.
struct TableSamples {
  std::vector<double> value, slope;
  TableSamples(const TableSource& source, int function, const std::vector<double>& r, int channels)
      : value(r.size() * channels), slope(r.size() * channels) {
    source(function, r.data(), static_cast<int>(r.size()), value.data(), slope.data());
  }
};

// Where an interval is tried, as a fraction of it, and the part of the interval it stands for.
struct TableProbe {
  double u, weight;
};

// Integrals over distances of squared errors and squares, twice: for weights 1 and r².
struct TableSums {
  double value[2] = {}, slope[2] = {}, ownValue[2] = {}, ownSlope[2] = {};
  double maxValue = 0, maxSlope = 0, mostValue = 0, mostSlope = 0;
  GridErrors errors() const;  // of the two weights the larger
  void add(const TableSums& other);
};

// Value, and slope by t, of a channel as an evaluation reads them.
using TableReader =
    std::function<void(int interval, double u, int channel, double& value, double& slope)>;
TableSums measureTable(const SplineGrid& grid, std::span<const TableProbe> probes,
                       const TableReader& read, const TableSource& source, int function,
                       int channels);

GridErrors largest(std::span<const TableSums> functions);

// Tries grids by build(grid), which makes the tables of all functions and returns their errors; the
// last one built is the one returned. It is as coarse as the tolerance allows, as far as the third
// power of the spacing foretells. Where rounding or splineMostIntervals leave the tolerance out of
// reach, it is the coarsest whose two errors together are within 5 % of the least found: then the
// larger is within 10 % of its least, and finer grids take more memory for nothing. Together, since
// 16 bits end the value's error long before the slope's, which forces follow. Only a grid of more
// than `mostIntervals` gets these: so backends agree wherever there is room.
SplineGrid searchGrid(double lower, double upper, double tolerance, int mostIntervals,
                      const std::function<GridErrors(const SplineGrid&)>& build);

// Errors of all functions together.
TableErrors errorsOf(std::span<const TableSums> functions);

}  // namespace mdlab
