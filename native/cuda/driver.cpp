#include "cuda/driver.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <mutex>

#include "core/error.h"
#include "cuda/compiler.h"

#if defined(_WIN32)
#include <windows.h>
#else
#include <dlfcn.h>
#endif

namespace mdlab::cuda {
namespace {

namespace fs = std::filesystem;

#if defined(_WIN32)
constexpr bool windows = true;
void* openLibrary(const std::string& name) { return LoadLibraryA(name.c_str()); }
std::string loaderError() { return "error " + std::to_string(GetLastError()); }
void* symbolOf(void* library, const char* name) {
  return reinterpret_cast<void*>(GetProcAddress(static_cast<HMODULE>(library), name));
}
#else
constexpr bool windows = false;
// Never closed: threads and destructors of the library may outlive whoever opened it.
void* openLibrary(const std::string& name) { return dlopen(name.c_str(), RTLD_NOW | RTLD_GLOBAL); }
std::string loaderError() {
  const char* told = dlerror();
  return told ? told : "no reason given";
}
void* symbolOf(void* library, const char* name) { return dlsym(library, name); }
#endif

// Folders that hold CUDA's libraries but that a loader does not know: the toolkit, and where the
// Python packages (nvidia-cuda-nvrtc …) put theirs below the project's own build folder.
std::vector<std::string> extraFolders() {
  std::vector<std::string> folders;
  for (const char* variable : {"CUDA_HOME", "CUDA_PATH"})
    if (const char* root = std::getenv(variable)) {
      folders.push_back(std::string(root) + "/lib64");
      folders.push_back(std::string(root) + "/lib");
    }
  folders.push_back("/usr/local/cuda/lib64");
  folders.push_back("/usr/local/nvidia/lib64");
  const fs::path packages = fs::path(sourceFolder()).parent_path() / "build" / "cuda" / "nvidia";
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(packages, ignored))
    folders.push_back((entry.path() / "lib").string());
  return folders;
}

// Results as NVIDIA's CUDA Driver API reference numbers them.
enum : int {
  success = 0,
  outOfMemory = 2,
  deviceUnavailable = 46,
  noDevice = 100,
  eccUncorrectable = 214,
  nvlinkUncorrectable = 220,
  illegalAddress = 700,
  launchTimeout = 702,
  contextDestroyed = 709,
  assertFailed = 710,
  hardwareStackError = 714,
  illegalInstruction = 715,
  misalignedAddress = 716,
  invalidAddressSpace = 717,
  invalidProgramCounter = 718,
  launchFailed = 719,
  contained = 721,
  systemNotReady = 802,
  unknown = 999
};

Driver load() {
  const Library library("CUDA driver", {"libcuda.so.1", "libcuda.so", "nvcuda.dll"},
                        "install NVIDIA's driver, or choose backend 'cpu'");
  Driver d{};
  const auto take = [&](auto& function, const char* name) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(library.find(name));
  };
  take(d.init, "cuInit");
  take(d.driverGetVersion, "cuDriverGetVersion");
  take(d.getErrorName, "cuGetErrorName");
  take(d.getErrorString, "cuGetErrorString");
  take(d.deviceGetCount, "cuDeviceGetCount");
  take(d.deviceGet, "cuDeviceGet");
  take(d.deviceGetName, "cuDeviceGetName");
  take(d.deviceGetAttribute, "cuDeviceGetAttribute");
  take(d.deviceTotalMem, "cuDeviceTotalMem_v2");
  take(d.devicePrimaryCtxRetain, "cuDevicePrimaryCtxRetain");
  take(d.ctxSetCurrent, "cuCtxSetCurrent");
  take(d.memGetInfo, "cuMemGetInfo_v2");
  take(d.deviceGetDefaultMemPool, "cuDeviceGetDefaultMemPool");
  take(d.memPoolSetAttribute, "cuMemPoolSetAttribute");
  take(d.memPoolTrimTo, "cuMemPoolTrimTo");
  take(d.memAllocAsync, "cuMemAllocAsync");
  take(d.memFreeAsync, "cuMemFreeAsync");
  take(d.memcpyHtoDAsync, "cuMemcpyHtoDAsync_v2");
  take(d.memcpyDtoHAsync, "cuMemcpyDtoHAsync_v2");
  take(d.memcpyDtoDAsync, "cuMemcpyDtoDAsync_v2");
  take(d.memsetD8Async, "cuMemsetD8Async");
  take(d.streamCreate, "cuStreamCreate");
  take(d.streamDestroy, "cuStreamDestroy_v2");
  take(d.streamSynchronize, "cuStreamSynchronize");
  take(d.streamBeginCapture, "cuStreamBeginCapture_v2");
  take(d.streamEndCapture, "cuStreamEndCapture");
  take(d.graphInstantiate, "cuGraphInstantiateWithFlags");
  take(d.graphLaunch, "cuGraphLaunch");
  take(d.graphDestroy, "cuGraphDestroy");
  take(d.graphExecDestroy, "cuGraphExecDestroy");
  take(d.eventCreate, "cuEventCreate");
  take(d.eventDestroy, "cuEventDestroy_v2");
  take(d.eventRecord, "cuEventRecord");
  take(d.streamWaitEvent, "cuStreamWaitEvent");
  take(d.eventSynchronize, "cuEventSynchronize");
  take(d.eventElapsedTime, "cuEventElapsedTime");
  take(d.moduleLoadData, "cuModuleLoadData");
  take(d.moduleUnload, "cuModuleUnload");
  take(d.moduleGetFunction, "cuModuleGetFunction");
  take(d.funcSetAttribute, "cuFuncSetAttribute");
  take(d.funcGetAttribute, "cuFuncGetAttribute");
  take(d.occupancyMaxActiveBlocks, "cuOccupancyMaxActiveBlocksPerMultiprocessor");
  take(d.launchKernelEx, "cuLaunchKernelEx");
  const int result = d.init(0);
  if (result == noDevice)
    throw Error("ENOTFOUND", "CUDA: " + library.path() +
                                 " finds no device; choose backend 'cpu' or a machine with a GPU");
  if (result != success) {
    const char* text = nullptr;
    d.getErrorString(result, &text);
    throw Error("ENOTFOUND", "CUDA: the driver " + library.path() +
                                 " does not start: " + (text ? text : std::to_string(result)) +
                                 "; is its kernel module loaded?");
  }
  return d;
}

}  // namespace

