#pragma once
#include "md/dynamics.h"
#include "md/force-evaluator.h"

namespace mdlab {

// Steps on the host's threads. A step is written into a second state and shown by a swap: one cut
// off leaves the state as it was before it.
class DynamicsOnHost final : public Dynamics {
 public:
  DynamicsOnHost(std::shared_ptr<Potential> potential, Topology topology, DynamicsOptions options);

  void advance(std::int64_t steps) override;
  std::span<const double> listBuiltAt() const override { return forces_.listBuiltAt(); }
  std::int64_t listRebuilds() const override { return forces_.listRebuilds(); }

 private:
  void buildListAt(std::span<const double> positions) override { forces_.buildListAt(positions); }
  void ensureForces();
  void moveOnce(std::int64_t step);
  void kickAndDrift(std::int64_t step);
  void finishDrift(std::int64_t step);
  void finishKick(std::int64_t step);
  void evaluateNext(std::int64_t step);
  [[noreturn]] void blame(std::int64_t step, const std::string& why) const;

  ForceEvaluator forces_;
  State next_;
};

}  // namespace mdlab
