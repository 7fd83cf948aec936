#pragma once
#include <cstdint>
#include <vector>

#include "models/schnet/interaction-on-device.h"
#include "models/schnet/schnet.h"

namespace mdlab {

// A linear layer packed for node-narrow.h and node-wide.h, still on the host.
struct PackedNodeMatrix {
  std::vector<std::uint16_t> narrow, wide;  // halves; see node-network.cuda.h's NodeMatrix
  std::vector<float> bias;                  // padded; empty: none
  float unscale = 1, norm = 0, biasNorm = 0;
};

// Whether node-wide.h takes a layer's side of this many channels.
constexpr bool wideTakes(int channels) {
  return featureStride(channels) == 64 || featureStride(channels) == 128;
}

// `transposed`: the matrix of the reverse, in and out exchanged, without bias.
PackedNodeMatrix packNodeMatrix(const Linear& layer, bool transposed);

// No less than the largest singular value of a row-major (rows,columns) matrix, and at most
// columns^(1/16) times it: ‖(WᵀW)⁴‖_F^(1/8).
double singularValueBound(const std::vector<double>& matrix, int rows, int columns);

}  // namespace mdlab
