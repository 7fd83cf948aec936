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

// A static list of atom pairs that are left out, as compressed rows over all atoms of the batch,
// both directions.
struct Exclusions {
  std::span<const std::int64_t> rowStart;  // (atoms+1), or empty: none
  std::span<const std::int32_t> column;    // sorted within a row
};

}  // namespace mdlab
