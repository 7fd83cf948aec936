#pragma once
#include <cmath>
#include <string>

#include "core/error.h"

namespace mdlab {

// Nonlinearities of the networks here, all with a(0) = 0 so that padded channels stay zero.
enum class Activation {
  tanh,             // CGSchNet
  shiftedSoftplus,  // ln(½eˣ + ½), SchNet (Schütt et al. 2017)
  silu              // x / (1 + e⁻ˣ)
};

inline Activation activationNamed(const std::string& name) {
  if (name == "tanh") return Activation::tanh;
  if (name == "ssp") return Activation::shiftedSoftplus;
  if (name == "silu") return Activation::silu;
  invalid("activation: must be 'tanh', 'ssp' or 'silu', received '" + name + "'");
}

// The plain definitions, the oracle of nn/elementary.h.
inline double activate(Activation a, double x) {
  switch (a) {
    case Activation::tanh:
      return std::tanh(x);
    case Activation::shiftedSoftplus:
      return std::fmax(x, 0.0) + std::log1p(std::exp(-std::fabs(x))) - std::log(2.0);
    case Activation::silu:
      return x / (1.0 + std::exp(-x));
  }
  return 0;
}

inline double activateDerivative(Activation a, double x) {
  const double sigmoid = 1.0 / (1.0 + std::exp(-x));
  switch (a) {
    case Activation::tanh: {
      const double t = std::tanh(x);
      return 1.0 - t * t;
    }
    case Activation::shiftedSoftplus:
      return sigmoid;
    case Activation::silu:
      return sigmoid * (1.0 + x * (1.0 - sigmoid));
  }
  return 0;
}

}  // namespace mdlab
