#pragma once
#include <memory>

#include "cuda/device.h"

namespace mdlab {

// What a product's arrays hold; sums are single precision, without tf32.
enum class GemmType { float32, float16 };

// One linear layer over many rows by NVIDIA's library (cuBLASLt, opened at run time): what a
// framework calls. Row-major: forward, out (rows,N) = in (rows,K) · weightᵀ + bias with weight
// (N,K); reverse, out (rows,K) = in (rows,N) · weight. The library's best algorithm is chosen when
// made; run() is capturable.
class DeviceGemm {
 public:
  struct Shape {
    std::int64_t rows;
    int K, N;
    bool reverse = false;
    bool add = false;   // to what `out` holds
    bool bias = false;  // (N) of the array type, forward only
  };
  // Throws Error(ENOTFOUND) without the library, Error(ECUDA) where it has no algorithm.
  DeviceGemm(cuda::Stream& stream, GemmType type, const Shape& shape);
  ~DeviceGemm();
  DeviceGemm(DeviceGemm&&) noexcept;
  DeviceGemm& operator=(DeviceGemm&&) noexcept;
  void run(cuda::Stream& stream, const void* in, const void* weight, const void* bias, void* out);

  static constexpr std::size_t workspaceBytes = std::size_t{32} << 20;  // at most, of each

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace mdlab
