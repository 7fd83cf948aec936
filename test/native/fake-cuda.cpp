// A CUDA driver, a run-time compiler and cuBLASLt that compute nothing but check what they are
// asked: every call with a handle must come from a thread on which the handle's device is current,
// copies must lie within memory that is there, nothing waits or allocates within a capture, no
// module comes or goes while any thread captures, and no launch asks for more than a device gives.
// A breach ends the process. Linked to as libcuda.so.1, libnvrtc.so.13 and libcublasLt.so.13, it
// stands for machines that a test has not: without a device, with an old driver, with two GPUs,
// with little memory, with one that fails in mid-run.
//
// Environment: FAKE_CUDA_INIT, what cuInit gives; FAKE_CUDA_VERSION (13000); FAKE_CUDA_NAMES,
// devices by comma; FAKE_CUDA_CAPABILITY (90); FAKE_CUDA_SHARED, bytes of a block (232448);
// FAKE_CUDA_LOAD, what every FAKE_CUDA_LOAD_EVERY-th module's loading gives; FAKE_CUDA_MEMORY,
// bytes of each device, read at every allocation; FAKE_CUDA_LOST_AT, the launch after which waiting
// gives an illegal address. Built with OLD it lacks cuLaunchKernelEx.
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace {

enum : int { success, invalidValue = 1, outOfMemory = 2, illegalAddress = 700, unjoined = 904 };

long setting(const char* name, long otherwise) {
  const char* text = std::getenv(name);
  return text && *text ? std::atol(text) : otherwise;
}

[[noreturn]] void breach(const char* what) {
  std::fprintf(stderr, "fake CUDA: %s\n", what);
  std::_Exit(99);
}
void require(bool holds, const char* what) {
  if (!holds) breach(what);
}

std::vector<std::string> names() {
  const char* text = std::getenv("FAKE_CUDA_NAMES");
  std::string all = text ? text : "NVIDIA H200,NVIDIA A100-SXM4-80GB";
  std::vector<std::string> list;
  for (std::size_t at = 0; at <= all.size();) {
    const std::size_t end = std::min(all.find(',', at), all.size());
    list.push_back(all.substr(at, end - at));
    at = end + 1;
  }
  return list;
}

struct Context {
  int device;
};
Context contexts[16];
thread_local Context* current = nullptr;

// Whatever belongs to a context. Never freed, so that use after its end is seen.
struct Handle {
  Context* context = current;
  bool ended = false;
};
struct Graph;
struct Stream : Handle {
  Graph* capture = nullptr;
  bool loose = false;  // took part in a capture and was not waited for since
};
struct Event : Handle {
  Graph* capture = nullptr;
  Stream* recordedOn = nullptr;
};
struct Graph : Handle {
  Stream* origin = nullptr;
  std::set<Stream*> streams;
  std::vector<std::pair<const char*, std::size_t>> touched;  // by copies and zeroing
};
struct Function : Handle {
  int shared = 49152;
};

template <class T>
T* use(T* handle, const char* what) {
  require(handle && !handle->ended, what);
  require(current != nullptr, "no context is current");
  require(handle->context == current, what);
  return handle;
}
Stream* used(void* stream) {
  return use(static_cast<Stream*>(stream), "a stream of another device, or one that has ended");
}

template <class T>
int makeHandle(T** to) {
  require(current != nullptr, "no context is current");
  *to = new T;
  return success;
}
int endHandle(Handle* handle, const char* twice) {
  require(!handle->ended, twice);
  handle->ended = true;
  return success;
}

std::mutex mutex;
std::map<const char*, std::pair<std::size_t, Context*>> memory;
std::size_t held[16];
long launches = 0;
std::atomic<int> captures{0};  // being made
bool lost = false;

// The bytes must lie in one allocation of the stream's device.
void within(const void* address, std::size_t bytes, const Stream* stream) {
  const std::lock_guard lock(mutex);
  const auto* at = static_cast<const char*>(address);
  auto found = memory.upper_bound(at);
  require(found != memory.begin(), "memory that is not there");
  --found;
  require(at + bytes <= found->first + found->second.first, "memory beyond an allocation");
  require(found->second.second == stream->context, "memory of another device");
}

void work(Stream* stream, const void* address, std::size_t bytes) {
  if (!stream->capture) return;
  if (stream != stream->capture->origin) stream->loose = true;
  if (address) stream->capture->touched.emplace_back(static_cast<const char*>(address), bytes);
}
int waitedFor(const Stream* stream) {
  require(!stream->capture, "waiting within a capture");
  return lost ? illegalAddress : success;
}

}  // namespace

