#include "md/dynamics.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <string>

#include "core/cancel.h"
#include "core/error.h"
#include "core/philox.h"
#include "md/velocities.h"

namespace mdlab {
namespace {

void copyInto(std::span<const double> from, Buffer<double>& to, const char* what) {
  if (from.size() != to.size())
    invalid(std::string("dynamics.") + what + ": must hold " + std::to_string(to.size()) +
            " numbers, received " + std::to_string(from.size()));
  std::ranges::copy(from, to.data());
}

}  // namespace

Dynamics::Dynamics(std::shared_ptr<Potential> potential, Topology topology, DynamicsOptions options)
    : topology_(std::move(topology)),
      options_(std::move(options)),
      forces_(std::move(potential), topology_, options_.skin),
      state_(topology_),
      next_(topology_) {
  const auto systems = static_cast<std::size_t>(topology_.systems());
  auto& tempering = options_.tempering;
  if (options_.replica.size() != systems) invalid("dynamics.replica: one per system");
  if (options_.kT.size() != systems) invalid("dynamics.kT: one per system");
  if (tempering.every == 0) return;
  const std::size_t rungs = tempering.kT.size();
  if (rungs < 2 || systems % rungs != 0)
    invalid("dynamics.tempering: the number of systems must be a multiple of that of temperatures");
  tempering.attempted.assign(rungs - 1, 0);
  tempering.accepted.assign(rungs - 1, 0);
  for (std::size_t s = 0; s < systems; ++s) {
    tempering.rung.push_back(static_cast<std::int32_t>(s % rungs));
    options_.kT[s] = tempering.kT[s % rungs];
  }
}

void Dynamics::setPositions(std::span<const double> positions) {
  copyInto(positions, state_.positions, "positions");
  forcesValid_ = false;
}

void Dynamics::setVelocities(std::span<const double> velocities) {
  copyInto(velocities, state_.velocities, "velocities");
  if (options_.removeDrift) mdlab::removeDrift(topology_, state_.velocities.span());
}

void Dynamics::drawVelocities(std::span<const double> kT) {
  if (kT.size() != static_cast<std::size_t>(topology_.systems()))
    invalid("dynamics.kT: one per system");
  maxwellBoltzmann(topology_, options_.seed, kT, options_.replica, state_.velocities.span());
  if (options_.removeDrift) mdlab::removeDrift(topology_, state_.velocities.span());
}

void Dynamics::restore(std::int64_t step, const State& state, std::span<const double> listBuiltAt,
                       std::span<const std::int32_t> rung, std::span<const std::int64_t> attempted,
                       std::span<const std::int64_t> accepted) {
  auto& tempering = options_.tempering;
  if (rung.size() != tempering.rung.size() || attempted.size() != tempering.attempted.size() ||
      accepted.size() != tempering.accepted.size())
    invalid("checkpoint.tempering: must have the run's number of temperatures");
  copyInto(state.positions.span(), state_.positions, "positions");
  copyInto(state.velocities.span(), state_.velocities, "velocities");
  copyInto(state.forces.span(), state_.forces, "forces");
  copyInto(state.energy.span(), state_.energy, "energy");
  copyInto(state.virial.span(), state_.virial, "virial");
  if (!listBuiltAt.empty() && listBuiltAt.size() != state_.positions.size())
    invalid("checkpoint.listBuiltAt: must hold three numbers per atom, or none");
  forces_.buildListAt(listBuiltAt);
  std::ranges::copy(attempted, tempering.attempted.begin());
  std::ranges::copy(accepted, tempering.accepted.begin());
  const auto rungs = static_cast<std::int32_t>(tempering.kT.size());
  for (std::size_t s = 0; s < rung.size(); ++s) {
    if (rung[s] < 0 || rung[s] >= rungs) invalid("checkpoint.tempering.rung: out of range");
    tempering.rung[s] = rung[s];
    options_.kT[s] = tempering.kT[rung[s]];
  }
  forcesValid_ = true;
  step_ = step;
}

void Dynamics::ensureForces() {
  if (forcesValid_) return;
  forces_.evaluate(state_.positions.span(), state_);
  forcesValid_ = true;
}

void Dynamics::advance(std::int64_t steps) {
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
void Dynamics::moveOnce(std::int64_t step) {
  kickAndDrift(step);
  if (options_.removeDrift) mdlab::removeDrift(topology_, next_.velocities.span());
  finishDrift(step);
  evaluateNext(step);
  finishKick(step);
  if (options_.removeDrift) mdlab::removeDrift(topology_, next_.velocities.span());
}

// B, and for Langevin A and O.
void Dynamics::kickAndDrift(std::int64_t step) {
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
void Dynamics::finishDrift(std::int64_t step) {
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
  if (!fits) diverged(step, "");
}

void Dynamics::evaluateNext(std::int64_t step) {
  try {
    forces_.evaluate(next_.positions.span(), next_);
  } catch (const Cancelled&) {
    throw;
  } catch (const Error& error) {
    if (error.code() != "ENUMERIC") throw;
    diverged(step, error.what());
  }
}

// The last B.
void Dynamics::finishKick(std::int64_t step) {
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
  if (!finite) diverged(step, "");
}

// Names the first atom whose force is not finite, or else the one that moved farthest.
void Dynamics::diverged(std::int64_t step, const std::string& why) {
  std::int32_t worst = 0;
  double farthest = -1;
  bool badForce = false;
  for (std::int32_t i = 0; i < topology_.atoms() && !badForce; ++i) {
    double square = 0, force = 0;
    for (std::size_t j = 3 * std::size_t(i); j < 3 * std::size_t(i) + 3; ++j) {
      square += std::pow(next_.positions[j] - state_.positions[j], 2);
      force += next_.forces[j];
    }
    badForce = !std::isfinite(force);
    if (!badForce && square <= farthest) continue;
    worst = i;
    farthest = std::isnan(square) ? std::numeric_limits<double>::infinity() : square;
  }
  const std::int32_t system = topology_.systemOf(worst);
  char told[160];
  std::snprintf(told, sizeof told, "dynamics: diverged at step %lld in replica %u: atom %d %s",
                static_cast<long long>(step), options_.replica[system],
                worst - topology_.offsets[system],
                badForce ? "has a force that is not finite" : "moved ");
  std::string message = told;
  if (!badForce) {
    std::snprintf(told, sizeof told, "%.3g Å in one step (limit %.3g Å)", std::sqrt(farthest),
                  options_.displacementLimit);
    message += told;
  }
  if (!why.empty()) message += " (" + why + ")";
  numeric(message + "; use a smaller timestep or minimise first. The state of step " +
          std::to_string(step - 1) + " is kept");
}

}  // namespace mdlab
