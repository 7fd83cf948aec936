#pragma once
#include <bit>
#include <cstdint>
#include <type_traits>

#include "nn/activation.h"

// exp, tanh and friends as branch-free arithmetic, so that a plain loop over them vectorises
// (libm's do not without relaxed arithmetic). test/models/schnet-nn.test.ts holds them to libm over
// the whole range: within 5 units in the last place, float and double (softplus: absolute).
namespace mdlab::elementary {

template <class T>
struct Split {  // eˣ = 2ⁿ (1 + p), |x − n ln 2| <= ½ ln 2
  T power, p;
};

// Valid for |x| up to 87 (float) and 708 (double). NaN gives NaN.
template <class T>
inline Split<T> split(T x) {
  using Int = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;
  constexpr bool single = sizeof(T) == 4;
  constexpr T magic = single ? T(0x1.8p23) : T(0x1.8p52);  // rounds to an integer in the low bits
  constexpr T log2e = T(1.44269504088896340736);
  constexpr T ln2High = single ? T(0x1.62e4p-1) : T(0x1.62e42fefa38p-1);
  constexpr T ln2Low = single ? T(0x1.7f7d1cf79abcap-20) : T(0x1.ef35793c7673p-45);
  const T shifted = x * log2e + magic;
  const T n = shifted - magic;
  const T r = (x - n * ln2High) - n * ln2Low;
  T p;
  if constexpr (single) {
    p = T(1.0 / 5040);
  } else {
    p = T(1.0 / 6227020800);
    p = p * r + T(1.0 / 479001600);
    p = p * r + T(1.0 / 39916800);
    p = p * r + T(1.0 / 3628800);
    p = p * r + T(1.0 / 362880);
    p = p * r + T(1.0 / 40320);
    p = p * r + T(1.0 / 5040);
  }
  p = p * r + T(1.0 / 720);
  p = p * r + T(1.0 / 120);
  p = p * r + T(1.0 / 24);
  p = p * r + T(1.0 / 6);
  p = p * r + T(0.5);
  p = r + r * (r * p);
  const Int bits = std::bit_cast<Int>(shifted);
  const T power = std::bit_cast<T>(
      static_cast<Int>((static_cast<std::make_unsigned_t<Int>>(bits) << (single ? 23 : 52)) +
                       std::bit_cast<std::make_unsigned_t<Int>>(T(1))));
  return {power, p};
}

template <class T>
inline T clamp(T x, T limit) {
  x = x > limit ? limit : x;
  return x < -limit ? -limit : x;
}

// eˣ; 0 below e^-87 (float) or e^-700 (double), so that no denormals come out, and the same limits
// above.
template <class T>
inline T exp(T x) {
  constexpr T limit = sizeof(T) == 4 ? T(87) : T(700);
  const auto s = split(clamp(x, limit));
  return x < -limit ? T(0) : s.power * s.p + s.power;
}

// (e²ˣ − 1) / (e²ˣ + 1), without cancellation near 0.
template <class T>
inline T tanh(T x) {
  const auto s = split(clamp(x + x, sizeof(T) == 4 ? T(40) : T(80)));
  const T e = s.power * s.p + (s.power - T(1));  // e²ˣ − 1
  return e / (e + T(2));
}

template <class T>
inline T sigmoid(T x) {
  return T(1) / (T(1) + exp(-x));
}

// ln(1 + z) for 0 <= z <= 1, as 2 artanh(z / (2 + z)).
template <class T>
inline T log1p(T z) {
  const T s = z / (T(2) + z), q = s * s;
  constexpr int terms = sizeof(T) == 4 ? 8 : 17;
  T sum = T(1.0 / (2 * terms + 1));
#pragma GCC unroll 20
  for (int k = terms - 1; k >= 0; --k) sum = sum * q + T(1.0 / (2 * k + 1));
  return T(2) * s * sum;
}

// ln(½eˣ + ½).
template <class T>
inline T shiftedSoftplus(T x) {
  const T magnitude = x < T(0) ? -x : x;
  return (x > T(0) ? x : T(0)) + (log1p(exp(-magnitude)) - T(0.693147180559945309417));
}

// x <- a(x), and derivative <- a'(x) unless null, over n values.
template <class T>
inline void activate(Activation a, T* __restrict x, T* __restrict derivative, std::int64_t n) {
  const bool both = derivative != nullptr;
  if (a == Activation::tanh) {
    for (std::int64_t k = 0; k < n; ++k) x[k] = tanh(x[k]);
    if (both)
      for (std::int64_t k = 0; k < n; ++k) derivative[k] = T(1) - x[k] * x[k];
  } else if (a == Activation::shiftedSoftplus) {
    if (both)
      for (std::int64_t k = 0; k < n; ++k) derivative[k] = sigmoid(x[k]);
    for (std::int64_t k = 0; k < n; ++k) x[k] = shiftedSoftplus(x[k]);
  } else {
    if (both)
      for (std::int64_t k = 0; k < n; ++k) {
        const T s = sigmoid(x[k]);
        derivative[k] = s * (T(1) + x[k] * (T(1) - s));
      }
    for (std::int64_t k = 0; k < n; ++k) x[k] = x[k] * sigmoid(x[k]);
  }
}

}  // namespace mdlab::elementary
