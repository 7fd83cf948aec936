#pragma once
#include <cstdint>
#include <cstring>

#include "neighbors/neighbor-list.h"

namespace mdlab {

// Three 16-bit integers in one word, added and subtracted lane by lane modulo 2^16 (the carry-free
// way of Hacker's Delight, 2-18): exact wherever the true result fits a Shift.
class Lanes {
 public:
  Lanes() = default;
  Lanes(std::int64_t x, std::int64_t y, std::int64_t z)
      : word_(lane(x) | lane(y) << 16 | lane(z) << 32) {}

  friend Lanes operator+(Lanes a, Lanes b) {
    return Lanes(((a.word_ & ~tops) + (b.word_ & ~tops)) ^ ((a.word_ ^ b.word_) & tops));
  }
  friend Lanes operator-(Lanes a, Lanes b) {
    return Lanes(((a.word_ | tops) - (b.word_ & ~tops)) ^ ((a.word_ ^ ~b.word_) & tops));
  }
  Shift shift() const { return {part(0), part(16), part(32)}; }

 private:
  static constexpr std::uint64_t tops = 0x8000800080008000u;
  explicit Lanes(std::uint64_t word) : word_(word) {}
  static std::uint64_t lane(std::int64_t v) { return static_cast<std::uint64_t>(v) & 0xFFFFu; }
  std::int16_t part(int bit) const { return static_cast<std::int16_t>(word_ >> bit); }
  std::uint64_t word_ = 0;
};

}  // namespace mdlab
