#include "neighbors/neighbor-list.h"

namespace mdlab {

void buildNeighborList(const Batch& batch, double cutoff, double skin, const Exclusions& exclusions,
                       NeighborList& out) {
  buildNeighborListReference(batch, cutoff, skin, exclusions, out);
}

}  // namespace mdlab