Library::Library(const std::string& what, std::vector<std::string> names, const std::string& remedy)
    : what_(what) {
  std::string told;
  const auto attempt = [&](const std::string& name) {
    if (handle_) return;
    handle_ = openLibrary(name);
    if (handle_)
      path_ = name;
    else
      told += "\n  " + loaderError();
  };
  names.erase(
      std::remove_if(names.begin(), names.end(),
                     [](const std::string& name) { return name.ends_with(".dll") != windows; }),
      names.end());
  for (const std::string& name : names) attempt(name);
  for (const std::string& folder : extraFolders())
    for (const std::string& name : names) {
      const std::string file = folder + "/" + name;
      std::error_code ignored;
      if (fs::exists(file, ignored)) attempt(file);
    }
  if (!handle_) {
    std::string looked;
    for (const std::string& name : names) looked += (looked.empty() ? "" : ", ") + name;
    throw Error("ENOTFOUND", what + ": must open one of " + looked + ", none did; " + remedy +
                                 ". The loader said:" + told);
  }
}

void Library::openBeside(const std::string& prefix) const {
  const fs::path folder = fs::path(path_).parent_path();
  std::error_code ignored;
  if (folder.empty()) return;
  for (const auto& entry : fs::directory_iterator(folder, ignored))
    if (entry.path().filename().string().starts_with(prefix)) openLibrary(entry.path().string());
}

