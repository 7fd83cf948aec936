#include "models/schnet/pair-schedule.h"

#include <algorithm>

#include "core/parallel.h"

namespace mdlab {

// A thread's pairs of one atom block, before they are sorted by partner block.
template <class T>
struct PairSchedule<T>::Room {
  RowEdges row;
  std::vector<TablePair<T>> pairs;
  std::vector<std::int32_t> partner;  // block of j, per pair
  std::vector<std::int64_t> count;    // per block, zero between calls
  std::vector<std::int32_t> touched;  // blocks whose count is not
};

template <class T>
void PairSchedule<T>::build(const Geometry& geometry, const TableGrid& grid) {
  const Batch& batch = geometry.batch();
  const NeighborList& list = geometry.list();
  blockFirst_.clear();
  blockSystem_.clear();
  blockBegin_.assign(1, 0);
  for (std::int32_t s = 0; s < batch.systems(); ++s)
    for (std::int32_t i = batch.offsets[s]; i < batch.offsets[s + 1]; i += blockAtoms) {
      const std::int32_t end = std::min(i + blockAtoms, batch.offsets[s + 1]);
      // Room for the pairs with j >= i: rows are ordered by column.
      std::int64_t room = 0;
      for (std::int32_t k = i; k < end; ++k) {
        const auto* last = list.column.data() + list.rowStart[k + 1];
        room += last - std::lower_bound(list.column.data() + list.rowStart[k], last, k);
      }
      blockFirst_.push_back(i);
      blockSystem_.push_back(s);
      blockBegin_.push_back(blockBegin_.back() + room);
    }
  blockFirst_.push_back(batch.atoms());
  pairs_.reset(blockBegin_.back());
  blockGroups_.resize(blockSystem_.size());
  parallelFor(static_cast<std::int64_t>(blockSystem_.size()), 1,
              [&](std::int64_t begin, std::int64_t end, int) {
                thread_local Room room;
                for (std::int64_t b = begin; b < end; ++b) collectBlock(geometry, grid, b, room);
              });
  colorGroups(batch.systems());
}

template <class T>
void PairSchedule<T>::collectBlock(const Geometry& geometry, const TableGrid& grid,
                                   std::int64_t block, Room& room) {
  const std::int32_t system = blockSystem_[block];
  const std::int32_t offset = geometry.batch().offsets[system];
  const std::int32_t end =
      std::min(blockFirst_[block] + blockAtoms, geometry.batch().offsets[system + 1]);
  // Also after an error: the thread's next block, of any model, relies on it.
  struct Cleared {
    ~Cleared() {
      for (const std::int32_t partner : room.touched) room.count[partner] = 0;
      room.touched.clear();
    }
    Room& room;
  };
  const Cleared cleared{room};
  room.pairs.clear();
  room.partner.clear();
  for (std::int32_t i = blockFirst_[block]; i < end; ++i) {
    geometry.row(i, room.row);
    for (int e = 0; e < room.row.count; ++e) {
      const std::int32_t j = room.row.j[e];
      const double x = room.row.x[e], y = room.row.y[e], z = room.row.z[e], r = room.row.r[e];
      // Of an atom's own images, the half on one side.
      if (j < i || (j == i && (z < 0 || (z == 0 && (y < 0 || (y == 0 && x < 0)))))) continue;
      const auto place = grid.locate(r);
      room.pairs.push_back({i, j, place.interval, static_cast<T>(place.u), static_cast<T>(x / r),
                            static_cast<T>(y / r), static_cast<T>(z / r), static_cast<T>(r),
                            static_cast<T>(place.perWidth)});
      const std::int32_t partner = (j - offset) / blockAtoms;
      room.partner.push_back(partner);
      if (static_cast<std::size_t>(partner) >= room.count.size()) room.count.resize(partner + 1, 0);
      if (room.count[partner] == 0) room.touched.push_back(partner);
      ++room.count[partner];
    }
  }
  std::ranges::sort(room.touched);
  auto& groups = blockGroups_[block];
  groups.clear();
  std::int64_t at = blockBegin_[block];
  const std::int32_t self = (blockFirst_[block] - offset) / blockAtoms;
  for (const std::int32_t partner : room.touched) {
    const std::int64_t n = room.count[partner];
    groups.push_back({system, 0, self, partner, at, at + n});
    room.count[partner] = at;
    at += n;
  }
  for (std::size_t k = 0; k < room.pairs.size(); ++k)
    pairs_[room.count[room.partner[k]]++] = room.pairs[k];
}

template <class T>
void PairSchedule<T>::colorGroups(std::int32_t systems) {
  groups_.clear();
  used_ = 0;
  std::vector<std::vector<bool>> taken;  // colours of each block of the system at hand
  std::int32_t system = -1, colors = 0;
  std::vector<std::int64_t> pairsOf(systems, 0);
  for (auto& blockGroups : blockGroups_)
    for (Group& g : blockGroups) {
      if (g.system != system) {
        system = g.system;
        taken.clear();
      }
      const auto blocks = static_cast<std::size_t>(std::max(g.firstBlock, g.secondBlock)) + 1;
      if (taken.size() < blocks) taken.resize(blocks);
      auto &a = taken[g.firstBlock], &b = taken[g.secondBlock];
      std::int32_t color = 0;
      const auto has = [](const std::vector<bool>& set, std::int32_t c) {
        return static_cast<std::size_t>(c) < set.size() && set[c];
      };
      while (has(a, color) || has(b, color)) ++color;
      for (auto* set : {&a, &b}) {
        if (set->size() <= static_cast<std::size_t>(color)) set->resize(color + 1, false);
        (*set)[color] = true;
      }
      g.color = color;
      colors = std::max(colors, color + 1);
      pairsOf[system] += g.end - g.begin;
      used_ += g.end - g.begin;
      groups_.push_back(g);
    }
  // Whole systems as tasks save the barriers between colours, where they share out evenly.
  const std::int64_t workers = threads(), most = pairsOf.empty() ? 0 : std::ranges::max(pairsOf);
  const std::int64_t turns = (systems + workers - 1) / workers * workers;
  bySystem_ = 4 * turns <= 5 * systems && 2 * most * systems <= 3 * used_;
  const auto key = [this](const Group& g) { return bySystem_ ? g.system : g.color; };
  std::ranges::stable_sort(groups_, [&](const Group& x, const Group& y) {
    return bySystem_ ? (x.system != y.system ? x.system < y.system : x.color < y.color)
                     : x.color < y.color;
  });
  parts_.assign(1, 0);
  for (std::size_t k = 1; k < groups_.size(); ++k)
    if (key(groups_[k]) != key(groups_[k - 1])) parts_.push_back(static_cast<std::int64_t>(k));
  parts_.push_back(static_cast<std::int64_t>(groups_.size()));
}

template <class T>
void PairSchedule<T>::run(const std::function<void(const Group&)>& body) const {
  const auto parts = static_cast<std::int64_t>(parts_.size()) - 1;
  if (bySystem_) {
    parallelFor(parts, 1, [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t k = parts_[begin]; k < parts_[end]; ++k) body(groups_[k]);
    });
    return;
  }
  for (std::int64_t p = 0; p < parts; ++p)
    parallelFor(parts_[p + 1] - parts_[p], 2, [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t k = parts_[p] + begin; k < parts_[p] + end; ++k) body(groups_[k]);
    });
}

template class PairSchedule<float>;
template class PairSchedule<double>;

}  // namespace mdlab
