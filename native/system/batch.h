#pragma once
#include <array>
#include <cstdint>
#include <span>

namespace mdlab {

// A simulation cell: rows of `vectors` are the lattice vectors a, b, c (Å); `periodic` says which
// repeat. A system with no periodic direction ignores its vectors.
struct Box {
  std::array<double, 9> vectors{};
  std::array<bool, 3> periodic{false, false, false};
  bool open() const { return !periodic[0] && !periodic[1] && !periodic[2]; }
};

// Systems (replicas or different molecules) evaluated together; atoms of different systems never
// interact. Atoms of system s are offsets[s] .. offsets[s+1]-1.
struct Batch {
  std::span<const std::int32_t> offsets;  // (systems+1)
  std::span<const double> positions;      // (atoms,3) Å, anywhere: not necessarily inside the box
  std::span<const std::int32_t> types;    // (atoms)
  std::span<const Box> boxes;             // (systems)

  std::int32_t systems() const { return static_cast<std::int32_t>(offsets.size()) - 1; }
  std::int32_t atoms() const { return offsets.empty() ? 0 : offsets.back(); }
};

}  // namespace mdlab