extern "C" {

int cuInit(unsigned) { return static_cast<int>(setting("FAKE_CUDA_INIT", success)); }
int cuDriverGetVersion(int* version) {
  *version = static_cast<int>(setting("FAKE_CUDA_VERSION", 13000));
  return success;
}
int cuGetErrorName(int result, const char** text) {
  *text = result == outOfMemory ? "CUDA_ERROR_OUT_OF_MEMORY" : "CUDA_ERROR_OF_SOME_KIND";
  return success;
}
int cuGetErrorString(int result, const char** text) {
  *text = result == outOfMemory ? "out of memory" : "an error of some kind";
  return success;
}
int cuDeviceGetCount(int* count) {
  *count = static_cast<int>(names().size());
  return success;
}
int cuDeviceGet(int* device, int ordinal) {
  // Not the index, so that one taken for the other shows.
  *device = ordinal + 5;
  return success;
}
int cuDeviceGetName(char* name, int length, int device) {
  std::snprintf(name, static_cast<std::size_t>(length), "%s", names().at(device - 5).c_str());
  return success;
}
int cuDeviceGetAttribute(int* value, int attribute, int) {
  const long capability = setting("FAKE_CUDA_CAPABILITY", 90);
  *value = attribute == 16   ? 132
           : attribute == 38 ? 50 << 20
           : attribute == 75 ? static_cast<int>(capability / 10)
           : attribute == 76 ? static_cast<int>(capability % 10)
           : attribute == 97 ? static_cast<int>(setting("FAKE_CUDA_SHARED", 232448))
                             : 0;
  return success;
}
int cuDeviceTotalMem_v2(std::size_t* bytes, int) {
  *bytes = static_cast<std::size_t>(setting("FAKE_CUDA_MEMORY", 1l << 32));
  return success;
}
int cuDevicePrimaryCtxRetain(Context** context, int device) {
  *context = &contexts[device - 5];
  (*context)->device = device - 5;
  return success;
}
int cuCtxSetCurrent(Context* context) {
  current = context;
  return success;
}
int cuMemGetInfo_v2(std::size_t* free, std::size_t* total) {
  require(current != nullptr, "no context is current");
  cuDeviceTotalMem_v2(total, 0);
  const std::lock_guard lock(mutex);
  const std::size_t taken = held[current->device];
  *free = *total > taken ? *total - taken : 0;
  return success;
}
int cuDeviceGetDefaultMemPool(Context** pool, int device) {
  *pool = &contexts[device - 5];
  return success;
}
int cuMemPoolSetAttribute(void*, int, void*) { return success; }
int cuMemPoolTrimTo(void*, std::size_t) {
  require(captures == 0, "trimming a pool while a capture is made");
  return success;
}

int cuMemAllocAsync(char** address, std::size_t bytes, void* on) {
  Stream* stream = used(on);
  require(!stream->capture, "allocating within a capture");
  const std::lock_guard lock(mutex);
  std::size_t& taken = held[stream->context->device];
  if (taken + bytes > static_cast<std::size_t>(setting("FAKE_CUDA_MEMORY", 1l << 32)))
    return outOfMemory;
  *address = static_cast<char*>(std::calloc(bytes + 1, 1));
  memory[*address] = {bytes, stream->context};
  taken += bytes;
  return success;
}
int cuMemFreeAsync(char* address, void* on) {
  const Stream* stream = used(on);
  require(!stream->capture, "freeing within a capture");
  const std::lock_guard lock(mutex);
  const auto found = memory.find(address);
  require(found != memory.end(), "memory freed twice");
  require(found->second.second == stream->context, "memory of another device");
  held[stream->context->device] -= found->second.first;
  memory.erase(found);
  std::free(address);
  return success;
}
int cuMemcpyHtoDAsync_v2(char* to, const void* from, std::size_t bytes, void* on) {
  Stream* stream = used(on);
  require(!stream->capture, "copying from the host within a capture");
  within(to, bytes, stream);
  std::memcpy(to, from, bytes);
  return success;
}
int cuMemcpyDtoHAsync_v2(void* to, const char* from, std::size_t bytes, void* on) {
  const Stream* stream = used(on);
  within(from, bytes, stream);
  std::memcpy(to, from, bytes);
  return waitedFor(stream);
}
int cuMemcpyDtoDAsync_v2(char* to, const char* from, std::size_t bytes, void* on) {
  Stream* stream = used(on);
  within(to, bytes, stream);
  within(from, bytes, stream);
  work(stream, to, bytes);
  std::memmove(to, from, bytes);
  return success;
}
int cuMemsetD8Async(char* to, unsigned char value, std::size_t bytes, void* on) {
  Stream* stream = used(on);
  within(to, bytes, stream);
  work(stream, to, bytes);
  std::memset(to, value, bytes);
  return success;
}

int cuStreamCreate(Stream** stream, unsigned) { return makeHandle(stream); }
int cuStreamDestroy_v2(Stream* stream) { return endHandle(stream, "a stream ended twice"); }
int cuStreamSynchronize(void* on) { return waitedFor(used(on)); }
int cuStreamBeginCapture_v2(void* on, int) {
  Stream* stream = used(on);
  require(!stream->capture, "a capture within a capture");
  ++captures;
  stream->capture = new Graph;
  stream->capture->origin = stream;
  stream->capture->streams.insert(stream);
  return success;
}
int cuStreamEndCapture(void* on, Graph** graph) {
  Graph* ended = used(on)->capture;
  require(ended != nullptr, "no capture to end");
  --captures;
  bool loose = false;
  for (Stream* stream : ended->streams) {
    loose |= stream->loose;
    stream->loose = false;
    stream->capture = nullptr;
  }
  *graph = loose ? nullptr : ended;
  return loose ? unjoined : success;
}
int cuGraphInstantiateWithFlags(Graph** exec, Graph* graph, unsigned long long) {
  *exec = new Graph(*use(graph, "a graph of another device"));
  return success;
}
int cuGraphLaunch(Graph* exec, void* on) {
  const Stream* stream = used(on);
  use(exec, "a graph of another device, or one that has ended");
  for (const auto& [at, bytes] : exec->touched) within(at, bytes, stream);
  return success;
}
int cuGraphDestroy(Graph* graph) { return endHandle(graph, "a graph ended twice"); }
int cuGraphExecDestroy(Graph* graph) { return cuGraphDestroy(graph); }

int cuEventCreate(Event** event, unsigned) { return makeHandle(event); }
int cuEventDestroy_v2(Event* event) { return endHandle(event, "an event ended twice"); }
int cuEventRecord(Event* event, void* on) {
  use(event, "an event of another device, or one that has ended");
  event->recordedOn = used(on);
  event->capture = event->recordedOn->capture;
  return success;
}
int cuStreamWaitEvent(void* on, Event* event, unsigned) {
  use(event, "an event of another device, or one that has ended");
  Stream* stream = used(on);
  if (!event->capture) return success;
  if (stream == event->capture->origin) {
    event->recordedOn->loose = false;
  } else {
    stream->capture = event->capture;
    stream->capture->streams.insert(stream);
  }
  return success;
}
int cuEventSynchronize(Event* event) {
  use(event, "an event of another device, or one that has ended");
  return lost ? illegalAddress : success;
}
int cuEventElapsedTime(float* milliseconds, Event* start, Event* end) {
  use(start, "an event of another device, or one that has ended");
  use(end, "an event of another device, or one that has ended");
  *milliseconds = 0.01f;
  return success;
}

int cuModuleLoadData(Handle** module, const void*) {
  require(current != nullptr, "no context is current");
  require(captures == 0, "loading kernels while a capture is made");
  *module = new Handle;
  static long loads = 0;
  if (++loads % setting("FAKE_CUDA_LOAD_EVERY", 1) != 0) return success;
  return static_cast<int>(setting("FAKE_CUDA_LOAD", success));
}
int cuModuleUnload(Handle* module) {
  require(captures == 0, "unloading kernels while a capture is made");
  use(module, "kernels of another device, or unloaded twice")->ended = true;
  return success;
}
int cuModuleGetFunction(Function** function, Handle* module, const char*) {
  use(module, "kernels of another device");
  *function = new Function;
  return success;
}
int cuFuncSetAttribute(Function* function, int, int value) {
  use(function, "a kernel of another device");
  if (value > setting("FAKE_CUDA_SHARED", 232448)) return invalidValue;
  function->shared = value;
  return success;
}
int cuFuncGetAttribute(int* value, int, Function* function) {
  use(function, "a kernel of another device");
  *value = 384;
  return success;
}
int cuOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, Function* function, int, std::size_t) {
  use(function, "a kernel of another device");
  *blocks = 1;
  return success;
}
#ifndef OLD
struct LaunchConfig {
  unsigned grid[3], block[3], sharedBytes;
  void* stream;
};
int cuLaunchKernelEx(const LaunchConfig* c, Function* function, void** parameters, void**) {
  use(function, "a kernel of another device");
  require(parameters && parameters[0], "a launch without arguments");
  const auto threads = std::uint64_t{c->block[0]} * c->block[1] * c->block[2];
  if (!c->grid[0] || !c->grid[1] || !c->grid[2] || threads == 0 || threads > 1024 ||
      c->grid[0] > 2147483647u || static_cast<int>(c->sharedBytes) > function->shared)
    return invalidValue;
  work(used(c->stream), nullptr, 0);
  const std::lock_guard lock(mutex);
  if (++launches == setting("FAKE_CUDA_LOST_AT", -1)) lost = true;
  return success;
}
#endif

