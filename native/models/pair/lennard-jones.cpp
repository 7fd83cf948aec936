#include "models/pair/lennard-jones.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/parallel.h"

namespace mdlab {
namespace {

// Atoms [begin, end) of one system, cut the same in any batch: sums run over blocks in order.
struct Block {
  std::int32_t system, begin, end;
};
constexpr std::int32_t atomsPerBlock = 64;

std::vector<Block> blocksOf(const Batch& batch) {
  std::vector<Block> blocks;
  for (std::int32_t s = 0; s < batch.systems(); ++s)
    for (std::int32_t i = batch.offsets[s]; i < batch.offsets[s + 1]; i += atomsPerBlock)
      blocks.push_back({s, i, std::min(i + atomsPerBlock, batch.offsets[s + 1])});
  return blocks;
}

}  // namespace

LennardJones::LennardJones(double epsilon, double sigma, double cutoff, double switchFrom)
    : epsilon_(epsilon), sigma_(sigma), cutoff_(cutoff), switchFrom_(switchFrom) {
  if (!(0 < switchFrom && switchFrom < cutoff))
    invalid("lennardJones.switchFrom: must be within 0 and the cutoff");
}

LennardJones::Value LennardJones::at(double squared) const {
  const double six = std::pow(sigma_ * sigma_ / squared, 3);
  const double energy = 4 * epsilon_ * six * (six - 1);
  const double slope = -24 * epsilon_ * six * (2 * six - 1) / squared;
  const double r = std::sqrt(squared);
  if (r <= switchFrom_) return {energy, slope};
  const double width = cutoff_ - switchFrom_, t = (r - switchFrom_) / width;
  const double s = 1 + t * t * t * (-10 + t * (15 - 6 * t));
  const double ds = -30 * t * t * (1 - t) * (1 - t) / width;
  return {energy * s, slope * s + energy * ds / r};
}

void LennardJones::evaluate(const Batch& batch, const NeighborList* list, const Evaluation& out) {
  struct Sum {
    double energy = 0;
    std::array<double, 9> virial{};
  };
  const auto blocks = blocksOf(batch);
  std::vector<Sum> sums(blocks.size());
  const double most = cutoff_ * cutoff_;
  parallelFor(static_cast<std::int64_t>(blocks.size()), 1,
              [&](std::int64_t b, std::int64_t end, int) {
                for (; b < end; ++b) {
                  const auto& cell = batch.boxes[blocks[b].system].vectors;
                  Sum& sum = sums[b];
                  for (std::int32_t i = blocks[b].begin; i < blocks[b].end; ++i) {
                    const double* x = &batch.positions[3 * std::size_t(i)];
                    std::array<double, 3> force{};
                    for (std::int64_t e = list->rowStart[i]; e < list->rowStart[i + 1]; ++e) {
                      const double* y = &batch.positions[3 * std::size_t(list->column[e])];
                      std::array<double, 3> d{y[0] - x[0], y[1] - x[1], y[2] - x[2]};
                      if (list->shift.size() > 0) {
                        const Shift n = list->shift[e];
                        for (int k = 0; k < 3; ++k)
                          d[k] += n.x * cell[k] + n.y * cell[3 + k] + n.z * cell[6 + k];
                      }
                      const double squared = d[0] * d[0] + d[1] * d[1] + d[2] * d[2];
                      if (!(squared < most)) continue;
                      const auto [energy, slope] = at(squared);
                      sum.energy += 0.5 * energy;
                      for (int k = 0; k < 3; ++k) {
                        force[k] += slope * d[k];  // on i; the opposite acts on j
                        for (int l = 0; l < 3; ++l)
                          sum.virial[3 * k + l] -= 0.5 * slope * d[k] * d[l];
                      }
                    }
                    if (!out.forces.empty())
                      for (int k = 0; k < 3; ++k) out.forces[3 * std::size_t(i) + k] += force[k];
                  }
                }
              });
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    const auto s = static_cast<std::size_t>(blocks[b].system);
    if (!std::isfinite(sums[b].energy))
      numeric("lennardJones: the energy of system " + std::to_string(s) +
              " is not finite; move overlapping atoms apart");
    out.energy[s] += sums[b].energy;
    if (out.virial.empty()) continue;
    for (int k = 0; k < 9; ++k) out.virial[9 * s + k] += sums[b].virial[k];
  }
}

}  // namespace mdlab
