#pragma once
#include "neighbors/device-list.h"
#include "system/device-batch.h"

// Arguments of the kernels in flash.cu. Plain types; pointers are device addresses; lengths are in
// model units.
namespace mdlab {

// The radial basis and envelope of nn/radial-basis.h.
struct FlashBasis {
  const float* centers;  // (K)
  const float* widths;   // (K) times log2(e)
  int expNormal;
  float alpha, lower, upper;
  // C = cos²(π·(slope·r + start)), C' = slopeOfR·sin·cos of that.
  float slope, start, slopeOfR;
  float factor;         // φ and ℓφ' are multiplied by it: 127 for int8
  float tangentLength;  // ℓ: slopes are carried as ℓ·d/dr, so that |ℓφ'| <= 1
};

// One block's filter network in operand format (nn/packed-operands.h).
struct FlashNetwork {
  const unsigned *words1, *words2;
  const float *scale1, *bias1;  // (F) of filter1, in units of the activation's exponent
  const float* scale2;          // (F) of filter2
  float hiddenFactor;           // activations are multiplied by it: 1, or 127 / their largest
  float slopeFactor;            // and their slopes by it
  float slopeUnit;              // what undoes both and ℓ in W'
};

// Compacts each row of the list to the edges inside the cutoff: those whose slope the pair's other
// row computes, then the rest, each part in the list's order.
struct FlashGeometry {
  DeviceBatch batch;
  DeviceListView list;
  double unit;  // model lengths per Å
  double lower, upper;
  int* count;   // (atoms) edges inside
  int* others;  // (atoms) those of them whose slope the pair's other row computes: they come first
  int* neighbor;    // (edges) j; row i starts at list.rowStart[i]
  float* distance;  // (edges) r; `upper` in the unused end of a row
};

struct FlashForward {
  int atoms;
  const int *rowStart, *end, *neighbor;  // entries rowStart[i] .. rowStart[i] + end[i] - 1 of row i
  const float* distance;
  const float* stored;  // (edges, K) φ, or null: computed
  FlashBasis basis;
  FlashNetwork network;
  const float* y;  // (atoms, F)
  float* m;        // (atoms, F); zeroed before where edges scatter
};

struct FlashReverse {
  int atoms;
  const int *rowStart, *begin, *end, *neighbor;  // entries begin[i] .. end[i] - 1 of row i
  const float* distance;
  const float *stored, *storedSlope;  // (edges, K) φ and φ', or null: computed
  FlashBasis basis;
  FlashNetwork network;
  const float *y, *gradM;  // (atoms, F)
  float* gradY;            // (atoms, F), added to; or null: not wanted
  float* slope;            // (edges) dE/dr of the pair, both directions; only where the row owns it
  int add;                 // to what `slope` holds, else it is overwritten
  int envelopeGradient;
};

struct FlashForces {
  DeviceBatch batch;
  DeviceListView list;
  double unit;
  double lower, upper;
  const float* slope;                    // (edges), rows compacted as FlashGeometry does
  const int *count, *others, *neighbor;  // of these rows
  double energyUnit;                     // eV per model energy
  double* forces;                        // (atoms,3) eV/Å, added to; or null
  double* virial;                        // (atoms,6) eV: xx yy zz xy xz yz; or null
};

struct FlashVirial {
  int systems;
  const int* offsets;
  const double* rows;  // (atoms,6)
  double* virial;      // (systems,9), added to
};

}  // namespace mdlab
