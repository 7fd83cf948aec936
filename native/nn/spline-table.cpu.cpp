#include "nn/spline-table.h"

#include <algorithm>
#include <cmath>

#include "core/parallel.h"

namespace mdlab {
namespace {

constexpr double stretches[] = {0, 0.5, 1, 2, 3.5, 6};
constexpr int fewest = 32, trial = 192;
// Points between knots: the value errs most in the middle, the slope at (3 ± √3)/6.
constexpr double probes[3] = {0.21132486540518711775, 0.5, 0.78867513459481288225};

struct Samples {
  std::vector<double> value, slope;
  Samples(const TableSource& source, int function, const std::vector<double>& r, int channels)
      : value(r.size() * channels), slope(r.size() * channels) {
    source(function, r.data(), static_cast<int>(r.size()), value.data(), slope.data());
  }
};

// Coefficients of the interpolating spline, (intervals + 3, channels): the tridiagonal system
// T[k] + 4 T[k+1] + T[k+2] = 6 f_k closed by T[2] − T[0] = 2 f'_0 and its twin at the other end.
std::vector<float> interpolate(const SplineGrid& grid, const TableSource& source, int function,
                               int channels) {
  const int n = grid.intervals;
  std::vector<double> r(n + 1);
  for (int k = 0; k <= n; ++k) r[k] = splineDistance(grid, k);
  const Samples at(source, function, r, channels);
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

// Integrals over distances of squared errors and squares, twice: for weights 1 and r².
struct Sums {
  double value[2] = {}, slope[2] = {}, ownValue[2] = {}, ownSlope[2] = {};
  double maxValue = 0, maxSlope = 0, mostValue = 0, mostSlope = 0;
  // The larger of the relative errors.
  double worst() const {
    double most = 0;
    for (int w = 0; w < 2; ++w) {
      if (ownValue[w] > 0) most = std::max(most, value[w] / ownValue[w]);
      if (ownSlope[w] > 0) most = std::max(most, slope[w] / ownSlope[w]);
    }
    return std::sqrt(most);
  }
  void add(const Sums& s) {
    for (int w = 0; w < 2; ++w) {
      value[w] += s.value[w];
      slope[w] += s.slope[w];
      ownValue[w] += s.ownValue[w];
      ownSlope[w] += s.ownSlope[w];
    }
    maxValue = std::max(maxValue, s.maxValue);
    maxSlope = std::max(maxSlope, s.maxSlope);
    mostValue = std::max(mostValue, s.mostValue);
    mostSlope = std::max(mostSlope, s.mostSlope);
  }
};

// Reads a table in single precision, as an evaluation does, against its source.
Sums measure(const SplineGrid& grid, const std::vector<float>& table, const TableSource& source,
             int function, int channels) {
  std::vector<double> r, width;
  std::vector<float> fraction;
  for (int q = 0; q < grid.intervals; ++q)
    for (const double u : probes) {
      r.push_back(splineDistance(grid, q + u));
      width.push_back(1 / splineDensity(grid, r.back()));
      fraction.push_back(static_cast<float>(u));
    }
  const Samples exact(source, function, r, channels);
  Sums sums;
  for (std::size_t k = 0; k < r.size(); ++k) {
    const float u = fraction[k], v = 1 - u;
    const float b[4] = {v * v * v, 4 + u * u * (3 * u - 6), 4 + v * v * (3 * v - 6), u * u * u};
    const float d[4] = {-v * v, u * (3 * u - 4), -v * (3 * v - 4), u * u};
    const float* t = table.data() + k / 3 * channels;
    const double weight[2] = {width[k], width[k] * r[k] * r[k]};
    for (int c = 0; c < channels; ++c, ++t) {
      float value = 0, slope = 0;
      for (int p = 0; p < 4; ++p) {
        value += b[p] * t[p * channels];
        slope += d[p] * t[p * channels];
      }
      const double own = exact.value[k * channels + c], ownSlope = exact.slope[k * channels + c];
      const double e = value - own, es = 3.0 * slope / width[k] - ownSlope;
      for (int w = 0; w < 2; ++w) {
        sums.value[w] += weight[w] * e * e;
        sums.slope[w] += weight[w] * es * es;
        sums.ownValue[w] += weight[w] * own * own;
        sums.ownSlope[w] += weight[w] * ownSlope * ownSlope;
      }
      sums.maxValue = std::max(sums.maxValue, std::fabs(e));
      sums.maxSlope = std::max(sums.maxSlope, std::fabs(es));
      sums.mostValue = std::max(sums.mostValue, std::fabs(own));
      sums.mostSlope = std::max(sums.mostSlope, std::fabs(ownSlope));
    }
  }
  return sums;
}

}  // namespace

SplineTable::SplineTable(int functions, int channels, double lower, double upper, double tolerance,
                         int mostIntervals, const TableSource& source)
    : channels_(channels), coefficients_(functions) {
  mostIntervals = std::clamp(mostIntervals, fewest, splineMostIntervals);
  std::vector<Sums> sums(functions);
  // Builds on a grid; returns the largest relative error of any function.
  const auto build = [&](const SplineGrid& grid) {
    parallelFor(functions, 1, [&](std::int64_t f, std::int64_t, int) {
      const int function = static_cast<int>(f);
      coefficients_[f] = interpolate(grid, source, function, channels);
      sums[f] = measure(grid, coefficients_[f], source, function, channels);
    });
    double most = 0;
    for (const Sums& s : sums) most = std::max(most, s.worst());
    return most;
  };

  grid_ = {lower, upper, 0, std::min(trial, mostIntervals)};
  double error = build(grid_);
  for (const double stretch : stretches) {
    if (stretch == 0) continue;
    const SplineGrid grid{lower, upper, stretch, grid_.intervals};
    const double e = build(grid);
    if (e >= error) break;  // one minimum
    error = e;
    grid_ = grid;
  }
  // The slope's error falls with the third power of the spacing.
  int n = grid_.intervals;
  for (bool first = true; first || (error > tolerance && n < mostIntervals); first = false) {
    const double guess = std::clamp(n * std::cbrt(error / tolerance) * 1.01, n / 8.0, n * 6.0);
    const int next = static_cast<int>(std::ceil(guess / 8)) * 8;
    n = std::clamp(first ? next : std::max(next, n + 8), fewest, mostIntervals);
    grid_.intervals = n;
    error = build(grid_);
  }

  Sums all;
  for (const Sums& s : sums) all.add(s);
  const auto ratio = [](double a, double b) { return b > 0 ? a / b : 0.0; };
  errors_ = {std::sqrt(ratio(all.value[0], all.ownValue[0])),
             std::sqrt(ratio(all.slope[0], all.ownSlope[0])), ratio(all.maxValue, all.mostValue),
             ratio(all.maxSlope, all.mostSlope), error};
}

}  // namespace mdlab
