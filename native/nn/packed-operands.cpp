#include "nn/packed-operands.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "nn/half.h"

namespace mdlab {
namespace {

std::uint32_t bfloat(double x) {
  const std::uint32_t u = std::bit_cast<std::uint32_t>(static_cast<float>(x));
  return (u + 0x7fffu + (u >> 16 & 1u)) >> 16;
}
// To 10 bits of mantissa, ties away from zero, as cvt.rna.tf32 does.
std::uint32_t tf32(double x) {
  return (std::bit_cast<std::uint32_t>(static_cast<float>(x)) + 0x1000u) & ~0x1fffu;
}
std::uint32_t half(double x) { return toHalf(static_cast<float>(x)).bits; }
std::uint32_t halfRest(double x) { return half(x - fromHalf(toHalf(static_cast<float>(x)))); }
std::uint32_t byte(double x) {
  return static_cast<std::uint8_t>(static_cast<std::int8_t>(std::lround(x)));
}

// Largest magnitude after scaling: room for sums, and for the lower half to stay normal.
constexpr double channelTop = 1024;

std::vector<double> scales(std::span<const double> weight, int out, int in, int outPadded,
                           TileFormat format, bool perChannel) {
  std::vector<double> largest(outPadded, 0.0), scale(outPadded, 1.0);
  for (int o = 0; o < out; ++o)
    for (int k = 0; k < in; ++k)
      largest[o] = std::max(largest[o], std::abs(weight[static_cast<std::size_t>(o) * in + k]));
  if (!perChannel) largest.assign(outPadded, *std::max_element(largest.begin(), largest.end()));
  for (int o = 0; o < outPadded; ++o) {
    if (largest[o] == 0) continue;
    if (format == TileFormat::int8)
      scale[o] = largest[o] / 127;
    else if (perChannel)  // a power of two, so that scaling itself rounds nothing
      scale[o] = std::exp2(std::ceil(std::log2(largest[o] / channelTop)));
  }
  return scale;
}

}  // namespace

// Lane = 4g + q holds outputs 4(g/2) + 2t + g%2 of its 16 (t: first or second word pair) and, of
// depth, the values its own rows' operands hold: 4q ... 4q+3 of every 16.
PackedOperands packOperands(std::span<const double> weight, int out, int in, int outPadded,
                            int inPadded, TileFormat format, bool perChannel) {
  PackedOperands packed;
  packed.scale =
      scales(weight, out, in, outPadded, format, perChannel || format == TileFormat::split);
  const auto value = [&](int o, int k) {
    return o < out && k < in ? weight[static_cast<std::size_t>(o) * in + k] / packed.scale[o] : 0.0;
  };
  const int depth = format == TileFormat::int8 ? 32 : format == TileFormat::tf32 ? 8 : 16;
  const int parts = format == TileFormat::split ? 2 : 1;
  for (int first = 0; first < outPadded; first += 16)
    for (int step = 0; step < inPadded / depth; ++step)
      for (int part = 0; part < parts; ++part)
        for (int lane = 0; lane < 32; ++lane)
          for (int word = 0; word < 4; ++word) {
            const int g = lane / 4, q = lane % 4, t = word / 2, r = word % 2;
            const int o = first + 4 * (g / 2) + 2 * t + g % 2;
            std::uint32_t bits = 0;
            if (format == TileFormat::int8) {
              for (int e = 0; e < 4; ++e)
                bits |= byte(value(o, 32 * step + 16 * r + 4 * q + e)) << (8 * e);
            } else if (format == TileFormat::tf32) {
              bits = tf32(value(o, 16 * (step / 2) + 4 * q + 2 * (step % 2) + r));
            } else {
              const auto bits16 = format == TileFormat::bfloat16 ? bfloat : part ? halfRest : half;
              for (int e = 0; e < 2; ++e)
                bits |= bits16(value(o, 16 * step + 4 * q + 2 * r + e)) << (16 * e);
            }
            packed.words.push_back(bits);
          }
  return packed;
}

}  // namespace mdlab
