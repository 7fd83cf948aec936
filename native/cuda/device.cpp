#include "cuda/device.h"

#include <mutex>

#include "core/error.h"
#include "cuda/kernel-clock.h"

namespace mdlab::cuda {
namespace {

// Attributes as NVIDIA's CUDA Driver API reference numbers them.
enum Attribute : int {
  multiprocessorCount = 16,
  l2CacheSize = 38,
  capabilityMajor = 75,
  capabilityMinor = 76,
  sharedPerBlockOptIn = 97,
};
constexpr int outOfMemory = 2;
constexpr int poolReleaseThreshold = 4;
constexpr int captureThreadLocal = 1;

DeviceInfo describe(int index) {
  const Driver& d = driver();
  DeviceInfo info;
  info.index = index;
  int ordinal = 0;
  check(d.deviceGet(&ordinal, index), "device");
  char name[128] = {};
  check(d.deviceGetName(name, sizeof name, ordinal), "device name");
  info.name = name;
  const auto attribute = [&](Attribute a) {
    int value = 0;
    check(d.deviceGetAttribute(&value, a, ordinal), "device attribute");
    return value;
  };
  info.major = attribute(capabilityMajor);
  info.minor = attribute(capabilityMinor);
  info.multiprocessors = attribute(multiprocessorCount);
  info.sharedPerBlock = static_cast<std::size_t>(attribute(sharedPerBlockOptIn));
  info.l2 = static_cast<std::size_t>(attribute(l2CacheSize));
  check(d.deviceTotalMem(&info.memory, ordinal), "device memory");
  check(d.driverGetVersion(&info.driverVersion), "driver version");
  return info;
}

}  // namespace

std::vector<DeviceInfo> devices() {
  int count = 0;
  check(driver().deviceGetCount(&count), "devices");
  std::vector<DeviceInfo> list;
  for (int k = 0; k < count; ++k) list.push_back(describe(k));
  return list;
}

struct Device::Opened {
  std::mutex mutex;
  std::vector<std::unique_ptr<Device>> devices;  // by index; null: not opened yet
  static Opened& all() {
    static Opened list;
    return list;
  }
};

std::size_t Device::heldBytes() {
  Opened& all = Opened::all();
  const std::lock_guard lock(all.mutex);
  std::size_t sum = 0;
  for (const auto& device : all.devices) sum += device ? device->bytes() : 0;
  return sum;
}

Device& Device::open(int index) {
  auto& [mutex, opened] = Opened::all();
  const std::lock_guard lock(mutex);
  int count = 0;
  check(driver().deviceGetCount(&count), "devices");
  if (index < 0 || index >= count)
    invalid("device: must be 0.." + std::to_string(count - 1) + ", received " +
            std::to_string(index));
  opened.resize(static_cast<std::size_t>(count));
  auto& slot = opened[static_cast<std::size_t>(index)];
  if (!slot) slot = std::make_unique<Device>(index);
  slot->use();
  return *slot;
}

Device::Device(int index) : info_(describe(index)) {
  check(driver().deviceGet(&ordinal_, index), "device");
  if (info_.major < 8)
    throw Error("EUNSUPPORTED", "device " + info_.name +
                                    ": compute capability must be at least 8.0, received " +
                                    std::to_string(info_.major) + "." +
                                    std::to_string(info_.minor) + "; choose backend 'cpu'");
  const Driver& d = driver();
  check(d.devicePrimaryCtxRetain(&context_, ordinal_), "device context");
  check(d.ctxSetCurrent(context_), "device context");
  check(d.deviceGetDefaultMemPool(&pool_, ordinal_), "device memory pool");
  // Freed memory stays in the pool: steps of a run must not wait for the operating system.
  std::uint64_t keep = ~std::uint64_t{0};
  check(d.memPoolSetAttribute(pool_, poolReleaseThreshold, &keep), "device memory pool");
}

std::string Device::architecture() const {
  const int number = 10 * info_.major + info_.minor;
  return "sm_" + std::to_string(number) + (hasGroupMma() ? "a" : "");
}

void Device::use() {
  requireDevice();
  check(driver().ctxSetCurrent(context_), "device context");
}

std::pair<std::size_t, std::size_t> Device::freeAndTotal() {
  use();
  {
    const auto lock = apartFromCaptures();
    check(driver().memPoolTrimTo(pool_, 0), "device memory pool");
  }
  std::size_t free = 0, total = 0;
  check(driver().memGetInfo(&free, &total), "device memory");
  return {free, total};
}

StreamState::StreamState(Device& of) : device(of) {
  device.use();
  constexpr unsigned nonBlocking = 1;
  check(driver().streamCreate(&handle, nonBlocking), "stream");
}

StreamState::~StreamState() {
  if (!deviceLost()) driver().streamDestroy(handle);
}

void* StreamState::allocate(std::size_t count, std::size_t size) {
  device.use();
  const std::size_t bytes = count * size;
  DevicePointer address = 0;
  int result = driver().memAllocAsync(&address, bytes, handle);
  if (result != 0) {
    // The pool may hold what other streams freed: give it back and ask once more.
    driver().streamSynchronize(handle);
    device.freeAndTotal();
    result = driver().memAllocAsync(&address, bytes, handle);
  }
  if (result == outOfMemory) {
    const auto [free, total] = device.freeAndTotal();
    throw Error("ENOMEM", "device memory: asked for " + std::to_string(bytes) + " bytes on " +
                              device.info().name + " with " + std::to_string(device.held_.load()) +
                              " held and " + std::to_string(free) + " of " + std::to_string(total) +
                              " free; use fewer replicas or atoms, or another pipeline");
  }
  check(result, "device memory");
  const std::size_t now = device.held_.fetch_add(bytes) + bytes;
  std::size_t seen = device.peak_;
  while (now > seen && !device.peak_.compare_exchange_weak(seen, now)) {
  }
  return reinterpret_cast<void*>(address);
}

void StreamState::release(void* memory, std::size_t bytes) noexcept {
  if (deviceLost()) return;
  driver().ctxSetCurrent(device.context_);
  driver().memFreeAsync(reinterpret_cast<DevicePointer>(memory), handle);
  device.held_.fetch_sub(bytes);
}

StreamHandle* Stream::handle() const {
  use();
  return state_->handle;
}

// The stream beside another, and the points where they part and meet.
struct Branch {
  explicit Branch(Device& device) : stream(device) {
    constexpr unsigned withoutTime = 2;
    check(driver().eventCreate(&parted, withoutTime), "event");
    check(driver().eventCreate(&done, withoutTime), "event");
  }
  ~Branch() {
    if (deviceLost()) return;
    driver().eventDestroy(parted);
    driver().eventDestroy(done);
  }
  Stream stream;
  EventHandle *parted = nullptr, *done = nullptr;
  bool open = false;
};

Stream::Stream(Device& device) : state_(std::make_shared<StreamState>(device)) {}
Stream::~Stream() = default;

void Stream::branch(const std::function<void(Stream&)>& body) {
  if (!branch_) branch_ = std::make_unique<Branch>(device());
  Branch& b = *branch_;
  b.open = false;
  const Driver& d = driver();
  check(d.eventRecord(b.parted, handle()), "event");
  check(d.streamWaitEvent(b.stream.handle(), b.parted, 0), "event");
  body(b.stream);
  check(d.eventRecord(b.done, b.stream.handle()), "event");
  b.open = true;
}

void Stream::join() {
  if (!branch_ || !branch_->open) return;
  branch_->open = false;
  joined_ = true;
  check(driver().streamWaitEvent(handle(), branch_->done, 0), "event");
}

void Stream::synchronize() const {
  check(driver().streamSynchronize(handle()), "work on " + device().info().name);
}

Timer::Timer(Stream& stream) : stream_(stream) {
  stream_.use();
  check(driver().eventCreate(&start_, 0), "event");
  check(driver().eventCreate(&stop_, 0), "event");
}
Timer::~Timer() {
  if (deviceLost()) return;
  driver().eventDestroy(start_);
  driver().eventDestroy(stop_);
}
void Timer::start() { check(driver().eventRecord(start_, stream_.handle()), "event"); }
void Timer::stop() { check(driver().eventRecord(stop_, stream_.handle()), "event"); }
double Timer::seconds() const {
  stream_.use();
  check(driver().eventSynchronize(stop_), "work on " + stream_.device().info().name);
  float milliseconds = 0;
  check(driver().eventElapsedTime(&milliseconds, start_, stop_), "event");
  return 1e-3 * static_cast<double>(milliseconds);
}

namespace {
DevicePointer addressOf(const void* p) { return reinterpret_cast<DevicePointer>(p); }
}  // namespace

void copyToDevice(Stream& stream, void* to, const void* from, std::size_t bytes) {
  if (bytes)
    check(driver().memcpyHtoDAsync(addressOf(to), from, bytes, stream.handle()), "copy to device");
}
void copyFromDevice(Stream& stream, void* to, const void* from, std::size_t bytes) {
  if (!bytes) return;
  check(driver().memcpyDtoHAsync(to, addressOf(from), bytes, stream.handle()), "copy from device");
  stream.synchronize();
}
void copyOnDevice(Stream& stream, void* to, const void* from, std::size_t bytes) {
  if (bytes)
    check(driver().memcpyDtoDAsync(addressOf(to), addressOf(from), bytes, stream.handle()),
          "copy on device");
}
void zeroOnDevice(Stream& stream, void* to, std::size_t bytes) {
  if (bytes == 0) return;
  KernelTimed timed(stream, "memset");
  check(driver().memsetD8Async(addressOf(to), 0, bytes, stream.handle()), "zero");
  timed.stop();
}

namespace {
std::shared_mutex captures;
}
std::unique_lock<std::shared_mutex> apartFromCaptures() { return std::unique_lock(captures); }

Graph::Graph(Stream& stream, const std::function<void()>& body) {
  const Driver& d = driver();
  std::shared_lock capturing(captures);
  check(d.streamBeginCapture(stream.handle(), captureThreadLocal), "graph capture");
  GraphHandle* graph = nullptr;
  try {
    body();
  } catch (...) {
    d.streamEndCapture(stream.handle(), &graph);
    if (graph) d.graphDestroy(graph);
    throw;
  }
  check(d.streamEndCapture(stream.handle(), &graph), "graph capture");
  capturing.unlock();
  const int result = d.graphInstantiate(&exec_, graph, 0);
  d.graphDestroy(graph);
  check(result, "graph");
}

Graph::~Graph() {
  if (exec_ && !deviceLost()) driver().graphExecDestroy(exec_);
}

void Graph::launch(Stream& stream) const {
  check(driver().graphLaunch(exec_, stream.handle()), "graph launch");
}

}  // namespace mdlab::cuda
