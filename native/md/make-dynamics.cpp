#include "md/dynamics-on-device.h"
#include "md/dynamics-on-host.h"

namespace mdlab {

std::unique_ptr<Dynamics> makeDynamics(std::shared_ptr<Potential> potential, Topology topology,
                                       DynamicsOptions options) {
  if (auto onDevice = std::dynamic_pointer_cast<DevicePotential>(potential))
    return std::make_unique<DynamicsOnDevice>(std::move(onDevice), std::move(topology),
                                              std::move(options));
  return std::make_unique<DynamicsOnHost>(std::move(potential), std::move(topology),
                                          std::move(options));
}

}  // namespace mdlab
