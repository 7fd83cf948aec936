#pragma once
#include <cstdint>
#include <vector>

#include "neighbors/lanes.h"
#include "neighbors/neighbor-list.h"

namespace mdlab {

// Gathers the edges of one row and writes them ordered by column; edges of one column keep the
// order in which they were added.
class RowSorter {
 public:
  // Starts a row of exactly `count` edges.
  void begin(std::int64_t count);
  void add(std::int32_t column, Lanes shift) {
    columns_[added_] = column;
    shifts_[added_++] = shift;
  }
  // `repeats`: a column may occur more than once. `shift` may be null.
  void write(bool repeats, std::int32_t* column, Shift* shift);

 private:
  void writeByRank(std::int32_t* column, Shift* shift);
  void writeByDigits(std::int32_t* column, Shift* shift);

  std::int64_t added_ = 0;
  std::vector<std::int32_t> columns_;
  std::vector<Lanes> shifts_;
  std::vector<std::uint64_t> keys_, other_;
};

}  // namespace mdlab
