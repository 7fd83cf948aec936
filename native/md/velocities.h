#pragma once
#include <cstdint>
#include <span>

#include "md/topology.h"

namespace mdlab {

// Maxwell-Boltzmann velocities: each component normal with variance kT/m, from Philox stream
// `velocities` at step 0. `kT` (systems) eV, `replica` (systems) the number noise is drawn by.
void maxwellBoltzmann(const Topology& topology, std::uint64_t seed, std::span<const double> kT,
                      std::span<const std::uint32_t> replica, std::span<double> velocities);

}  // namespace mdlab
