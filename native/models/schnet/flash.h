#pragma once
#include "models/schnet/interaction.h"

namespace mdlab {

// Fused message passing: the filters of a few dozen edges at a time live in cache, are used, and
// are computed again in the reverse pass. Rows are independent (gather form, both passes), so there
// are no atomics and no sum depends on the number of threads.
template <class T>
std::unique_ptr<Interaction<T>> makeFlash(const InteractionContext<T>& context);

}  // namespace mdlab
