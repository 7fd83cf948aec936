#pragma once
#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <utility>

namespace mdlab {

// Bytes held by every Buffer of the process, and their peak since the last reset.
std::size_t bufferBytes();
std::size_t bufferPeakBytes();
void resetBufferPeak();

namespace detail {
// 64-byte aligned; throws Error(ENOMEM) naming asked and held, also where count * size overflows.
void* allocateTracked(std::size_t count, std::size_t size);
void freeTracked(void* memory, std::size_t bytes) noexcept;
}  // namespace detail

// An owned, 64-byte aligned, counted array of trivial values. Contents start undefined. Every array
// that grows with atoms or edges is one of these, so that peak memory is a measured number.
template <class T>
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(std::size_t count)
      : data_(count ? static_cast<T*>(detail::allocateTracked(count, sizeof(T))) : nullptr),
        size_(count),
        capacity_(count) {}
  ~Buffer() { detail::freeTracked(data_, capacity_ * sizeof(T)); }
  Buffer(Buffer&& o) noexcept
      : data_(std::exchange(o.data_, nullptr)),
        size_(std::exchange(o.size_, 0)),
        capacity_(std::exchange(o.capacity_, 0)) {}
  Buffer& operator=(Buffer&& o) noexcept {
    std::swap(data_, o.data_);
    std::swap(size_, o.size_);
    std::swap(capacity_, o.capacity_);
    return *this;
  }

  // Room for `count` values; contents are lost when it has to grow (never shrinks).
  void reset(std::size_t count) {
    if (count > capacity_) {
      *this = Buffer();  // first, so that old and new are never held together
      *this = Buffer(count);
    }
    size_ = count;
  }

  T* data() { return data_; }
  const T* data() const { return data_; }
  std::size_t size() const { return size_; }
  T& operator[](std::size_t i) { return data_[i]; }
  const T& operator[](std::size_t i) const { return data_[i]; }
  std::span<T> span() { return {data_, size_}; }
  std::span<const T> span() const { return {data_, size_}; }
  void fill(T value) {
    for (std::size_t i = 0; i < size_; ++i) data_[i] = value;
  }

 private:
  T* data_ = nullptr;
  std::size_t size_ = 0, capacity_ = 0;
};

}  // namespace mdlab
