#pragma once
#include "models/bonded/bonded.cuda.h"

// Device code: the terms of models/bonded/bonded.h, the same equations and guards as kernels.cpp,
// in double.
namespace mdlab::bonded {

constexpr double shortestArm2 = 1e-12;  // Å²
constexpr double collinear2 = 1e-8;     // Å⁸, (1e-4 Å⁴)²
constexpr double smallestSine2 = 1e-12;

struct Vector {
  double x, y, z;
};
__device__ inline Vector operator+(Vector a, Vector b) { return {a.x + b.x, a.y + b.y, a.z + b.z}; }
__device__ inline Vector operator-(Vector a, Vector b) { return {a.x - b.x, a.y - b.y, a.z - b.z}; }
__device__ inline Vector operator*(double s, Vector a) { return {s * a.x, s * a.y, s * a.z}; }
__device__ inline double dot(Vector a, Vector b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
__device__ inline Vector cross(Vector a, Vector b) {
  return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}

// Positions of one system.
struct Particles {
  const double* positions;
  const DeviceBox* box;  // null where open

  __device__ Vector at(int i) const {
    const double* x = positions + 3 * static_cast<long long>(i);
    return {x[0], x[1], x[2]};
  }
  // To the nearest image in directions that repeat.
  __device__ Vector difference(int from, int to) const {
    Vector d = at(to) - at(from);
    if (!box) return d;
    const double *v = box->vectors, *w = box->inverse;
#pragma unroll
    for (int row = 0; row < 3; ++row) {
      const double n = rint(d.x * w[row] + d.y * w[3 + row] + d.z * w[6 + row]);
      d = d - n * Vector{v[3 * row], v[3 * row + 1], v[3 * row + 2]};
    }
    return d;
  }
};

// Where a task's thread puts its results: forces into slots that the particles' owners gather,
// energy and virial into its own sums.
struct Sink {
  double* slots;  // (3, 4, bondedThreads) of shared memory
  double energy;
  double* virial;  // (9) of this thread, or null

  __device__ void force(int place, Vector f) const {
    double* s = slots + place * bondedThreads + threadIdx.x;
    s[0] = f.x;
    s[4 * bondedThreads] = f.y;
    s[8 * bondedThreads] = f.z;
  }
  // Of a difference vector d with gradient g.
  __device__ void addVirial(Vector d, Vector g) const {
    const double a[3] = {d.x, d.y, d.z}, b[3] = {g.x, g.y, g.z};
#pragma unroll
    for (int r = 0; r < 3; ++r)
#pragma unroll
      for (int c = 0; c < 3; ++c) virial[3 * r + c] -= a[r] * b[c];
  }
};

struct Slope {
  double energy, derivative;
};

__device__ inline Slope harmonic(double x, const double* p) {
  const double d = x - p[0];
  return {p[1] * d * d, 2 * p[1] * d};
}

__device__ inline Slope polynomial(double x, const double* p, int stride) {
  Slope s{0, 0};
  for (int n = stride; n-- > 0;) {
    s.derivative = s.derivative * x + s.energy;
    s.energy = s.energy * x + p[n];
  }
  return s;
}

__device__ inline Slope restricted(double c, const double* p) {
  const double exact = 1 - c * c;
  const bool flat = exact < smallestSine2;
  const double sine2 = flat ? smallestSine2 : exact, wall = p[4] / sine2;
  const double energy = (((p[0] * c + p[1]) * c + p[2]) * c + p[3]) * c + wall + p[5];
  const double slope = ((4 * p[0] * c + 3 * p[1]) * c + 2 * p[2]) * c + p[3];
  return {energy, slope + (flat ? 0 : 2 * c * wall / sine2)};
}

// The form times a switch from p[0] to p[1].
__device__ inline Slope switched(Slope form, double x, const double* p) {
  const double t = fmin(fmax((x - p[0]) / (p[1] - p[0]), 0.0), 1.0);
  const double s = 1 - t * t * t * (10 - 15 * t + 6 * t * t);
  const double slope = -30 / (p[1] - p[0]) * (t * t * (1 - t) * (1 - t));
  return {form.energy * s, form.derivative * s + form.energy * slope};
}

__device__ inline Slope ashbaughHatch(double x, const double* p) {
  const double epsilon = p[0], sigma = p[1], lambda = p[2];
  const double inverse = 1 / x, y = sigma * inverse, y2 = y * y, y6 = y2 * y2 * y2;
  const double lj = 4 * epsilon * (y6 * y6 - y6);
  const double slope = -24 * epsilon * (2 * y6 * y6 - y6) * inverse;
  const bool core = y6 > 0.5;  // x < 2^(1/6) σ
  return switched({core ? lj + (1 - lambda) * epsilon : lambda * lj, core ? slope : lambda * slope},
                  x, p + 3);
}

__device__ inline Slope screenedCoulomb(double x, const double* p) {
  const double inverse = 1 / x, energy = p[0] * inverse * exp(-p[1] * x);
  return switched({energy, -energy * (p[1] + inverse)}, x, p + 2);
}

__device__ inline Slope ofDistance(BondedKind kind, double x, const double* p, int stride) {
  switch (kind) {
    case BondedKind::distanceHarmonic:
      return harmonic(x, p);
    case BondedKind::ashbaughHatch:
      return ashbaughHatch(x, p);
    case BondedKind::screenedCoulomb:
      return screenedCoulomb(x, p);
    default:
      return polynomial(x, p, stride);
  }
}

template <bool Virial>
__device__ inline void distanceTerm(const BondedTask& task, const Particles& x, const double* p,
                                    Sink& sink) {
  const Vector d = x.difference(task.particle[0], task.particle[1]);
  const double r2 = dot(d, d), inverse = r2 < shortestArm2 ? 0 : rsqrt(r2), r = r2 * inverse;
  const Slope s = ofDistance(static_cast<BondedKind>(task.kind), r, p, task.stride);
  const Vector g = (s.derivative * inverse) * d;
  sink.force(0, g);
  sink.force(1, -1.0 * g);
  if (!task.owner) return;
  sink.energy += s.energy;
  if (Virial) sink.addVirial(d, g);
}

template <bool Virial>
__device__ inline void angleTerm(const BondedTask& task, const Particles& x, const double* p,
                                 Sink& sink) {
  const auto kind = static_cast<BondedKind>(task.kind);
  const Vector u = x.difference(task.particle[1], task.particle[0]);
  const Vector w = x.difference(task.particle[1], task.particle[2]);
  const double u2 = dot(u, u), w2 = dot(w, w);
  const double iu = u2 < shortestArm2 ? 0 : rsqrt(u2), iw = w2 < shortestArm2 ? 0 : rsqrt(w2);
  const Vector eu = iu * u, ew = iw * w;
  const double c = dot(eu, ew);
  Slope s;
  if (kind == BondedKind::angleHarmonic || kind == BondedKind::anglePolynomial) {
    const Vector n = cross(eu, ew);
    const double sine = sqrt(dot(n, n)), theta = atan2(sine, c);
    s = kind == BondedKind::angleHarmonic ? harmonic(theta, p) : polynomial(theta, p, task.stride);
    s.derivative = -s.derivative / (sine * sine < smallestSine2 ? 1e-6 : sine);
  } else {
    s = kind == BondedKind::cosineHarmonic     ? harmonic(c, p)
        : kind == BondedKind::cosineRestricted ? restricted(c, p)
                                               : polynomial(c, p, task.stride);
  }
  const Vector gu = (s.derivative * iu) * (ew - c * eu), gw = (s.derivative * iw) * (eu - c * ew);
  sink.force(0, -1.0 * gu);
  sink.force(1, gu + gw);
  sink.force(2, -1.0 * gw);
  if (!task.owner) return;
  sink.energy += s.energy;
  if (!Virial) return;
  sink.addVirial(u, gu);
  sink.addVirial(w, gw);
}

// A dihedral's form maps x = ρ cos φ, y = ρ sin φ (ρ² regularised) to the energy and its slopes.
struct PlaneSlope {
  double energy, dx, dy;
};

__device__ inline PlaneSlope fourier(double x, double y, double rho2, const double* p, int stride) {
  const double inverse = rsqrt(rho2), c = x * inverse, s = y * inverse;
  const int terms = (stride - 1) / 2;
  const double *k1 = p + 1, *k2 = p + 1 + terms;
  double energy = p[0], dc = 0, ds = 0, re = 1, im = 0;  // re + i im = z^(n−1)
  for (int n = 0; n < terms; ++n) {
    dc += (n + 1) * (k2[n] * re + k1[n] * im);
    ds += (n + 1) * (k1[n] * re - k2[n] * im);
    const double next = re * c - im * s;
    im = re * s + im * c;
    re = next;
    energy += k1[n] * im + k2[n] * re;
  }
  return {energy, inverse * (dc * (1 - c * c) - ds * c * s),
          inverse * (ds * (1 - s * s) - dc * c * s)};
}

__device__ inline PlaneSlope ofAngle(bool wrapped, double x, double y, double rho2, const double* p,
                                     int stride) {
  double phi = atan2(y, x);
  if (wrapped) {  // to within half a turn of x0
    constexpr double turn = 6.283185307179586476925286766559;
    phi -= turn * rint((phi - p[0]) / turn);
  }
  const Slope s = wrapped ? harmonic(phi, p) : polynomial(phi, p, stride);
  return {s.energy, -s.derivative * y / rho2, s.derivative * x / rho2};
}

template <bool Virial>
__device__ inline void dihedralTerm(const BondedTask& task, const Particles& at, const double* p,
                                    Sink& sink) {
  const auto kind = static_cast<BondedKind>(task.kind);
  const int* a = task.particle;
  const Vector b1 = at.difference(a[0], a[1]), b2 = at.difference(a[1], a[2]),
               b3 = at.difference(a[2], a[3]);
  const Vector n1 = cross(b1, b2), n2 = cross(b2, b3);
  const double axis2 = dot(b2, b2), inverse = axis2 < shortestArm2 ? 0 : rsqrt(axis2);
  const double axis = axis2 * inverse, triple = dot(b1, n2);
  const double x = dot(n1, n2), y = axis * triple, rho2 = x * x + y * y + collinear2;
  const PlaneSlope s =
      kind == BondedKind::dihedralFourier
          ? fourier(x, y, rho2, p, task.stride)
          : ofAngle(kind == BondedKind::dihedralHarmonic, x, y, rho2, p, task.stride);
  const double along = s.dy * triple * inverse;
  const Vector g1 = s.dx * cross(b2, n2) + (s.dy * axis) * n2;
  const Vector g3 = s.dx * cross(n1, b2) + (s.dy * axis) * n1;
  const Vector g2 =
      s.dx * (cross(n2, b1) + cross(b3, n1)) + (s.dy * axis) * cross(b3, b1) + along * b2;
  sink.force(0, g1);
  sink.force(1, g2 - g1);
  sink.force(2, g3 - g2);
  sink.force(3, -1.0 * g3);
  if (!task.owner) return;
  sink.energy += s.energy;
  if (!Virial) return;
  sink.addVirial(b1, g1);
  sink.addVirial(b2, g2);
  sink.addVirial(b3, g3);
}

template <bool Virial>
__device__ inline void runTask(const BondedTask& task, const Particles& x, const double* parameters,
                               Sink& sink) {
  const double* p = parameters + task.parameters;
  const auto kind = static_cast<BondedKind>(task.kind);
  if (kind == BondedKind::none) return;
  if (kind < BondedKind::cosineHarmonic)
    distanceTerm<Virial>(task, x, p, sink);
  else if (kind < BondedKind::dihedralFourier)
    angleTerm<Virial>(task, x, p, sink);
  else
    dihedralTerm<Virial>(task, x, p, sink);
}

}  // namespace mdlab::bonded
