#pragma once
#include "models/schnet/edge-operations.h"
#include "models/schnet/flash-filters.h"

namespace mdlab {

// φ and φ' of every edge as arrays, by single operations: what fused message passing reads where
// the basis is not fused with it.
class StoredBasis {
 public:
  StoredBasis() : ops_(false, Activation::tanh) {}
  void prepare(cuda::Stream& stream, std::size_t edges, int width, bool slopes);
  // `count`: device address of the number of edges; distances (edges) in model units.
  void compute(cuda::Stream& stream, const FlashBasis& basis, const int* count, const float* r);
  const float* values() const { return values_.data(); }
  const float* slopes() const { return slopes_.data(); }  // null: not prepared for
  static double bytes(double edges, int width);

 private:
  EdgeOperations ops_;
  int width_ = 0;
  cuda::DeviceBuffer<float> scalars_, gaussian_, values_, slopes_;
};

}  // namespace mdlab
