#pragma once
#include <vector>

#include "models/potential.h"

namespace mdlab {

// E = Σ_i ½ k_i |x_i − c_i|², f_i = −k_i (x_i − c_i); k in eV/Å², c in Å. One entry of `k` and one
// centre serve every atom, or there is one per atom of a system; systems of a batch share them.
// Centres are points of space: in a periodic box they do not repeat, and the virial
// W = −dE/dε = Σ x ⊗ f counts from the origin.
class HarmonicWell : public Potential {
 public:
  // k: (1) or (n); centers: (1,3) or (n,3). Throws Error(EINVALID) for other shapes.
  HarmonicWell(std::vector<double> k, std::vector<double> centers);
  double cutoff() const override { return 0; }
  void checkBatch(const Batch& batch) const override;
  void evaluate(const Batch& batch, const NeighborList* list, const Evaluation& out) override;

 private:
  std::vector<double> k_, centers_;
};

}  // namespace mdlab
