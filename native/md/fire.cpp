#include "md/fire.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "core/cancel.h"
#include "core/error.h"
#include "core/parallel.h"

namespace mdlab {
namespace {
// Bitzek et al., the recommended values; the time step is in Å/√eV at unit mass.
constexpr double startDt = 0.1, maxDt = 1.0, startAlpha = 0.1;
constexpr double grow = 1.1, shrink = 0.5, alphaDecay = 0.99;
constexpr int patience = 5;
}  // namespace

Fire::Fire(std::shared_ptr<Potential> potential, Topology topology, FireOptions options,
           std::span<const double> positions)
    : topology_(std::move(topology)),
      options_(options),
      forces_(std::move(potential), topology_, options.skin),
      state_(topology_),
      next_(topology_),
      clocks_(static_cast<std::size_t>(topology_.systems()), Clock{startDt, startAlpha, 0}),
      maxForce_(static_cast<std::size_t>(topology_.systems()), 0.0),
      taken_(static_cast<std::size_t>(topology_.systems()), 0) {
  if (positions.size() != state_.positions.size())
    invalid("minimize.positions: must hold three numbers per atom");
  std::ranges::copy(positions, state_.positions.data());
}

bool Fire::advance(std::int64_t steps) {
  if (!evaluated_) {
    forces_.evaluate(state_.positions.span(), state_);
    evaluated_ = true;
    measure();
  }
  const auto done = [&] {
    for (std::int32_t s = 0; s < topology_.systems(); ++s)
      if (!converged(s)) return false;
    return true;
  };
  for (std::int64_t k = 0; k < steps && !done(); ++k) {
    throwIfCancelled();
    const auto clocks = clocks_;
    parallelFor(topology_.systems(), 1, [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t s = begin; s < end; ++s) move(static_cast<std::int32_t>(s));
    });
    try {
      forces_.evaluate(next_.positions.span(), next_);
    } catch (...) {
      clocks_ = clocks;  // the step never was
      throw;
    }
    for (std::int32_t s = 0; s < topology_.systems(); ++s) taken_[s] += !converged(s);
    std::swap(state_, next_);
    measure();
    step_.store(step_ + 1, std::memory_order_relaxed);
  }
  return done();
}

void Fire::measure() {
  for (std::int32_t s = 0; s < topology_.systems(); ++s) {
    double most = 0;
    for (std::int32_t i = topology_.offsets[s]; i < topology_.offsets[s + 1]; ++i) {
      const double* f = &state_.forces[3 * std::size_t(i)];
      const double square = f[0] * f[0] + f[1] * f[1] + f[2] * f[2];
      if (!std::isfinite(square))
        numeric("minimize: the force on atom " + std::to_string(i - topology_.offsets[s]) +
                " of system " + std::to_string(s) +
                " is not finite; move overlapping atoms apart first");
      most = std::max(most, square);
    }
    maxForce_[s] = std::sqrt(most);
  }
}

// One step of one system, from state_ to next_.
void Fire::move(std::int32_t s) {
  const std::size_t begin = 3 * std::size_t(topology_.offsets[s]),
                    end = 3 * std::size_t(topology_.offsets[s + 1]);
  const double *x = state_.positions.data(), *v = state_.velocities.data(),
               *f = state_.forces.data();
  double *newX = next_.positions.data(), *newV = next_.velocities.data();
  if (converged(s)) {
    std::copy(x + begin, x + end, newX + begin);
    std::copy(v + begin, v + end, newV + begin);
    return;
  }
  auto& [dt, alpha, downhill] = clocks_[s];
  double power = 0, vv = 0, ff = 0;
  for (std::size_t j = begin; j < end; ++j) {
    power += f[j] * v[j];
    vv += v[j] * v[j];
    ff += f[j] * f[j];
  }
  double keep = 0, steer = 0;  // v ← keep·v + steer·f, before the kick
  if (power > 0) {
    keep = 1 - alpha;
    steer = alpha * std::sqrt(vv / ff);
    if (++downhill > patience) {
      dt = std::min(dt * grow, maxDt);
      alpha *= alphaDecay;
    }
  } else {
    downhill = 0;
    dt *= taken_[s] > 0 ? shrink : 1;  // the first step starts from rest
    alpha = startAlpha;
  }
  double farthest = 0;
  for (std::size_t j = begin; j < end; j += 3) {
    double square = 0;
    for (std::size_t k = j; k < j + 3; ++k) {
      newV[k] = keep * v[k] + (steer + dt) * f[k];
      square += newV[k] * newV[k];
    }
    farthest = std::max(farthest, square);
  }
  const double length = dt * std::sqrt(farthest);
  const double scale = length > options_.maxMove ? options_.maxMove / length : 1;
  for (std::size_t j = begin; j < end; ++j) newX[j] = x[j] + scale * dt * newV[j];
}

}  // namespace mdlab
