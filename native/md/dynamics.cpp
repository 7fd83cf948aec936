#include "md/dynamics.h"

#include <algorithm>
#include <cstdio>
#include <string>

#include "core/error.h"
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

Dynamics::Dynamics(Topology topology, DynamicsOptions options)
    : topology_(std::move(topology)), options_(std::move(options)), state_(topology_) {
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
  changed();
}

void Dynamics::setVelocities(std::span<const double> velocities) {
  copyInto(velocities, state_.velocities, "velocities");
  if (options_.removeDrift) mdlab::removeDrift(topology_, state_.velocities.span());
  changed();
}

void Dynamics::drawVelocities(std::span<const double> kT) {
  if (kT.size() != static_cast<std::size_t>(topology_.systems()))
    invalid("dynamics.kT: one per system");
  maxwellBoltzmann(topology_, options_.seed, kT, options_.replica, state_.velocities.span());
  if (options_.removeDrift) mdlab::removeDrift(topology_, state_.velocities.span());
  changed();
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
  changed();
  buildListAt(listBuiltAt);
}

void Dynamics::diverged(const Divergence& told) const {
  const std::int32_t system = topology_.systemOf(told.atom);
  char text[200];
  std::snprintf(text, sizeof text, "dynamics: diverged at step %lld in replica %u: ",
                static_cast<long long>(told.step), options_.replica[system]);
  std::string message = text;
  const std::int32_t atom = told.atom - topology_.offsets[system];
  if (told.what == Divergence::energy)
    message += "the energy is not finite";
  else if (told.what == Divergence::force)
    message += "atom " + std::to_string(atom) + " has a force that is not finite";
  else {
    std::snprintf(text, sizeof text, "atom %d moved %.3g Å in one step (limit %.3g Å)", atom,
                  told.moved, options_.displacementLimit);
    message += text;
  }
  if (!told.why.empty()) message += " (" + told.why + ")";
  numeric(message + "; use a smaller timestep or minimise first. The state of step " +
          std::to_string(told.step - 1) + " is kept");
}

}  // namespace mdlab
