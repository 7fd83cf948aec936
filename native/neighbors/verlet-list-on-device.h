#pragma once
#include <cstdint>

#include "cuda/device.h"
#include "neighbors/device-list.h"
#include "system/device-batch.h"

namespace mdlab {

// The device twin of VerletList: same pairs, same order. enqueueUpdate() is capturable: the test
// for moved atoms and the rebuild it decides happen on the device.
class VerletListOnDevice {
 public:
  VerletListOnDevice(cuda::Device& device, double cutoff, double skin);
  ~VerletListOnDevice();
  VerletListOnDevice(VerletListOnDevice&&) noexcept;

  // Builds at these positions, sizing all arrays (with room to spare); synchronises. Throws
  // Error(EINVALID, ENOMEM) as buildNeighborList does.
  void build(cuda::Stream& stream, const DeviceBatch& batch);
  // Rebuilds where an atom has moved more than half the skin since the last build. Where the pairs
  // outgrow the arrays the list keeps what fits and the overflow flag stays set.
  void enqueueUpdate(cuda::Stream& stream, const DeviceBatch& batch);
  const DeviceListView& view() const;
  // Pairs needed when an enqueued rebuild overflowed, else 0; a device address for kernels that
  // must stop, and its value (synchronises). build() clears it.
  const int* overflowFlag() const;
  std::int64_t overflowed(cuda::Stream& stream) const;
  std::int64_t edges(cuda::Stream& stream) const;     // synchronises
  std::int64_t rebuilds(cuda::Stream& stream) const;  // synchronises
  std::int64_t capacity() const;                      // edges the arrays hold
  // (atoms,3) Å, device address: positions of the last build.
  const double* builtAt() const;

 private:
  struct State;
  State* state_;
};

}  // namespace mdlab
