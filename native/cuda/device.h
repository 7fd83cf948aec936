#pragma once
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "cuda/driver.h"

namespace mdlab::cuda {

struct DeviceInfo {
  int index = 0;
  std::string name;
  int major = 0, minor = 0;  // compute capability
  int multiprocessors = 0;
  std::size_t memory = 0;          // bytes
  std::size_t sharedPerBlock = 0;  // bytes a block may ask for (opt-in limit)
  std::size_t l2 = 0;              // bytes
  int driverVersion = 0;           // 13000: CUDA 13.0
};

// What the driver lists. Throws Error(ENOTFOUND) where there is no driver or no device.
std::vector<DeviceInfo> devices();

// One GPU: its primary context and memory pool. Lives for the process; get it by open().
class Device {
 public:
  // By index, for all users of the process the same object. Throws Error(EINVALID) for an index
  // that is not there, Error(EUNSUPPORTED) for a GPU that is too old, Error(ENOTFOUND) without a
  // driver.
  static Device& open(int index);
  const DeviceInfo& info() const { return info_; }
  // "sm_80"; "sm_90a" where cuda/group-mma.h's instructions are.
  std::string architecture() const;
  bool hasGroupMma() const { return info_.major == 9 && info_.minor == 0; }
  // Makes the device's context current on the calling thread, as Stream's constructor and handle()
  // do; for calls of the driver that take no stream. Throws Error(EDEVICE) once the device is lost.
  void use();
  // Bytes held by DeviceBuffers of this device, and their peak since the last reset.
  std::size_t bytes() const { return held_; }
  std::size_t peakBytes() const { return peak_; }
  void resetPeak() { peak_ = held_.load(); }
  // As the driver tells it, all processes together; unused pool memory counts as free.
  std::pair<std::size_t, std::size_t> freeAndTotal();

  // Of all devices together.
  static std::size_t heldBytes();

  explicit Device(int index);

 private:
  struct Opened;
  friend struct StreamState;
  DeviceInfo info_;
  int ordinal_ = 0;
  ContextHandle* context_ = nullptr;
  MemoryPoolHandle* pool_ = nullptr;
  std::atomic<std::size_t> held_{0}, peak_{0};
};

// A stream and what its buffers need to be freed; lives as long as the last of them.
struct StreamState {
  explicit StreamState(Device& device);
  ~StreamState();
  // Throws Error(ENOMEM) naming asked, held and free.
  void* allocate(std::size_t count, std::size_t size);
  void release(void* memory, std::size_t bytes) noexcept;
  Device& device;
  StreamHandle* handle = nullptr;
};

// An ordered queue of work on a device.
class Stream {
 public:
  explicit Stream(Device& device);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  Device& device() const { return state_->device; }
  // For one call of the driver, for which it makes the device's context current on this thread:
  // whatever ran here before, on another device, is no matter. Throws Error(EDEVICE) once the
  // device is lost.
  StreamHandle* handle() const;
  // Waits for all work; throws what went wrong in it.
  void synchronize() const;
  // Makes the device's context current on this thread.
  void use() const { device().use(); }
  const std::shared_ptr<StreamState>& state() const { return state_; }
  // What body enqueues on the stream it is given runs beside what follows on this one until join();
  // also within a capture.
  void branch(const std::function<void(Stream&)>& body);
  // What follows waits for the branch, where there is one; the next launch starts when all before
  // it has ended, Geometry::overlap or not.
  void join();
  // Whether the next launch is the first after a join(); asked once.
  bool takeJoined() { return std::exchange(joined_, false); }
  // What times the kernels enqueued from here on; null: nothing does.
  void setClock(class KernelClock* clock) { clock_ = clock; }
  KernelClock* clock() const { return clock_; }

 private:
  std::shared_ptr<StreamState> state_;
  std::unique_ptr<struct Branch> branch_;
  bool joined_ = false;
  KernelClock* clock_ = nullptr;
};

// Time between two points of a stream.
class Timer {
 public:
  explicit Timer(Stream& stream);
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  void start();
  void stop();
  double seconds() const;  // waits for stop()

 private:
  Stream& stream_;
  EventHandle *start_ = nullptr, *stop_ = nullptr;
};

void copyToDevice(Stream& stream, void* to, const void* from, std::size_t bytes);
void copyFromDevice(Stream& stream, void* to, const void* from, std::size_t bytes);
void copyOnDevice(Stream& stream, void* to, const void* from, std::size_t bytes);
void zeroOnDevice(Stream& stream, void* to, std::size_t bytes);

// An owned, counted array of trivial values on a device, from the stream-ordered pool: it belongs
// to the stream it was made with. Contents start undefined. Sizes change outside captures only.
template <class T>
class DeviceBuffer {
 public:
  DeviceBuffer() = default;
  DeviceBuffer(Stream& stream, std::size_t count)
      : owner_(stream.state()),
        data_(count ? static_cast<T*>(owner_->allocate(count, sizeof(T))) : nullptr),
        size_(count),
        capacity_(count) {}
  ~DeviceBuffer() {
    if (data_) owner_->release(data_, capacity_ * sizeof(T));
  }
  DeviceBuffer(DeviceBuffer&& o) noexcept { *this = std::move(o); }
  DeviceBuffer& operator=(DeviceBuffer&& o) noexcept {
    std::swap(owner_, o.owner_);
    std::swap(data_, o.data_);
    std::swap(size_, o.size_);
    std::swap(capacity_, o.capacity_);
    return *this;
  }
  // Room for `count` values; contents are lost when it has to grow (never shrinks). True when the
  // address changed: a captured graph that uses it is stale.
  bool reset(Stream& stream, std::size_t count) {
    const bool grows = count > capacity_;
    if (grows) {
      *this = DeviceBuffer();
      *this = DeviceBuffer(stream, count);
    }
    size_ = count;
    return grows;
  }
  T* data() const { return data_; }
  std::size_t size() const { return size_; }
  std::size_t bytes() const { return size_ * sizeof(T); }
  void zero(Stream& stream) const { zeroOnDevice(stream, data_, bytes()); }
  // Copies are ordered with the stream. Pageable host memory: upload returns when `from` may be
  // reused; download returns when the values have arrived.
  void upload(Stream& stream, std::span<const std::type_identity_t<T>> from) {
    reset(stream, from.size());
    copyToDevice(stream, data_, from.data(), from.size_bytes());
  }
  void download(Stream& stream, std::span<T> to) const {
    copyFromDevice(stream, to.data(), data_, to.size_bytes());
  }

 private:
  std::shared_ptr<StreamState> owner_;
  T* data_ = nullptr;
  std::size_t size_ = 0, capacity_ = 0;
};

// Held while modules come or go and pools are trimmed: the driver may wait for the whole device
// then, which would end a capture that another thread is making. Not to be asked for in a capture.
std::unique_lock<std::shared_mutex> apartFromCaptures();

// Work recorded once and replayed as a whole.
class Graph {
 public:
  Graph() = default;
  // Records what body enqueues on the stream; body must not synchronise or allocate.
  Graph(Stream& stream, const std::function<void()>& body);
  ~Graph();
  Graph(Graph&& o) noexcept { *this = std::move(o); }
  Graph& operator=(Graph&& o) noexcept {
    std::swap(exec_, o.exec_);
    return *this;
  }
  explicit operator bool() const { return exec_ != nullptr; }
  void launch(Stream& stream) const;

 private:
  GraphExecHandle* exec_ = nullptr;
};

}  // namespace mdlab::cuda
