#include "models/schnet/flash-filters.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "models/schnet/interaction-on-device.h"

namespace mdlab {
namespace {

// Distances at which static scales are read off: many to each basis function's width.
constexpr int scanPoints = 2048;

double scanned(const RadialBasis& basis, int k) {
  return basis.cutoff.lower + (basis.cutoff.upper - basis.cutoff.lower) * (k + 0.5) / scanPoints;
}

// What filter1's results are multiplied by before the activation (ActivateOf<>::unit in flash.cu).
double exponentUnit(Activation a, TileFormat format) {
  if (a != Activation::tanh) return std::numbers::log2e;
  return format == TileFormat::split ? 2.0 * std::numbers::log2e : 1.0;
}

TileFormat tileFormat(const SchnetOptions& options) {
  switch (operandsOf(options)) {
    case SchnetOperands::float32:
      return TileFormat::split;
    case SchnetOperands::tf32:
      return TileFormat::tf32;
    case SchnetOperands::bfloat16:
      return TileFormat::bfloat16;
    case SchnetOperands::float16:
    case SchnetOperands::float16Channel:
      return TileFormat::half16;
    case SchnetOperands::int8:
    case SchnetOperands::int8Channel:
      return TileFormat::int8;
  }
  return TileFormat::split;
}

}  // namespace

FlashFilters::FlashFilters(const SchnetConfig& config, const SchnetParameters& parameters,
                           const SchnetOptions& options)
    : K_((config.basis.count() + 31) / 32 * 32),
      F_(featureStride(config.filters)),
      format_(tileFormat(options)) {
  makeBasis(config.basis);
  const SchnetOperands operands = operandsOf(options);
  const bool perChannel =
      operands == SchnetOperands::float16Channel || operands == SchnetOperands::int8Channel;
  for (const SchnetBlock& block : parameters.blocks) addBlock(config, block, perChannel);
}

void FlashFilters::makeBasis(const RadialBasis& basis) {
  const CosineCutoff& cutoff = basis.cutoff;
  basis_.expNormal = basis.type == RadialBasis::Type::expNormal;
  basis_.alpha = static_cast<float>(basis.alpha());
  basis_.lower = static_cast<float>(cutoff.lower);
  basis_.upper = static_cast<float>(cutoff.upper);
  basis_.slope = static_cast<float>(0.5 * cutoff.frequency() / std::numbers::pi);
  basis_.start =
      static_cast<float>(0.5 * cutoff.phase() / std::numbers::pi - (cutoff.lower > 0 ? 1.0 : 0.0));
  basis_.slopeOfR = static_cast<float>(-cutoff.frequency());
  basis_.factor = format_ == TileFormat::int8 ? 127.f : 1.f;
  double steepest = 0;
  for (int n = 0; n < scanPoints; ++n)
    for (int k = 0; k < basis.count(); ++k)
      steepest = std::max(steepest, std::abs(basis.derivative(k, scanned(basis, n))));
  // A little less than 1, so that a slope between the points does not round past the top.
  basis_.tangentLength = static_cast<float>(steepest > 0 ? 0.99 / steepest : 1.0);
  std::vector<float> centers(K_, 0.f), widths(K_, 0.f);
  for (int k = 0; k < basis.count(); ++k) {
    centers[k] = static_cast<float>(basis.centers[k]);
    widths[k] = static_cast<float>(basis.widths[k] * std::numbers::log2e);
  }
  floats_ = centers;
  floats_.insert(floats_.end(), widths.begin(), widths.end());
}

FlashFilters::Scales FlashFilters::scalesOf(const SchnetConfig& config,
                                            const SchnetBlock& block) const {
  if (format_ != TileFormat::int8) return {1, 1};
  const RadialBasis& basis = config.basis;
  double hidden = 0, slope = 0;
  for (int n = 0; n < scanPoints; ++n) {
    const double r = scanned(basis, n);
    for (int f = 0; f < config.filters; ++f) {
      double x = block.filter1.bias[f], dx = 0;
      for (int k = 0; k < basis.count(); ++k) {
        const double w = block.filter1.weight[std::size_t(f) * basis.count() + k];
        x += w * basis.value(k, r);
        dx += w * basis.derivative(k, r);
      }
      hidden = std::max(hidden, std::abs(activate(config.activation, x)));
      slope = std::max(slope, std::abs(activateDerivative(config.activation, x) * dx));
    }
  }
  slope *= basis_.tangentLength;
  return {hidden > 0 ? 126 / hidden : 1, slope > 0 ? 126 / slope : 1};
}

void FlashFilters::addBlock(const SchnetConfig& config, const SchnetBlock& block, bool perChannel) {
  const Linear &one = block.filter1, &two = block.filter2;
  const PackedOperands first =
                           packOperands(one.weight, one.out, one.in, F_, K_, format_, perChannel),
                       second =
                           packOperands(two.weight, two.out, two.in, F_, F_, format_, perChannel);
  const Scales scales = scalesOf(config, block);
  const double unit = exponentUnit(config.activation, format_);
  wordAt_.push_back(words_.size());
  words_.insert(words_.end(), first.words.begin(), first.words.end());
  words_.insert(words_.end(), second.words.begin(), second.words.end());
  floatAt_.push_back(floats_.size());
  for (int f = 0; f < F_; ++f)
    floats_.push_back(static_cast<float>(first.scale[f] * unit / basis_.factor));
  for (int f = 0; f < F_; ++f)
    floats_.push_back(f < one.out ? static_cast<float>(one.bias[f] * unit) : 0.f);
  for (int f = 0; f < F_; ++f)
    floats_.push_back(static_cast<float>(second.scale[f] / scales.hidden));
  FlashNetwork n{};
  n.hiddenFactor = static_cast<float>(scales.hidden);
  n.slopeFactor = static_cast<float>(scales.slope);
  n.slopeUnit = static_cast<float>(scales.hidden / scales.slope / basis_.tangentLength);
  networks_.push_back(n);
}

std::size_t FlashFilters::weightBytes() const {
  return words_.size() * sizeof(std::uint32_t) / networks_.size();
}

double FlashFilters::bytes() const {
  return static_cast<double>(words_.size() * sizeof(std::uint32_t) +
                             floats_.size() * sizeof(float));
}

void FlashFilters::upload(cuda::Stream& stream) {
  if (deviceFloats_.size()) return;
  deviceWords_.upload(stream, words_);
  deviceFloats_.upload(stream, floats_);
  basis_.centers = deviceFloats_.data();
  basis_.widths = basis_.centers + K_;
  for (std::size_t l = 0; l < networks_.size(); ++l) {
    FlashNetwork& n = networks_[l];
    n.words1 = deviceWords_.data() + wordAt_[l];
    n.words2 = n.words1 + weightBytes() / sizeof(std::uint32_t) * K_ / (K_ + F_);
    n.scale1 = deviceFloats_.data() + floatAt_[l];
    n.bias1 = n.scale1 + F_;
    n.scale2 = n.bias1 + F_;
  }
}

}  // namespace mdlab
