#pragma once
#include <optional>
#include <string>

#include "cuda/compiler.h"

namespace mdlab::cuda {

// Compiled kernels on disk, one file per key, in the folder given to setCacheFolder().
class CubinCache {
 public:
  // Nothing where there is none, or where it is damaged or was made for another key.
  std::optional<Cubin> read(const std::string& key) const;
  // Through a temporary file and a rename, so that readers see all of it or nothing. A folder that
  // cannot be written costs only the next compile.
  void write(const std::string& key, const Cubin& cubin) const;
};

}  // namespace mdlab::cuda
