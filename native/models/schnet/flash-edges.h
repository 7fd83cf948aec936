#pragma once
#include "cuda/kernel.h"
#include "models/schnet/flash.cuda.h"
#include "models/schnet/schnet.h"

namespace mdlab {

// Per-atom virials (atoms,6), xx yy zz xy xz yz, summed over each system.
class VirialRows {
 public:
  void load(cuda::Device& device);
  void sum(cuda::Stream& stream, const DeviceBatch& batch, const double* rows,
           double* virial) const;

 private:
  cuda::KernelModule module_;
  cuda::Kernel<FlashVirial> kernel_;
};

// The edges inside the cutoff, compacted row by row, and the forces their slopes give: what every
// fused pipeline shares.
class FlashEdges {
 public:
  explicit FlashEdges(const SchnetConfig& config) : config_(config) {}
  void prepare(cuda::Stream& stream, const DeviceBatch& batch, std::int64_t edges, bool gradient);
  void begin(cuda::Stream& stream, const DeviceBatch& batch, const DeviceListView& list);
  void finish(cuda::Stream& stream, const DeviceEvaluation& out);

  const DeviceListView& list() const { return list_; }
  const DeviceBatch& batch() const { return batch_; }
  const int* rowStart() const { return list_.rowStart; }
  const int* count() const { return count_.data(); }
  // Edges whose slope the other row of their pair computes, the first of each row.
  const int* others() const { return others_.data(); }
  const int* neighbor() const { return neighbor_.data(); }
  const float* distance() const { return distance_.data(); }
  float* slope() const { return slope_.data(); }
  std::int64_t capacity() const { return static_cast<std::int64_t>(distance_.size()); }
  static double bytes(double edges, double atoms);

 private:
  const SchnetConfig& config_;
  cuda::KernelModule module_;
  cuda::Kernel<FlashGeometry> geometry_;
  cuda::Kernel<FlashForces> forces_;
  VirialRows virial_;
  cuda::DeviceBuffer<int> count_, others_, neighbor_;
  cuda::DeviceBuffer<float> distance_, slope_;
  cuda::DeviceBuffer<double> rows_;  // (atoms,6) virial
  DeviceBatch batch_{};
  DeviceListView list_{};
};

}  // namespace mdlab
