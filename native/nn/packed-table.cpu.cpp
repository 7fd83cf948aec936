#include "nn/packed-table.h"

#include <algorithm>
#include <cmath>

#include "core/parallel.h"
#include "nn/half.h"
#include "nn/stretched-table.h"

namespace mdlab {
namespace {

// Gauss's points of an interval: three to fit at, as t; four to measure at, as fractions.
constexpr double gauss = 0.38729833462074168852;
constexpr TableProbe probes[] = {{0.06943184420297371, 0.17392742256872693},
                                 {0.33000947820757187, 0.32607257743127307},
                                 {0.66999052179242813, 0.32607257743127307},
                                 {0.93056815579702629, 0.17392742256872693}};

constexpr unsigned middle(int order) { return 1u << (packedBits(order) - 1); }

// What a unit of a coefficient is worth, if the largest is `most`: few enough digits that its
// product with 2^23 + middle is exact.
float scaleForFixed(double most, int order) {
  if (!(most > 0)) return 0;
  // The bits that a coefficient above shares with the one below may move it by half their range.
  const int shared = order < 2 ? 0 : packedBits(order - 2) - 16;
  const double scale = most / (middle(order) - (1u << shared) - 1);
  const double digit = std::ldexp(1.0, std::ilogb(scale) - 11);
  return static_cast<float>(std::ceil(scale / digit) * digit);
}

// c / scale as a number of `bits` bits whose lowest `shared` are `below`.
unsigned quantise(double c, float scale, int order, int shared, unsigned below) {
  const double x = (scale > 0 ? c / scale : 0) + middle(order) - below;
  const double step = 1u << shared;
  const double most = std::ldexp(1.0, packedBits(order) - shared) - 1;
  return static_cast<unsigned>(std::clamp(std::nearbyint(x / step), 0.0, most));
}

unsigned packFixed(double low, double high, const float* scales, int order) {
  const int bits = packedBits(order), shared = bits - 16;
  const unsigned below = quantise(low, scales[order], order, 0, 0);
  return quantise(high, scales[order + 2], order + 2, shared, below >> 16) << bits | below;
}

double unpackedFixed(unsigned n, float scale, int order) {
  return (static_cast<double>(n) - middle(order)) * scale;
}

// The largest becomes 1 to 2, so that no channel's range is lost to binary16's few exponents.
float scaleForHalves(double most) {
  return most > 0 ? static_cast<float>(std::ldexp(1.0, std::ilogb(most))) : 0;
}

unsigned packHalves(double low, double high, const float* scales, int order) {
  const auto bits = [&](double c, float scale) -> unsigned {
    return scale > 0 ? toHalf(static_cast<float>(c / scale)).bits : 0;
  };
  return bits(high, scales[order + 2]) << 16 | bits(low, scales[order]);
}

double unpackedHalf(unsigned bits, float scale) {
  return static_cast<double>(fromHalf({static_cast<std::uint16_t>(bits)})) * scale;
}

// Word of c0 and c2 (order 0), or of c1 and c3 (1).
unsigned pack(PackedDigits digits, double low, double high, const float* scales, int order) {
  return digits == PackedDigits::half ? packHalves(low, high, scales, order)
                                      : packFixed(low, high, scales, order);
}

}  // namespace

PackedCubic PackedTable::zero() const {
  const float none[4] = {};
  return {pack(digits_, 0, 0, none, 0), pack(digits_, 0, 0, none, 1)};
}

void PackedTable::unpack(int function, int interval, int channel, double (&c)[4]) const {
  const PackedCubic& p = cubics_[function][std::size_t(interval) * channels_ + channel];
  const float* scale = scales_[function].data() + 4 * channel;
  if (digits_ == PackedDigits::half) {
    const unsigned bits[4] = {p.value, p.slope, p.value >> 16, p.slope >> 16};
    for (int k = 0; k < 4; ++k) c[k] = unpackedHalf(bits[k], scale[k]);
    return;
  }
  c[0] = unpackedFixed(p.value & ((1u << packedValueBits) - 1), scale[0], 0);
  c[1] = unpackedFixed(p.slope & ((1u << packedSlopeBits) - 1), scale[1], 1);
  c[2] = unpackedFixed(p.value >> 16, scale[2], 2);
  c[3] = unpackedFixed(p.slope >> 16, scale[3], 3);
}

void PackedTable::fit(const SplineGrid& grid, const TableSource& source, int function) {
  const double at[3] = {-gauss, 0, gauss}, weight[3] = {5. / 18, 8. / 18, 5. / 18};
  std::vector<double> r, width;
  for (int q = 0; q < grid.intervals; ++q)
    for (const double t : at) {
      r.push_back(splineDistance(grid, q + 0.5 + t));
      width.push_back(1 / splineDensity(grid, r.back()));
    }
  const TableSamples exact(source, function, r, channels_);
  std::vector<double> all(std::size_t(4) * grid.intervals * channels_), most(4 * channels_);
  for (int q = 0; q < grid.intervals; ++q)
    for (int c = 0; c < channels_; ++c) {
      double s[3], *p = all.data() + (std::size_t(q) * channels_ + c) * 4;
      for (int k = 0; k < 3; ++k)
        s[k] = exact.slope[(std::size_t(3) * q + k) * channels_ + c] * width[3 * q + k];
      p[1] = s[1];
      p[2] = (s[2] - s[0]) / (4 * gauss);
      p[3] = ((s[0] + s[2]) / 2 - s[1]) / (3 * gauss * gauss);
      for (int k = 0; k < 3; ++k)
        p[0] += weight[k] * (exact.value[(std::size_t(3) * q + k) * channels_ + c] -
                             at[k] * (p[1] + at[k] * (p[2] + at[k] * p[3])));
      for (int k = 0; k < 4; ++k) most[4 * c + k] = std::max(most[4 * c + k], std::fabs(p[k]));
    }
  auto& scales = scales_[function];
  auto& cubics = cubics_[function];
  scales.resize(most.size());
  for (std::size_t k = 0; k < most.size(); ++k)
    scales[k] = digits_ == PackedDigits::half ? scaleForHalves(most[k])
                                              : scaleForFixed(most[k], static_cast<int>(k % 4));
  cubics.resize(all.size() / 4);
  for (std::size_t k = 0; k < cubics.size(); ++k) {
    const float* scale = scales.data() + k % channels_ * 4;
    const double* p = all.data() + 4 * k;
    cubics[k] = {pack(digits_, p[0], p[2], scale, 0), pack(digits_, p[1], p[3], scale, 1)};
  }
}

PackedTable::PackedTable(PackedDigits digits, int functions, int channels, double lower,
                         double upper, double tolerance, int mostIntervals,
                         const TableSource& source)
    : digits_(digits), channels_(channels), cubics_(functions), scales_(functions) {
  std::vector<TableSums> sums(functions);
  grid_ = searchGrid(lower, upper, tolerance, mostIntervals, [&](const SplineGrid& grid) {
    parallelFor(functions, 1, [&](std::int64_t f, std::int64_t, int) {
      const int function = static_cast<int>(f);
      fit(grid, source, function);
      const auto read = [&](int interval, double u, int channel, double& value, double& slope) {
        double c[4];
        unpack(function, interval, channel, c);
        const double t = u - 0.5;
        value = c[0] + t * (c[1] + t * (c[2] + t * c[3]));
        slope = c[1] + t * (2 * c[2] + t * 3 * c[3]);
      };
      sums[f] = measureTable(grid, probes, read, source, function, channels_);
    });
    return largest(sums);
  });
  errors_ = errorsOf(sums);
}

}  // namespace mdlab
