#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

// The part of the CUDA driver API that is used here, opened at run time: the addon builds and runs
// where there is no CUDA at all. Names and values are those of NVIDIA's CUDA Driver API reference.
namespace mdlab::cuda {

using DevicePointer = std::uint64_t;
struct ContextHandle;
struct StreamHandle;
struct EventHandle;
struct ModuleHandle;
struct FunctionHandle;
struct GraphHandle;
struct GraphExecHandle;
struct MemoryPoolHandle;

struct Driver {
  int (*init)(unsigned flags);
  int (*driverGetVersion)(int* version);
  int (*getErrorName)(int result, const char** text);
  int (*getErrorString)(int result, const char** text);
  int (*deviceGetCount)(int* count);
  int (*deviceGet)(int* device, int ordinal);
  int (*deviceGetName)(char* name, int length, int device);
  int (*deviceGetAttribute)(int* value, int attribute, int device);
  int (*deviceTotalMem)(std::size_t* bytes, int device);
  int (*devicePrimaryCtxRetain)(ContextHandle** context, int device);
  int (*ctxSetCurrent)(ContextHandle* context);
  int (*memGetInfo)(std::size_t* free, std::size_t* total);
  int (*deviceGetDefaultMemPool)(MemoryPoolHandle** pool, int device);
  int (*memPoolSetAttribute)(MemoryPoolHandle* pool, int attribute, void* value);
  int (*memPoolTrimTo)(MemoryPoolHandle* pool, std::size_t keep);
  int (*memAllocAsync)(DevicePointer* address, std::size_t bytes, StreamHandle* stream);
  int (*memFreeAsync)(DevicePointer address, StreamHandle* stream);
  int (*memcpyHtoDAsync)(DevicePointer to, const void* from, std::size_t bytes, StreamHandle*);
  int (*memcpyDtoHAsync)(void* to, DevicePointer from, std::size_t bytes, StreamHandle*);
  int (*memcpyDtoDAsync)(DevicePointer to, DevicePointer from, std::size_t bytes, StreamHandle*);
  int (*memsetD8Async)(DevicePointer to, unsigned char value, std::size_t bytes, StreamHandle*);
  int (*streamCreate)(StreamHandle** stream, unsigned flags);
  int (*streamDestroy)(StreamHandle* stream);
  int (*streamSynchronize)(StreamHandle* stream);
  int (*streamBeginCapture)(StreamHandle* stream, int mode);
  int (*streamEndCapture)(StreamHandle* stream, GraphHandle** graph);
  int (*graphInstantiate)(GraphExecHandle** exec, GraphHandle* graph, unsigned long long flags);
  int (*graphLaunch)(GraphExecHandle* exec, StreamHandle* stream);
  int (*graphDestroy)(GraphHandle* graph);
  int (*graphExecDestroy)(GraphExecHandle* exec);
  int (*eventCreate)(EventHandle** event, unsigned flags);
  int (*eventDestroy)(EventHandle* event);
  int (*eventRecord)(EventHandle* event, StreamHandle* stream);
  int (*streamWaitEvent)(StreamHandle* stream, EventHandle* event, unsigned flags);
  int (*eventSynchronize)(EventHandle* event);
  int (*eventElapsedTime)(float* milliseconds, EventHandle* start, EventHandle* end);
  int (*moduleLoadData)(ModuleHandle** module, const void* image);
  int (*moduleUnload)(ModuleHandle* module);
  int (*moduleGetFunction)(FunctionHandle** function, ModuleHandle* module, const char* name);
  int (*funcSetAttribute)(FunctionHandle* function, int attribute, int value);
  int (*funcGetAttribute)(int* value, int attribute, FunctionHandle* function);
  int (*occupancyMaxActiveBlocks)(int* blocks, FunctionHandle* function, int threads,
                                  std::size_t sharedBytes);
  int (*launchKernelEx)(const void* config, FunctionHandle* function, void** parameters,
                        void** extra);
};

// "13.0" of 13000, the driver's way to write it.
std::string versionText(int version);

// The driver's functions, opened and initialised on first use. Throws Error(ENOTFOUND) saying what
// was looked for, what the loader said, and what to install.
const Driver& driver();

// Throws unless `result` is success: Error(ENOMEM) for out of memory, Error(EDEVICE) for anything
// that costs the process its GPU, Error(ECUDA) otherwise. `what` says what was being
// done.
void check(int result, const std::string& what);
// True once an error has cost this process its GPU: the driver then answers every call with that
// error until the process ends, so nothing is freed and nothing is asked any more.
bool deviceLost();
// Throws Error(EDEVICE) once the device is lost.
void requireDevice();
// A shared library opened under the first of `names` (those of other platforms are skipped) that
// the loader, or one of the folders where
// CUDA's toolkit and its Python packages live, has. Throws Error(ENOTFOUND) naming all of them.
class Library {
 public:
  Library(const std::string& what, std::vector<std::string> names, const std::string& remedy);
  // Throws Error(ENOTFOUND) where the library is too old to have it.
  void* find(const char* symbol) const;
  const std::string& path() const { return path_; }
  // Opens the libraries beside this one whose names begin so, where it was found in a folder that
  // the loader does not search: what it opens later by name is then there already.
  void openBeside(const std::string& prefix) const;

 private:
  std::string what_, path_;
  void* handle_ = nullptr;
};

// The libraries beside the driver, each under its names and with its remedy; where there is a
// driver, of no CUDA that is newer than it serves.
Library openNvrtc();
Library openCufft();
Library openCublasLt();
Library openNccl();

}  // namespace mdlab::cuda
