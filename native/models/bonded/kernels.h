#pragma once
#include "core/buffer.h"
#include "models/bonded/bonded.h"
#include "models/bonded/lanes.h"

namespace mdlab::bonded {

// Eight systems of one topology, transposed: particle-major, systems in the lanes.
struct Workspace {
  Buffer<Vector> positions;  // (atoms) Å
  Buffer<Vector> forces;     // (atoms) eV/Å
  Lane energy{};             // eV, of the terms run since it was last cleared
  Lane virial[9]{};          // eV, W = −Σ d ⊗ ∂E/∂d
  Lane lattice[9]{};         // Å; rows of directions that do not repeat are 0
  Lane inverse[9]{};         // 1/Å; columns of directions that do not repeat are 0
  bool periodic = false;     // any of the eight
  bool wantVirial = false;
};

// Adds tuples begin .. end-1 of a term to energy, forces and virial.
void runTerm(const BondedTerm& term, std::size_t begin, std::size_t end, Workspace& ws);

}  // namespace mdlab::bonded
