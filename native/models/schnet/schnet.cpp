#include "models/schnet/schnet.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace mdlab {
namespace {

// Hands out consecutive pieces of the flat parameter array.
class Cursor {
 public:
  explicit Cursor(std::span<const double> flat) : flat_(flat) {}
  std::vector<double> take(std::size_t count) {
    if (at_ + count > flat_.size())
      invalid("schnet.parameters: too few, received " + std::to_string(flat_.size()));
    std::vector<double> piece(flat_.begin() + at_, flat_.begin() + at_ + count);
    at_ += count;
    return piece;
  }
  Linear linear(int in, int out, bool bias) {
    Linear layer{in, out, take(static_cast<std::size_t>(in) * out), {}, {}};
    if (bias) layer.bias = take(out);
    layer.columns.resize(layer.weight.size());
    for (int o = 0; o < out; ++o)
      for (int k = 0; k < in; ++k)
        layer.columns[static_cast<std::size_t>(k) * out + o] =
            layer.weight[static_cast<std::size_t>(o) * in + k];
    return layer;
  }
  void finish() const {
    if (at_ != flat_.size())
      invalid("schnet.parameters: must hold " + std::to_string(at_) + " numbers, received " +
              std::to_string(flat_.size()));
  }

 private:
  std::span<const double> flat_;
  std::size_t at_ = 0;
};

std::int32_t systemOf(const Batch& batch, std::int32_t atom) {
  const auto past = std::upper_bound(batch.offsets.begin(), batch.offsets.end(), atom);
  return static_cast<std::int32_t>(past - batch.offsets.begin()) - 1;
}

}  // namespace

SchnetParameters schnetParameters(const SchnetConfig& c, std::span<const double> flat) {
  Cursor cursor(flat);
  SchnetParameters p;
  p.embedding = cursor.take(static_cast<std::size_t>(c.types) * c.hidden);
  for (int l = 0; l < c.blocks; ++l) {
    SchnetBlock b;
    b.lin1 = cursor.linear(c.hidden, c.filters, false);
    b.lin2 = cursor.linear(c.filters, c.hidden, true);
    b.filter1 = cursor.linear(c.basis.count(), c.filters, true);
    b.filter2 = cursor.linear(c.filters, c.filters, false);
    b.lin = cursor.linear(c.hidden, c.hidden, true);
    p.blocks.push_back(std::move(b));
  }
  int width = c.hidden;
  for (const int next : c.head) {
    p.head.push_back(cursor.linear(width, next, true));
    width = next;
  }
  p.head.push_back(cursor.linear(width, 1, false));
  cursor.finish();
  return p;
}

void checkTypes(const Batch& batch, const SchnetConfig& config) {
  for (std::int32_t i = 0; i < batch.atoms(); ++i)
    if (batch.types[i] < 0 || batch.types[i] >= config.types) {
      const auto s = systemOf(batch, i);
      invalid("schnet: type of atom " + std::to_string(i - batch.offsets[s]) + " of system " +
              std::to_string(s) + " must be 0.." + std::to_string(config.types - 1) +
              " (the embedding's rows), received " + std::to_string(batch.types[i]) +
              "; give the structure the types that the model was trained with");
    }
}

void checkFinite(const Batch& batch, const Evaluation& out) {
  for (std::int32_t s = 0; s < batch.systems(); ++s) {
    bool finite = std::isfinite(out.energy[s]);
    if (!out.forces.empty())
      for (std::size_t k = 3 * std::size_t(batch.offsets[s]);
           k < 3 * std::size_t(batch.offsets[s + 1]); ++k)
        finite = finite && std::isfinite(out.forces[k]);
    if (!finite)
      numeric("schnet: energy and forces must be finite, those of system " + std::to_string(s) +
              " are not; check its geometry and the model's weights");
  }
}

void atomsCoincide(const Batch& batch, std::int32_t i, std::int32_t j) {
  const auto s = systemOf(batch, i);
  numeric("schnet: atoms " + std::to_string(i - batch.offsets[s]) + " and " +
          std::to_string(j - batch.offsets[s]) + " of system " + std::to_string(s) +
          " are at one place: no force is defined; move one of them");
}

}  // namespace mdlab
