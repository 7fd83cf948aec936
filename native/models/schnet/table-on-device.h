#pragma once
#include "models/schnet/filter-tables.h"

namespace mdlab {

// The table path over a list of directed pairs, for any batch.
std::unique_ptr<InteractionOnDevice> makeListTable(FilterTables& tables);

}  // namespace mdlab
