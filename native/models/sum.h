#pragma once
#include <memory>
#include <vector>

#include "models/potential.h"

namespace mdlab {

// The sum of several potentials over one neighbour list, which must reach the largest of their
// cutoffs.
class SumPotential final : public Potential {
 public:
  explicit SumPotential(std::vector<std::shared_ptr<Potential>> terms);
  double cutoff() const override;
  double listCutoff() const override;
  void checkBatch(const Batch& batch) const override;
  void evaluate(const Batch& batch, const NeighborList* list, const Evaluation& out) override;

 private:
  std::vector<std::shared_ptr<Potential>> terms_;
};

}  // namespace mdlab
