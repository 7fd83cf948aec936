#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "system/batch.h"

namespace mdlab {

// A box made ready for neighbour search: three independent row vectors of which some repeat. Rows
// that do not repeat are replaced by unit vectors perpendicular to the ones that do, so that
// whatever stood in a box's unused rows has no influence.
struct Lattice {
  std::array<double, 9> rows{1, 0, 0, 0, 1, 0, 0, 0, 1};        // Å
  std::array<double, 9> reciprocal{1, 0, 0, 0, 1, 0, 0, 0, 1};  // 1/Å; rows_k · reciprocal_l = δ_kl
  std::array<double, 3> height{1, 1, 1};  // Å, distance between the faces k = 0 and k = 1
  std::array<bool, 3> periodic{false, false, false};
  int dimensions = 0;  // how many directions repeat
  double measure = 1;  // Å^dimensions: length, area or volume of the repeated cell

  // Fractional coordinate k of a vector.
  double fraction(int k, double x, double y, double z) const {
    return x * reciprocal[3 * k] + y * reciprocal[3 * k + 1] + z * reciprocal[3 * k + 2];
  }
};

// Throws Error(EINVALID) naming the system when a periodic vector is not finite or the periodic
// vectors are not independent.
Lattice makeLattice(const Box& box, std::int32_t system);

// What both forms of the list check before they start: cutoff and skin, positions (finite), boxes,
// that unwrapped atoms are within reach of a Shift, and that the images alone do not exceed the
// edge limit. Returns every system's lattice.
std::vector<Lattice> checkedLattices(const Batch& batch, double cutoff, double skin);

// The part of these checks that needs no positions; atoms of system s are offsets[s] ..
// offsets[s+1]-1.
std::vector<Lattice> checkedLattices(std::span<const std::int32_t> offsets,
                                     std::span<const Box> boxes, double cutoff, double skin);
[[noreturn]] void throwNotFinite(std::int32_t atom, std::int32_t system, const double* position);

// The most edges a list may have, so that consumers may count them in 32 bits.
inline constexpr std::int64_t maxEdges = 2147483647;
[[noreturn]] void throwTooManyEdges(double reach, std::int64_t atoms);
[[noreturn]] void throwShiftOverflow();

// The one definition of d² that decides about an edge: x_j + S·cell − x_i in an order whose result
// for (j, i, −S) is the same number. Both forms of the list call it, so they agree to the last bit.
inline double imageDistance2(const double* xi, const double* xj, const Lattice& lattice,
                             std::int64_t sx, std::int64_t sy, std::int64_t sz) {
  const auto& m = lattice.rows;
  double sum = 0;
  for (int c = 0; c < 3; ++c) {
    const double t = static_cast<double>(sx) * m[c] + static_cast<double>(sy) * m[3 + c] +
                     static_cast<double>(sz) * m[6 + c];
    const double d = (xj[c] - xi[c]) + t;
    sum += d * d;
  }
  return sum;
}

}  // namespace mdlab
