#pragma once
#include <span>

#include "core/turnstile.h"
#include "neighbors/neighbor-list.h"
#include "system/batch.h"

namespace mdlab {

// Where an evaluation adds its results; the caller zeroes them first.
struct Evaluation {
  std::span<double> energy;  // (systems) eV
  std::span<double> forces;  // (atoms,3) eV/Å; empty: not wanted
  std::span<double> virial;  // (systems,3,3) eV, W = −dE/dε = Σ_pairs d ⊗ f (f on the atom d points
                             // to); pressure = (2K + tr W) / 3V; empty: not wanted
};

// A term of the energy: a model, a prior, or a sum of them. Owns its workspace, so it serves one
// thread at a time: whoever evaluates it, or asks what evaluations leave behind, holds a
// PotentialTurn. cutoff(), listCutoff() and checkBatch() are for anyone at any time.
class Potential {
 public:
  virtual ~Potential() = default;
  // Å; 0 when no neighbour list is needed.
  virtual double cutoff() const = 0;
  // Å; reach of the list evaluate() reads: 0 for a potential that makes its own, or needs none.
  virtual double listCutoff() const { return cutoff(); }
  // Throws Error(EINVALID) where a type, a box or a number of particles does not fit this
  // potential, as evaluate() does. Reads no positions: they may be left out.
  virtual void checkBatch(const Batch& batch) const = 0;
  // Adds energy, forces and virial of every system. `list` (built for at least cutoff()) may be
  // null only when cutoff() is 0. Throws Cancelled between stages when asked to stop,
  // Error(ENUMERIC) naming the first system whose energy or force is not finite.
  virtual void evaluate(const Batch& batch, const NeighborList* list, const Evaluation& out) = 0;

 private:
  friend class PotentialTurn;
  Turnstile turn_;
};

// The right to use a potential, for the scope's life. Runs and callers that share one take turns in
// the order they came.
class PotentialTurn {
 public:
  // Waits until the potential is free; throws Cancelled when asked to stop meanwhile.
  explicit PotentialTurn(Potential& potential) : turn_(potential.turn_) {
    turn_.lockUnlessCancelled();
  }
  ~PotentialTurn() { turn_.unlock(); }
  PotentialTurn(const PotentialTurn&) = delete;
  PotentialTurn& operator=(const PotentialTurn&) = delete;

 private:
  Turnstile& turn_;
};

}  // namespace mdlab