int nvrtcVersion(int* major, int* minor) {
  *major = 13;
  *minor = 0;
  return success;
}
const char* nvrtcGetErrorString(int) { return "an error of some kind"; }
int nvrtcGetNumSupportedArchs(int* count) {
  *count = 3;
  return success;
}
int nvrtcGetSupportedArchs(int* list) {
  list[0] = 80;
  list[1] = 90;
  list[2] = 100;
  return success;
}
using Program = std::map<std::string, int>;
int nvrtcCreateProgram(Program** program, const char*, const char*, int, const char* const*,
                       const char* const*) {
  *program = new Program;
  return success;
}
int nvrtcAddNameExpression(Program* program, const char* name) {
  (*program)[name] = 1;
  return success;
}
int nvrtcCompileProgram(Program*, int, const char* const*) { return success; }
int nvrtcGetProgramLogSize(Program*, std::size_t* size) {
  *size = 0;
  return success;
}
int nvrtcGetProgramLog(Program*, char*) { return success; }
int nvrtcGetCUBINSize(Program*, std::size_t* size) {
  *size = 8;
  return success;
}
int nvrtcGetCUBIN(Program*, char* to) {
  std::memset(to, 0, 8);
  return success;
}
int nvrtcGetLoweredName(Program* program, const char* name, const char** lowered) {
  *lowered = program->find(name)->first.c_str();
  return success;
}
int nvrtcDestroyProgram(Program** program) {
  delete *program;
  return success;
}

