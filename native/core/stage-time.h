#pragma once
#include <string>

namespace mdlab {

// Time spent in one named stage of the last evaluation; on a device, in one kernel of it.
struct StageTime {
  std::string stage;
  double seconds = 0;
  std::string kernel = {};  // empty on the host
  int launches = 0;         // of the kernel
};

}  // namespace mdlab
