#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "md/tempering.h"
#include "md/topology.h"
#include "models/potential.h"

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

// Molecular dynamics of a batch of systems with one potential. After advance(), whether it ended by
// itself, by a stop request or by an error, the state is that of the last whole step: going on
// gives the same bits as never having stopped.
//
// Velocity Verlet (Swope et al. 1982): v += ½ dt F/m; x += dt v; F(x); v += ½ dt F/m.
// Langevin, BAOAB (Leimkuhler and Matthews, Appl. Math. Res. Express 2013, 34):
//   v += ½ dt F/m; x += ½ dt v; v = ε v + √(1−ε²) √(kT/m) ξ, ε = e^(−γ dt); x += ½ dt v; F(x);
//   v += ½ dt F/m, ξ of Philox stream `thermostat` at (seed, step, replica, atom in replica).
class Dynamics {
 public:
  virtual ~Dynamics() = default;

  // Takes `steps` steps; energy and forces are those of the positions afterwards. Throws Cancelled,
  // Error(ENUMERIC) naming step, system and atom.
  virtual void advance(std::int64_t steps) = 0;

  // Steps since the run began; may be read from any thread.
  std::int64_t step() const { return step_.load(std::memory_order_relaxed); }

  const Topology& topology() const { return topology_; }
  const DynamicsOptions& options() const { return options_; }
  const State& state() const { return state_; }
  // Positions at which the list at hand was built, (atoms,3) Å; empty when there is none.
  virtual std::span<const double> listBuiltAt() const = 0;
  virtual std::int64_t listRebuilds() const = 0;
  // Whether steps are taken on a GPU.
  virtual bool onDevice() const { return false; }

  // Starting values. Velocities of Maxwell-Boltzmann are drawn at the systems' kT.
  void setPositions(std::span<const double> positions);
  void setVelocities(std::span<const double> velocities);
  void drawVelocities(std::span<const double> kT);
  // All that a stored run carries beside the options: exact continuation needs nothing else.
  void restore(std::int64_t step, const State& state, std::span<const double> listBuiltAt,
               std::span<const std::int32_t> rung, std::span<const std::int64_t> attempted,
               std::span<const std::int64_t> accepted);

 protected:
  Dynamics(Topology topology, DynamicsOptions options);
  // State, options or list were changed from outside.
  virtual void changed() {}
  // Builds the list at these positions, as it was when a run was stored; none: as before any step.
  virtual void buildListAt(std::span<const double> positions) = 0;

  // What went wrong in a step: an atom moved too far (Å), or a force or an energy is not finite.
  struct Divergence {
    enum What { distance, force, energy } what;
    std::int64_t step;
    std::int32_t atom;  // of an energy: any of its system
    double moved;
    std::string why;  // what the potential said, or nothing
  };
  [[noreturn]] void diverged(const Divergence& told) const;

  Topology topology_;
  DynamicsOptions options_;
  State state_;
  bool forcesValid_ = false;
  std::atomic<std::int64_t> step_{0};
};

// A run where the potential computes: on its GPU, else on the host.
std::unique_ptr<Dynamics> makeDynamics(std::shared_ptr<Potential> potential, Topology topology,
                                       DynamicsOptions options);

}  // namespace mdlab
