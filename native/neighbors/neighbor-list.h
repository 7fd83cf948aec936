#pragma once
#include <cstdint>
#include <span>

#include "core/buffer.h"
#include "system/batch.h"

namespace mdlab {

// Which copy of an atom a neighbour is: x, y, z lattice vectors away.
struct Shift {
  std::int16_t x, y, z;
};

// All directed pairs i -> j with |d| < cutoff + skin at build time, d = x_j + x·a + y·b + z·c − x_i
// (Å), in compressed rows: neighbours of atom i are entries rowStart[i] .. rowStart[i+1]-1, ordered
// by (column, shift). Every pair appears in both directions; an atom may neighbour its own images.
// Consumers skip |d| >= their cutoff.
struct NeighborList {
  double cutoff = 0;              // Å
  double skin = 0;                // Å
  Buffer<std::int64_t> rowStart;  // (atoms+1)
  Buffer<std::int32_t> column;    // (edges) global atom index of j
  Buffer<Shift> shift;            // (edges); empty where every system is open

  std::int64_t edges() const { return static_cast<std::int64_t>(column.size()); }
};

// A static list of atom pairs that are left out in every image, as compressed rows over all atoms
// of the batch, both directions.
struct Exclusions {
  std::span<const std::int64_t> rowStart;  // (atoms+1), or empty: none
  std::span<const std::int32_t> column;    // sorted within a row
};

// Builds the list in O(atoms) with cells. Throws Error(EINVALID) for a non-positive cutoff, a box
// without volume in a periodic direction, a non-finite position (naming atom and system), more than
// 2^31-1 edges, or neighbours more than 32767 boxes apart; nothing that grows with edges has been
// allocated by then.
void buildNeighborList(const Batch& batch, double cutoff, double skin, const Exclusions& exclusions,
                       NeighborList& out);

// The O(atoms²) twin: plain loops over all pairs and images, the oracle of the one above. Same
// order, same result.
void buildNeighborListReference(const Batch& batch, double cutoff, double skin,
                                const Exclusions& exclusions, NeighborList& out);

// A list kept across steps: rebuilt when an atom has moved more than half the skin, or a box has
// changed, since the last build. A resumed run that builds at builtAt() gets the same list, hence
// the same sums, bit for bit.
class VerletList {
 public:
  VerletList(double cutoff, double skin) : cutoff_(cutoff), skin_(skin) {}

  // The list for these positions: the one at hand while it is valid, else a new one.
  const NeighborList& update(const Batch& batch);
  // Builds at these positions regardless (used to resume from stored builtAt() positions).
  const NeighborList& rebuild(const Batch& batch);

  std::span<const double> builtAt() const { return builtAt_.span(); }  // (atoms,3) Å
  std::int64_t rebuilds() const { return rebuilds_; }

 private:
  double cutoff_, skin_;
  NeighborList list_;
  Buffer<double> builtAt_;
  Buffer<double> builtBoxes_;
  Buffer<std::int32_t> builtOffsets_;
  std::int64_t rebuilds_ = 0;
};

}  // namespace mdlab
