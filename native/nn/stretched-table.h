#pragma once
// What the tables over a SplineGrid share: samples of their source, their errors, and the search
// for the coarsest grid that meets a tolerance.
#include <functional>
#include <span>
#include <vector>

#include "nn/hermite-table.h"
#include "nn/spline-grid.h"

namespace mdlab {

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
  double worst() const;  // the larger of the relative errors
  void add(const TableSums& other);
};

// Value, and slope by t, of a channel as an evaluation reads them.
using TableReader =
    std::function<void(int interval, double u, int channel, double& value, double& slope)>;
TableSums measureTable(const SplineGrid& grid, std::span<const TableProbe> probes,
                       const TableReader& read, const TableSource& source, int function,
                       int channels);

// Tries grids by build(grid), which makes the tables of all functions and returns their largest
// relative error, until one meets the tolerance; the last one built is the one returned. Ends
// without, where `mostIntervals` or rounding stops it.
SplineGrid searchGrid(double lower, double upper, double tolerance, int mostIntervals,
                      const std::function<double(const SplineGrid&)>& build);

// Errors of all functions together.
TableErrors errorsOf(std::span<const TableSums> functions);

}  // namespace mdlab
