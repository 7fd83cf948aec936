#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "md/force-evaluator.h"
#include "md/topology.h"

namespace mdlab {

struct FireOptions {
  double forceTolerance = 0.01;  // eV/Å: done when no atom feels more
  double maxMove = 0.2;          // Å: no atom moves farther in one step
  double skin = 1;               // Å
};

// FIRE, the fast inertial relaxation engine (Bitzek, Koskinen, Gähler, Moseler, Gumbsch, PRL 97,
// 170201 (2006)) with semi-implicit Euler steps (Guénolé et al., Comput. Mater. Sci. 175, 109584
// (2020)), for each system of a batch on its own clock. All atoms weigh the same, so time is in
// Å/√eV. A system that has converged stands still while the others go on.
class Fire {
 public:
  Fire(std::shared_ptr<Potential> potential, Topology topology, FireOptions options,
       std::span<const double> positions);

  // At most `steps` more steps; true when every system has converged.
  bool advance(std::int64_t steps);

  std::int64_t step() const { return step_.load(std::memory_order_relaxed); }
  const Topology& topology() const { return topology_; }
  const State& state() const { return state_; }
  // Per system: largest force on an atom (eV/Å), steps taken, whether done.
  const std::vector<double>& maxForce() const { return maxForce_; }
  const std::vector<std::int64_t>& stepsTaken() const { return taken_; }
  bool converged(std::int32_t system) const { return maxForce_[system] <= options_.forceTolerance; }

 private:
  struct Clock {
    double dt, alpha;
    int downhill;  // steps since the power was last negative
  };
  void measure();
  void move(std::int32_t system);

  Topology topology_;
  FireOptions options_;
  ForceEvaluator forces_;
  State state_, next_;
  std::vector<Clock> clocks_;
  std::vector<double> maxForce_;
  std::vector<std::int64_t> taken_;
  bool evaluated_ = false;
  std::atomic<std::int64_t> step_{0};
};

}  // namespace mdlab
