#include "md/force-evaluator.h"

#include <cmath>
#include <string>

#include "core/error.h"
#include "neighbors/lattice.h"

namespace mdlab {

void checkFit(const Potential& potential, const Topology& topology, double skin) {
  potential.checkBatch(topology.batch({}));
  if (potential.cutoff() > 0)
    checkedLattices(topology.offsets, topology.boxes, potential.cutoff(), skin);
}

ForceEvaluator::ForceEvaluator(std::shared_ptr<Potential> potential, const Topology& topology,
                               double skin)
    : potential_(std::move(potential)), topology_(topology), skin_(skin) {
  forgetList();
  checkFit(*potential_, topology_, list_ ? skin_ : 0);
}

void ForceEvaluator::forgetList() {
  const double cutoff = potential_->listCutoff();
  list_ = cutoff > 0 ? std::make_unique<VerletList>(cutoff, skin_) : nullptr;
}

void ForceEvaluator::evaluate(std::span<const double> positions, State& out) {
  const Batch batch = topology_.batch(positions);
  const NeighborList* list = list_ ? &list_->update(batch) : nullptr;
  out.energy.fill(0);
  out.forces.fill(0);
  out.virial.fill(0);
  const PotentialTurn turn(*potential_);
  potential_->evaluate(batch, list, {out.energy.span(), out.forces.span(), out.virial.span()});
  for (std::size_t s = 0; s < out.energy.size(); ++s)
    if (!std::isfinite(out.energy[s]))
      numeric("potential: the energy of system " + std::to_string(s) + " is not finite");
}

std::span<const double> ForceEvaluator::listBuiltAt() const {
  return list_ ? list_->builtAt() : std::span<const double>{};
}

void ForceEvaluator::buildListAt(std::span<const double> positions) {
  forgetList();
  if (list_ && !positions.empty()) list_->rebuild(topology_.batch(positions));
}

}  // namespace mdlab
