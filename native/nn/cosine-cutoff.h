#pragma once
#include <cmath>
#include <numbers>

namespace mdlab {

// The cosine envelope C(r): ½(cos(πr/upper)+1) for lower = 0, else
// ½(cos(π(2(r−lower)/(upper−lower)+1))+1), which rises from 0 at `lower` to 1 midway and falls to 0
// at `upper`; 0 outside (lower, upper). Lengths in the model's unit.
struct CosineCutoff {
  double lower = 0, upper = 0;

  bool inside(double r) const { return r < upper && (lower <= 0 || r > lower); }
  double value(double r) const {
    return inside(r) ? 0.5 * (std::cos(frequency() * r + phase()) + 1.0) : 0.0;
  }
  double derivative(double r) const {
    return inside(r) ? -0.5 * frequency() * std::sin(frequency() * r + phase()) : 0.0;
  }
  // C = ½(cos(frequency·r + phase) + 1) inside.
  double frequency() const {
    return lower > 0 ? 2 * std::numbers::pi / (upper - lower) : std::numbers::pi / upper;
  }
  double phase() const { return lower > 0 ? std::numbers::pi - frequency() * lower : 0.0; }
};

}  // namespace mdlab
