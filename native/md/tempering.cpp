#include "md/tempering.h"

#include <cmath>
#include <utility>

#include "core/philox.h"

namespace mdlab {
namespace {

void scale(std::span<double> velocities, std::int32_t begin, std::int32_t end, double factor) {
  for (auto i = 3 * std::size_t(begin); i < 3 * std::size_t(end); ++i) velocities[i] *= factor;
}

}  // namespace

void Tempering::exchange(std::int64_t step, std::uint64_t seed, std::span<const double> energy,
                         std::span<const std::uint32_t> replica,
                         std::span<const std::int32_t> offsets, std::span<double> systemKT,
                         std::span<double> velocities) {
  const int rungs = static_cast<int>(kT.size());
  const int parity = static_cast<int>((step / every) & 1) ^ 1;  // the first attempt is even
  std::vector<std::int32_t> at(kT.size());                      // system at each rung of one ladder
  for (std::size_t first = 0; first < rung.size(); first += kT.size()) {
    for (int k = 0; k < rungs; ++k) at[rung[first + k]] = static_cast<std::int32_t>(first) + k;
    for (int low = parity; low + 1 < rungs; low += 2) {
      const std::int32_t a = at[low], b = at[low + 1];
      const double gain = (1 / kT[low] - 1 / kT[low + 1]) * (energy[a] - energy[b]);
      const auto draw = philoxAt(seed, Stream::exchange, static_cast<std::uint64_t>(step),
                                 replica[first], static_cast<std::uint32_t>(low));
      ++attempted[low];
      if (!(gain >= 0 || uniform(draw[0]) < std::exp(gain))) continue;
      ++accepted[low];
      std::swap(rung[a], rung[b]);
      std::swap(systemKT[a], systemKT[b]);
      const double up = std::sqrt(kT[low + 1] / kT[low]);
      scale(velocities, offsets[a], offsets[a + 1], up);
      scale(velocities, offsets[b], offsets[b + 1], 1 / up);
    }
  }
}

}  // namespace mdlab
