#pragma once
#include <cmath>
#if defined(__AVX512F__)
#include <immintrin.h>
#endif

// Eight replicas side by side: a value per replica in one vector. Bonded terms touch scattered
// particles, so a loop over tuples does not vectorise; a loop over replicas of one topology does,
// with every tuple and its parameters read once for all eight.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wpsabi"  // nothing here crosses a library's boundary
#endif

namespace mdlab::bonded {

constexpr int width = 8;
using Lane = double __attribute__((vector_size(width * sizeof(double))));
using FloatLane = float __attribute__((vector_size(width * sizeof(float))));

inline Lane broadcast(double v) { return Lane{} + v; }

template <class F>
inline Lane perLane(Lane a, F&& f) {
  Lane out;
  for (int l = 0; l < width; ++l) out[l] = f(a[l]);
  return out;
}

inline Lane squareRoot(Lane a) {
  double v[width];
  for (int l = 0; l < width; ++l) v[l] = a[l];
  for (int l = 0; l < width; ++l) v[l] = std::sqrt(v[l]);
  Lane out;
  for (int l = 0; l < width; ++l) out[l] = v[l];
  return out;
}

// 1/a to 2e-14, several times the speed of a division in double: an estimate of 14 bits (or, where
// the processor has none, a single-precision quotient) and Newton steps. Not finite for a < 1e-38.
inline Lane reciprocal(Lane a) {
#if defined(__AVX512F__)
  Lane y = (Lane)_mm512_maskz_rcp14_pd(0xff, (__m512d)a);
  y = y * (2.0 - a * y);
#else
  const Lane y = __builtin_convertvector(1.0f / __builtin_convertvector(a, FloatLane), Lane);
#endif
  return y * (2.0 - a * y);
}

struct Vector {
  Lane x, y, z;
};
inline Vector operator+(Vector a, Vector b) { return {a.x + b.x, a.y + b.y, a.z + b.z}; }
inline Vector operator-(Vector a, Vector b) { return {a.x - b.x, a.y - b.y, a.z - b.z}; }
inline Vector operator*(Lane s, Vector a) { return {s * a.x, s * a.y, s * a.z}; }
inline Lane dot(Vector a, Vector b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
inline Vector cross(Vector a, Vector b) {
  return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}

}  // namespace mdlab::bonded
