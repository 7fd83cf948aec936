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
  const int* rowStart;   // (atoms+1) of the neighbour list, or null:
  int longest;           // slots of every row, a multiple of 8
  int* count;            // (atoms) pairs of each row
  int* owned;            // (atoms) those that it owns, which are its first; null where all are
  unsigned* place;       // (slots) place of the distance on the grid
  int* atom;             // (slots) j
  TableDirection* unit;  // (slots)
};

// First slot of a row: rows of the list, each moved up to a multiple of 8, with room for 8 more.
MDLAB_BOTH inline long long firstSlot(const TableRows& rows, int row) {
  if (!rows.rowStart) return static_cast<long long>(row) * rows.longest;
  return (static_cast<long long>(rows.rowStart[row] + 7) / 8 + row) * 8;
}

// Where all pairs are looked at each distance has one derivative of the energy, kept by one of its
// two atoms: the lower one where they are an even number apart, so that all own equally many.
MDLAB_BOTH inline int apart(int i, int j) { return i < j ? j - i : i - j; }
MDLAB_BOTH inline int ownerOf(int i, int j) { return (i < j) == (apart(i, j) % 2 == 0) ? i : j; }
MDLAB_BOTH inline long long ownedSlot(const TableRows& rows, int i, int j) {
  return static_cast<long long>(ownerOf(i, j)) * rows.longest + apart(i, j);
}

// Where a warp's share of the pairs begins; pairs are counted in chunks of eight.
struct TableStart {
  int row, chunk;  // of that row
  int at;          // chunks of all rows before it
};

// One slice of channels of one block's table, (rows, 32 · channels a lane) of one word each, two of
// 16-bit tables; slices follow.
struct TableSlices {
  const float* table;
  const float* scales;  // (features, 4) of 16-bit tables
  int rows;
  int slices;    // of the channels
  int features;  // stride of the features
};

// Bytes of shared memory that a warp of the two kernels has for itself, and that a block has beside
// these and the table.
constexpr int tableForwardArea = 256, tableReverseArea = 320, tableBlockArea = 528;

// Rows of a block up to which eight warps have each.
constexpr int tableRowsInEight = 3;

// Most warps that share a row in the kernels before and after these.
constexpr int tableRowWarps = 16;

struct TableBegin {
  DeviceBatch batch;
  DeviceListView list;  // or nulls: all pairs of open systems
  SplineGrid grid;
  TableRows rows;
  unsigned empty;  // a place where every filter is zero
  int warps;       // that share a row: those of a block, or 1
};

// m_i = Σ_j W y_j; or, for the reverse, gradY_i = Σ_j W g_j and per slot
// slope += Σ_c W'(y_j g_i + y_i g_j).
struct TableMessage {
  TableRows rows;
  TableSlices slices;
  int old;            // the rows were made before the kernel which this one follows
  unsigned* passed;   // (blocks, 32 · channels a lane) zeros: parts of rows from block to block
  const float* from;  // y
  float* to;          // m
};

struct TableReverse {
  TableRows rows;
  TableSlices slices;
  int old;
  int add;  // to the slopes there; else they are set
  unsigned* passed;
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
  int warps;          // as in TableBegin
};

struct TableVirial {
  DeviceBatch batch;
  const double* rowVirial;
  double* virial;  // (systems,9)
};

}  // namespace mdlab
