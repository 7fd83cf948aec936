#include "neighbors/neighbor-list.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>

#include "core/cancel.h"
#include "core/parallel.h"
#include "neighbors/candidates.h"
#include "neighbors/cell-grid.h"
#include "neighbors/row-sorter.h"

// Every row is found and written by one worker, in two passes over the cells (count, then fill), so
// the result does not depend on how cells are handed out, and memory is asked for once and exactly.
// Candidates are sieved with wrapped positions, vectorised; the few whose distance is within
// rounding of the limit are decided by imageDistance2, as in the reference.
namespace mdlab {
namespace {

// Atoms of one cell, handled together.
struct Unit {
  std::int32_t system, first, last;  // places first..last-1
  std::int64_t cell;
};
constexpr std::int32_t unitAtoms = 64;

struct Search {
  const Batch& batch;
  const std::vector<Lattice>& lattices;
  const Exclusions& exclusions;
  const CellBins& bins;
  double reach;
  std::vector<Unit> units;
};

std::vector<Unit> splitCells(const CellBins& bins) {
  std::vector<Unit> units;
  for (std::size_t s = 0; s < bins.grids.size(); ++s) {
    const bool end = s + 1 == bins.grids.size();
    const std::int64_t stop = end ? bins.cells() : bins.grids[s + 1].firstCell;
    for (std::int64_t c = bins.grids[s].firstCell; c < stop; ++c)
      for (std::int32_t p = bins.start[c]; p < bins.start[c + 1]; p += unitAtoms)
        units.push_back(
            {static_cast<std::int32_t>(s), p, std::min(p + unitAtoms, bins.start[c + 1]), c});
  }
  return units;
}

// One unit as the inner loops see it.
class Scan {
 public:
  Scan(const Search& s, const Unit& unit)
      : grid(s.bins.grids[unit.system]),
        search_(s),
        bins_(s.bins),
        unit_(unit),
        lattice_(s.lattices[unit.system]) {
    const double spread = 8 * (s.reach + grid.margin) * grid.margin;
    sure_ = s.reach * s.reach - spread;
    possible_ = s.reach * s.reach + spread;
  }

  const CellGrid& grid;

  // Calls f(candidates) for the unit's candidates, at least `most` at a time except the last time.
  template <class F>
  void forEachChunk(Candidates& candidates, std::int64_t most, F&& f) const {
    candidates.start(unit_.first);
    forEachRun(bins_, grid, unit_.cell, [&](const Run& run) {
      candidates.add(bins_, lattice_, run);
      if (candidates.size() < most) return;
      candidates.pad();
      f();
      candidates.start(unit_.first);
    });
    candidates.pad();
    f();
  }

  // Calls f(run, q) for every edge from the atom at place p to the one at place q.
  template <class F>
  void forEachEdge(const Candidates& candidates, std::int64_t p, F&& f) const {
    const std::int32_t atom = bins_.atom[p];
    const bool exclude = hasExclusions(atom);
    candidates.sieve(bins_.x[p], bins_.y[p], bins_.z[p], sure_, possible_,
                     [&](const Run& run, std::int64_t q, bool certain) {
                       if (q == p && run.home()) return;
                       if (!certain && !decide(run, p, q)) return;
                       if (exclude && excluded(atom, bins_.atom[q])) return;
                       f(run, q);
                     });
  }

  std::int64_t countEdges(const Candidates& candidates, std::int64_t p) const {
    if (!grid.farApart && !hasExclusions(bins_.atom[p])) {
      const auto n = candidates.count(bins_.x[p], bins_.y[p], bins_.z[p], sure_, possible_);
      if (n.certain == n.possible) return n.certain - candidates.home();
    }
    std::int64_t edges = 0;
    forEachEdge(candidates, p, [&](const Run& run, std::int64_t q) {
      if (grid.farApart) checkShift(run, p, q);
      ++edges;
    });
    return edges;
  }

 private:
  bool hasExclusions(std::int32_t atom) const {
    const auto& rows = search_.exclusions.rowStart;
    return !rows.empty() && rows[atom] != rows[atom + 1];
  }

  bool excluded(std::int32_t i, std::int32_t j) const {
    const auto& e = search_.exclusions;
    const auto* column = e.column.data();
    return std::binary_search(column + e.rowStart[i], column + e.rowStart[i + 1], j);
  }

  // Lattice vectors between the atom at place p and the image of the one at q.
  std::array<std::int64_t, 3> shift(const Run& run, std::int64_t p, std::int64_t q) const {
    std::array<std::int64_t, 3> s{};
    for (int k = 0; k < 3; ++k)
      s[k] = std::int64_t{run.image[k]} + bins_.turns[3 * p + k] - bins_.turns[3 * q + k];
    return s;
  }

