#include "nn/peaks.h"

#include <algorithm>
#include <chrono>
#include <vector>

#include "core/parallel.h"
#include "nn/simd.h"

namespace mdlab {
namespace {

// Best of a few runs of body for each of `workers`, s.
template <class Body>
double fastest(int workers, const Body& body) {
  double best = 1e300;
  for (int k = 0; k < 7; ++k) {
    const auto start = std::chrono::steady_clock::now();
    parallelFor(workers, 1, [&](std::int64_t first, std::int64_t, int) { body(first); });
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
    best = std::min(best, spent.count());
  }
  return best;
}

// Keeps a value that nobody reads.
template <class V>
void consume(V& value) {
  asm volatile("" : : "g"(&value) : "memory");
}

}  // namespace

template <class T>
double peakFlops() {
  constexpr int chains = 12;  // more than latency times ports
  constexpr std::int64_t rounds = 4'000'000;
  const int workers = threads();
  const double seconds = fastest(workers, [&](std::int64_t) {
    VectorOf<T> sum[chains];
    for (int c = 0; c < chains; ++c) sum[c] = VectorOf<T>{} + T(c);
    VectorOf<T> a = VectorOf<T>{} + T(0.999), b = VectorOf<T>{} + T(1e-3);
    for (std::int64_t k = 0; k < rounds; ++k)
#pragma GCC unroll 12
      for (int c = 0; c < chains; ++c) sum[c] = sum[c] * a + b;
    for (int c = 0; c < chains; ++c) consume(sum[c]);
  });
  return 2.0 * lanes<T> * chains * rounds * workers / seconds;
}

double readBandwidth(std::int64_t bytes) {
  const std::int64_t count = bytes / vectorBytes / 8 * 8;
  const std::int64_t rounds = std::max<std::int64_t>(1, 400'000'000 / bytes);
  const int workers = threads();
  std::vector<Buffer<float>> data;
  for (int w = 0; w < workers; ++w) {
    data.emplace_back(count * lanes<float>);
    data.back().fill(1);
  }
  const double seconds = fastest(workers, [&](std::int64_t w) {
    const auto* v = vectors(static_cast<const float*>(data.at(w).data()));
    VectorOf<float> sum[8]{};
    for (std::int64_t r = 0; r < rounds; ++r)
      for (std::int64_t k = 0; k < count; k += 8)
#pragma GCC unroll 8
        for (int c = 0; c < 8; ++c) sum[c] += v[k + c];
    for (auto& s : sum) consume(s);
  });
  return static_cast<double>(count) * vectorBytes * rounds * workers / seconds;
}

double triadBandwidth(std::int64_t bytes) {
  const std::int64_t count = bytes / static_cast<std::int64_t>(sizeof(float));
  Buffer<float> a(count), b(count), c(count);
  const int workers = threads();
  const std::int64_t part = (count + workers - 1) / workers;
  const auto piece = [&](std::int64_t w, const auto& body) {
    for (std::int64_t k = w * part; k < std::min(count, (w + 1) * part); ++k) body(k);
  };
  parallelFor(workers, 1, [&](std::int64_t w, std::int64_t, int) {
    piece(w, [&](std::int64_t k) { a[k] = b[k] = c[k] = 1; });
  });
  const double seconds = fastest(workers, [&](std::int64_t w) {
    float* __restrict x = a.data(), * __restrict y = b.data(), * __restrict z = c.data();
    piece(w, [&](std::int64_t k) { x[k] = y[k] + 3.0f * z[k]; });
    consume(a[0]);
  });
  return 3.0 * static_cast<double>(bytes) / seconds;
}

template double peakFlops<float>();
template double peakFlops<double>();

}  // namespace mdlab
