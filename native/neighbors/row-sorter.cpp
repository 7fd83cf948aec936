#include "neighbors/row-sorter.h"

#include <algorithm>
#include <array>
#include <limits>

namespace mdlab {
namespace {

constexpr int group = 64;
constexpr std::int64_t mostByRank = 256;

}  // namespace

void RowSorter::begin(std::int64_t count) {
  added_ = 0;
  if (static_cast<std::int64_t>(columns_.size()) < count + group) {
    columns_.resize(count + group);
    shifts_.resize(count + group);
  }
}

void RowSorter::write(bool repeats, std::int32_t* column, Shift* shift) {
  if (std::is_sorted(columns_.begin(), columns_.begin() + added_)) {
    std::copy_n(columns_.begin(), added_, column);
    for (std::int64_t e = 0; shift && e < added_; ++e) shift[e] = shifts_[e].shift();
  } else if (!repeats && added_ <= mostByRank) {
    writeByRank(column, shift);
  } else {
    writeByDigits(column, shift);
  }
}

// An edge's place is the number of smaller columns: added² comparisons, but a vector at a time.
void RowSorter::writeByRank(std::int32_t* column, Shift* shift) {
  const int count = static_cast<int>(added_);
  std::fill_n(columns_.begin() + count, group, std::numeric_limits<std::int32_t>::max());
  for (int from = 0; from < count; from += group) {
    alignas(64) std::int32_t rank[group] = {}, keys[group];
    std::copy_n(columns_.begin() + from, group, keys);
    for (int k = 0; k < count; ++k) {
      const std::int32_t smaller = columns_[k];
      for (int l = 0; l < group; ++l) rank[l] += smaller < keys[l];
    }
    const int length = std::min(group, count - from);
    for (int l = 0; l < length; ++l) column[rank[l]] = keys[l];
    for (int l = 0; shift && l < length; ++l) shift[rank[l]] = shifts_[from + l].shift();
  }
}

// Radix sort, stable, by the bits in which the columns differ.
void RowSorter::writeByDigits(std::int32_t* column, Shift* shift) {
  constexpr int width = 8;
  const auto [low, high] = std::minmax_element(columns_.begin(), columns_.begin() + added_);
  const std::int32_t base = *low;
  const auto spread = static_cast<std::uint32_t>(*high - base);
  keys_.resize(added_);
  other_.resize(added_);
  for (std::int64_t e = 0; e < added_; ++e)
    keys_[e] = static_cast<std::uint64_t>(e) << 32 | static_cast<std::uint32_t>(columns_[e] - base);
  for (int bit = 0; bit < 32 && spread >> bit; bit += width) {
    std::array<std::int64_t, (1 << width) + 1> start{};
    const auto digit = [&](std::uint64_t key) { return key >> bit & ((1 << width) - 1); };
    for (const auto key : keys_) ++start[digit(key) + 1];
    for (int d = 0; d < 1 << width; ++d) start[d + 1] += start[d];
    for (const auto key : keys_) other_[start[digit(key)]++] = key;
    keys_.swap(other_);
  }
  for (std::int64_t e = 0; e < added_; ++e) {
    column[e] = base + static_cast<std::int32_t>(keys_[e] & 0xFFFFFFFFu);
    if (shift) shift[e] = shifts_[keys_[e] >> 32].shift();
  }
}

}  // namespace mdlab
