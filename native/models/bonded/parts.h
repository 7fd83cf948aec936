#pragma once
#include <cstdint>
#include <vector>

#include "models/bonded/bonded.cuda.h"
#include "models/bonded/bonded.h"

namespace mdlab::bonded {

// A topology's terms as bonded.cu wants them; see DeviceBonded for the arrays.
struct Parts {
  int atoms = 0, parts = 0;
  std::vector<int> pairRow;
  std::vector<BondedPair> pairs;
  std::vector<int> moreRounds;
  std::vector<BondedTask> tasks;
  std::vector<int> slotRow;
  std::vector<unsigned short> slots;
  std::vector<double> parameters;
};

// Throws Error(EINVALID) for more than 2^31-1 pairs.
Parts cutIntoParts(const BondedTopology& topology);

}  // namespace mdlab::bonded