void* Library::find(const char* symbol) const {
  if (void* found = symbolOf(handle_, symbol)) return found;
  throw Error("ENOTFOUND", what_ + ": " + path_ + " lacks " + symbol +
                               "; a newer version (CUDA 12 or later) has it");
}

namespace {

// Whether a driver is there that serves no CUDA 13: it runs nothing which that compiled.
bool servesCuda12Alone() {
  try {
    int version = 0;
    return driver().driverGetVersion(&version) == success && version < 13000;
  } catch (const Error&) {
    return false;
  }
}

// Names of a library that the driver serves, newest first. Those without a version are not among
// them: what they lead to may be too new.
std::vector<std::string> served(std::vector<std::string> ofCuda13,
                                const std::vector<std::string>& older) {
  if (servesCuda12Alone()) return older;
  ofCuda13.insert(ofCuda13.end(), older.begin(), older.end());
  return ofCuda13;
}

}  // namespace

Library openNvrtc() {
  return {"CUDA run-time compiler",
          served({"libnvrtc.so.13", "nvrtc64_130_0.dll"}, {"libnvrtc.so.12", "nvrtc64_120_0.dll"}),
          "install the CUDA toolkit, or Python's package nvidia-cuda-nvrtc with its lib folder in "
          "LD_LIBRARY_PATH"};
}
Library openCufft() {
  return {"cuFFT",
          {"libcufft.so.12", "libcufft.so.11", "libcufft.so", "cufft64_12.dll", "cufft64_11.dll"},
          "install the CUDA toolkit, or Python's package nvidia-cufft"};
}
Library openCublasLt() {
  return {"cuBLASLt",
          served({"libcublasLt.so.13", "cublasLt64_13.dll"},
                 {"libcublasLt.so.12", "cublasLt64_12.dll"}),
          "install the CUDA toolkit, or Python's package nvidia-cublas"};
}
Library openNccl() {
  return {"NCCL", {"libnccl.so.2", "libnccl.so"}, "install NCCL, or Python's package nvidia-nccl"};
}

const Driver& driver() {
  static const Driver loaded = load();  // a failed load is tried again by the next call
  return loaded;
}

namespace {

std::atomic<bool> lost{false};
constexpr const char* afterwards =
    "; this process cannot use the GPU any more. Host variables and checkpoints are intact: go on "
    "with backend 'cpu', or save what you need, start a new process (in a notebook: "
    "restartExecutor()) and resume from the last checkpoint";

bool isSticky(int result) {
  switch (result) {
    case deviceUnavailable:
    case eccUncorrectable:
    case nvlinkUncorrectable:
    case illegalAddress:
    case launchTimeout:
    case contextDestroyed:
    case assertFailed:
    case hardwareStackError:
    case illegalInstruction:
    case misalignedAddress:
    case invalidAddressSpace:
    case invalidProgramCounter:
    case launchFailed:
    case contained:
    case systemNotReady:
    case unknown:
      return true;
    default:
      return false;
  }
}

}  // namespace

bool deviceLost() { return lost; }

void requireDevice() {
  if (lost) throw Error("EDEVICE", std::string("CUDA: the device was lost earlier") + afterwards);
}

std::string versionText(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

void check(int result, const std::string& what) {
  if (result == success) return;
  const char *name = nullptr, *text = nullptr;
  driver().getErrorName(result, &name);
  driver().getErrorString(result, &text);
  const std::string told = what + ": " + (text ? text : "unknown error") + " (" +
                           (name ? name : std::to_string(result)) + ")";
  if (result == outOfMemory) throw Error("ENOMEM", told);
  if (isSticky(result)) {
    lost = true;
    throw Error("EDEVICE", told + afterwards);
  }
  throw Error("ECUDA", told);
}

}  // namespace mdlab::cuda
