#include "md/velocities.h"

#include <cmath>

#include "core/philox.h"

namespace mdlab {

void maxwellBoltzmann(const Topology& topology, std::uint64_t seed, std::span<const double> kT,
                      std::span<const std::uint32_t> replica, std::span<double> velocities) {
  forPieces(topology, [&](const Piece& piece) {
    const std::int32_t s = piece.system;
    for (std::int32_t i = piece.begin; i < piece.end; ++i) {
      const auto particle = static_cast<std::uint32_t>(i - topology.offsets[s]);
      const auto xi = normals(philoxAt(seed, Stream::velocities, 0, replica[s], particle));
      const double width = std::sqrt(kT[s] * topology.inverseMasses[i]);
      for (int k = 0; k < 3; ++k) velocities[3 * std::size_t(i) + k] = width * xi[k];
    }
  });
}

}  // namespace mdlab
