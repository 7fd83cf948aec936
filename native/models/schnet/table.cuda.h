#pragma once
// Shared by host and device code: plain types only.
#include "neighbors/device-list.h"
#include "nn/spline-grid.h"
#include "system/device-batch.h"

namespace mdlab {

// (x_j − x_i)/r, and r in Å.
struct alignas(16) TableDirection {
  float x, y, z, r;
};

// Pairs within the cutoff as rows of slots, each row a multiple of 8 long and aligned; the last
// slots of a row may be empty (a place where every filter is zero, atom = the row's own).
struct TableRows {
  int atoms;
  const int* rowStart;   // (atoms+1) of the neighbour list
  int* count;            // (atoms) pairs of each row
  unsigned* place;       // (slots) place of the distance on the grid
  int* atom;             // (slots) j
  TableDirection* unit;  // (slots)
};

// First slot of a row: rows of the list, each moved up to a multiple of 8.
MDLAB_BOTH inline long long firstSlot(const TableRows& rows, int row) {
  return (static_cast<long long>(rows.rowStart[row] + 7) / 8 + row) * 8;
}

// One slice of channels of one block's table, (rows, 32 · channels a lane) of one word each, two of
// 16-bit tables; slices follow.
struct TableSlices {
  const float* table;
  const float* scales;  // (features, 4) of 16-bit tables
  int rows;
  int slices;    // of the channels
  int features;  // stride of the features
};

// Bytes of shared memory that a warp of the two kernels has for itself.
constexpr int tableForwardArea = 256, tableReverseArea = 320;

struct TableBegin {
  DeviceBatch batch;
  DeviceListView list;
  SplineGrid grid;
  TableRows rows;
  unsigned empty;  // a place where every filter is zero
};

// m_i = Σ_j W y_j; or, for the reverse, gradY_i = Σ_j W g_j and per slot
// slope += Σ_c W'(y_j g_i + y_i g_j).
struct TableMessage {
  TableRows rows;
  TableSlices slices;
  int parts;          // warps that share a row
  const float* from;  // y
  float* to;          // m
};

struct TableReverse {
  TableRows rows;
  TableSlices slices;
  int parts;
  int add;  // to the slopes there; else they are set
  const float* y;
  const float* g;
  float* to;            // gradY
  float* slope;         // (slices, slots) dE/dt over FilterTables::slopeFactor()
  long long slotCount;  // slots of one slice
};

// Forces of own rows, and the row's share of the virial.
struct TableFinish {
  TableRows rows;
  SplineGrid grid;
  const float* slope;
  long long slotCount;
  int slices;
  double slopeUnit;   // eV of a slope of 1
  double* forces;     // or null
  double* rowVirial;  // (atoms,6) xx yy zz xy xz yz, or null
};

struct TableVirial {
  DeviceBatch batch;
  const double* rowVirial;
  double* virial;  // (systems,9)
};

}  // namespace mdlab
