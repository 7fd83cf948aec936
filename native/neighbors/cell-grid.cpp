#include "neighbors/cell-grid.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>

#include "core/parallel.h"

namespace mdlab {
namespace {

constexpr std::int64_t atomGrain = 16384;

// What the grid has to know about the atoms of a system.
struct Extent {
  static constexpr double inf = std::numeric_limits<double>::infinity();
  std::array<double, 3> low{inf, inf, inf}, high{-inf, -inf, -inf};  // fractions, unwrapped
  double farthest = 0;                                               // Å, from the first atom

  void include(const Extent& o) {
    for (int k = 0; k < 3; ++k) {
      low[k] = std::min(low[k], o.low[k]);
      high[k] = std::max(high[k], o.high[k]);
    }
    farthest = std::max(farthest, o.farthest);
  }
};

struct System {
  const Lattice& lattice;
  const double* positions;  // of its first atom
  std::int32_t atoms;

  std::array<double, 3> offset(std::int32_t i) const {
    const double *a = positions + 3 * std::int64_t{i}, *o = positions;
    return {a[0] - o[0], a[1] - o[1], a[2] - o[2]};
  }
  double fraction(int k, const std::array<double, 3>& d) const {
    return lattice.fraction(k, d[0], d[1], d[2]);
  }
};

Extent measure(const System& system) {
  Extent all;
  std::mutex mutex;
  parallelFor(system.atoms, atomGrain, [&](std::int64_t begin, std::int64_t end, int) {
    Extent part;
    for (auto i = static_cast<std::int32_t>(begin); i < end; ++i) {
      const auto d = system.offset(i);
      for (int k = 0; k < 3; ++k) {
        const double f = system.fraction(k, d);
        part.low[k] = std::min(part.low[k], f);
        part.high[k] = std::max(part.high[k], f);
        part.farthest = std::max(part.farthest, std::abs(d[k]));
      }
    }
    std::lock_guard lock(mutex);
    all.include(part);  // minima and maxima: the order does not matter
  });
  return all;
}

double rowLength(const Lattice& lattice, int k) {
  const double* v = &lattice.rows[3 * k];
  return std::sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
}

// A bound, with much room, of how far rounding may put d(wrapped) from d(given).
double roundingMargin(const Lattice& lattice, const Extent& extent, double reach) {
  double size = extent.farthest + reach, lengths = 1;
  for (int k = 0; k < 3; ++k) {
    if (!lattice.periodic[k]) continue;
    const double turns = std::max(std::abs(extent.low[k]), std::abs(extent.high[k])) + 2;
    size += turns * rowLength(lattice, k);
    lengths *= rowLength(lattice, k);
  }
  return 0x1p-46 * size * (lattice.dimensions ? lengths / lattice.measure : 1);
}

GridAxis firstAxis(const Lattice& lattice, const Extent& extent, int k, double reach) {
  GridAxis axis;
  axis.periodic = lattice.periodic[k];
  if (axis.periodic) {
    axis.cells = std::max(1.0, std::floor(lattice.height[k] / reach));
  } else {
    const double slabs = std::floor((extent.high[k] - extent.low[k]) / reach) + 1;
    axis.low = extent.low[k];
    axis.width = reach;
    axis.cells = std::isfinite(slabs) ? slabs : 1;
  }
  return axis;
}

// Renumbers the occupied slabs of an open axis so that no gap is wider than one slab.
void squeeze(GridAxis& axis, const System& system, int k) {
  auto& slabs = axis.occupied;
  slabs.resize(system.atoms);
  for (std::int32_t i = 0; i < system.atoms; ++i)
    slabs[i] = std::floor((system.fraction(k, system.offset(i)) - axis.low) / axis.width);
  std::sort(slabs.begin(), slabs.end());
  slabs.erase(std::unique(slabs.begin(), slabs.end()), slabs.end());
  axis.rank.assign(slabs.size(), 0);
  for (std::size_t u = 1; u < slabs.size(); ++u)
    axis.rank[u] = axis.rank[u - 1] + (slabs[u] - slabs[u - 1] > 1 ? 2 : 1);
  axis.cells = axis.rank.back() + 1.0;
}

// Squeezes, then coarsens, until the cells are no more than a few per atom.
void fitMemory(std::array<GridAxis, 3>& axes, const System& system) {
  const double most = 64 + 8.0 * system.atoms;
  const auto tooMany = [&] { return axes[0].cells * axes[1].cells * axes[2].cells > most; };
  for (int k = 0; k < 3 && tooMany(); ++k)
    if (!axes[k].periodic && axes[k].cells > 2) squeeze(axes[k], system, k);
  while (tooMany()) {
    int k = 0;
    for (int other = 1; other < 3; ++other)
      if (axes[other].cells > axes[k].cells) k = other;
    if (axes[k].periodic) {
      axes[k].cells = std::floor(std::min(axes[k].cells / 2, most));
    } else {
      axes[k].width *= 2;
      squeeze(axes[k], system, k);
    }
  }
}

CellGrid planGrid(const System& system, double reach) {
  const Lattice& lattice = system.lattice;
  const Extent extent = measure(system);
  CellGrid grid;
  grid.margin = roundingMargin(lattice, extent, reach);
  const double width = reach + grid.margin;
  for (int k = 0; k < 3; ++k) grid.axes[k] = firstAxis(lattice, extent, k, width);
  fitMemory(grid.axes, system);
  for (int k = 0; k < 3; ++k) {
    GridAxis& axis = grid.axes[k];
    // Two open slabs both see both: as one they give the same candidates, in ascending order.
    if (!axis.periodic && axis.cells == 2) {
      axis.cells = 1;
      axis.occupied.clear();
    }
    grid.cells[k] = static_cast<std::int32_t>(grid.axes[k].cells);
    if (!lattice.periodic[k]) continue;
    const double stencil = std::ceil(width * grid.cells[k] / lattice.height[k]);
    grid.stencil[k] = static_cast<std::int32_t>(std::min(stencil, 65536.0));
    grid.repeats |= 2 * grid.stencil[k] + 1 > grid.cells[k];
    grid.farApart |= extent.high[k] - extent.low[k] + stencil + 2 > 32767;
  }
  return grid;
}

std::int32_t cellOf(const CellGrid& grid, const System& system, std::int32_t i) {
  const auto d = system.offset(i);
  std::array<std::int32_t, 3> c{};
  for (int k = 0; k < 3; ++k) {
    double f = system.fraction(k, d);
    if (system.lattice.periodic[k]) f -= std::floor(f);
    c[k] = grid.axes[k].indexOf(f);
  }
  return static_cast<std::int32_t>(
      grid.firstCell + (std::int64_t{c[0]} * grid.cells[1] + c[1]) * grid.cells[2] + c[2]);
}

// Writes the wrapped position and the wraps of the atom at each place.
void placeAtoms(CellBins& bins, const System& system, std::int32_t firstAtom) {
  const Lattice& lattice = system.lattice;
  parallelFor(system.atoms, atomGrain, [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t p = firstAtom + begin; p < firstAtom + end; ++p) {
      auto d = system.offset(bins.atom[p] - firstAtom);
      std::array<double, 3> wrap{0, 0, 0};
      for (int k = 0; k < 3; ++k)
        if (lattice.periodic[k]) wrap[k] = std::floor(system.fraction(k, d));
      for (int k = 0; k < 3; ++k) {
        bins.turns[3 * p + k] = static_cast<std::int32_t>(wrap[k]);
        if (wrap[k] != 0)
          for (int c = 0; c < 3; ++c) d[c] -= wrap[k] * lattice.rows[3 * k + c];
      }
      const std::int32_t* turns = bins.turns.data() + 3 * p;
      bins.wraps[p] = Lanes(turns[0], turns[1], turns[2]);
      bins.x[p] = d[0];
      bins.y[p] = d[1];
      bins.z[p] = d[2];
    }
  });
}

// Counting sort, stable: atoms of a cell stay in ascending order.
void sortByCell(CellBins& bins, const Buffer<std::int32_t>& cell, std::int64_t cells) {
  bins.start.reset(cells + 1);
  bins.start.fill(0);
  for (std::size_t i = 0; i < cell.size(); ++i) ++bins.start[cell[i] + 1];
  for (std::int64_t c = 0; c < cells; ++c) bins.start[c + 1] += bins.start[c];
  for (std::size_t i = 0; i < cell.size(); ++i)
    bins.atom[bins.start[cell[i]]++] = static_cast<std::int32_t>(i);
  for (std::int64_t c = cells; c > 0; --c) bins.start[c] = bins.start[c - 1];
  bins.start[0] = 0;
}

}  // namespace

