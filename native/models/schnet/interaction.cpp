#include "models/schnet/interaction.h"

#include <cmath>

namespace mdlab {

void Geometry::set(const Batch& batch, const NeighborList& list) {
  batch_ = &batch;
  list_ = &list;
  system_.reset(batch.atoms());
  for (std::int32_t s = 0; s < batch.systems(); ++s)
    for (std::int32_t i = batch.offsets[s]; i < batch.offsets[s + 1]; ++i) system_[i] = s;
}

void Geometry::row(std::int32_t i, RowEdges& out) const {
  const std::int64_t begin = list_->rowStart[i], end = list_->rowStart[i + 1];
  if (static_cast<std::int64_t>(out.j.size()) < end - begin) {
    out.j.resize(end - begin);
    for (auto* v : {&out.x, &out.y, &out.z, &out.r}) v->resize(end - begin);
  }
  const double* p = batch_->positions.data();
  const auto& cell = batch_->boxes[system_[i]].vectors;
  const bool shifted = list_->shift.size() != 0;
  const double unit = 1.0 / config_.lengthUnit;
  const double xi = p[3 * std::int64_t{i}], yi = p[3 * std::int64_t{i} + 1],
               zi = p[3 * std::int64_t{i} + 2];
  int n = 0;
  for (std::int64_t e = begin; e < end; ++e) {
    const std::int64_t j = list_->column[e];
    double x = p[3 * j] - xi, y = p[3 * j + 1] - yi, z = p[3 * j + 2] - zi;
    if (shifted) {
      const Shift k = list_->shift[e];
      x += k.x * cell[0] + k.y * cell[3] + k.z * cell[6];
      y += k.x * cell[1] + k.y * cell[4] + k.z * cell[7];
      z += k.x * cell[2] + k.y * cell[5] + k.z * cell[8];
    }
    x *= unit;
    y *= unit;
    z *= unit;
    const double r = std::sqrt(x * x + y * y + z * z);
    if (r < 1e-10) atomsCoincide(*batch_, i, static_cast<std::int32_t>(j));
    out.j[n] = static_cast<std::int32_t>(j);
    out.x[n] = x;
    out.y[n] = y;
    out.z[n] = z;
    out.r[n] = r;
    n += config_.basis.cutoff.inside(r);
  }
  out.count = n;
}

void ForceRows::clear(std::int32_t atoms) {
  force_.reset(3 * std::size_t(atoms));
  virial_.reset(6 * std::size_t(atoms));
  force_.fill(0);
  virial_.fill(0);
}

void ForceRows::flush(const SchnetConfig& config, const Batch& batch, const Evaluation& out) const {
  const double unit = config.energyUnit / config.lengthUnit;
  if (!out.forces.empty())
    for (std::size_t k = 0; k < force_.size(); ++k) out.forces[k] += force_[k] * unit;
  if (out.virial.empty()) return;
  constexpr int place[9] = {0, 3, 4, 3, 1, 5, 4, 5, 2};
  for (std::int32_t s = 0; s < batch.systems(); ++s)
    for (std::int64_t i = batch.offsets[s]; i < batch.offsets[s + 1]; ++i)
      for (int k = 0; k < 9; ++k)
        out.virial[9 * std::int64_t{s} + k] += virial_[6 * i + place[k]] * config.energyUnit;
}

}  // namespace mdlab
