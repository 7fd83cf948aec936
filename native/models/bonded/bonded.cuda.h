#pragma once
#include "system/device-batch.h"

// Shared by host and device code: plain types only.
//
// A topology on a device is cut into parts of 32 particles, one thread block each, whatever the
// batch: sums do not depend on how many replicas there are. A block computes all that acts on its
// own particles: the repulsion by rows (every pair from both sides, so that no force travels
// between blocks), the other terms as tasks of one thread each. A term that reaches into several
// parts is computed in each of them and its energy counted in one.
namespace mdlab {

constexpr int bondedAtoms = 32;     // particles of a part
constexpr int bondedThreads = 256;  // of a block; also tasks of a round
constexpr int bondedStaged = 1024;  // particles of a topology whose positions fit shared memory

// Coordinate and form of a task, ordered by the number of particles.
enum class BondedKind : int {
  none,
  distanceHarmonic,
  distancePolynomial,
  ashbaughHatch,
  screenedCoulomb,
  cosineHarmonic,
  cosinePolynomial,
  cosineRestricted,
  angleHarmonic,
  anglePolynomial,
  dihedralFourier,
  dihedralHarmonic,
  dihedralPolynomial,
};

// The other particle of a repelling pair and ε σ⁶ (eV Å⁶).
struct BondedPair {
  int other;
  float c6;
};

// One term of one tuple. `owner`: 1 where its energy counts, else 0.
struct alignas(16) BondedTask {
  int kind, owner;
  int parameters, stride;  // first of its parameters, how many
  int particle[4];
};

// A molecule's terms in device memory.
struct DeviceBonded {
  int atoms, parts;
  const int* pairRow;           // (atoms+1)
  const BondedPair* pairs;      // by particle, ordered by the other one
  const int* moreRounds;        // (parts+1) rounds of each part after its first
  const BondedTask* tasks;      // (rounds, bondedThreads); the first round of part p is p
  const int* slotRow;           // (rounds, bondedAtoms+1) which slots act on a part's particles
  const unsigned short* slots;  // place in tuple · bondedThreads + task of the round
  const double* parameters;     // eV, Å
};

struct BondedArguments {
  DeviceBatch batch;
  DeviceBonded first;
  const DeviceBonded* topologies;  // the first and all others
  const int* assignment;           // (systems) topology of each, or null: all the first
  int parts;                       // largest number of parts of a topology
  double* partial;                 // (systems, parts, 10) energy and virial of a part
  int* tickets;                    // (systems) zero between launches
  DeviceEvaluation out;
};

}  // namespace mdlab
