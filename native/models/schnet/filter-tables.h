#pragma once
#include "models/schnet/interaction-on-device.h"
#include "nn/spline-table.h"

namespace mdlab {

// What both table paths share: the filters of all blocks as splines, Å in place of model lengths,
// and copies on the device cut into slices of channels.
class FilterTables {
 public:
  FilterTables(cuda::Device& device, const SchnetConfig& config, const SchnetParameters& parameters,
               double tolerance);
  cuda::Device& device() const { return device_; }
  const SplineGrid& grid() const { return table_.grid(); }
  const TableReport& report() const { return report_; }
  double energyUnit() const { return energyUnit_; }
  int features() const { return features_; }
  int rows() const { return splineRows(grid().intervals); }
  // Slices of 32 · perLane channels.
  int slices(int perLane) const { return features_ / (32 * perLane); }
  std::size_t sliceBytes(int perLane) const { return sizeof(float) * 32 * perLane * rows(); }
  // Channels a lane owns: 2, or 1 where `perLane · other` bytes beside a slice leave no room for 2;
  // 0: no room at all.
  int channelsPerLane(std::size_t other) const;
  // Copies the tables cut for perLane, once.
  void upload(cuda::Stream& stream, int perLane);
  // One block's table, (slices, rows, 32 · perLane).
  const float* block(int block, int perLane) const {
    return onDevice_[perLane - 1].data() + static_cast<std::size_t>(block) * rows() * features_;
  }
  double bytes() const { return onDevice_[0].bytes() + onDevice_[1].bytes(); }

 private:
  cuda::Device& device_;
  SplineTable table_;
  TableReport report_;
  int blocks_, channels_, features_;
  double energyUnit_;
  cuda::DeviceBuffer<float> onDevice_[2];
};

}  // namespace mdlab
