#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace mdlab {

// How the operands of products on tensor cores are held (cuda/mma.h's tile::). `split` keeps each
// number as a sum of two halves and multiplies three times, which is single precision at 1.5 times
// the cost of tf32; channel scales keep either half within range.
enum class TileFormat { split, tf32, bfloat16, half16, int8 };

// One matrix in the order in which the lanes of a warp read it (cuda/mma.h): for every 16 outputs
// and every step of depth, 32 lanes × 16 bytes.
struct PackedOperands {
  std::vector<std::uint32_t> words;
  std::vector<double> scale;  // (padded outputs): what a product with the words is multiplied by
};

// `weight` is row-major (out,in); both are padded with zeros to `outPadded` (a multiple of 16) and
// `inPadded` (of 32). `perChannel`: every output has its own scale (always so for split), else
// int8 has one for all and floating formats none.
PackedOperands packOperands(std::span<const double> weight, int out, int in, int outPadded,
                            int inPadded, TileFormat format, bool perChannel);

}  // namespace mdlab
