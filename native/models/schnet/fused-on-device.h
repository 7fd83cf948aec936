#pragma once
#include "models/schnet/interaction-on-device.h"

namespace mdlab {

// Technique 2, fused message passing, with or without the other two (options.techniques): without
// `radialBasis` φ and φ' are computed by single operations and read from memory, without
// `aggregation` every edge's message is scattered by float atomics. The `flash` pipeline has both.
std::unique_ptr<InteractionOnDevice> makeFusedOnDevice(const SchnetConfig& config,
                                                       const SchnetParameters& parameters,
                                                       const SchnetOptions& options);

}  // namespace mdlab