int cublasLtCreate(Handle** handle) {
  require(current != nullptr, "no context is current");
  *handle = new Handle;
  return success;
}
int cublasLtMatmulDescCreate(void** desc, int, int) {
  *desc = std::malloc(1);
  return success;
}
int cublasLtMatmulDescDestroy(void* desc) {
  std::free(desc);
  return success;
}
int cublasLtMatmulDescSetAttribute(void*, int, const void*, std::size_t) { return success; }
int cublasLtMatrixLayoutCreate(void** layout, int, std::uint64_t, std::uint64_t, std::int64_t) {
  *layout = std::malloc(1);
  return success;
}
int cublasLtMatrixLayoutDestroy(void* layout) { return cublasLtMatmulDescDestroy(layout); }
int cublasLtMatmulPreferenceCreate(void** preference) {
  return cublasLtMatmulDescCreate(preference, 0, 0);
}
int cublasLtMatmulPreferenceDestroy(void* preference) {
  return cublasLtMatmulDescDestroy(preference);
}
int cublasLtMatmulPreferenceSetAttribute(void*, int, const void*, std::size_t) { return success; }
int cublasLtMatmulAlgoGetHeuristic(Handle* handle, void*, void*, void*, void*, void*, void*, int,
                                   void*, int* count) {
  use(handle, "the products of another device");
  *count = 1;
  return success;
}
int cublasLtMatmul(Handle* handle, void*, const void*, const void* a, void*, const void* b, void*,
                   const void*, const void*, void*, void* out, void*, const void*, void*,
                   std::size_t, void* on) {
  use(handle, "the products of another device");
  Stream* stream = used(on);
  for (const void* operand : {a, b, const_cast<const void*>(out)}) within(operand, 1, stream);
  work(stream, out, 1);
  return success;
}

}  // extern "C"
