#pragma once
// Device code only: what decides about an edge, operation for operation as on the CPU.
#include "cuda/scan.h"
#include "neighbors/verlet-list-on-device.cuda.h"

namespace mdlab {

__device__ inline double square3(double x, double y, double z) {
  return __dadd_rn(__dadd_rn(__dmul_rn(x, x), __dmul_rn(y, y)), __dmul_rn(z, z));
}

struct Point {
  double x, y, z;
};

__device__ inline Point pointOf(const double* positions, int atom) {
  const double* p = positions + 3ll * atom;
  return {p[0], p[1], p[2]};
}

__device__ inline bool finite(const Point& p) {
  return isfinite(p.x) && isfinite(p.y) && isfinite(p.z);
}

// Uncontracted, so that every form of the list sees the same numbers.
__device__ inline Point minus(const Point& a, const Point& b) {
  return {__dsub_rn(a.x, b.x), __dsub_rn(a.y, b.y), __dsub_rn(a.z, b.z)};
}

// imageDistance2 of neighbors/lattice.h, of d = x_j − x_i.
__device__ inline double imageDistance2(const Point& d, const DeviceLattice& lattice, int sx,
                                        int sy, int sz) {
  const double* m = lattice.rows;
  const auto along = [&](int c) {
    return __dadd_rn(__dadd_rn(__dmul_rn(double(sx), m[c]), __dmul_rn(double(sy), m[3 + c])),
                     __dmul_rn(double(sz), m[6 + c]));
  };
  return square3(__dadd_rn(d.x, along(0)), __dadd_rn(d.y, along(1)), __dadd_rn(d.z, along(2)));
}

__device__ inline double fractionOf(const DeviceLattice& lattice, int k, const Point& d) {
  const double* r = lattice.reciprocal + 3 * k;
  return d.x * r[0] + d.y * r[1] + d.z * r[2];
}

// Images that may be in reach along each direction.
struct ImageRange {
  int low[3], high[3];
};

// The images of d that rounding cannot hide; none where d is not finite or too far to count.
__device__ inline ImageRange imagesInReach(const DeviceLattice& lattice, const Point& d) {
  ImageRange out;
  for (int k = 0; k < 3; ++k) {
    out.low[k] = out.high[k] = 0;
    if (!lattice.periodic[k]) continue;
    const double* r = lattice.reciprocal + 3 * k;
    const double f = fractionOf(lattice, k, d);
    const double size = fabs(d.x * r[0]) + fabs(d.y * r[1]) + fabs(d.z * r[2]);
    const double slack = lattice.slack * (1 + size);
    const double low = ceil(-lattice.range[k] - f - slack);
    const double high = floor(lattice.range[k] - f + slack);
    if (!(fabs(low) < 2.1e9 && fabs(high) < 2.1e9)) {
      out.low[k] = 1;
      continue;
    }
    out.low[k] = int(low);
    out.high[k] = int(high);
  }
  return out;
}

// Calls f(sx, sy, sz) for every image of d nearer than reach, ordered by shift; not for the atom
// itself.
template <class F>
__device__ void forEachImage(const DeviceLattice& lattice, const Point& d, bool self, double reach2,
                             F&& f) {
  const ImageRange range = imagesInReach(lattice, d);
  for (int x = range.low[0]; x <= range.high[0]; ++x)
    for (int y = range.low[1]; y <= range.high[1]; ++y)
      for (int z = range.low[2]; z <= range.high[2]; ++z) {
        if (self && x == 0 && y == 0 && z == 0) continue;
        if (imageDistance2(d, lattice, x, y, z) < reach2) f(x, y, z);
      }
}

__device__ inline bool hasExclusions(const DeviceExclusions& e, int i) {
  return e.rowStart && e.rowStart[i] != e.rowStart[i + 1];
}

__device__ inline bool excluded(const DeviceExclusions& e, int i, int j) {
  int low = e.rowStart[i], high = e.rowStart[i + 1];
  while (low < high) {
    const int middle = low + (high - low) / 2;
    const int at = e.column[middle];
    if (at == j) return true;
    if (at < j)
      low = middle + 1;
    else
      high = middle;
  }
  return false;
}

__device__ inline void writeShift(DeviceShift* to, unsigned xy, unsigned z) {
  *reinterpret_cast<uint2*>(to) = make_uint2(xy, z & 0xFFFFu);
}

__device__ inline double norm3(const double* v) {
  return sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
}

__device__ inline void cross3(const double* a, const double* b, double scale, double* out) {
  const double x = a[1] * b[2] - a[2] * b[1], y = a[2] * b[0] - a[0] * b[2],
               z = a[0] * b[1] - a[1] * b[0];
  out[0] = x * scale;
  out[1] = y * scale;
  out[2] = z * scale;
}

__device__ inline void normalize3(double* v) {
  const double length = norm3(v);
  for (int c = 0; c < 3; ++c) v[c] /= length;
}

// Unit vectors perpendicular to the rows that repeat take the place of those that do not. Loops are
// unrolled so that all rows stay in registers.
__device__ inline void completeRows(DeviceLattice& l) {
  double* rows = l.rows;
  if (l.dimensions == 0)
    for (int c = 0; c < 9; ++c) rows[c] = c % 4 == 0;
#pragma unroll
  for (int k = 0; k < 3; ++k) {
    double *next = rows + 3 * ((k + 1) % 3), *last = rows + 3 * ((k + 2) % 3);
    if (l.dimensions == 2 && !l.periodic[k]) {
      cross3(next, last, 1, rows + 3 * k);
      normalize3(rows + 3 * k);
    } else if (l.dimensions == 1 && l.periodic[k]) {
      const double *v = rows + 3 * k, x = fabs(v[0]), y = fabs(v[1]), z = fabs(v[2]);
      const bool alongX = x <= y && x <= z, alongY = !alongX && y <= z;
      const double e[3] = {double(alongX), double(alongY), double(!alongX && !alongY)};
      cross3(v, e, 1, next);
      cross3(v, next, 1, last);
      normalize3(next);
      normalize3(last);
    }
  }
}

// What neighbour search needs of a box; independent of what stands in its open rows.
__device__ inline DeviceLattice latticeOf(const DeviceBox& box, double reach) {
  DeviceLattice l;
  l.dimensions = 0;
  double lengths = 1, turned = 0;
#pragma unroll
  for (int k = 0; k < 3; ++k) {
    l.periodic[k] = box.periodic[k];
    for (int c = 0; c < 3; ++c) l.rows[3 * k + c] = l.periodic[k] ? box.vectors[3 * k + c] : 0;
    if (!l.periodic[k]) continue;
    ++l.dimensions;
    lengths *= norm3(l.rows + 3 * k);
    turned += 8194 * norm3(l.rows + 3 * k);  // wrapped atoms come from no farther: see binAtoms
  }
  completeRows(l);
  double normal[3];
  cross3(l.rows + 3, l.rows + 6, 1, normal);
  const double det = l.rows[0] * normal[0] + l.rows[1] * normal[1] + l.rows[2] * normal[2];
  const double condition = l.dimensions ? lengths / fabs(det) : 1;
#pragma unroll
  for (int k = 0; k < 3; ++k) {
    double* r = l.reciprocal + 3 * k;
    cross3(l.rows + 3 * ((k + 1) % 3), l.rows + 3 * ((k + 2) % 3), 1 / det, r);
    l.range[k] = l.periodic[k] ? reach * norm3(r) : 0;
  }
  l.slack = 0x1p-44 * condition;
  l.margin = 0x1p-46 * (turned + reach) * condition;
  return l;
}

// What is known once all rows are counted. By one thread, when every block has read the state.
__device__ inline void finishCount(const ListArguments& a, unsigned long long total) {
  ListState& state = *a.state;
  const int needed = int(min(total, 0x7FFFFFFFull));
  state.edges = min(needed, a.capacity);
  if (total > (unsigned long long)(a.capacity)) state.overflow = needed;
  if (state.fault) state.overflow = state.fault;
  ++state.rebuilds;
  ++state.epoch;
}

}  // namespace mdlab
