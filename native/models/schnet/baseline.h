#pragma once
#include "models/schnet/interaction.h"

namespace mdlab {

// Message passing as a framework with reverse-mode differentiation runs it: one operation after
// another over all directed edges, each reading and writing whole arrays, outputs kept for the
// reverse pass where it needs them. context.options.techniques replace single operations.
template <class T>
std::unique_ptr<Interaction<T>> makeBaseline(const InteractionContext<T>& context);

}  // namespace mdlab
