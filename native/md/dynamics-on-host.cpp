#include "md/dynamics-on-host.h"

#include <cmath>
#include <limits>

#include "core/cancel.h"
#include "core/error.h"
#include "core/philox.h"

namespace mdlab {

DynamicsOnHost::DynamicsOnHost(std::shared_ptr<Potential> potential, Topology topology,
                               DynamicsOptions options)
    : Dynamics(std::move(topology), std::move(options)),
      forces_(std::move(potential), topology_, options_.skin),
      next_(topology_) {}

void DynamicsOnHost::ensureForces() {
  if (forcesValid_) return;
  forces_.evaluate(state_.positions.span(), state_);
  forcesValid_ = true;
}

void DynamicsOnHost::advance(std::int64_t steps) {
  ensureForces();
  for (std::int64_t k = 0; k < steps; ++k) {
    throwIfCancelled();
    const std::int64_t step = step_ + 1;
    moveOnce(step);
    // From here to the end of the body nothing throws: the step is whole.
    std::swap(state_, next_);
    auto& tempering = options_.tempering;
    if (tempering.dueAfter(step))
      tempering.exchange(step, options_.seed, state_.energy.span(), options_.replica,
                         topology_.offsets, options_.kT, state_.velocities.span());
    step_.store(step, std::memory_order_relaxed);
  }
}

// One step from state_ to next_.
void DynamicsOnHost::moveOnce(std::int64_t step) {
  kickAndDrift(step);
  if (options_.removeDrift) mdlab::removeDrift(topology_, next_.velocities.span());
  finishDrift(step);
  evaluateNext(step);
  finishKick(step);
  if (options_.removeDrift) mdlab::removeDrift(topology_, next_.velocities.span());
}

// B, and for Langevin A and O.
void DynamicsOnHost::kickAndDrift(std::int64_t step) {
  const double dt = options_.timestep;
  const bool langevin = options_.integrator == Integrator::langevin;
  const double epsilon = std::exp(-options_.friction * dt);
  const double spread = std::sqrt(-std::expm1(-2 * options_.friction * dt));  // √(1−ε²)
  forPieces(topology_, [&](const Piece& piece) {
    const double heat = spread * std::sqrt(options_.kT[piece.system]);
    const std::int32_t first = topology_.offsets[piece.system];
    for (std::int32_t i = piece.begin; i < piece.end; ++i) {
      const std::size_t at = 3 * static_cast<std::size_t>(i);
      const double w = topology_.inverseMasses[i];
      double v[3], x[3];
      for (int k = 0; k < 3; ++k) {
        v[k] = state_.velocities[at + k] + 0.5 * dt * w * state_.forces[at + k];
        x[k] = state_.positions[at + k];
      }
      if (langevin) {
        const auto xi = normals(
            philoxAt(options_.seed, Stream::thermostat, static_cast<std::uint64_t>(step),
                     options_.replica[piece.system], static_cast<std::uint32_t>(i - first)));
        const double noise = heat * std::sqrt(w);
        for (int k = 0; k < 3; ++k) {
          x[k] += 0.5 * dt * v[k];
          v[k] = epsilon * v[k] + noise * xi[k];
        }
      }
      for (int k = 0; k < 3; ++k) {
        next_.velocities[at + k] = v[k];
        next_.positions[at + k] = x[k];
      }
    }
  });
}

// A: the whole drift of velocity Verlet, the second half of Langevin's.
void DynamicsOnHost::finishDrift(std::int64_t step) {
  const double dt = options_.timestep * (options_.integrator == Integrator::langevin ? 0.5 : 1.0);
  const double most = options_.displacementLimit * options_.displacementLimit;
  std::atomic<bool> fits{true};
  forPieces(topology_, [&](const Piece& piece) {
    bool all = true;
    for (std::int32_t i = piece.begin; i < piece.end; ++i) {
      double square = 0;
      for (std::size_t j = 3 * std::size_t(i); j < 3 * std::size_t(i) + 3; ++j) {
        next_.positions[j] += dt * next_.velocities[j];
        const double moved = next_.positions[j] - state_.positions[j];
        square += moved * moved;
      }
      all &= square <= most;  // false for NaN
    }
    if (!all) fits.store(false, std::memory_order_relaxed);
  });
  if (!fits) blame(step, "");
}

void DynamicsOnHost::evaluateNext(std::int64_t step) {
  try {
    forces_.evaluate(next_.positions.span(), next_);
  } catch (const Cancelled&) {
    throw;
  } catch (const Error& error) {
    if (error.code() != "ENUMERIC") throw;
    blame(step, error.what());
  }
}

// The last B.
void DynamicsOnHost::finishKick(std::int64_t step) {
  const double half = 0.5 * options_.timestep;
  std::atomic<bool> finite{true};
  forPieces(topology_, [&](const Piece& piece) {
    bool all = true;
    for (std::int32_t i = piece.begin; i < piece.end; ++i)
      for (std::size_t j = 3 * std::size_t(i); j < 3 * std::size_t(i) + 3; ++j) {
        next_.velocities[j] += half * topology_.inverseMasses[i] * next_.forces[j];
        all &= std::isfinite(next_.velocities[j]);
      }
    if (!all) finite.store(false, std::memory_order_relaxed);
  });
  if (!finite) blame(step, "");
}

// Names the first atom whose force is not finite, or else the one that moved farthest.
void DynamicsOnHost::blame(std::int64_t step, const std::string& why) const {
  Divergence told{Divergence::distance, step, 0, 0, why};
  double farthest = -1;
  for (std::int32_t i = 0; i < topology_.atoms() && told.what == Divergence::distance; ++i) {
    double square = 0, force = 0;
    for (std::size_t j = 3 * std::size_t(i); j < 3 * std::size_t(i) + 3; ++j) {
      square += std::pow(next_.positions[j] - state_.positions[j], 2);
      force += next_.forces[j];
    }
    if (!std::isfinite(force))
      told.what = Divergence::force;
    else if (square <= farthest)
      continue;
    told.atom = i;
    farthest = std::isnan(square) ? std::numeric_limits<double>::infinity() : square;
  }
  told.moved = std::sqrt(farthest);
  diverged(told);
}

}  // namespace mdlab
