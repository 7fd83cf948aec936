#pragma once
#include <vector>

#include "core/buffer.h"
#include "models/schnet/interaction.h"
#include "nn/hermite-table.h"

namespace mdlab {

// One undirected pair and its place in the table.
template <class T>
struct TablePair {
  std::int32_t i, j, interval;
  T u;
  T x, y, z;   // unit vector i -> j
  T r;         // model length
  T perWidth;  // dW/dr = perWidth · dW/du
};

// Every pair of atoms once, grouped by pairs of atom blocks, the groups coloured so that groups of
// one colour of one system share no atom. Working through the colours in order, a thread per group,
// adds to both atoms of a pair without atomics, and in an order that depends on the list alone: not
// on the threads, nor on what else is in the batch.
template <class T>
class PairSchedule {
 public:
  static constexpr std::int32_t blockAtoms = 16;
  struct Group {
    std::int32_t system, color;
    std::int32_t firstBlock, secondBlock;
    std::int64_t begin, end;  // pairs, ordered by i
  };

  void build(const Geometry& geometry, const TableGrid& grid);
  std::size_t capacity() const { return pairs_.size(); }  // one past the last pair's index
  const TablePair<T>* data() const { return pairs_.data(); }

  // body(group) for all groups; see above for what may run at once.
  void run(const std::function<void(const Group&)>& body) const;

 private:
  struct Room;
  void collectBlock(const Geometry& geometry, const TableGrid& grid, std::int64_t block,
                    Room& room);
  void colorGroups(std::int32_t systems);

  Buffer<TablePair<T>> pairs_;  // with gaps between blocks
  std::int64_t used_ = 0;
  std::vector<std::int32_t> blockFirst_, blockSystem_;  // atom blocks of all systems
  std::vector<std::int64_t> blockBegin_;
  std::vector<std::vector<Group>> blockGroups_;
  std::vector<Group> groups_;        // by system then colour, or by colour
  std::vector<std::int64_t> parts_;  // first group of each system, or of each colour
  bool bySystem_ = false;
};

}  // namespace mdlab
