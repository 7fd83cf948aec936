#include "nn/stretched-table.h"

#include <algorithm>
#include <cmath>

namespace mdlab {
namespace {

constexpr double stretches[] = {0, 0.5, 1, 2, 3.5, 6};
constexpr int fewest = 32, trial = 192;

}  // namespace

double TableSums::worst() const {
  double most = 0;
  for (int w = 0; w < 2; ++w) {
    if (ownValue[w] > 0) most = std::max(most, value[w] / ownValue[w]);
    if (ownSlope[w] > 0) most = std::max(most, slope[w] / ownSlope[w]);
  }
  return std::sqrt(most);
}

void TableSums::add(const TableSums& other) {
  for (int w = 0; w < 2; ++w) {
    value[w] += other.value[w];
    slope[w] += other.slope[w];
    ownValue[w] += other.ownValue[w];
    ownSlope[w] += other.ownSlope[w];
  }
  maxValue = std::max(maxValue, other.maxValue);
  maxSlope = std::max(maxSlope, other.maxSlope);
  mostValue = std::max(mostValue, other.mostValue);
  mostSlope = std::max(mostSlope, other.mostSlope);
}

TableSums measureTable(const SplineGrid& grid, std::span<const TableProbe> probes,
                       const TableReader& read, const TableSource& source, int function,
                       int channels) {
  std::vector<double> r, width;
  for (int q = 0; q < grid.intervals; ++q)
    for (const TableProbe& p : probes) {
      r.push_back(splineDistance(grid, q + p.u));
      width.push_back(1 / splineDensity(grid, r.back()));
    }
  const TableSamples exact(source, function, r, channels);
  TableSums sums;
  for (std::size_t k = 0; k < r.size(); ++k) {
    const TableProbe& p = probes[k % probes.size()];
    const double weight[2] = {p.weight * width[k], p.weight * width[k] * r[k] * r[k]};
    for (int c = 0; c < channels; ++c) {
      double value, slope;
      read(static_cast<int>(k / probes.size()), p.u, c, value, slope);
      const double own = exact.value[k * channels + c], ownSlope = exact.slope[k * channels + c];
      const double e = value - own, es = slope / width[k] - ownSlope;
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

SplineGrid searchGrid(double lower, double upper, double tolerance, int mostIntervals,
                      const std::function<double(const SplineGrid&)>& build) {
  mostIntervals = std::clamp(mostIntervals, fewest, splineMostIntervals);
  SplineGrid best{lower, upper, 0, std::min(trial, mostIntervals)};
  double error = build(best);
  for (const double stretch : stretches) {
    if (stretch == 0) continue;
    const SplineGrid grid{lower, upper, stretch, best.intervals};
    const double e = build(grid);
    if (e >= error) break;  // one minimum
    error = e;
    best = grid;
  }
  // The slope's error falls with the third power of the spacing, until rounding is all that is
  // left.
  for (bool first = true;; first = false) {
    const int n = best.intervals;
    const double guess = std::clamp(n * std::cbrt(error / tolerance) * 1.01, n / 8.0, n * 6.0);
    const int next = static_cast<int>(std::ceil(guess / 8)) * 8;
    best.intervals = std::clamp(first ? next : std::max(next, n + 8), fewest, mostIntervals);
    const double before = error, expected = before * std::pow(double(n) / best.intervals, 3);
    error = build(best);
    if (error <= tolerance || best.intervals == mostIntervals) break;
    if (!first && before - error < 0.25 * (before - expected)) break;
  }
  return best;
}

TableErrors errorsOf(std::span<const TableSums> functions) {
  TableSums all;
  double worst = 0;
  for (const TableSums& s : functions) {
    all.add(s);
    worst = std::max(worst, s.worst());
  }
  const auto ratio = [](double a, double b) { return b > 0 ? a / b : 0.0; };
  return {std::sqrt(ratio(all.value[0], all.ownValue[0])),
          std::sqrt(ratio(all.slope[0], all.ownSlope[0])), ratio(all.maxValue, all.mostValue),
          ratio(all.maxSlope, all.mostSlope), worst};
}

}  // namespace mdlab
