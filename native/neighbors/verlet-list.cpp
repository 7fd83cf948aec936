#include <algorithm>

#include "neighbors/neighbor-list.h"

namespace mdlab {
namespace {

constexpr std::size_t boxNumbers = 12;  // nine vector entries, three flags

bool sameBoxes(std::span<const Box> boxes, const Buffer<double>& stored) {
  if (stored.size() != boxNumbers * boxes.size()) return false;
  for (std::size_t s = 0; s < boxes.size(); ++s) {
    const double* old = stored.data() + boxNumbers * s;
    if (!std::equal(old, old + 9, boxes[s].vectors.begin())) return false;
    for (int k = 0; k < 3; ++k)
      if (boxes[s].periodic[k] != (old[9 + k] != 0)) return false;
  }
  return true;
}

// True when no atom has moved more than `limit`; a NaN counts as having moved.
bool within(std::span<const double> now, const Buffer<double>& then, double limit) {
  if (now.size() != then.size()) return false;
  const double most = limit * limit;
  for (std::size_t i = 0; i < now.size(); i += 3) {
    const double dx = now[i] - then[i], dy = now[i + 1] - then[i + 1],
                 dz = now[i + 2] - then[i + 2];
    if (!(dx * dx + dy * dy + dz * dz <= most)) return false;
  }
  return true;
}

}  // namespace

const NeighborList& VerletList::update(const Batch& batch) {
  if (rebuilds_ > 0 && std::ranges::equal(batch.offsets, builtOffsets_.span()) &&
      sameBoxes(batch.boxes, builtBoxes_) && within(batch.positions, builtAt_, skin_ / 2))
    return list_;
  return rebuild(batch);
}

const NeighborList& VerletList::rebuild(const Batch& batch) {
  // Should the build throw, no stale list may pass for a valid one.
  builtOffsets_.reset(0);
  builtAt_.reset(0);
  builtBoxes_.reset(0);
  buildNeighborList(batch, cutoff_, skin_, {}, list_);
  builtOffsets_.reset(batch.offsets.size());
  std::copy(batch.offsets.begin(), batch.offsets.end(), builtOffsets_.data());
  builtAt_.reset(batch.positions.size());
  std::copy(batch.positions.begin(), batch.positions.end(), builtAt_.data());
  builtBoxes_.reset(boxNumbers * batch.boxes.size());
  for (std::size_t s = 0; s < batch.boxes.size(); ++s) {
    double* to = std::copy(batch.boxes[s].vectors.begin(), batch.boxes[s].vectors.end(),
                           builtBoxes_.data() + boxNumbers * s);
    std::copy(batch.boxes[s].periodic.begin(), batch.boxes[s].periodic.end(), to);
  }
  ++rebuilds_;
  return list_;
}

}  // namespace mdlab
