#include "models/sum.h"

#include <algorithm>

#include "core/cancel.h"

namespace mdlab {

SumPotential::SumPotential(std::vector<std::shared_ptr<Potential>> terms)
    : terms_(std::move(terms)) {}

double SumPotential::cutoff() const {
  double largest = 0;
  for (const auto& term : terms_) largest = std::max(largest, term->cutoff());
  return largest;
}

double SumPotential::listCutoff() const {
  double largest = 0;
  for (const auto& term : terms_) largest = std::max(largest, term->listCutoff());
  return largest;
}

void SumPotential::checkBatch(const Batch& batch) const {
  for (const auto& term : terms_) term->checkBatch(batch);
}

void SumPotential::evaluate(const Batch& batch, const NeighborList* list, const Evaluation& out) {
  for (const auto& term : terms_) {
    throwIfCancelled();
    const PotentialTurn turn(*term);
    term->evaluate(batch, list, out);
  }
}

}  // namespace mdlab
