#pragma once
#include <cstdint>
#include <vector>

#include "models/schnet/schnet.h"

namespace mdlab {

// A linear layer packed for node-tile.h, still on the host.
struct PackedNodeMatrix {
  std::vector<std::uint16_t> words;  // halves; see node-network.cuda.h's NodeMatrix
  std::vector<float> bias;           // padded; empty: none
  float unscale = 1, norm = 0, biasNorm = 0;
};

// `transposed`: the matrix of the reverse, in and out exchanged, without bias.
PackedNodeMatrix packNodeMatrix(const Linear& layer, bool transposed);

// No less than the largest singular value of a row-major (rows,columns) matrix, and at most
// columns^(1/16) times it: ‖(WᵀW)⁴‖_F^(1/8).
double singularValueBound(const std::vector<double>& matrix, int rows, int columns);

}  // namespace mdlab
