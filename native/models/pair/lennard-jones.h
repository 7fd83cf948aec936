#pragma once
#include "models/potential.h"

namespace mdlab {

// E = Σ_pairs S(r) 4ε ((σ/r)^12 − (σ/r)^6), the same for all atoms. S falls from 1 at `switchFrom`
// to 0 at `cutoff` with two continuous derivatives: S = 1 − 10t³ + 15t⁴ − 6t⁵,
// t = (r − switchFrom)/(cutoff − switchFrom). No correction for what lies beyond.
class LennardJones final : public Potential {
 public:
  // eV, Å, Å, Å. Throws Error(EINVALID) unless 0 < switchFrom < cutoff.
  LennardJones(double epsilon, double sigma, double cutoff, double switchFrom);
  double cutoff() const override { return cutoff_; }
  void checkBatch(const Batch&) const override {}  // any atoms; boxes are the list's
  void evaluate(const Batch& batch, const NeighborList* list, const Evaluation& out) override;

 private:
  struct Value {
    double energy, slope;  // φ(r), φ'(r)/r
  };
  Value at(double squared) const;

  double epsilon_, sigma_, cutoff_, switchFrom_;
};

}  // namespace mdlab
