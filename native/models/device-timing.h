#pragma once
#include <vector>

#include "models/device-potential.h"

namespace mdlab {

// Seconds by the device's clock, one per repeat.
struct DeviceTiming {
  std::vector<double> seconds;
  std::int64_t edges = 0;  // directed pairs of the list; 0 where none is needed
};

// Evaluations with forces, as a run replays them: positions, list and results stay on the device,
// the work is one captured graph. Throws what evaluate() throws.
DeviceTiming timeOnDevice(DevicePotential& potential, const Batch& batch, int repeats);

}  // namespace mdlab
