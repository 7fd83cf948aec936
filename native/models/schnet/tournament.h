#pragma once
#include "models/schnet/filter-tables.h"

namespace mdlab {

// The table path over all pairs of small open systems, each pair once (tournament.cuda.h).
std::unique_ptr<InteractionOnDevice> makeTournament(FilterTables& tables);
// Whether it takes this batch, and sooner than the path over a list would be done with it.
bool tournamentTakes(const FilterTables& tables, const DeviceBatch& batch);

}  // namespace mdlab
