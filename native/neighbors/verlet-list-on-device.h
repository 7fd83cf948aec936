#pragma once
#include <cstdint>
#include <memory>

#include "cuda/device.h"
#include "neighbors/device-list.h"
#include "system/device-batch.h"

namespace mdlab {

// How a list on a device is built.
struct DeviceListOptions {
  // Systems of up to this many atoms look at all pairs (no more kernels than two), larger ones use
  // cells. Negative: all of them where that is less work, else those of up to 512 atoms.
  int pairsUpTo = -1;
};

// The device twin of VerletList: same pairs, same order, bit for bit. enqueueUpdate() is
// capturable: the test for moved atoms and the rebuild it decides happen on the device. One kernel
// for batches of up to 2048 atoms, two where all systems look at all pairs, a dozen (that end at
// once while no atom has moved) with cells.
class VerletListOnDevice {
 public:
  VerletListOnDevice(cuda::Device& device, double cutoff, double skin,
                     const DeviceListOptions& options = {});
  ~VerletListOnDevice();
  VerletListOnDevice(VerletListOnDevice&&) noexcept;
  VerletListOnDevice& operator=(VerletListOnDevice&&) noexcept;

  // Builds at these positions, sizing all arrays (with room to spare); synchronises. Throws
  // Error(EINVALID, ENOMEM) as buildNeighborList does. Exclusions are kept by address and must
  // outlive their use. Graphs captured before are stale.
  void build(cuda::Stream& stream, const DeviceBatch& batch,
             const DeviceExclusions& exclusions = {});
  // Rebuilds where an atom has moved more than half the skin, or a box has changed, since the last
  // build. Where the pairs outgrow the arrays the list keeps what fits, the overflow flag is set,
  // and nothing is rebuilt until build() clears it. `batch` must have the shape last built for.
  void enqueueUpdate(cuda::Stream& stream, const DeviceBatch& batch);
  // Rebuilds in any case; capturable.
  void enqueueRebuild(cuda::Stream& stream, const DeviceBatch& batch);
  const DeviceListView& view() const;

  // A device address for kernels that must stop: 0 while the list is sound; pairs needed when an
  // enqueued rebuild overflowed; negative when it met a position that is not finite, shifts that do
  // not fit, or, in an open system of more than 65536 atoms, one more than about 1e12 Å away.
  const int* overflowFlag() const;
  // Pairs needed, or 0 (synchronises). Throws Error(ENUMERIC, EINVALID) for the negative flags.
  std::int64_t overflowed(cuda::Stream& stream) const;
  std::int64_t edges(cuda::Stream& stream) const;     // synchronises
  std::int64_t rebuilds(cuda::Stream& stream) const;  // synchronises
  std::int64_t capacity() const;                      // edges the arrays hold
  // (atoms,3) Å, device address: positions of the last build.
  const double* builtAt() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace mdlab
