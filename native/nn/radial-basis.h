#pragma once
#include <cmath>
#include <vector>

#include "nn/cosine-cutoff.h"

namespace mdlab {

// K functions of one distance, each with the envelope C(r) inside:
//   gaussian   φ_k(r) = C(r) exp(−width_k (r − center_k)²),                   width = 1/(2Δ²)
//   expNormal  φ_k(r) = C(r) exp(−width_k (e^{α(lower − r)} − center_k)²),    α = 5/(upper − lower)
// (PhysNet, Unke & Meuwly 2019, eq. 7 for the second.) Lengths in the model's unit.
struct RadialBasis {
  enum class Type { gaussian, expNormal };
  Type type = Type::gaussian;
  CosineCutoff cutoff;
  std::vector<double> centers, widths;  // (K)

  int count() const { return static_cast<int>(centers.size()); }
  double alpha() const { return 5.0 / (cutoff.upper - cutoff.lower); }

  double value(int k, double r) const {
    const double t = argument(r) - centers[k];
    return cutoff.value(r) * std::exp(-widths[k] * t * t);
  }
  double derivative(int k, double r) const {
    const double t = argument(r) - centers[k], g = std::exp(-widths[k] * t * t);
    return cutoff.derivative(r) * g +
           cutoff.value(r) * g * -2.0 * widths[k] * t * argumentDerivative(r);
  }

  // What the Gaussians are functions of: r itself, or e^{α(lower − r)}.
  double argument(double r) const {
    return type == Type::gaussian ? r : std::exp(alpha() * (cutoff.lower - r));
  }
  double argumentDerivative(double r) const {
    return type == Type::gaussian ? 1.0 : -alpha() * argument(r);
  }
};

}  // namespace mdlab