std::int32_t GridAxis::indexOf(double fraction) const {
  const double t = periodic ? fraction * cells : (fraction - low) / width;
  if (!occupied.empty()) {
    const auto at = std::lower_bound(occupied.begin(), occupied.end(), std::floor(t));
    return rank[std::min<std::size_t>(at - occupied.begin(), rank.size() - 1)];
  }
  // Written so that a NaN (an overflowed distance, one cell then) gives 0.
  return t >= 1 ? static_cast<std::int32_t>(std::min(t, cells - 1)) : 0;
}

CellBins binAtoms(const Batch& batch, std::span<const Lattice> lattices, double reach) {
  CellBins bins;
  const std::size_t atoms = batch.atoms();
  Buffer<std::int32_t> cell(atoms);
  std::int64_t cells = 0;
  const auto systemOf = [&](std::int32_t s) {
    const std::int32_t first = batch.offsets[s];
    return System{lattices[s], batch.positions.data() + 3 * std::int64_t{first},
                  batch.offsets[s + 1] - first};
  };
  bins.grids.resize(batch.systems());
  for (std::int32_t s = 0; s < batch.systems(); ++s) {
    const System system = systemOf(s);
    CellGrid& grid = bins.grids[s];
    if (system.atoms > 0) grid = planGrid(system, reach);
    grid.firstCell = cells;
    cells += std::int64_t{grid.cells[0]} * grid.cells[1] * grid.cells[2];
    if (cells >= std::numeric_limits<std::int32_t>::max()) throwTooManyEdges(reach, batch.atoms());
    parallelFor(system.atoms, atomGrain, [&](std::int64_t begin, std::int64_t end, int) {
      for (auto i = static_cast<std::int32_t>(begin); i < end; ++i)
        cell[batch.offsets[s] + i] = cellOf(grid, system, i);
    });
  }
  bins.atom.reset(atoms);
  sortByCell(bins, cell, cells);
  bins.x.reset(atoms);
  bins.y.reset(atoms);
  bins.z.reset(atoms);
  bins.turns.reset(3 * atoms);
  bins.wraps.reset(atoms);
  for (std::int32_t s = 0; s < batch.systems(); ++s)
    placeAtoms(bins, systemOf(s), batch.offsets[s]);
  return bins;
}

}  // namespace mdlab
