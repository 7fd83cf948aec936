#pragma once
// Shared by host and device code: plain types only.

namespace mdlab {

// The knots of a spline over [lower, upper): equal steps of a coordinate t in [0, intervals) that
// may be stretched so that short distances, where filters bend most, get more of them:
//   x = (r − lower)/(upper − lower),   t = intervals · (1 + stretch) x / (1 + stretch · x).
struct SplineGrid {
  double lower, upper;
  double stretch;  // 0: equal steps of r
  int intervals;
};

#ifdef __CUDACC__
#define MDLAB_BOTH __host__ __device__
#else
#define MDLAB_BOTH
#endif

MDLAB_BOTH inline double splineCoordinate(const SplineGrid& g, double r) {
  const double x = (r - g.lower) / (g.upper - g.lower);
  return g.intervals * (1 + g.stretch) * x / (1 + g.stretch * x);
}

// dt/dr.
MDLAB_BOTH inline double splineDensity(const SplineGrid& g, double r) {
  const double length = g.upper - g.lower, x = (r - g.lower) / length, d = 1 + g.stretch * x;
  return g.intervals * (1 + g.stretch) / (d * d * length);
}

// r of a coordinate.
MDLAB_BOTH inline double splineDistance(const SplineGrid& g, double t) {
  const double y = t / g.intervals;
  return g.lower + (g.upper - g.lower) * y / (1 + g.stretch - g.stretch * y);
}

// A place on the grid in one word: the interval in the upper 10 bits, the fraction below it.
constexpr int splineFractionBits = 22;
constexpr unsigned splineNowhere = ~0u;    // no pair: beyond the cutoff
constexpr int splineMostIntervals = 1016;  // leaves room for the zero rows behind the last knot

// Coefficients of one function: intervals + 3 rows, one per basis function, then four rows of
// zeros.
MDLAB_BOTH inline int splineRows(int intervals) { return intervals + 7; }

}  // namespace mdlab
