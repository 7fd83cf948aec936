#include "models/bonded/kernels.h"

#include "core/error.h"

namespace mdlab::bonded {
namespace {

constexpr double shortestArm2 = 1e-12;  // Å²
constexpr double collinear2 = 1e-8;     // Å⁸, (1e-4 Å⁴)²
constexpr double smallestSine2 = 1e-12;

// d minus the lattice vectors nearest to it.
Vector nearestImage(Vector d, const Workspace& ws) {
  const Lane* v = ws.lattice;
  const Lane* w = ws.inverse;
  const auto round = [](double s) { return std::nearbyint(s); };
  for (int row = 0; row < 3; ++row) {
    const Lane n = perLane(d.x * w[row] + d.y * w[3 + row] + d.z * w[6 + row], round);
    d.x -= n * v[3 * row];
    d.y -= n * v[3 * row + 1];
    d.z -= n * v[3 * row + 2];
  }
  return d;
}

inline Vector difference(const Workspace& ws, std::int32_t from, std::int32_t to) {
  const Vector d = ws.positions[to] - ws.positions[from];
  return ws.periodic ? nearestImage(d, ws) : d;
}

// Virial of one difference vector d with gradient g = ∂E/∂d.
inline void addVirial(Workspace& ws, Vector d, Vector g) {
  const Lane a[3] = {d.x, d.y, d.z}, b[3] = {g.x, g.y, g.z};
  for (int r = 0; r < 3; ++r)
    for (int c = 0; c < 3; ++c) ws.virial[3 * r + c] -= a[r] * b[c];
}

inline void add(Vector& target, Vector v) { target = target + v; }
inline void subtract(Vector& target, Vector v) { target = target - v; }

// A form maps a coordinate's value x to the energy and dE/dx.
struct Slope {
  Lane energy, derivative;
};

struct Harmonic {
  static Slope at(Lane x, const double* p, std::size_t) {
    const Lane d = x - p[0];
    return {p[1] * d * d, 2.0 * p[1] * d};
  }
};

struct Polynomial {
  static Slope at(Lane x, const double* p, std::size_t stride) {
    Slope s{Lane{}, Lane{}};
    for (std::size_t n = stride; n-- > 0;) {
      s.derivative = s.derivative * x + s.energy;
      s.energy = s.energy * x + p[n];
    }
    return s;
  }
};

struct Restricted {
  static Slope at(Lane c, const double* p, std::size_t) {
    Lane sine2 = 1.0 - c * c;
    const auto flat = sine2 < smallestSine2;
    sine2 = flat ? broadcast(smallestSine2) : sine2;
    const Lane wall = p[4] / sine2;
    const Lane energy = (((p[0] * c + p[1]) * c + p[2]) * c + p[3]) * c + wall + p[5];
    const Lane slope = ((4.0 * p[0] * c + 3.0 * p[1]) * c + 2.0 * p[2]) * c + p[3];
    return {energy, slope + (flat ? Lane{} : 2.0 * c * wall / sine2)};
  }
};

// The form times a switch from p[0] to p[1].
inline Slope switched(Slope form, Lane x, const double* p) {
  const Lane over = (x - p[0]) / (p[1] - p[0]);
  const Lane t = over < 0.0 ? Lane{} : over > 1.0 ? broadcast(1) : over;
  const Lane s = 1.0 - t * t * t * (10.0 - 15.0 * t + 6.0 * t * t);
  const Lane slope = (-30.0 / (p[1] - p[0])) * (t * t * (1.0 - t) * (1.0 - t));
  return {form.energy * s, form.derivative * s + form.energy * slope};
}

struct AshbaughHatch {
  static Slope at(Lane x, const double* p, std::size_t) {
    const double epsilon = p[0], sigma = p[1], lambda = p[2];
    const Lane inverse = 1.0 / x, y = sigma * inverse, y2 = y * y, y6 = y2 * y2 * y2;
    const Lane lj = 4.0 * epsilon * (y6 * y6 - y6);
    const Lane slope = (-24.0 * epsilon) * (2.0 * y6 * y6 - y6) * inverse;
    const auto core = y6 > 0.5;  // x < 2^(1/6) σ
    return switched(
        {core ? lj + (1.0 - lambda) * epsilon : lambda * lj, core ? slope : lambda * slope}, x,
        p + 3);
  }
};

struct ScreenedCoulomb {
  static Slope at(Lane x, const double* p, std::size_t) {
    const double kappa = p[1];
    const Lane inverse = 1.0 / x;
    const Lane energy = p[0] * inverse * perLane(x, [=](double r) { return std::exp(-kappa * r); });
    return switched({energy, -energy * (kappa + inverse)}, x, p + 2);
  }
};

template <class Form>
void runDistance(const BondedTerm& term, std::size_t begin, std::size_t end, Workspace& ws) {
  const std::size_t stride = term.stride();
  for (std::size_t t = begin; t < end; ++t) {
    const std::int32_t i = term.tuples[2 * t], j = term.tuples[2 * t + 1];
    const Vector d = difference(ws, i, j);
    const Lane r2 = dot(d, d), r = squareRoot(r2);
    const Slope s = Form::at(r, &term.parameters[t * stride], stride);
    const Lane inverse = r2 < shortestArm2 ? Lane{} : 1.0 / r;
    const Vector g = (s.derivative * inverse) * d;
    ws.energy += s.energy;
    add(ws.forces[i], g);
    subtract(ws.forces[j], g);
    if (ws.wantVirial) addVirial(ws, d, g);
  }
}

// Pairs come ordered by their first particle, whose force stays in registers.
template <bool Periodic, bool Virial>
void runRepulsion(const BondedTerm& term, std::size_t begin, std::size_t end, Workspace& ws) {
  const std::int32_t* pairs = term.tuples.data();
  const double* c6 = term.parameters.data();
  Lane energy{};
  for (std::size_t t = begin; t < end;) {
    const std::int32_t i = pairs[2 * t];
    const Vector xi = ws.positions[i];
    Vector fi = ws.forces[i];
    for (; t < end && pairs[2 * t] == i; ++t) {
      const std::int32_t j = pairs[2 * t + 1];
      Vector d = ws.positions[j] - xi;
      if constexpr (Periodic) d = nearestImage(d, ws);
      const Lane y = reciprocal(dot(d, d));
      const Lane e = c6[t] * (y * y * y);
      const Vector g = (-6.0 * e * y) * d;
      energy += e;
      fi = fi + g;
      subtract(ws.forces[j], g);
      if constexpr (Virial) addVirial(ws, d, g);
    }
    ws.forces[i] = fi;
  }
  ws.energy += energy;
}

void runRepulsion(const BondedTerm& term, std::size_t begin, std::size_t end, Workspace& ws) {
  const auto run = ws.periodic
                       ? (ws.wantVirial ? runRepulsion<true, true> : runRepulsion<true, false>)
                       : (ws.wantVirial ? runRepulsion<false, true> : runRepulsion<false, false>);
  run(term, begin, end, ws);
}

template <class Form, bool Radians>
void runAngle(const BondedTerm& term, std::size_t begin, std::size_t end, Workspace& ws) {
  const std::size_t stride = term.stride();
  for (std::size_t t = begin; t < end; ++t) {
    const std::int32_t *tuple = &term.tuples[3 * t], i = tuple[0], j = tuple[1], k = tuple[2];
    const Vector u = difference(ws, j, i), w = difference(ws, j, k);
    const Lane u2 = dot(u, u), w2 = dot(w, w);
    const Lane iu = u2 < shortestArm2 ? Lane{} : 1.0 / squareRoot(u2);
    const Lane iw = w2 < shortestArm2 ? Lane{} : 1.0 / squareRoot(w2);
    const Vector eu = iu * u, ew = iw * w;
    const Lane c = dot(eu, ew);
    Slope s;
    if constexpr (Radians) {
      const Vector n = cross(eu, ew);
      const Lane sine = squareRoot(dot(n, n));
      Lane theta;
      for (int l = 0; l < width; ++l) theta[l] = std::atan2(sine[l], c[l]);
      s = Form::at(theta, &term.parameters[t * stride], stride);
      s.derivative = -s.derivative / (sine * sine < smallestSine2 ? broadcast(1e-6) : sine);
    } else {
      s = Form::at(c, &term.parameters[t * stride], stride);
    }
    const Vector gu = (s.derivative * iu) * (ew - c * eu), gw = (s.derivative * iw) * (eu - c * ew);
    ws.energy += s.energy;
    subtract(ws.forces[i], gu);
    subtract(ws.forces[k], gw);
    add(ws.forces[j], gu + gw);
    if (ws.wantVirial) {
      addVirial(ws, u, gu);
      addVirial(ws, w, gw);
    }
  }
}

// A dihedral's form maps x = ρ cos φ, y = ρ sin φ (ρ² regularised) to the energy and its slopes.
struct PlaneSlope {
  Lane energy, dx, dy;
};

// (cos φ + i sin φ)ⁿ by repeated multiplication: no trigonometric function is called.
struct Fourier {
  static PlaneSlope at(Lane x, Lane y, Lane rho2, const double* p, std::size_t stride) {
    const Lane inverse = 1.0 / squareRoot(rho2), c = x * inverse, s = y * inverse;
    const std::size_t terms = (stride - 1) / 2;
    const double *k1 = p + 1, *k2 = p + 1 + terms;
    Lane energy = broadcast(p[0]), dc{}, ds{}, re = broadcast(1), im{};  // z^(n−1)
    for (std::size_t n = 0; n < terms; ++n) {
      const double order = static_cast<double>(n + 1);
      dc += order * (k2[n] * re + k1[n] * im);
      ds += order * (k1[n] * re - k2[n] * im);
      const Lane next = re * c - im * s;
      im = re * s + im * c;
      re = next;
      energy += k1[n] * im + k2[n] * re;
    }
    return {energy, inverse * (dc * (1.0 - c * c) - ds * c * s),
            inverse * (ds * (1.0 - s * s) - dc * c * s)};
  }
};

template <class Form, bool Wrap>
struct OfAngle {
  static PlaneSlope at(Lane x, Lane y, Lane rho2, const double* p, std::size_t stride) {
    Lane phi;
    for (int l = 0; l < width; ++l) phi[l] = std::atan2(y[l], x[l]);
    if constexpr (Wrap) {  // to within half a turn of x0
      constexpr double turn = 6.283185307179586476925286766559;
      phi -= turn * perLane((phi - p[0]) / turn, [](double v) { return std::nearbyint(v); });
    }
    const Slope s = Form::at(phi, p, stride);
    return {s.energy, -s.derivative * y / rho2, s.derivative * x / rho2};
  }
};

template <class Form>
void runDihedral(const BondedTerm& term, std::size_t begin, std::size_t end, Workspace& ws) {
  const std::size_t stride = term.stride();
  for (std::size_t t = begin; t < end; ++t) {
    const std::int32_t* a = &term.tuples[4 * t];
    const Vector b1 = difference(ws, a[0], a[1]), b2 = difference(ws, a[1], a[2]),
                 b3 = difference(ws, a[2], a[3]);
    const Vector n1 = cross(b1, b2), n2 = cross(b2, b3);
    const Lane axis2 = dot(b2, b2), axis = squareRoot(axis2), triple = dot(b1, n2);
    const Lane x = dot(n1, n2), y = axis * triple;
    const PlaneSlope s =
        Form::at(x, y, x * x + y * y + collinear2, &term.parameters[t * stride], stride);
    const Lane along = axis2 < shortestArm2 ? Lane{} : s.dy * triple / axis;
    const Vector g1 = s.dx * cross(b2, n2) + (s.dy * axis) * n2;
    const Vector g3 = s.dx * cross(n1, b2) + (s.dy * axis) * n1;
    const Vector g2 =
        s.dx * (cross(n2, b1) + cross(b3, n1)) + (s.dy * axis) * cross(b3, b1) + along * b2;
    ws.energy += s.energy;
    add(ws.forces[a[0]], g1);
    add(ws.forces[a[1]], g2 - g1);
    add(ws.forces[a[2]], g3 - g2);
    subtract(ws.forces[a[3]], g3);
    if (ws.wantVirial) {
      addVirial(ws, b1, g1);
      addVirial(ws, b2, g2);
      addVirial(ws, b3, g3);
    }
  }
}

}  // namespace

void runTerm(const BondedTerm& term, std::size_t begin, std::size_t end, Workspace& ws) {
  using C = BondedCoordinate;
  using F = BondedForm;
  const auto is = [&](C c, F f) { return term.coordinate == c && term.form == f; };
  if (is(C::distance, F::harmonic)) return runDistance<Harmonic>(term, begin, end, ws);
  if (is(C::distance, F::polynomial)) return runDistance<Polynomial>(term, begin, end, ws);
  if (is(C::distance, F::repulsion)) return runRepulsion(term, begin, end, ws);
  if (is(C::distance, F::ashbaughHatch)) return runDistance<AshbaughHatch>(term, begin, end, ws);
  if (is(C::distance, F::screenedCoulomb))
    return runDistance<ScreenedCoulomb>(term, begin, end, ws);
  if (is(C::cosine, F::harmonic)) return runAngle<Harmonic, false>(term, begin, end, ws);
  if (is(C::cosine, F::polynomial)) return runAngle<Polynomial, false>(term, begin, end, ws);
  if (is(C::cosine, F::restricted)) return runAngle<Restricted, false>(term, begin, end, ws);
  if (is(C::angle, F::harmonic)) return runAngle<Harmonic, true>(term, begin, end, ws);
  if (is(C::angle, F::polynomial)) return runAngle<Polynomial, true>(term, begin, end, ws);
  if (is(C::dihedral, F::fourier)) return runDihedral<Fourier>(term, begin, end, ws);
  if (is(C::dihedral, F::harmonic))
    return runDihedral<OfAngle<Harmonic, true>>(term, begin, end, ws);
  if (is(C::dihedral, F::polynomial))
    return runDihedral<OfAngle<Polynomial, false>>(term, begin, end, ws);
  invalid("bonded." + term.name + ": this form does not exist for this coordinate");
}

}  // namespace mdlab::bonded
