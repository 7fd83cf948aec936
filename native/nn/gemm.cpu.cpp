#include "nn/gemm.h"

#include <algorithm>
#include <cmath>

#include "nn/half.h"
#include "nn/simd.h"

namespace mdlab {
namespace {

// Rows and vectors of the register block: 6 x 4 accumulators where there are 32 registers, 6 x 2
// where there are 16.
constexpr int blockRows = 6;
#if defined(__AVX512F__) || defined(__ARM_NEON)
constexpr int blockVectors = 4;
#else
constexpr int blockVectors = 2;
#endif

template <class T, int Rows, int Vectors>
void block(const T* a, std::int64_t lda, const T* panel, int in, const T* bias, T* c,
           std::int64_t ldc, bool add) {
  using V = VectorOf<T>;
  V sum[Rows][Vectors];
#pragma GCC unroll 8
  for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 8
    for (int v = 0; v < Vectors; ++v) sum[r][v] = bias ? reinterpret_cast<const V*>(bias)[v] : V{};
  for (int k = 0; k < in; ++k) {
    const V* w = reinterpret_cast<const V*>(panel) + k * Vectors;
    V row[Vectors];
#pragma GCC unroll 8
    for (int v = 0; v < Vectors; ++v) row[v] = w[v];
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r) {
      const T x = a[r * lda + k];
#pragma GCC unroll 8
      for (int v = 0; v < Vectors; ++v) sum[r][v] += row[v] * x;
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < Rows; ++r) {
    V* to = reinterpret_cast<V*>(c + r * ldc);
#pragma GCC unroll 8
    for (int v = 0; v < Vectors; ++v) to[v] = add ? to[v] + sum[r][v] : sum[r][v];
  }
}

template <class T, int Vectors>
void panelRows(const T* a, std::int64_t lda, std::int64_t rows, const T* panel, int in,
               const T* bias, T* c, std::int64_t ldc, bool add) {
  std::int64_t r = 0;
  for (; r + blockRows <= rows; r += blockRows)
    block<T, blockRows, Vectors>(a + r * lda, lda, panel, in, bias, c + r * ldc, ldc, add);
  const T* last = a + r * lda;
  T* to = c + r * ldc;
  switch (rows - r) {
    case 5:
      return block<T, 5, Vectors>(last, lda, panel, in, bias, to, ldc, add);
    case 4:
      return block<T, 4, Vectors>(last, lda, panel, in, bias, to, ldc, add);
    case 3:
      return block<T, 3, Vectors>(last, lda, panel, in, bias, to, ldc, add);
    case 2:
      return block<T, 2, Vectors>(last, lda, panel, in, bias, to, ldc, add);
    case 1:
      return block<T, 1, Vectors>(last, lda, panel, in, bias, to, ldc, add);
    default:
      return;
  }
}

double halfOf(double x) { return fromHalf(toHalf(static_cast<float>(x))); }

}  // namespace

template <class T>
PackedWeights<T>::PackedWeights(const double* data, int out, int in, std::int64_t rowStride,
                                std::int64_t columnStride, bool half)
    : in_(in), out_(out), data_(static_cast<std::size_t>(padded<T>(out)) * in) {
  constexpr int width = blockVectors * lanes<T>;
  const int total = padded<T>(out);
  std::size_t at = 0;
  for (int first = 0; first < total; first += width) {
    const int columns = std::min(width, total - first);
    for (int k = 0; k < in; ++k)
      for (int o = first; o < first + columns; ++o)
        data_[at++] = o < out ? static_cast<T>(data[o * rowStride + k * columnStride]) : T(0);
  }
  if (!half) return;
  // Panels again, now with one scale per output column.
  for (int o = 0; o < out; ++o) {
    const int first = o / width * width, columns = std::min(width, total - first);
    T* column = data_.data() + static_cast<std::size_t>(first) * in + (o - first);
    double scale = 0;
    for (int k = 0; k < in; ++k)
      scale = std::max(scale, std::fabs(static_cast<double>(column[k * columns])));
    if (scale == 0) continue;
    for (int k = 0; k < in; ++k)
      column[k * columns] = static_cast<T>(scale * halfOf(column[k * columns] / scale));
  }
}

template <class T>
void multiply(const T* a, std::int64_t lda, std::int64_t rows, const PackedWeights<T>& w,
              const T* bias, T* c, std::int64_t ldc, bool add) {
  constexpr int width = blockVectors * lanes<T>;
  const int total = w.stride(), in = w.in();
  for (int first = 0; first < total; first += width) {
    const T* panel = w.data() + static_cast<std::size_t>(first) * in;
    const T* offset = bias ? bias + first : nullptr;
    T* to = c + first;
    switch (std::min(width, total - first) / lanes<T>) {
      case 1:
        panelRows<T, 1>(a, lda, rows, panel, in, offset, to, ldc, add);
        break;
      case 2:
        panelRows<T, 2>(a, lda, rows, panel, in, offset, to, ldc, add);
        break;
      case 3:
        panelRows<T, 3>(a, lda, rows, panel, in, offset, to, ldc, add);
        break;
      default:
        panelRows<T, blockVectors>(a, lda, rows, panel, in, offset, to, ldc, add);
        break;
    }
  }
}

template class PackedWeights<float>;
template class PackedWeights<double>;
template void multiply(const float*, std::int64_t, std::int64_t, const PackedWeights<float>&,
                       const float*, float*, std::int64_t, bool);
template void multiply(const double*, std::int64_t, std::int64_t, const PackedWeights<double>&,
                       const double*, double*, std::int64_t, bool);

}  // namespace mdlab
