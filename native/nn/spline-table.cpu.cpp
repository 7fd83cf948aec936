#include "nn/spline-table.h"

#include "core/parallel.h"
#include "nn/stretched-table.h"

namespace mdlab {
namespace {

// The value errs most in the middle, the slope at (3 ± √3)/6.
constexpr TableProbe probes[] = {
    {0.21132486540518711775, 1. / 3}, {0.5, 1. / 3}, {0.78867513459481288225, 1. / 3}};

// Coefficients of the interpolating spline, (intervals + 3, channels): the tridiagonal system
// T[k] + 4 T[k+1] + T[k+2] = 6 f_k closed by T[2] − T[0] = 2 f'_0 and its twin at the other end.
std::vector<float> interpolate(const SplineGrid& grid, const TableSource& source, int function,
                               int channels) {
  const int n = grid.intervals;
  std::vector<double> r(n + 1);
  for (int k = 0; k <= n; ++k) r[k] = splineDistance(grid, k);
  const TableSamples at(source, function, r, channels);
  std::vector<double> t(std::size_t(n + 3) * channels), ratio(n + 1);
  const auto row = [&](int k) { return t.data() + std::size_t(k) * channels; };
  const double* slope0 = at.slope.data();
  const double* slope1 = at.slope.data() + std::size_t(n) * channels;
  const double width0 = 1 / splineDensity(grid, r[0]), width1 = 1 / splineDensity(grid, r[n]);
  // Unknowns T[1] … T[n+1]; the ends eliminated: 4 T[1] + 2 T[2] = 6 f_0 + 2 f'_0.
  double pivot = 4;
  for (int k = 0; k <= n; ++k) {
    const double above = k == 0 ? 2 : 1, below = k == n ? 2 : 1;
    if (k > 0) pivot = 4 - below * ratio[k - 1];
    ratio[k] = above / pivot;
    for (int c = 0; c < channels; ++c) {
      double right = 6 * at.value[std::size_t(k) * channels + c];
      if (k == 0) right += 2 * slope0[c] * width0;
      if (k == n) right -= 2 * slope1[c] * width1;
      row(k + 1)[c] = (right - (k > 0 ? below * row(k)[c] : 0)) / pivot;
    }
  }
  for (int k = n; k-- > 0;)
    for (int c = 0; c < channels; ++c) row(k + 1)[c] -= ratio[k] * row(k + 2)[c];
  for (int c = 0; c < channels; ++c) {
    row(0)[c] = row(2)[c] - 2 * slope0[c] * width0;
    row(n + 2)[c] = row(n)[c] + 2 * slope1[c] * width1;
  }
  std::vector<float> out(t.size());
  for (std::size_t k = 0; k < t.size(); ++k) out[k] = static_cast<float>(t[k] / 6);
  return out;
}

// Reads a table in single precision, as an evaluation does, against its source.
TableSums measure(const SplineGrid& grid, const std::vector<float>& table,
                  const TableSource& source, int function, int channels) {
  const auto read = [&](int interval, double fraction, int channel, double& value, double& slope) {
    const auto u = static_cast<float>(fraction);
    const float v = 1 - u;
    const float b[4] = {v * v * v, 4 + u * u * (3 * u - 6), 4 + v * v * (3 * v - 6), u * u * u};
    const float d[4] = {-v * v, u * (3 * u - 4), -v * (3 * v - 4), u * u};
    const float* t = table.data() + std::size_t(interval) * channels + channel;
    float w = 0, dw = 0;
    for (int p = 0; p < 4; ++p) {
      w += b[p] * t[p * channels];
      dw += d[p] * t[p * channels];
    }
    value = w;
    slope = 3.0 * dw;
  };
  return measureTable(grid, probes, read, source, function, channels);
}

}  // namespace

SplineTable::SplineTable(int functions, int channels, double lower, double upper, double tolerance,
                         int mostIntervals, const TableSource& source)
    : channels_(channels), coefficients_(functions) {
  std::vector<TableSums> sums(functions);
  grid_ = searchGrid(lower, upper, tolerance, mostIntervals, [&](const SplineGrid& grid) {
    parallelFor(functions, 1, [&](std::int64_t f, std::int64_t, int) {
      const int function = static_cast<int>(f);
      coefficients_[f] = interpolate(grid, source, function, channels);
      sums[f] = measure(grid, coefficients_[f], source, function, channels);
    });
    return largest(sums);
  });
  errors_ = errorsOf(sums);
}

}  // namespace mdlab
