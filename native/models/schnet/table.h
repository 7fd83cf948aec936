#pragma once
#include "models/schnet/interaction.h"

namespace mdlab {

// Message passing with tabulated filters: W_l(r) of every block as cubic pieces
// (nn/hermite-table.h), each pair of atoms evaluated once for both directions.
template <class T>
std::unique_ptr<Interaction<T>> makeTable(const InteractionContext<T>& context,
                                          const SchnetParameters& parameters);

}  // namespace mdlab
