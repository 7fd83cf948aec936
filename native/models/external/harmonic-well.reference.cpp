#include "models/external/harmonic-well.h"

#include <cmath>
#include <string>

#include "core/error.h"

namespace mdlab {

HarmonicWell::HarmonicWell(std::vector<double> k, std::vector<double> centers)
    : k_(std::move(k)), centers_(std::move(centers)) {
  if (k_.empty() || centers_.empty() || centers_.size() % 3 != 0)
    invalid("harmonicWell: k and centers must hold at least one atom");
  if (k_.size() > 1 && centers_.size() > 3 && 3 * k_.size() != centers_.size())
    invalid("harmonicWell: k and centers must agree in the number of atoms");
}

void HarmonicWell::checkBatch(const Batch& batch) const {
  const std::size_t own = std::max(k_.size(), centers_.size() / 3);
  if (own == 1) return;  // any number of atoms
  for (std::int32_t s = 0; s < batch.systems(); ++s) {
    const std::int32_t atoms = batch.offsets[s + 1] - batch.offsets[s];
    if (static_cast<std::size_t>(atoms) != own)
      invalid("harmonicWell: made for " + std::to_string(own) + " atoms, received system " +
              std::to_string(s) + " of " + std::to_string(atoms));
  }
}

void HarmonicWell::evaluate(const Batch& batch, const NeighborList*, const Evaluation& out) {
  checkBatch(batch);
  for (std::int32_t s = 0; s < batch.systems(); ++s) {
    const std::int32_t begin = batch.offsets[s], end = batch.offsets[s + 1];
    double energy = 0;
    for (std::int32_t i = begin; i < end; ++i) {
      const double k = k_.size() > 1 ? k_[i - begin] : k_[0];
      const double* c = centers_.data() + (centers_.size() > 3 ? 3 * (i - begin) : 0);
      const double* x = &batch.positions[3 * std::size_t(i)];
      for (int a = 0; a < 3; ++a) {
        const double f = -k * (x[a] - c[a]);
        energy += 0.5 * k * (x[a] - c[a]) * (x[a] - c[a]);
        if (!out.forces.empty()) out.forces[3 * std::size_t(i) + a] += f;
        if (out.virial.empty()) continue;
        for (int b = 0; b < 3; ++b) out.virial[9 * std::size_t(s) + 3 * b + a] += x[b] * f;
      }
    }
    if (!std::isfinite(energy))
      numeric("harmonicWell: the energy of system " + std::to_string(s) + " is not finite");
    out.energy[s] += energy;
  }
}

}  // namespace mdlab
