#include "nn/stretched-table.h"

#include <algorithm>
#include <cmath>
#include <optional>

namespace mdlab {
namespace {

constexpr double stretches[] = {0, 0.5, 1, 2, 3.5, 6};
constexpr int fewest = 32, trial = 192;
constexpr double asGood = 1.05;  // times the least error

// Grids of one stretch that were built.
class Attempts {
 public:
  struct Attempt {
    int intervals;
    GridErrors errors;
  };
  Attempts(const SplineGrid& first, const GridErrors& errors,
           const std::function<GridErrors(const SplineGrid&)>& build)
      : grid_(first), build_(build), made_{{first.intervals, errors}} {}

  const Attempt& last() const { return made_.back(); }
  void make(int intervals) {
    grid_.intervals = intervals;
    made_.push_back({intervals, build_(grid_)});
  }
  // Ends with the coarsest that is as good as the best.
  void stepBack();

 private:
  bool good(const Attempt& a) const { return a.errors.together() <= allowed(); }
  double allowed() const;
  Attempt coarsest() const;  // of the good ones
  // The finest below this one, if any.
  std::optional<Attempt> below(int intervals) const;

  SplineGrid grid_;
  const std::function<GridErrors(const SplineGrid&)>& build_;
  std::vector<Attempt> made_;
};

double Attempts::allowed() const {
  double least = last().errors.together();
  for (const Attempt& a : made_) least = std::min(least, a.errors.together());
  return asGood * least;
}

Attempts::Attempt Attempts::coarsest() const {
  std::optional<Attempt> found;
  for (const Attempt& a : made_)
    if (good(a) && (!found || a.intervals < found->intervals)) found = a;
  return *found;
}

std::optional<Attempts::Attempt> Attempts::below(int intervals) const {
  std::optional<Attempt> found;
  for (const Attempt& a : made_)
    if (a.intervals < intervals && (!found || a.intervals > found->intervals)) found = a;
  return found;
}

// Intervals from which on an error is allowed that is too large with n0 and not with n1 of them:
// e² = a²/n⁶ + b², of spacing and of rounding, goes through both.
double intervalsFor(double allowed, double n0, double e0, double n1, double e1) {
  const double far = std::pow(n0, -6), near = std::pow(n1, -6);
  const double a2 = std::min((e0 * e0 - e1 * e1) / (far - near), e1 * e1 / near);
  const double b2 = e1 * e1 - a2 * near;
  return std::pow(a2 / (allowed * allowed - b2), 1. / 6);
}

void Attempts::stepBack() {
  // Where rounding grows with the intervals (a spline's slope is a difference): past its worst.
  if (!good(last()))
    for (int n = last().intervals / 16 * 8; n > made_.front().intervals; n = n / 16 * 8) {
      const double before = last().errors.together();
      make(n);
      if (last().errors.together() >= before) break;
    }
  // Down to a grid that is too coarse, then between it and the coarsest that is good.
  for (;;) {
    const Attempt fine = coarsest();
    const std::optional<Attempt> coarse = below(fine.intervals);
    const double next = coarse
                            ? intervalsFor(allowed(), coarse->intervals, coarse->errors.together(),
                                           fine.intervals, fine.errors.together())
                            : fine.intervals / 2.0;
    const int least = coarse ? coarse->intervals + 8 : fewest;
    const int intervals = std::max(static_cast<int>(std::ceil(next / 8)) * 8, least);
    if (intervals >= fine.intervals) break;
    make(intervals);
    if (coarse && good(last())) break;  // the guess held
  }
  if (const int n = coarsest().intervals; n != last().intervals) make(n);
}

}  // namespace

GridErrors TableSums::errors() const {
  double most = 0, mostOfSlope = 0;
  for (int w = 0; w < 2; ++w) {
    if (ownValue[w] > 0) most = std::max(most, value[w] / ownValue[w]);
    if (ownSlope[w] > 0) mostOfSlope = std::max(mostOfSlope, slope[w] / ownSlope[w]);
  }
  return {std::sqrt(most), std::sqrt(mostOfSlope)};
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
    const int interval = static_cast<int>(k / probes.size());
    const double *own = exact.value.data() + k * channels,
                 *ownSlope = exact.slope.data() + k * channels, perWidth = 1 / width[k];
    TableSums at;  // squares without a weight
    for (int c = 0; c < channels; ++c) {
      double value, slope;
      read(interval, p.u, c, value, slope);
      const double e = value - own[c], es = slope * perWidth - ownSlope[c];
      at.value[0] += e * e;
      at.slope[0] += es * es;
      at.ownValue[0] += own[c] * own[c];
      at.ownSlope[0] += ownSlope[c] * ownSlope[c];
      at.maxValue = std::max(at.maxValue, std::fabs(e));
      at.maxSlope = std::max(at.maxSlope, std::fabs(es));
      at.mostValue = std::max(at.mostValue, std::fabs(own[c]));
      at.mostSlope = std::max(at.mostSlope, std::fabs(ownSlope[c]));
    }
    const double weight = p.weight * width[k], byArea = weight * r[k] * r[k];
    for (double* sum : {at.value, at.slope, at.ownValue, at.ownSlope}) {
      sum[1] = sum[0] * byArea;
      sum[0] *= weight;
    }
    sums.add(at);
  }
  return sums;
}

