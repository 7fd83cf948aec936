#pragma once
#include <cstdint>
#include <memory>
#include <span>

#include "md/topology.h"
#include "models/potential.h"
#include "neighbors/neighbor-list.h"

namespace mdlab {

// Throws Error(EINVALID) where a system does not fit the potential, or the list of its neighbours
// within cutoff and skin: what the first evaluation would find out.
void checkFit(const Potential& potential, const Topology& topology, double skin);

// A potential with the neighbour list it needs, kept across steps.
class ForceEvaluator {
 public:
  // Throws what checkFit() does.
  ForceEvaluator(std::shared_ptr<Potential> potential, const Topology& topology, double skin);

  // Energy, forces and, where the state holds one, virial at `positions`, into those of `out`.
  // Throws Error(ENUMERIC) naming the system where a result is not finite, Cancelled.
  void evaluate(std::span<const double> positions, State& out);

  // Positions at which the list at hand was built, (atoms,3) Å; empty when there is none.
  std::span<const double> listBuiltAt() const;
  // Builds the list at these positions, as it was when a run was stored; none: as before any step.
  void buildListAt(std::span<const double> positions);
  std::int64_t listRebuilds() const { return list_ ? list_->rebuilds() : 0; }

 private:
  void forgetList();

  std::shared_ptr<Potential> potential_;
  const Topology& topology_;
  double skin_;
  std::unique_ptr<VerletList> list_;
};

}  // namespace mdlab
