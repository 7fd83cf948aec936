#include "system/batch-on-device.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace mdlab {
namespace {

// Rows of the directions that repeat, and the map from Cartesian to lattice coordinates: the rows'
// pseudo-inverse, so that a box periodic in one or two directions works as well.
DeviceBox boxOf(const Box& box) {
  DeviceBox out{};
  std::array<std::array<double, 3>, 3> rows{};
  int count = 0;
  std::array<int, 3> which{};
  for (int k = 0; k < 3; ++k) {
    out.periodic[k] = box.periodic[k];
    if (!box.periodic[k]) continue;
    for (int d = 0; d < 3; ++d)
      out.vectors[3 * k + d] = rows[count][d] = box.vectors[3 * std::size_t(k) + d];
    which[count++] = k;
  }
  out.open = count == 0;
  using V = std::array<double, 3>;
  const auto dot = [](const V& a, const V& b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; };
  const auto cross = [](const V& a, const V& b) {
    return V{a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
  };
  // Directions that do not repeat are completed by normals, and dropped again.
  if (count == 1) {
    const V axis =
        std::abs(rows[0][0]) < 0.5 * std::sqrt(dot(rows[0], rows[0])) ? V{1, 0, 0} : V{0, 1, 0};
    rows[1] = cross(rows[0], axis);
  }
  if (count == 1 || count == 2) rows[2] = cross(rows[0], rows[1]);
  for (int k = 0; k < count; ++k) {
    const V dual = cross(rows[(k + 1) % 3], rows[(k + 2) % 3]);
    const double volume = dot(rows[k], dual);
    for (int d = 0; d < 3; ++d) out.inverse[3 * d + which[k]] = dual[d] / volume;
  }
  return out;
}

}  // namespace

void BatchOnDevice::upload(cuda::Stream& stream, const Batch& batch) {
  hostOffsets_.assign(batch.offsets.begin(), batch.offsets.end());
  const auto atoms = static_cast<std::size_t>(batch.atoms());
  std::vector<int> systemOf(atoms);
  std::vector<DeviceBox> boxes;
  bool open = true;
  int largest = 0;
  for (std::int32_t s = 0; s < batch.systems(); ++s) {
    std::fill(systemOf.begin() + batch.offsets[s], systemOf.begin() + batch.offsets[s + 1], s);
    boxes.push_back(boxOf(batch.boxes[s]));
    open = open && boxes.back().open;
    largest = std::max(largest, batch.offsets[s + 1] - batch.offsets[s]);
  }
  offsets_.upload(stream, batch.offsets);
  systemOf_.upload(stream, systemOf);
  types_.upload(stream, batch.types);
  boxes_.upload(stream, boxes);
  positions_.upload(stream, batch.positions);
  view_ = {batch.systems(),  batch.atoms(), largest,           open ? 1 : 0, offsets_.data(),
           systemOf_.data(), types_.data(), positions_.data(), boxes_.data()};
}

void BatchOnDevice::uploadPositions(cuda::Stream& stream, std::span<const double> positions) {
  positions_.upload(stream, positions);
}

}  // namespace mdlab
