#pragma once
#include <vector>

#include "cuda/device.h"
#include "system/batch.h"
#include "system/device-batch.h"

namespace mdlab {

// Owns a batch's arrays on a device.
class BatchOnDevice {
 public:
  // Copies everything; addresses change only when sizes grow.
  void upload(cuda::Stream& stream, const Batch& batch);
  // Copies positions alone, (atoms,3) Å.
  void uploadPositions(cuda::Stream& stream, std::span<const double> positions);
  const DeviceBatch& view() const { return view_; }
  double* positions() const { return positions_.data(); }
  std::span<const std::int32_t> hostOffsets() const { return hostOffsets_; }

 private:
  cuda::DeviceBuffer<int> offsets_, systemOf_, types_;
  cuda::DeviceBuffer<double> positions_;
  cuda::DeviceBuffer<DeviceBox> boxes_;
  std::vector<std::int32_t> hostOffsets_;
  DeviceBatch view_{};
};

}  // namespace mdlab
