#include "neighbors/neighbor-list.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/cancel.h"
#include "neighbors/lattice.h"

namespace mdlab {
namespace {

// Calls f(Shift) for every image of xj with 0 < or <= |d| < reach around xi, ordered by shift. The
// ranges are one wider than needed on both sides: here rounding must not matter.
template <class F>
void forEachImage(const Lattice& lattice, const double* xi, const double* xj, bool self,
                  double reach, F&& f) {
  std::array<std::int64_t, 3> low{0, 0, 0}, high{0, 0, 0};
  for (int k = 0; k < 3; ++k) {
    if (!lattice.periodic[k]) continue;
    const double df = lattice.fraction(k, xj[0] - xi[0], xj[1] - xi[1], xj[2] - xi[2]);
    const double range = reach / lattice.height[k];
    low[k] = static_cast<std::int64_t>(std::ceil(-range - df)) - 1;
    high[k] = static_cast<std::int64_t>(std::floor(range - df)) + 1;
  }
  for (std::int64_t x = low[0]; x <= high[0]; ++x)
    for (std::int64_t y = low[1]; y <= high[1]; ++y)
      for (std::int64_t z = low[2]; z <= high[2]; ++z) {
        if (self && x == 0 && y == 0 && z == 0) continue;
        if (!(imageDistance2(xi, xj, lattice, x, y, z) < reach * reach)) continue;
        constexpr auto most = std::numeric_limits<std::int16_t>::max();
        if (std::max({std::abs(x), std::abs(y), std::abs(z)}) > most) throwShiftOverflow();
        f(Shift{static_cast<std::int16_t>(x), static_cast<std::int16_t>(y),
                static_cast<std::int16_t>(z)});
      }
}

bool isExcluded(const Exclusions& exclusions, std::int32_t i, std::int32_t j) {
  if (exclusions.rowStart.empty()) return false;
  const auto* column = exclusions.column.data();
  return std::binary_search(column + exclusions.rowStart[i], column + exclusions.rowStart[i + 1],
                            j);
}

// Calls f(i, j, Shift) for every edge in the list's order.
template <class F>
void forEachEdge(const Batch& batch, const std::vector<Lattice>& lattices, double reach,
                 const Exclusions& exclusions, F&& f) {
  const double* x = batch.positions.data();
  for (std::int32_t s = 0; s < batch.systems(); ++s)
    for (std::int32_t i = batch.offsets[s]; i < batch.offsets[s + 1]; ++i) {
      throwIfCancelled();
      for (std::int32_t j = batch.offsets[s]; j < batch.offsets[s + 1]; ++j)
        if (!isExcluded(exclusions, i, j))
          forEachImage(lattices[s], x + 3 * std::int64_t{i}, x + 3 * std::int64_t{j}, i == j, reach,
                       [&](Shift shift) { f(i, j, shift); });
    }
}

}  // namespace

void buildNeighborListReference(const Batch& batch, double cutoff, double skin,
                                const Exclusions& exclusions, NeighborList& out) {
  const auto lattices = checkedLattices(batch, cutoff, skin);
  const double reach = cutoff + skin;
  out.cutoff = cutoff;
  out.skin = skin;
  out.rowStart.reset(std::size_t(batch.atoms()) + 1);
  out.rowStart.fill(0);
  std::int64_t edges = 0;
  forEachEdge(batch, lattices, reach, exclusions, [&](std::int32_t i, std::int32_t, Shift) {
    out.rowStart[std::size_t(i) + 1]++;
    if (++edges > maxEdges) throwTooManyEdges(reach, batch.atoms());
  });
  for (std::int32_t i = 0; i < batch.atoms(); ++i)
    out.rowStart[std::size_t(i) + 1] += out.rowStart[i];
  const bool shifted = std::any_of(batch.boxes.begin(), batch.boxes.end(),
                                   [](const Box& box) { return !box.open(); });
  out.column.reset(edges);
  out.shift.reset(shifted ? edges : 0);
  std::int64_t e = 0;
  forEachEdge(batch, lattices, reach, exclusions, [&](std::int32_t, std::int32_t j, Shift shift) {
    if (shifted) out.shift[e] = shift;
    out.column[e++] = j;
  });
}

}  // namespace mdlab