GridErrors largest(std::span<const TableSums> functions) {
  GridErrors most;
  for (const TableSums& s : functions) {
    const GridErrors e = s.errors();
    most = {std::max(most.value, e.value), std::max(most.slope, e.slope)};
  }
  return most;
}

SplineGrid searchGrid(double lower, double upper, double tolerance, int mostIntervals,
                      const std::function<GridErrors(const SplineGrid&)>& build) {
  SplineGrid best{lower, upper, 0, trial};
  GridErrors errors = build(best);
  for (const double stretch : stretches) {
    if (stretch == 0) continue;
    const SplineGrid grid{lower, upper, stretch, best.intervals};
    const GridErrors e = build(grid);
    if (e.worst() >= errors.worst()) break;  // one minimum
    errors = e;
    best = grid;
  }
  Attempts attempts(best, errors, build);
  // The slope's error falls with the third power of the spacing, until rounding is all that is
  // left.
  for (bool first = true;; first = false) {
    const auto [n, before] = attempts.last();
    const double error = before.worst();
    const double guess = std::clamp(n * std::cbrt(error / tolerance) * 1.01, n / 8.0, n * 6.0);
    const int next = static_cast<int>(std::ceil(guess / 8)) * 8;
    const int intervals =
        std::clamp(first ? next : std::max(next, n + 8), fewest, splineMostIntervals);
    attempts.make(intervals);
    const double now = attempts.last().errors.worst();
    if (now <= tolerance) break;
    const double expected = error * std::pow(double(n) / intervals, 3);
    const bool rounding = !first && error - now < 0.25 * (error - expected);
    if (rounding || intervals == splineMostIntervals) {
      attempts.stepBack();
      break;
    }
  }
  if (attempts.last().intervals > mostIntervals) attempts.make(mostIntervals);
  best.intervals = attempts.last().intervals;
  return best;
}

TableErrors errorsOf(std::span<const TableSums> functions) {
  TableSums all;
  double worst = 0;
  for (const TableSums& s : functions) {
    all.add(s);
    worst = std::max(worst, s.errors().worst());
  }
  const auto ratio = [](double a, double b) { return b > 0 ? a / b : 0.0; };
  return {std::sqrt(ratio(all.value[0], all.ownValue[0])),
          std::sqrt(ratio(all.slope[0], all.ownSlope[0])), ratio(all.maxValue, all.mostValue),
          ratio(all.maxSlope, all.mostSlope), worst};
}

}  // namespace mdlab
