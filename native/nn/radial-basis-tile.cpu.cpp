#include "nn/radial-basis-tile.h"

#include <array>

namespace mdlab {
namespace {

// Coefficients of the sine (offset 1) or cosine (offset 0) series in x².
constexpr std::array<double, 12> series(int offset) {
  std::array<double, 12> c{};
  double factorial = 1;
  for (int n = 1; n <= offset; ++n) factorial *= n;
  for (int k = 0; k < 12; ++k) {
    c[k] = (k % 2 ? -1.0 : 1.0) / factorial;
    factorial *= (2 * k + offset + 1) * (2 * k + offset + 2);
  }
  return c;
}
constexpr auto sines = series(1), cosines = series(0);

}  // namespace

template <class T>
RadialBasisTile<T>::RadialBasisTile(const RadialBasis& basis)
    : type_(basis.type),
      cutoff_(basis.cutoff),
      alpha_(basis.alpha()),
      count_(basis.count()),
      centers_(padded<T>(count_)),
      widths_(padded<T>(count_)) {
  centers_.fill(0);
  widths_.fill(0);
  for (int k = 0; k < count_; ++k) {
    centers_[k] = static_cast<T>(basis.centers[k]);
    widths_[k] = static_cast<T>(basis.widths[k]);
  }
}

// C = ½(cos θ + 1) = cos²(θ/2) and C' = −θ' sin(θ/2) cos(θ/2), with θ/2 brought into ±π/2.
template <class T>
void RadialBasisTile<T>::envelope(const double* r, std::int64_t n, T* c, T* dc) const {
  const double slope = 0.5 * cutoff_.frequency();
  const double start = 0.5 * cutoff_.phase() - (cutoff_.lower > 0 ? std::numbers::pi : 0.0);
  const double lower = cutoff_.lower > 0 ? cutoff_.lower : -1.0, upper = cutoff_.upper;
  for (std::int64_t k = 0; k < n; ++k) {
    const double x = slope * r[k] + start, q = x * x;
    double s = sines[11], co = cosines[11];
#pragma GCC unroll 11
    for (int t = 10; t >= 0; --t) {
      s = s * q + sines[t];
      co = co * q + cosines[t];
    }
    const double inside = r[k] < upper && r[k] > lower ? 1.0 : 0.0;
    c[k] = static_cast<T>(inside * co * co);
    if (dc) dc[k] = static_cast<T>(inside * -2.0 * slope * (x * s) * co);
  }
}

template <class T>
void RadialBasisTile<T>::argument(const double* r, std::int64_t n, T* t, T* dt) const {
  if (type_ == RadialBasis::Type::gaussian) {
    for (std::int64_t k = 0; k < n; ++k) {
      t[k] = static_cast<T>(r[k]);
      if (dt) dt[k] = T(1);
    }
    return;
  }
  for (std::int64_t k = 0; k < n; ++k) {
    const double e = elementary::exp(alpha_ * (cutoff_.lower - r[k]));
    t[k] = static_cast<T>(e);
    if (dt) dt[k] = static_cast<T>(-alpha_ * e);
  }
}

template <class T>
void RadialBasisTile<T>::row(T c, T dc, T t, T dt, T* __restrict phi, T* __restrict dphi) const {
  const T* __restrict center = centers_.data();
  const T* __restrict width = widths_.data();
  const int n = stride();
  if (!dphi) {
    for (int k = 0; k < n; ++k) {
      const T a = t - center[k], y = -width[k] * a * a;
      phi[k] = c * gaussian(y);
    }
    return;
  }
  for (int k = 0; k < n; ++k) {
    const T a = t - center[k], y = -width[k] * a * a;
    const T g = gaussian(y);
    phi[k] = c * g;
    dphi[k] = g * (dc - T(2) * c * width[k] * a * dt);
  }
}

template class RadialBasisTile<float>;
template class RadialBasisTile<double>;

}  // namespace mdlab
