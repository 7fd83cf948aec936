#pragma once
#include <cstdint>

#include "core/buffer.h"

// Dense layers on many rows: C = A·Wᵀ (+ bias), W (out,in) packed once.
namespace mdlab {

// Values of T in one vector register of the instruction set this is built for.
#if defined(__AVX512F__)
inline constexpr int vectorBytes = 64;
#elif defined(__AVX2__)
inline constexpr int vectorBytes = 32;
#else
inline constexpr int vectorBytes = 16;
#endif
template <class T>
inline constexpr int lanes = vectorBytes / static_cast<int>(sizeof(T));

// Row length of an array of `width` features: a whole number of vectors, so that every row starts
// aligned and no loop has a remainder. Padding holds zeros or numbers that are never read.
template <class T>
constexpr int padded(int width) {
  return (width + lanes<T> - 1) / lanes<T> * lanes<T>;
}

// W of one layer, cut into panels of a few vectors of output columns: panel-major, then input, then
// column, so that the inner loop reads it in order.
template <class T>
class PackedWeights {
 public:
  PackedWeights() = default;
  // weight(o,k) at data[o * rowStride + k * columnStride]: packs W or its transpose. `half` rounds
  // to binary16 with one scale per output column (largest magnitude = 1).
  PackedWeights(const double* data, int out, int in, std::int64_t rowStride,
                std::int64_t columnStride, bool half = false);
  int in() const { return in_; }
  int out() const { return out_; }
  int stride() const { return padded<T>(out_); }  // row length of C
  const T* data() const { return data_.data(); }

 private:
  int in_ = 0, out_ = 0;
  Buffer<T> data_;
};

// c (rows, ldc) = a (rows, lda) · Wᵀ + bias; bias (padded out) may be null; `add` adds to c
// instead. Every row's sums run over `in` in order whatever the number of rows: a row's result does
// not depend on its neighbours.
template <class T>
void multiply(const T* a, std::int64_t lda, std::int64_t rows, const PackedWeights<T>& w,
              const T* bias, T* c, std::int64_t ldc, bool add = false);

}  // namespace mdlab
