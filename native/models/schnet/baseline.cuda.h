#pragma once
#include "neighbors/device-list.h"
#include "system/device-batch.h"

// Arguments of the kernels in baseline.cu. Plain types; pointers are device addresses; lengths in
// model units. Edges are the list's entries as they stand: those outside the cutoff have an
// envelope of 0. Their number is read on the device, arrays may be longer.
namespace mdlab {

// Arrays over edges and channels hold S: float, or half (16 bits).
namespace edgeop {
constexpr int gather = 0;           // out = rows[index[e]]
constexpr int product = 1;          // out = a·b
constexpr int scale = 2;            // out = a·perEdge[e] (·channel)
constexpr int activate = 3;         // out = act(a·channel + bias)
constexpr int activateReverse = 4;  // out = a·channel·act'; b: act (tanh) or what act was taken of
constexpr int difference = 5;       // out = perEdge[e] − center
constexpr int gaussian = 6;         // out = exp(−width·a²)
constexpr int gaussianReverse = 7;  // out = a·b·(−2·width·(perEdge2[e] − center))·perEdge[e]
constexpr int basisSlope = 8;  // out = b·(perEdge3[e] − 2·perEdge[e]·width·(perEdge2[e] −
                               //       center)·perEdge4[e])
}  // namespace edgeop

struct EdgeOperation {
  const int *edges = nullptr;  // how many there are
  int width = 0;               // channels, a multiple of 4
  const void *a = nullptr, *b = nullptr;
  void *out = nullptr;
  const float *perEdge = nullptr, *perEdge2 = nullptr, *perEdge3 = nullptr, *perEdge4 = nullptr;
  const float *channel = nullptr, *channel2 = nullptr;  // scale and bias, or center and width
  const float *rows = nullptr;
  const long long *index = nullptr;
};

// A row per edge to one number: out[e] = Σ a·channel (+ out[e]).
struct EdgeSum {
  const int *edges = nullptr;
  int width = 0, add = 0;
  const void *a = nullptr;
  const float *channel = nullptr;  // or null: 1
  float *out = nullptr;
};

// Rows of edges to rows of atoms.
struct EdgeAggregate {
  const int *edges = nullptr;
  int atoms = 0, width = 0;
  const void *a = nullptr;
  const long long *index = nullptr;  // scatter: to which row
  const int *rowStart = nullptr;     // segments: entries of each row,
  const int *order = nullptr;        // and at which edge they are, or null: where they stand
  float *out = nullptr;
};

struct EdgeGeometry {
  DeviceBatch batch;
  DeviceListView list;
  double unit = 0, lower = 0, upper = 0;
  long long *i = nullptr, *j = nullptr;  // (edges) as a framework indexes
  float *d = nullptr, *r = nullptr;      // (edges,3), (edges)
  int *transposed = nullptr;  // (edges) the entry of the same pair in j's row, or null: not wanted
};

// Envelope and the Gaussians' argument; with `basis`, φ too, in one pass.
struct EdgeBasis {
  const int *edges = nullptr;
  const float *r = nullptr;
  int expNormal = 0, width = 0;
  float alpha = 0, lower = 0, upper = 0;
  float slope = 0, start = 0, slopeOfR = 0;                  // as FlashBasis
  const float *centers = nullptr, *widths = nullptr;         // (K), widths times log2(e)
  float *envelope = nullptr, *argument = nullptr;            // (edges), or null
  float *envelopeSlope = nullptr, *argumentSlope = nullptr;  // (edges), or null
  void *basis = nullptr;                                     // (edges,K), or null
  const void *gradBasis = nullptr;  // with gradEnvelope: dE/dr in one pass instead
  float *gradEnvelope = nullptr;
  float *gradR = nullptr;
  int envelopeGradient = 0;
};

// gradR = gradArgument·t' + gradEnvelope·C'.
struct EdgeSlope {
  const int *edges = nullptr;
  const float *gradArgument = nullptr, *argumentSlope = nullptr, *gradEnvelope = nullptr,
              *envelopeSlope = nullptr;
  float *gradR = nullptr;
  int envelopeGradient = 0;
};

struct EdgeForces {
  DeviceBatch batch;
  const int *edges = nullptr, *rowStart = nullptr, *transposed = nullptr;
  const long long *i = nullptr, *j = nullptr;
  const float *d = nullptr, *r = nullptr, *gradR = nullptr;
  double forceUnit = 0, energyUnit = 0;
  double *forces = nullptr,
         *virial = nullptr;  // (atoms,3) eV/Å and (systems,9) eV, added to; or null
  double *rows = nullptr;    // (atoms,6) virial of each row, where segments are summed
};

}  // namespace mdlab
