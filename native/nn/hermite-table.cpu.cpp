#include "nn/hermite-table.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/parallel.h"
#include "nn/packed-table.h"

namespace mdlab {
namespace {

constexpr int mostIntervals = 4096;
// Where a cubic Hermite piece errs most: value in the middle, slope at (3 ± √3)/6.
constexpr double probes[3] = {0.21132486540518711775, 0.5, 0.78867513459481288225};

// Samples of one function at points, (n,C).
struct Samples {
  std::vector<double> value, slope;
  Samples(const TableSource& source, int function, const std::vector<double>& r, int channels)
      : value(r.size() * channels), slope(r.size() * channels) {
    source(function, r.data(), static_cast<int>(r.size()), value.data(), slope.data());
  }
};

struct Cubic {
  double c[4];
  Cubic(double v0, double s0, double v1, double s1, double width)
      : c{v0, width * s0, 3 * (v1 - v0) - width * (2 * s0 + s1),
          2 * (v0 - v1) + width * (s0 + s1)} {}
  double value(double u) const { return c[0] + u * (c[1] + u * (c[2] + u * c[3])); }
  double slope(double u) const { return c[1] + u * (2 * c[2] + u * 3 * c[3]); }
};

std::vector<double> knots(double from, double to, int count) {
  std::vector<double> r(count + 1);
  for (int k = 0; k <= count; ++k) r[k] = from + (to - from) * k / count;
  return r;
}

std::vector<double> between(const std::vector<double>& r) {
  std::vector<double> p;
  for (std::size_t k = 0; k + 1 < r.size(); ++k)
    for (const double u : probes) p.push_back(r[k] + u * (r[k + 1] - r[k]));
  return p;
}

double meanSquare(const std::vector<double>& v) {
  double sum = 0;
  for (const double x : v) sum += x * x;
  return sum / static_cast<double>(v.size());
}

// Mean square errors of value and slope of one function on one segment cut into `count` pieces.
std::pair<double, double> segmentErrors(const TableSource& source, int function, double from,
                                        double to, int count, int channels) {
  const auto r = knots(from, to, count);
  const Samples at(source, function, r, channels), mid(source, function, between(r), channels);
  const double width = (to - from) / count;
  double value = 0, slope = 0;
  for (int k = 0; k < count; ++k)
    for (int c = 0; c < channels; ++c) {
      const std::size_t a = std::size_t(k) * channels + c, b = a + channels;
      const Cubic cubic(at.value[a], at.slope[a], at.value[b], at.slope[b], width);
      for (int p = 0; p < 3; ++p) {
        const std::size_t m = (std::size_t(3 * k) + p) * channels + c;
        value += std::pow(cubic.value(probes[p]) - mid.value[m], 2);
        slope += std::pow(cubic.slope(probes[p]) / width - mid.slope[m], 2);
      }
    }
  const double n = 3.0 * count * channels;
  return {value / n, slope / n};
}

}  // namespace

TableGrid::TableGrid(double lower, double upper, const std::vector<int>& intervals)
    : lower_(lower), perSegment_(segments / (upper - lower)) {
  for (int s = 0; s < segments; ++s) {
    first_[s] = total_;
    count_[s] = intervals[s];
    total_ += intervals[s];
  }
}

template <class T>
HermiteTable<T>::HermiteTable(int functions, int channels, double lower, double upper,
                              double tolerance, const TableSource& source)
    : channels_(channels),
      stride_(padded<T>(channels)),
      lower_(lower),
      upper_(upper),
      coefficients_(functions) {
  refine(source, tolerance);
  fill(source);
  measure(source);
}

template <class T>
HermiteTable<T>::HermiteTable(const PackedTable& packed)
    : channels_(packed.channels()),
      stride_(padded<T>(channels_)),
      grid_(packed.grid()),
      errors_(packed.errors()),
      coefficients_(packed.functions()) {
  for (int f = 0; f < packed.functions(); ++f) {
    coefficients_[f].reset(std::size_t(grid_.intervals()) * 4 * stride_);
    coefficients_[f].fill(0);
    for (int q = 0; q < grid_.intervals(); ++q)
      for (int c = 0; c < channels_; ++c) {
        double m[4];
        packed.unpack(f, q, c, m);
        // About the interval's start in place of its middle.
        const double start[4] = {m[0] - m[1] / 2 + m[2] / 4 - m[3] / 8, m[1] - m[2] + 0.75 * m[3],
                                 m[2] - 1.5 * m[3], m[3]};
        setCubic(f, q, c, start);
      }
  }
}

template <class T>
void HermiteTable<T>::setCubic(int function, std::int32_t interval, int channel,
                               const double (&c)[4]) {
  T* vector = const_cast<T*>(coefficient(function, interval, channel));
  for (int q = 0; q < 4; ++q) vector[q * lanes<T>] = static_cast<T>(c[q]);
}

template <class T>
double HermiteTable<T>::bytes() const {
  return static_cast<double>(sizeof(T)) * 4 * stride_ * grid_.intervals() * coefficients_.size();
}

template <class T>
void HermiteTable<T>::refine(const TableSource& source, double tolerance) {
  const int functions = static_cast<int>(coefficients_.size());
  std::vector<double> valueScale(functions), slopeScale(functions);
  const auto overview = knots(lower_, upper_, 512);
  parallelFor(functions, 1, [&](std::int64_t f, std::int64_t, int) {
    const Samples s(source, static_cast<int>(f), overview, channels_);
    valueScale[f] = meanSquare(s.value);
    slopeScale[f] = meanSquare(s.slope);
  });
  std::vector<int> counts(TableGrid::segments, 4);
  const double width = (upper_ - lower_) / TableGrid::segments;
  // Rounding leaves 0.3 ε: this adds less than 10 % to it, and finer grids are hardly better.
  const double within = std::max<double>(tolerance, std::numeric_limits<T>::epsilon() / 4);
  const double allowed = within * within;
  parallelFor(TableGrid::segments, 1, [&](std::int64_t s, std::int64_t, int) {
    const double from = lower_ + s * width;
    for (int f = 0; f < functions; ++f)
      while (counts[s] < mostIntervals) {
        const auto [value, slope] =
            segmentErrors(source, f, from, from + width, counts[s], channels_);
        if (value <= allowed * valueScale[f] && slope <= allowed * slopeScale[f]) break;
        counts[s] *= 2;
      }
  });
  grid_ = TableGrid(lower_, upper_, counts);
}

template <class T>
void HermiteTable<T>::fill(const TableSource& source) {
  const double width = (upper_ - lower_) / TableGrid::segments;
  for (std::size_t f = 0; f < coefficients_.size(); ++f) {
    Buffer<T>& to = coefficients_[f];
    to.reset(std::size_t(grid_.intervals()) * 4 * stride_);
    to.fill(0);
    parallelFor(TableGrid::segments, 1, [&](std::int64_t s, std::int64_t, int) {
      const int count = grid_.count(static_cast<int>(s));
      const double from = lower_ + s * width;
      const Samples at(source, static_cast<int>(f), knots(from, from + width, count), channels_);
      for (int k = 0; k < count; ++k)
        for (int c = 0; c < channels_; ++c) {
          const std::size_t a = std::size_t(k) * channels_ + c, b = a + channels_;
          const Cubic cubic(at.value[a], at.slope[a], at.value[b], at.slope[b], width / count);
          setCubic(static_cast<int>(f), grid_.first(static_cast<int>(s)) + k, c, cubic.c);
        }
    });
  }
}

// Reads the finished table as an evaluation does, in T, against the source.
template <class T>
void HermiteTable<T>::measure(const TableSource& source) {
  struct Sums {
    double value = 0, slope = 0, ownValue = 0, ownSlope = 0;
    double maxValue = 0, maxSlope = 0, mostValue = 0, mostSlope = 0;
  };
  const int functions = static_cast<int>(coefficients_.size());
  std::vector<Sums> parts(std::size_t(functions) * TableGrid::segments);
  const double width = (upper_ - lower_) / TableGrid::segments;
  parallelFor(static_cast<std::int64_t>(parts.size()), 1, [&](std::int64_t p, std::int64_t, int) {
    const int f = static_cast<int>(p) / TableGrid::segments;
    const double from = lower_ + static_cast<double>(p % TableGrid::segments) * width;
    const auto r = between(knots(from, from + width, grid_.count(p % TableGrid::segments)));
    const Samples exact(source, f, r, channels_);
    Sums sums;
    for (std::size_t k = 0; k < r.size(); ++k) {
      const auto place = grid_.locate(r[k]);
      const T u = static_cast<T>(place.u);
      for (int c = 0; c < channels_; ++c) {
        const T* q = coefficient(f, place.interval, c);
        constexpr int L = lanes<T>;
        const double value = q[0] + u * (q[L] + u * (q[2 * L] + u * q[3 * L]));
        const double slope = place.perWidth * (q[L] + u * (2 * q[2 * L] + 3 * u * q[3 * L]));
        const double v = exact.value[k * channels_ + c], s = exact.slope[k * channels_ + c];
        sums.value += (value - v) * (value - v);
        sums.slope += (slope - s) * (slope - s);
        sums.ownValue += v * v;
        sums.ownSlope += s * s;
        sums.maxValue = std::max(sums.maxValue, std::fabs(value - v));
        sums.maxSlope = std::max(sums.maxSlope, std::fabs(slope - s));
        sums.mostValue = std::max(sums.mostValue, std::fabs(v));
        sums.mostSlope = std::max(sums.mostSlope, std::fabs(s));
      }
    }
    // Segments weigh by length, not by their number of points.
    for (double* s : {&sums.value, &sums.slope, &sums.ownValue, &sums.ownSlope})
      *s /= static_cast<double>(r.size());
    parts[p] = sums;
  });
  const auto ratio = [](double a, double b) { return b > 0 ? a / b : 0.0; };
  Sums all, own;
  double worst = 0;
  for (std::size_t p = 0; p < parts.size(); ++p) {
    const Sums& s = parts[p];
    if (p % TableGrid::segments == 0) own = {};
    own.value += s.value;
    own.slope += s.slope;
    own.ownValue += s.ownValue;
    own.ownSlope += s.ownSlope;
    if ((p + 1) % TableGrid::segments == 0)
      worst = std::max({worst, ratio(own.value, own.ownValue), ratio(own.slope, own.ownSlope)});
    all.value += s.value;
    all.slope += s.slope;
    all.ownValue += s.ownValue;
    all.ownSlope += s.ownSlope;
    all.maxValue = std::max(all.maxValue, s.maxValue);
    all.maxSlope = std::max(all.maxSlope, s.maxSlope);
    all.mostValue = std::max(all.mostValue, s.mostValue);
    all.mostSlope = std::max(all.mostSlope, s.mostSlope);
  }
  errors_ = {std::sqrt(ratio(all.value, all.ownValue)), std::sqrt(ratio(all.slope, all.ownSlope)),
             ratio(all.maxValue, all.mostValue), ratio(all.maxSlope, all.mostSlope),
             std::sqrt(worst)};
}

template class HermiteTable<float>;
template class HermiteTable<double>;

}  // namespace mdlab
