#include "cuda/kernel.h"

#include "core/error.h"
#include "cuda/compiler.h"
#include "cuda/kernel-clock.h"

namespace mdlab::cuda {
namespace {

constexpr int maxDynamicShared = 8;  // CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES

// CUlaunchAttribute and CUlaunchConfig as the driver lays them out.
struct LaunchAttribute {
  int id;
  int pad;
  union {
    char bytes[64];
    unsigned cluster[3];
    int overlap;
  } value;
};
constexpr int clusterDimension = 4, programmaticSerialization = 6;

struct LaunchConfig {
  unsigned grid[3], block[3];
  unsigned sharedBytes;
  StreamHandle* stream;
  LaunchAttribute* attributes;
  unsigned attributeCount;
};

// Results by which the driver says that it cannot run machine code which is whole.
bool refused(int result) {
  constexpr int invalidImage = 200, noBinary = 209, unsupportedToolchain = 222, invalidSource = 300;
  return result == invalidImage || result == noBinary || result == unsupportedToolchain ||
         result == invalidSource;
}

// A block gets 48 KiB unasked, of which the kernel's static shared memory takes its part.
void allowShared(FunctionHandle* function, std::size_t bytes) {
  if (bytes > 0)
    check(driver().funcSetAttribute(function, maxDynamicShared, static_cast<int>(bytes)),
          "kernel: " + std::to_string(bytes) + " bytes of shared memory");
}

std::string shortNameOf(const std::string& expression) {
  const std::string name = expression.substr(0, expression.find('<'));
  const std::size_t colons = name.rfind("::");
  return colons == std::string::npos ? name : name.substr(colons + 2);
}

}  // namespace

KernelModule::KernelModule(Device& device, const std::string& file,
                           const std::vector<std::string>& kernels)
    : device_(&device) {
  const Cubin cubin = compile(file, kernels, device.architecture());
  device.use();
  const int result = [&] {
    const auto lock = apartFromCaptures();
    return driver().moduleLoadData(&module_, cubin.image.data());
  }();
  if (refused(result))
    throw Error("EUNSUPPORTED",
                "kernels of " + file + ": the driver (CUDA " +
                    versionText(device.info().driverVersion) +
                    ") must load what the compiler (NVRTC " + nvrtcVersion() + ") made for " +
                    device.architecture() +
                    ", it does not; install a newer driver, or an NVRTC no newer than the driver");
  check(result, "kernels of " + file);
  for (std::size_t k = 0; k < kernels.size(); ++k) {
    Function& f = functions_[kernels[k]];
    f.shortName = shortNameOf(kernels[k]);
    check(driver().moduleGetFunction(&f.handle, module_, cubin.names[k].c_str()),
          "kernel " + kernels[k]);
  }
}

KernelModule::~KernelModule() {
  if (!module_ || deviceLost()) return;
  try {
    device_->use();
  } catch (const Error&) {
    return;
  }
  const auto lock = apartFromCaptures();
  driver().moduleUnload(module_);
}

const KernelModule::Function& KernelModule::function(const std::string& name) const {
  const auto found = functions_.find(name);
  if (found == functions_.end()) invalid("kernel: " + name + " was not compiled");
  return found->second;
}

void launchFunction(Stream& stream, FunctionHandle* function, const char* name, const Geometry& g,
                    const void* arguments) {
  stream.use();
  allowShared(function, g.sharedBytes);
  LaunchAttribute attributes[2] = {};
  unsigned count = 0;
  const bool hopper = stream.device().info().major >= 9;
  if (g.cluster > 1 && hopper) {
    attributes[count].id = clusterDimension;
    attributes[count].value.cluster[0] = g.cluster;
    attributes[count].value.cluster[1] = attributes[count].value.cluster[2] = 1;
    ++count;
  }
  const bool joined = stream.takeJoined();
  if (g.overlap && hopper && !joined) {
    attributes[count].id = programmaticSerialization;
    attributes[count].value.overlap = 1;
    ++count;
  }
  const LaunchConfig config{{g.grid.x, g.grid.y, g.grid.z},
                            {g.block.x, g.block.y, g.block.z},
                            static_cast<unsigned>(g.sharedBytes),
                            stream.handle(),
                            attributes,
                            count};
  void* parameters[] = {const_cast<void*>(arguments)};
  KernelTimed timed(stream, name);
  const int result = driver().launchKernelEx(&config, function, parameters, nullptr);
  timed.stop();
  if (result != 0)
    check(result, "launch of " + std::string(name) + ", " + std::to_string(g.grid.x) +
                      " blocks of " + std::to_string(g.block.x) + " threads with " +
                      std::to_string(g.sharedBytes) + " bytes of shared memory");
}

int activeBlocks(FunctionHandle* function, int threads, std::size_t sharedBytes) {
  allowShared(function, sharedBytes);
  int blocks = 0;
  check(driver().occupancyMaxActiveBlocks(&blocks, function, threads, sharedBytes), "occupancy");
  return blocks;
}

}  // namespace mdlab::cuda