  bool decide(const Run& run, std::int64_t p, std::int64_t q) const {
    const double* x = search_.batch.positions.data();
    const auto s = shift(run, p, q);
    return imageDistance2(x + 3 * std::int64_t{bins_.atom[p]}, x + 3 * std::int64_t{bins_.atom[q]},
                          lattice_, s[0], s[1], s[2]) < search_.reach * search_.reach;
  }

  void checkShift(const Run& run, std::int64_t p, std::int64_t q) const {
    for (const std::int64_t s : shift(run, p, q))
      if (std::abs(s) > std::numeric_limits<std::int16_t>::max()) throwShiftOverflow();
  }

  const Search& search_;
  const CellBins& bins_;
  const Unit& unit_;
  const Lattice& lattice_;
  double sure_, possible_;  // Å²: nearer is certainly an edge, farther certainly none
};

// What a worker keeps from unit to unit.
struct Workspace {
  Candidates candidates;
  RowSorter row;
};

// Calls f(unit, workspace) for every unit.
template <class F>
void forEachUnit(const Search& search, F&& f) {
  PerWorker<Workspace> workspaces;
  const auto units = static_cast<std::int64_t>(search.units.size());
  const std::int64_t grain = std::clamp<std::int64_t>(units / (16 * threads()), 1, 256);
  parallelFor(units, grain, [&](std::int64_t begin, std::int64_t end, int worker) {
    Workspace& workspace = workspaces.at(worker);
    for (; begin < end; ++begin) f(search.units[begin], workspace);
  });
}

// Edges of every row into rowStart[atom + 1].
void countRows(const Search& search, Buffer<std::int64_t>& rowStart) {
  std::atomic<std::int64_t> total{0};
  rowStart.fill(0);
  forEachUnit(search, [&](const Unit& unit, Workspace& workspace) {
    const Scan scan(search, unit);
    const Candidates& candidates = workspace.candidates;
    scan.forEachChunk(workspace.candidates, 4096, [&] {
      throwIfCancelled();
      std::int64_t found = 0;
      for (std::int32_t p = unit.first; p < unit.last; ++p) {
        const std::int64_t edges = scan.countEdges(candidates, p);
        rowStart[std::size_t(search.bins.atom[p]) + 1] += edges;
        found += edges;
      }
      if (total.fetch_add(found, std::memory_order_relaxed) + found > maxEdges)
        throwTooManyEdges(search.reach, search.batch.atoms());
    });
  });
}

// Rows lie in the order of atoms, cells do not: asks for the row's memory while its atom is still
// being sieved (a quarter of the time of a large fill).
void fetchAhead(const NeighborList& out, std::int64_t start, std::int64_t stop) {
  for (std::int64_t e = start; e < stop; e += 8) {
    __builtin_prefetch(out.column.data() + e, 1);
    if (out.shift.size()) __builtin_prefetch(out.shift.data() + e, 1);
  }
}

void fillRows(const Search& search, NeighborList& out) {
  const CellBins& bins = search.bins;
  forEachUnit(search, [&](const Unit& unit, Workspace& workspace) {
    const Scan scan(search, unit);
    RowSorter& row = workspace.row;
    scan.forEachChunk(workspace.candidates, std::numeric_limits<std::int64_t>::max(), [&] {
      throwIfCancelled();
      for (std::int32_t p = unit.first; p < unit.last; ++p) {
        const std::int64_t start = out.rowStart[bins.atom[p]];
        const std::int64_t stop = out.rowStart[std::size_t(bins.atom[p]) + 1];
        fetchAhead(out, start, stop);
        row.begin(stop - start);
        scan.forEachEdge(workspace.candidates, p, [&](const Run& run, std::int64_t q) {
          row.add(bins.atom[q],
                  bins.wraps[p] + Lanes(run.image[0], run.image[1], run.image[2]) - bins.wraps[q]);
        });
        row.write(scan.grid.repeats, out.column.data() + start,
                  out.shift.size() ? out.shift.data() + start : nullptr);
      }
    });
  });
}

}  // namespace

void buildNeighborList(const Batch& batch, double cutoff, double skin, const Exclusions& exclusions,
                       NeighborList& out) {
  const auto lattices = checkedLattices(batch, cutoff, skin);
  const CellBins bins = binAtoms(batch, lattices, cutoff + skin);
  const Search search{batch, lattices, exclusions, bins, cutoff + skin, splitCells(bins)};
  const std::size_t atoms = batch.atoms();
  out.cutoff = cutoff;
  out.skin = skin;
  out.rowStart.reset(atoms + 1);
  countRows(search, out.rowStart);
  for (std::size_t i = 0; i < atoms; ++i) out.rowStart[i + 1] += out.rowStart[i];
  const std::int64_t edges = out.rowStart[atoms];
  const bool shifted =
      std::any_of(lattices.begin(), lattices.end(), [](const Lattice& l) { return l.dimensions; });
  out.column.reset(edges);
  out.shift.reset(shifted ? edges : 0);
  fillRows(search, out);
}

}  // namespace mdlab
