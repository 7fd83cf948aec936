#include "models/schnet/node-matrix.h"

#include <algorithm>
#include <cmath>

#include "models/schnet/interaction-on-device.h"
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
  const int groups = featureStride(out) / 32, steps = featureStride(in) / 16;
  PackedNodeMatrix packed;
  double largest = 0;
  for (const double v : matrix) largest = std::max(largest, std::fabs(v));
  // The largest weight near 2^7: far below a half's limit, and lo far above its smallest.
  const int exponent = largest > 0 ? 7 - std::ilogb(largest) : 0;
  packed.unscale = static_cast<float>(std::ldexp(1.0, -exponent));
  packed.norm = static_cast<float>(1.0001 * singularValueBound(matrix, out, in));
  packed.words.resize(std::size_t(groups) * steps * 2 * 2 * 32 * 8);
  std::uint16_t* word = packed.words.data();
  for (int group = 0; group < groups; ++group)
    for (int s = 0; s < steps; ++s)
      for (int r = 0; r < 2; ++r)
        for (int part = 0; part < 2; ++part)
          for (int lane = 0; lane < 32; ++lane)
            for (int k = 0; k < 8; ++k) {
              // Fragment word k/2 is (row g | g+8, index 2t | 2t+8), two halves each.
              const int o = 32 * group + 4 * (lane / 4) + 2 * r + k / 2 % 2;
              const int i = 16 * s + 4 * (lane % 4) + k / 4 * 2 + k % 2;
              const double w = o < out && i < in ? matrix[std::size_t(o) * in + i] : 0.0;
              const double scaled = std::ldexp(w, exponent);
              const Half hi = toHalf(static_cast<float>(scaled));
              *word++ =
                  part == 0 ? hi.bits : toHalf(static_cast<float>(scaled - fromHalf(hi))).bits;
            }
  if (!transposed && !layer.bias.empty()) {
    packed.bias.assign(32 * std::size_t(groups), 0.f);
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
