#pragma once
#include <functional>
#include <memory>
#include <span>
#include <string>
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
  // that is not there, Error(ENOTFOUND) without a driver.
  static Device& open(int index);
  const DeviceInfo& info() const { return info_; }
  // Makes the device's context current on the calling thread. Every entry from JavaScript or a
  // fresh thread calls it first; a lost context (sticky error) is retained anew here once all that
  // lived in it is gone.
  void use() const;
  // Counts how often the context was lost: what was made under another epoch is dead.
  std::uint64_t epoch() const;
  // Bytes held by DeviceBuffers of this device, and their peak since the last reset.
  std::size_t bytes() const;
  std::size_t peakBytes() const;
  void resetPeak();
  // As the driver tells it, all processes together.
  std::pair<std::size_t, std::size_t> freeAndTotal() const;
  // Gives the pool's unused memory back to the driver.
  void trim() const;

  explicit Device(int index);

 private:
  friend class Stream;
  friend void* allocateOnDevice(class Stream&, std::size_t count, std::size_t size);
  friend void freeOnDevice(Device&, void*, std::size_t bytes) noexcept;
  struct State;
  DeviceInfo info_;
  std::shared_ptr<State> state_;
};

// An ordered queue of work on a device.
class Stream {
 public:
  explicit Stream(Device& device);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  Device& device() const { return device_; }
  StreamHandle* handle() const { return handle_; }
  // Waits for all work; throws what went wrong in it.
  void synchronize() const;
  // Waits while polling the cancel flags; Cancelled is thrown only after the work has ended.
  void synchronizeUnlessCancelled() const;

 private:
  Device& device_;
  StreamHandle* handle_ = nullptr;
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

void* allocateOnDevice(Stream& stream, std::size_t count, std::size_t size);
void freeOnDevice(Device& device, void* memory, std::size_t bytes) noexcept;
void copyToDevice(Stream& stream, void* to, const void* from, std::size_t bytes);
void copyFromDevice(Stream& stream, void* to, const void* from, std::size_t bytes);
void copyOnDevice(Stream& stream, void* to, const void* from, std::size_t bytes);
void zeroOnDevice(Stream& stream, void* to, std::size_t bytes);

// An owned, counted array of trivial values on a device, from the stream-ordered pool. Contents
// start undefined. Sizes change outside captures only.
template <class T>
class DeviceBuffer {
 public:
  DeviceBuffer() = default;
  DeviceBuffer(Stream& stream, std::size_t count)
      : device_(&stream.device()),
        data_(count ? static_cast<T*>(allocateOnDevice(stream, count, sizeof(T))) : nullptr),
        size_(count),
        capacity_(count) {}
  ~DeviceBuffer() {
    if (data_) freeOnDevice(*device_, data_, capacity_ * sizeof(T));
  }
  DeviceBuffer(DeviceBuffer&& o) noexcept { *this = std::move(o); }
  DeviceBuffer& operator=(DeviceBuffer&& o) noexcept {
    std::swap(device_, o.device_);
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
  void upload(Stream& stream, std::span<const T> from) {
    reset(stream, from.size());
    copyToDevice(stream, data_, from.data(), from.size_bytes());
  }
  void download(Stream& stream, std::span<T> to) const {
    copyFromDevice(stream, to.data(), data_, to.size_bytes());
  }

 private:
  Device* device_ = nullptr;
  T* data_ = nullptr;
  std::size_t size_ = 0, capacity_ = 0;
};

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
