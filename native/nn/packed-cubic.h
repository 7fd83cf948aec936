#pragma once
// Shared by host and device code: plain types only.
#include "nn/spline-grid.h"

namespace mdlab {

// A cubic in 64 bits: W = c0 + t (c1 + t (c2 + t c3)) over one interval, |t| <= ½ from its middle.
// One word holds c2 above c0, the other c3 above c1; a coefficient is what its bits say times a
// scale of its own. `half`: binary16 numbers. `fixed`: whole numbers less half their range,
//   value word  c2: 14 bits | c0: 18 bits        slope word  c3: 12 bits | c1: 20 bits
// A coefficient above is read as the upper 16 bits of its word, so that it takes one instruction to
// fetch: the lowest of these belong to its neighbour below, and packing takes them into account.
// Digits go where forces need them: the slope's own coefficient has the most, so that differences
// of neighbouring values lose none, and the higher orders are small to begin with.
enum class PackedDigits { half, fixed };

struct PackedCubic {
  unsigned value, slope;
};

constexpr int packedValueBits = 18, packedSlopeBits = 20;
// Bits of c0 … c3 as they are read, of fixed digits.
MDLAB_BOTH constexpr int packedBits(int order) {
  return order == 0 ? packedValueBits : order == 1 ? packedSlopeBits : 16;
}

}  // namespace mdlab
