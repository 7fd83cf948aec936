#include "cuda/listed-kernels.h"

#include <utility>

namespace mdlab::cuda {
namespace {

// Made on first use: lists are filled while the library is being loaded, in no known order.
std::vector<ListedKernels>& all() {
  static std::vector<ListedKernels> list;
  return list;
}

}  // namespace

ListedKernels::ListedKernels(std::string sourceFile, std::vector<std::string> names)
    : file(std::move(sourceFile)), kernels(std::move(names)) {
  all().push_back(*this);
}

std::vector<ListedKernels> listedKernels() { return all(); }

}  // namespace mdlab::cuda
