#pragma once
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "core/buffer.h"
#include "core/cancel.h"
#include "neighbors/cell-grid.h"
#include "neighbors/lattice.h"

namespace mdlab {

// Places begin..end-1 as seen in the image `image` lattice vectors away.
struct Run {
  std::int32_t begin, end;
  std::array<std::int32_t, 3> image;
  std::int64_t stop = 0;  // one past its last candidate

  bool home() const { return image == std::array<std::int32_t, 3>{0, 0, 0}; }
  std::int64_t place(std::int64_t candidate) const { return candidate - stop + end; }
};

// Atoms (and images of atoms) that may be in reach of the atoms of one cell, gathered side by side
// so that one vector loop sieves them for each of those atoms.
class Candidates {
 public:
  std::int64_t size() const { return size_; }
  // Whether the atoms that look are among the candidates themselves.
  bool home() const { return home_; }

  // Starts over, for atoms of which one stands at `place`.
  void start(std::int32_t place);
  void add(const CellBins& bins, const Lattice& lattice, Run run);
  // Fills the last block with points no atom can reach. Call before sieving.
  void pad();

  // How many are certainly nearer than √sure, and how many are not certainly farther than
  // √possible, of a point (Å).
  struct Count {
    std::int64_t certain, possible;
  };
  Count count(double x, double y, double z, double sure, double possible) const {
    std::int64_t near = 0, maybe = 0;
    for (std::int64_t k = 0; k < size_; ++k) {
      const double d2 = distance2(k, x, y, z);
      near += d2 < sure;
      maybe += !(d2 >= possible);
    }
    return {near, maybe};
  }

  // Calls f(run, place, certain) for every candidate not certainly farther than √possible, in the
  // order they were added.
  template <class F>
  void sieve(double x, double y, double z, double sure, double possible, F&& f) const {
    const Run* run = runs_.data();
    for (std::int64_t from = 0; from < size_; from += block) {
      alignas(64) std::uint8_t flag[block];
      std::int64_t near = 0, maybe = 0;
      for (int l = 0; l < block; ++l) {
        const double d2 = distance2(from + l, x, y, z);
        flag[l] = !(d2 >= possible);
        near += d2 < sure;
        maybe += !(d2 >= possible);
      }
      for (std::uint64_t mask = bits(flag); mask; mask &= mask - 1) {
        const std::int64_t k = from + __builtin_ctzll(mask);
        while (k >= run->stop) ++run;
        f(*run, run->place(k), near == maybe || distance2(k, x, y, z) < sure);
      }
    }
  }

 private:
  static constexpr int block = 64;

  double distance2(std::int64_t k, double x, double y, double z) const {
    const double dx = x_[k] - x, dy = y_[k] - y, dz = z_[k] - z;
    return dx * dx + dy * dy + dz * dz;
  }

  // Bit l is flag[l] (each 0 or 1): eight bytes at a time gathered by one multiplication.
  static std::uint64_t bits(const std::uint8_t* flag) {
    std::uint64_t mask = 0;
    for (int w = 0; w < block / 8; ++w) {
      std::uint64_t bytes;
      std::memcpy(&bytes, flag + 8 * w, 8);
      mask |= (bytes * 0x0102040810204080u >> 56) << (8 * w);
    }
    return mask;
  }

  void reserve(std::int64_t least);

  std::int64_t size_ = 0;
  std::int32_t place_ = 0;
  bool home_ = false;
  std::vector<Run> runs_;
  Buffer<double> x_, y_, z_;  // Å
};

// Calls f(Run) for every stretch of places that the atoms of a cell have to look at, ordered by
// image.
template <class F>
void forEachRun(const CellBins& bins, const CellGrid& grid, std::int64_t cell, F&& f) {
  const std::int64_t inner = cell - grid.firstCell;
  const auto& n = grid.cells;
  const auto span = [&](int k, std::int64_t c, auto&& g) { grid.forEachSpan(k, c, g); };
  span(0, inner / n[2] / n[1], [&](auto x0, auto x1, auto nx) {
    for (auto x = x0; x <= x1; ++x) {
      throwIfCancelled();
      span(1, inner / n[2] % n[1], [&](auto y0, auto y1, auto ny) {
        for (auto y = y0; y <= y1; ++y)
          span(2, inner % n[2], [&](auto z0, auto z1, auto nz) {
            const std::int64_t row = grid.firstCell + (std::int64_t{x} * n[1] + y) * n[2];
            const std::int32_t begin = bins.start[row + z0], end = bins.start[row + z1 + 1];
            if (begin < end) f(Run{begin, end, {nx, ny, nz}});
          });
      });
    }
  });
}

}  // namespace mdlab
