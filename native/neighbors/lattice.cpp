#include "neighbors/lattice.h"

#include <cmath>
#include <string>

#include "core/error.h"

namespace mdlab {
namespace {

using Vector = std::array<double, 3>;

Vector cross(const Vector& a, const Vector& b) {
  return {a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
}
double dot(const Vector& a, const Vector& b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }
double norm(const Vector& a) { return std::sqrt(dot(a, a)); }
Vector scaled(const Vector& a, double f) { return {a[0] * f, a[1] * f, a[2] * f}; }

// The Cartesian axis least aligned with v.
Vector leastAligned(const Vector& v) {
  int k = 0;
  for (int c = 1; c < 3; ++c)
    if (std::abs(v[c]) < std::abs(v[k])) k = c;
  Vector e{0, 0, 0};
  e[k] = 1;
  return e;
}

[[noreturn]] void noVolume(std::int32_t system) {
  invalid("box of system " + std::to_string(system) +
          ": its periodic vectors must be finite and independent; give vectors that span a "
          "volume, or make the direction open");
}

// Replaces the rows that do not repeat by unit vectors perpendicular to the rest.
void completeRows(std::array<Vector, 3>& rows, const Lattice& lattice) {
  int free = -1, held = -1;
  for (int k = 0; k < 3; ++k) (lattice.periodic[k] ? held : free) = k;
  if (lattice.dimensions == 2) {
    const Vector n = cross(rows[(free + 1) % 3], rows[(free + 2) % 3]);
    rows[free] = scaled(n, 1 / norm(n));
  } else if (lattice.dimensions == 1) {
    const Vector n = cross(rows[held], leastAligned(rows[held]));
    const Vector m = cross(rows[held], n);
    rows[(held + 1) % 3] = scaled(n, 1 / norm(n));
    rows[(held + 2) % 3] = scaled(m, 1 / norm(m));
  }
}

}  // namespace

Lattice makeLattice(const Box& box, std::int32_t system) {
  Lattice out;
  out.periodic = box.periodic;
  for (const bool p : box.periodic) out.dimensions += p;
  if (out.dimensions == 0) return out;
  std::array<Vector, 3> rows{};
  double lengths = 1;
  for (int k = 0; k < 3; ++k) {
    if (!box.periodic[k]) continue;
    rows[k] = {box.vectors[3 * k], box.vectors[3 * k + 1], box.vectors[3 * k + 2]};
    lengths *= norm(rows[k]);
  }
  if (!(lengths > 0) || !std::isfinite(lengths)) noVolume(system);
  completeRows(rows, out);
  const double det = dot(rows[0], cross(rows[1], rows[2]));
  // Below this sine-like ratio the fractional coordinates would carry no digits.
  if (!(std::abs(det) > 1e-10 * lengths)) noVolume(system);
  out.measure = std::abs(det);
  for (int k = 0; k < 3; ++k) {
    const Vector r = scaled(cross(rows[(k + 1) % 3], rows[(k + 2) % 3]), 1 / det);
    out.height[k] = 1 / norm(r);
    for (int c = 0; c < 3; ++c) {
      out.rows[3 * k + c] = rows[k][c];
      out.reciprocal[3 * k + c] = r[c];
    }
  }
  return out;
}

namespace {

double ball(int dimensions, double radius) {
  constexpr double pi = 3.14159265358979323846;
  return dimensions == 1   ? 2 * radius
         : dimensions == 2 ? pi * radius * radius
                           : 4 * pi / 3 * radius * radius * radius;
}

// Very skewed vectors are near in number and far in use: of the images between their faces only few
// are within reach. Refuses what would take minutes and is a slip in the box.
void checkSkew(const Lattice& lattice, double reach, double atoms, std::int32_t system) {
  double searched = 1;
  for (int k = 0; k < 3; ++k)
    if (lattice.periodic[k]) searched *= 2 * reach / lattice.height[k] + 3;
  if (lattice.dimensions > 1 && searched * atoms > 2e8 &&
      searched > 100 * (ball(lattice.dimensions, reach) / lattice.measure + 1))
    invalid(
        "box of system " + std::to_string(system) + ": must not be so skewed that " +
        std::to_string(searched) +
        " images have to be searched; give reduced (shorter) lattice vectors of the same lattice");
}

// Self-images alone: at least the lattice points of a ball that is smaller by a cell's diameter.
double leastImages(const Lattice& lattice, double reach) {
  double diameter = 0;
  for (int k = 0; k < 3; ++k) {
    if (!lattice.periodic[k]) continue;
    const double* v = &lattice.rows[3 * k];
    diameter += std::sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
  }
  const double r = reach - diameter;
  if (lattice.dimensions == 0 || r <= 0) return 0;
  return ball(lattice.dimensions, r) / lattice.measure;
}

void checkPositions(const Batch& batch, const Lattice& lattice, std::int32_t system) {
  const std::int32_t first = batch.offsets[system], last = batch.offsets[system + 1];
  const double* x = batch.positions.data();
  for (std::int32_t i = first; i < last; ++i) {
    const double *a = x + 3 * std::int64_t{i}, *origin = x + 3 * std::int64_t{first};
    if (!std::isfinite(a[0]) || !std::isfinite(a[1]) || !std::isfinite(a[2]))
      throwNotFinite(i - first, system, a);
    for (int k = 0; k < 3; ++k)
      if (lattice.periodic[k] && !(std::abs(lattice.fraction(k, a[0] - origin[0], a[1] - origin[1],
                                                             a[2] - origin[2])) < 1e9))
        throwShiftOverflow();
  }
}

}  // namespace

std::vector<Lattice> checkedLattices(std::span<const std::int32_t> offsets,
                                     std::span<const Box> boxes, double cutoff, double skin) {
  if (!(cutoff > 0) || !std::isfinite(cutoff))
    invalid("neighbor list cutoff: must be positive and finite, received " +
            std::to_string(cutoff) + "; give a length in Å");
  if (!(skin >= 0) || !std::isfinite(skin))
    invalid("neighbor list skin: must be zero or positive, received " + std::to_string(skin) +
            "; give a length in Å");
  const auto systems = static_cast<std::int32_t>(boxes.size());
  std::vector<Lattice> lattices;
  lattices.reserve(systems);
  double least = 0;
  for (std::int32_t s = 0; s < systems; ++s) {
    lattices.push_back(makeLattice(boxes[s], s));
    least += (offsets[s + 1] - offsets[s]) * leastImages(lattices.back(), cutoff + skin);
  }
  if (least > static_cast<double>(maxEdges)) throwTooManyEdges(cutoff + skin, offsets.back());
  for (std::int32_t s = 0; s < systems; ++s)
    checkSkew(lattices[s], cutoff + skin, offsets[s + 1] - offsets[s], s);
  for (const Lattice& lattice : lattices)
    for (int k = 0; k < 3; ++k)
      if (lattice.periodic[k] && cutoff + skin > 32767 * lattice.height[k]) throwShiftOverflow();
  return lattices;
}

std::vector<Lattice> checkedLattices(const Batch& batch, double cutoff, double skin) {
  auto lattices = checkedLattices(batch.offsets, batch.boxes, cutoff, skin);
  for (std::int32_t s = 0; s < batch.systems(); ++s) checkPositions(batch, lattices[s], s);
  return lattices;
}

void throwNotFinite(std::int32_t atom, std::int32_t system, const double* position) {
  invalid("neighbor list: position of atom " + std::to_string(atom) + " of system " +
          std::to_string(system) + " must be finite, received (" + std::to_string(position[0]) +
          ", " + std::to_string(position[1]) + ", " + std::to_string(position[2]) + ")");
}

void throwTooManyEdges(double reach, std::int64_t atoms) {
  invalid("neighbor list: must have at most 2147483647 edges, received more for " +
          std::to_string(atoms) + " atoms within " + std::to_string(reach) +
          " Å; use a shorter cutoff or fewer replicas");
}

void throwShiftOverflow() {
  invalid(
      "neighbor list: neighbours must be at most 32767 boxes apart, received more; wrap the "
      "positions into the box, or use a shorter cutoff");
}

}  // namespace mdlab
