#pragma once
#include "nn/gemm.h"

namespace mdlab {

// One register of T as the compiler's vector type: for sums that must not wait for each other,
// which it may not reorder on its own.
template <class T>
struct Vector;
template <>
struct Vector<float> {
  typedef float type __attribute__((vector_size(vectorBytes), may_alias));
};
template <>
struct Vector<double> {
  typedef double type __attribute__((vector_size(vectorBytes), may_alias));
};
template <class T>
using VectorOf = typename Vector<T>::type;

template <class T>
inline const VectorOf<T>* vectors(const T* data) {
  return reinterpret_cast<const VectorOf<T>*>(data);
}
template <class T>
inline VectorOf<T>* vectors(T* data) {
  return reinterpret_cast<VectorOf<T>*>(data);
}

// Sum of the lanes, in pairs of halves.
template <class T>
inline T total(VectorOf<T> v) {
  alignas(vectorBytes) T part[lanes<T>];
  *vectors(part) = v;
  for (int width = lanes<T> / 2; width > 0; width /= 2)
    for (int k = 0; k < width; ++k) part[k] += part[k + width];
  return part[0];
}

}  // namespace mdlab
