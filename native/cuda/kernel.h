#pragma once
#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "cuda/device.h"

namespace mdlab::cuda {

struct Dim3 {
  unsigned x = 1, y = 1, z = 1;
};

// What a launch needs beside its arguments.
struct Geometry {
  Dim3 grid, block;
  std::size_t sharedBytes = 0;  // dynamic shared memory
  unsigned cluster = 1;         // blocks of a cluster along x (sm_90 and later)
  // Programmatic dependent launch (sm_90 and later): blocks may start while the kernel before
  // drains, and must wait (griddepcontrol.wait) before they touch what it writes.
  bool overlap = false;
};

// Blocks of `threads` for `count` items, at least one.
inline Dim3 blocksFor(std::int64_t count, int threads) {
  const std::int64_t blocks = (count + threads - 1) / threads;
  return {static_cast<unsigned>(blocks > 0 ? blocks : 1), 1, 1};
}

// A kernel taking one struct by value, and nothing else.
template <class Arguments>
struct Kernel {
  FunctionHandle* function = nullptr;
  const char* name = "";  // what a clock calls it
};

// The kernels of one .cu file, compiled for the device (or taken from the cache) and loaded.
class KernelModule {
 public:
  KernelModule() = default;
  // `kernels` are name expressions with their template arguments: "mdlab::tableForward<128, true>".
  KernelModule(Device& device, const std::string& file, const std::vector<std::string>& kernels);
  ~KernelModule();
  KernelModule(KernelModule&& o) noexcept { *this = std::move(o); }
  KernelModule& operator=(KernelModule&& o) noexcept {
    std::swap(device_, o.device_);
    std::swap(module_, o.module_);
    std::swap(functions_, o.functions_);
    return *this;
  }
  // Throws Error(EINVALID) for a name that was not asked for.
  template <class Arguments>
  Kernel<Arguments> kernel(const std::string& name) const {
    const Function& found = function(name);
    return {found.handle, found.shortName.c_str()};
  }

 private:
  struct Function {
    FunctionHandle* handle = nullptr;
    std::string shortName;  // without namespace and template arguments
  };
  const Function& function(const std::string& name) const;
  Device* device_ = nullptr;
  ModuleHandle* module_ = nullptr;
  std::map<std::string, Function> functions_;
};

void launchFunction(Stream& stream, FunctionHandle* function, const char* name,
                    const Geometry& geometry, const void* arguments);
// Blocks of this size that fit on one multiprocessor at once.
int activeBlocks(FunctionHandle* function, int threads, std::size_t sharedBytes);

template <class Arguments>
void launch(Stream& stream, Kernel<Arguments> kernel, const Geometry& geometry,
            const Arguments& arguments) {
  launchFunction(stream, kernel.function, kernel.name, geometry, &arguments);
}

}  // namespace mdlab::cuda
