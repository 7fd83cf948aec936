#include "models/schnet/node-matrix.h"

#include <algorithm>
#include <cmath>

#include "nn/half.h"

namespace mdlab {
namespace {

// The symmetric product a·a of a symmetric (n,n) matrix.
std::vector<double> squared(const std::vector<double>& a, int n) {
  std::vector<double> out(a.size(), 0.0);
  for (int i = 0; i < n; ++i)
    for (int k = 0; k < n; ++k) {
      const double f = a[std::size_t(i) * n + k];
      for (int j = 0; j < n; ++j) out[std::size_t(i) * n + j] += f * a[std::size_t(k) * n + j];
    }
  return out;
}

// half(out, in, lo) into the order of node-narrow.h's fragments.
template <class Value>
void packNarrow(int out, int in, const Value& half, std::vector<std::uint16_t>& words) {
  words.reserve(std::size_t(out) * in * 2);
  for (int group = 0; group < out / 32; ++group)
    for (int s = 0; s < in / 16; ++s)
      for (int r = 0; r < 2; ++r)
        for (const bool lo : {false, true})
          for (int lane = 0; lane < 32; ++lane)
            for (int k = 0; k < 8; ++k)
              // Fragment word k/2 is (row g | g+8, index 2t | 2t+8), two halves each.
              words.push_back(half(32 * group + 4 * (lane / 4) + 2 * r + k / 2 % 2,
                                   16 * s + 4 * (lane % 4) + k / 4 * 2 + k % 2, lo));
}

// Of 16 channels, in and out alike, a thread of node-wide.h has 2t, 2t + 1, 2t + 8, 2t + 9: let
// these be four consecutive ones.
int wideChannel(int k) { return k / 16 * 16 + k % 8 / 2 * 4 + k % 16 / 8 * 2 + k % 2; }

// The same into that of node-wide.h's pieces.
template <class Value>
void packWide(int out, int in, const Value& half, std::vector<std::uint16_t>& words) {
  words.reserve(std::size_t(out) * in * 2);
  for (int part = 0; part < in / 32; ++part)
    for (const bool lo : {false, true})
      for (int eight = 0; eight < 4; ++eight)
        for (int row = 0; row < out; ++row)
          for (int k = 0; k < 8; ++k)
            words.push_back(half(wideChannel(row), wideChannel(32 * part + 8 * eight + k), lo));
}

}  // namespace

double singularValueBound(const std::vector<double>& matrix, int rows, int columns) {
  double largest = 0;
  for (const double v : matrix) largest = std::max(largest, std::fabs(v));
  if (!(largest > 0)) return 0;
  std::vector<double> gram(std::size_t(columns) * columns, 0.0);
  for (int r = 0; r < rows; ++r)
    for (int i = 0; i < columns; ++i) {
      const double f = matrix[std::size_t(r) * columns + i] / largest;
      for (int j = 0; j < columns; ++j)
        gram[std::size_t(i) * columns + j] += f * matrix[std::size_t(r) * columns + j] / largest;
    }
  const auto fourth = squared(squared(gram, columns), columns);
  double sum = 0;
  for (const double v : fourth) sum += v * v;
  return largest * std::pow(sum, 1.0 / 16.0);
}

PackedNodeMatrix packNodeMatrix(const Linear& layer, bool transposed) {
  const auto& matrix = transposed ? layer.columns : layer.weight;
  const int out = transposed ? layer.in : layer.out, in = transposed ? layer.out : layer.in;
  PackedNodeMatrix packed;
  double largest = 0;
  for (const double v : matrix) largest = std::max(largest, std::fabs(v));
  // The largest weight near 2^7: far below a half's limit, and lo far above its smallest.
  const int exponent = largest > 0 ? 7 - std::ilogb(largest) : 0;
  packed.unscale = static_cast<float>(std::ldexp(1.0, -exponent));
  packed.norm = static_cast<float>(1.0001 * singularValueBound(matrix, out, in));
  const auto half = [&](int o, int i, bool lo) {
    const double w = o < out && i < in ? matrix[std::size_t(o) * in + i] : 0.0;
    const double scaled = std::ldexp(w, exponent);
    const Half hi = toHalf(static_cast<float>(scaled));
    return lo ? toHalf(static_cast<float>(scaled - fromHalf(hi))).bits : hi.bits;
  };
  packNarrow(featureStride(out), featureStride(in), half, packed.narrow);
  if (wideTakes(out) && wideTakes(in))
    packWide(featureStride(out), featureStride(in), half, packed.wide);
  if (!transposed && !layer.bias.empty()) {
    packed.bias.assign(featureStride(out), 0.f);
    double sum = 0;
    for (int o = 0; o < out; ++o) {
      packed.bias[o] = static_cast<float>(layer.bias[o]);
      sum += layer.bias[o] * layer.bias[o];
    }
    packed.biasNorm = static_cast<float>(1.0001 * std::sqrt(sum));
  }
  return packed;
}

}  // namespace mdlab
