#pragma once
// Device code only: the displacement of one entry of a neighbour list.
#include "neighbors/device-list.h"
#include "system/device-batch.h"

namespace mdlab {

// d = x_j + shift·cell − x_i of entry e of row i, in model units; the difference in double.
__device__ __forceinline__ double displacement(const DeviceBatch& batch, const DeviceListView& list,
                                               double unit, int i, int e, double (&d)[3]) {
  const int j = list.column[e];
#pragma unroll
  for (int k = 0; k < 3; ++k) d[k] = batch.positions[3LL * j + k] - batch.positions[3LL * i + k];
  if (list.shift) {
    const DeviceShift s = list.shift[e];
    const double* cell = batch.boxes[batch.systemOf[i]].vectors;
#pragma unroll
    for (int k = 0; k < 3; ++k) d[k] += s.x * cell[k] + s.y * cell[3 + k] + s.z * cell[6 + k];
  }
#pragma unroll
  for (int k = 0; k < 3; ++k) d[k] *= unit;
  return sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2]);
}

}  // namespace mdlab
