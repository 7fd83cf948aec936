#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "md/force-evaluator.h"
#include "md/tempering.h"
#include "md/topology.h"

namespace mdlab {

enum class Integrator { velocityVerlet, langevin };

struct DynamicsOptions {
  Integrator integrator = Integrator::velocityVerlet;
  double timestep = 1;     // fs
  double friction = 0;     // 1/fs; Langevin
  std::vector<double> kT;  // (systems) eV; Langevin
  std::uint64_t seed = 0;
  std::vector<std::uint32_t> replica;  // (systems) what noise is drawn by, whatever the batch
  bool removeDrift = false;            // keep every system's centre of mass at rest
  double displacementLimit = 10;       // Å per step; beyond it a run has exploded
  double skin = 1;                     // Å
  Tempering tempering;
};

// Molecular dynamics of a batch of systems with one potential. A step is written into a second
// state and shown by a swap: one cut off, by a stop request or an error, leaves the state as it was
// before that step, so that going on gives the same bits as never having stopped.
//
// Velocity Verlet (Swope et al. 1982): v += ½ dt F/m; x += dt v; F(x); v += ½ dt F/m.
// Langevin, BAOAB (Leimkuhler and Matthews, Appl. Math. Res. Express 2013, 34):
//   v += ½ dt F/m; x += ½ dt v; v = ε v + √(1−ε²) √(kT/m) ξ, ε = e^(−γ dt); x += ½ dt v; F(x);
//   v += ½ dt F/m, ξ of Philox stream `thermostat` at (seed, step, replica, atom in replica).
class Dynamics {
 public:
  Dynamics(std::shared_ptr<Potential> potential, Topology topology, DynamicsOptions options);

  // Takes `steps` steps. Throws Cancelled, Error(ENUMERIC) naming step, system and atom; either
  // way the state is that of the last whole step.
  void advance(std::int64_t steps);

  // Makes energy and forces those of the positions; costs nothing when they already are.
  void ensureForces();

  // Steps since the run began; may be read from any thread.
  std::int64_t step() const { return step_.load(std::memory_order_relaxed); }

  const Topology& topology() const { return topology_; }
  const DynamicsOptions& options() const { return options_; }
  const State& state() const { return state_; }
  const ForceEvaluator& forces() const { return forces_; }

  // Starting values. Velocities of Maxwell-Boltzmann are drawn at the systems' kT.
  void setPositions(std::span<const double> positions);
  void setVelocities(std::span<const double> velocities);
  void drawVelocities(std::span<const double> kT);
  // All that a stored run carries beside the options: exact continuation needs nothing else.
  void restore(std::int64_t step, const State& state, std::span<const double> listBuiltAt,
               std::span<const std::int32_t> rung, std::span<const std::int64_t> attempted,
               std::span<const std::int64_t> accepted);

 private:
  void moveOnce(std::int64_t step);
  void kickAndDrift(std::int64_t step);
  void finishDrift(std::int64_t step);
  void finishKick(std::int64_t step);
  void evaluateNext(std::int64_t step);
  [[noreturn]] void diverged(std::int64_t step, const std::string& why);

  Topology topology_;
  DynamicsOptions options_;
  ForceEvaluator forces_;
  State state_, next_;
  bool forcesValid_ = false;
  std::atomic<std::int64_t> step_{0};
};

}  // namespace mdlab
