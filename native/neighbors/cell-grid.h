#pragma once
#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "core/buffer.h"
#include "neighbors/lanes.h"
#include "neighbors/lattice.h"
#include "system/batch.h"

namespace mdlab {

// One direction of a grid. Along a periodic direction the cell is cut into equal slabs; along an
// open one slabs of `width` Å start at `low`, and stretches of empty slabs may be squeezed to one,
// so that a far outlier costs no memory.
struct GridAxis {
  bool periodic = false;
  double cells = 1;                // a whole number; double while it may still be huge
  double low = 0, width = 1;       // Å, open only
  std::vector<double> occupied;    // open and squeezed: the occupied slabs, ascending
  std::vector<std::int32_t> rank;  // and where each now stands

  std::int32_t indexOf(double fraction) const;
};

// The cells of one system. Cell (i, j, k) has index firstCell + (i·cells1 + j)·cells2 + k; two
// atoms within reach of each other are at most `stencil` cells apart in every direction, counting
// cells of the periodic images as well.
struct CellGrid {
  std::array<GridAxis, 3> axes;
  std::array<std::int32_t, 3> cells{1, 1, 1}, stencil{1, 1, 1};
  std::int64_t firstCell = 0;
  // Å: bound of the rounding error of a displacement between wrapped positions.
  double margin = 0;
  bool repeats = false;   // an atom may be in reach in more than one image
  bool farApart = false;  // shifts may not fit a Shift: check each

  // The cells along direction k within the stencil of cell c: calls f(first, last, image).
  template <class F>
  void forEachSpan(int k, std::int64_t c, F&& f) const {
    const std::int64_t n = cells[k], low = c - stencil[k], high = c + stencil[k];
    const auto call = [&](std::int64_t first, std::int64_t last, std::int64_t image) {
      f(first, last, static_cast<std::int32_t>(image));
    };
    if (!axes[k].periodic) return call(std::max<std::int64_t>(low, 0), std::min(high, n - 1), 0);
    for (std::int64_t image = (low - (low < 0 ? n - 1 : 0)) / n; image * n <= high; ++image)
      call(std::max<std::int64_t>(low - image * n, 0), std::min(high - image * n, n - 1), image);
  }
};

// The atoms of a batch in the order of their cells (system by system, ascending atom index within a
// cell), with positions wrapped into the box and counted from the system's first atom.
struct CellBins {
  std::vector<CellGrid> grids;  // (systems)
  Buffer<std::int32_t> start;   // (cells+1) first place of each cell
  Buffer<std::int32_t> atom;    // (atoms) which atom stands at a place
  Buffer<double> x, y, z;       // (atoms) Å, by place
  Buffer<std::int32_t> turns;   // (atoms,3) lattice vectors taken off, by place
  Buffer<Lanes> wraps;          // (atoms) the same modulo 2^16
  std::int64_t cells() const { return static_cast<std::int64_t>(start.size()) - 1; }
};

// Sorts the atoms into cells at least `reach` Å wide, at most 64 + 8 · atoms of them per system.
CellBins binAtoms(const Batch& batch, std::span<const Lattice> lattices, double reach);

}  // namespace mdlab
