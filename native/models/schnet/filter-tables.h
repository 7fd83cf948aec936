#pragma once
#include <variant>

#include "models/schnet/interaction-on-device.h"
#include "nn/packed-table.h"
#include "nn/spline-table.h"

namespace mdlab {

// What the table paths share: the filters of all blocks as splines or, of 16-bit entries, as packed
// cubics; Å in place of model lengths; copies on the device cut into slices of channels.
class FilterTables {
 public:
  FilterTables(cuda::Device& device, const SchnetConfig& config, const SchnetParameters& parameters,
               const SchnetOptions& options);
  cuda::Device& device() const { return device_; }
  SchnetEntries entries() const { return entries_; }
  bool packed() const { return std::holds_alternative<PackedTable>(table_); }
  const SplineGrid& grid() const {
    return std::visit([](const auto& t) -> const SplineGrid& { return t.grid(); }, table_);
  }
  // Shared memory that a kernel may keep beside a slice of 32 channels.
  static constexpr std::size_t besideSlice = 9216;
  const TableReport& report() const { return report_; }
  double energyUnit() const { return energyUnit_; }
  // What the kernels' slopes are multiplied by to be dW/dt.
  double slopeFactor() const { return packed() ? 1 : 3; }
  int features() const { return features_; }
  // A place where every filter is zero: behind the last interval, in the middle of one, where a
  // packed cubic is its c0, which can be zero (c2 cannot).
  unsigned emptyPlace() const {
    const unsigned row = grid().intervals + (packed() ? 0 : 3);
    return (2 * row + 1) << (splineFractionBits - 1);
  }
  int rows() const { return packed() ? grid().intervals + 1 : splineRows(grid().intervals); }
  // Slices of 32 · perLane channels.
  int slices(int perLane) const { return features_ / (32 * perLane); }
  std::size_t sliceBytes(int perLane) const {
    return sizeof(float) * words() * 32 * perLane * rows();
  }
  // Channels a lane owns: 2, or 1 where `other` bytes beside a slice leave no room for 2;
  // 0: no room at all.
  int channelsPerLane(std::size_t other) const;
  // Copies the tables cut for perLane, once.
  void upload(cuda::Stream& stream, int perLane);
  // One block's table, (slices, rows, 32 · perLane, words()).
  const float* block(int block, int perLane) const {
    return onDevice_[perLane - 1].data() + static_cast<std::size_t>(block) * blockWords();
  }
  // (features, 4) of packed cubics, else null.
  const float* scales(int block) const {
    return packed() ? scales_.data() + static_cast<std::size_t>(block) * features_ * 4 : nullptr;
  }
  double bytes() const { return onDevice_[0].bytes() + onDevice_[1].bytes() + scales_.bytes(); }

 private:
  int words() const { return packed() ? 2 : 1; }  // of 4 bytes, of a channel in a row
  std::size_t blockWords() const { return std::size_t(rows()) * features_ * words(); }
  void uploadScales(cuda::Stream& stream);

  cuda::Device& device_;
  std::variant<SplineTable, PackedTable> table_;
  TableReport report_;
  int blocks_, channels_, features_;
  double energyUnit_;
  SchnetEntries entries_;
  cuda::DeviceBuffer<float> onDevice_[2], scales_;
};

}  // namespace mdlab
