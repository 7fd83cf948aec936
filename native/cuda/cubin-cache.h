#pragma once
#include <optional>
#include <string>
#include <utility>

#include "cuda/compiler.h"

namespace mdlab::cuda {

// Compiled kernels on disk, one file per key. Threads and processes may share a folder.
class CubinCache {
 public:
  explicit CubinCache(std::string folder) : folder_(std::move(folder)) {}
  // Nothing where there is none, or where it is damaged or was made for another key.
  std::optional<Cubin> read(const std::string& key) const;
  // Through a temporary file and a rename, so that readers see all of it or nothing. A folder that
  // cannot be written costs only the next compile.
  void write(const std::string& key, const Cubin& cubin) const;

 private:
  std::string fileOf(const std::string& key) const;
  std::string folder_;
};

}  // namespace mdlab::cuda
