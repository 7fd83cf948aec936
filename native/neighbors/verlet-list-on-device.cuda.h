#pragma once
// Shared by host and device code: plain types only.
#include "neighbors/device-list.h"
#include "system/device-batch.h"

namespace mdlab {

// Threads of a block of every kernel here, and rows of a block where a warp takes one row.
inline constexpr int listThreads = 256;
inline constexpr int listWarps = listThreads / 32;
// Where a block takes a cell, up to so many of its atoms at a time.
inline constexpr int countThreads = 128, fillThreads = 128, partAtoms = 64;
// Candidates that are sorted together.
inline constexpr int fillMost = 512;
// Items of a tile of a scan.
inline constexpr int scanItems = 8 * listThreads;
// Batches of up to this many atoms test for moved atoms inside the kernel that builds.
inline constexpr int smallBatch = 2048;

// Cells a system may have: one for every so many atoms, and some more.
inline constexpr int cellAtoms = 4, cellsAtLeast = 64;

// Faults kept in ListState::overflow beside the number of pairs needed.
inline constexpr int notFinite = -1;  // a position is not a number or infinite
inline constexpr int farApart = -2;   // neighbours are more than 32767 boxes apart
inline constexpr int tooFar = -3;     // an open system is too wide for cells, and big
// Systems that do not fit cells look at all pairs up to so many atoms; beyond, minutes might pass.
inline constexpr int oddAtoms = 65536;

// What a list knows of itself on the device.
struct ListState {
  int moved;     // the kernels that build are to run
  int overflow;  // sticky: pairs needed where the arrays hold fewer, or a fault; else 0
  int fault;     // found by the build under way
  int edges;     // of the last build
  int rebuilds;
  unsigned epoch;       // of the scans
  unsigned tickets[3];  // 0 between builds
  int pairSystems;      // how many systems look at all pairs, where others use cells
  int cells;            // of all grids
  int fullest;          // most atoms in a cell
  int badAtom;          // lowest atom whose position is not finite, or atoms
};

// A box made ready for neighbour search; as Lattice of neighbors/lattice.h.
struct DeviceLattice {
  double rows[9];        // Å
  double reciprocal[9];  // 1/Å; fraction k of d is Σ_c d_c reciprocal[3k+c]
  double range[3];       // reach / height, 0 where open
  double slack;          // rounding error of a fraction per unit of what is summed in it
  double margin;         // Å: bound of the rounding of a displacement of wrapped positions
  int periodic[3];
  int dimensions;
};

// Three 16-bit numbers, x below y in `xy`.
struct alignas(8) DeviceTurns {
  unsigned xy, z;
};

// Smallest and largest fraction along open directions, as integers of the same order.
struct SystemExtent {
  int low[3], high[3];
};

// The cells of one system; cell (x, y, z) has index firstCell + (x·n1 + y)·n2 + z. Along a periodic
// direction the box is cut into n equal slabs. Along an open one slabs of `width` follow each other
// and slab t is cell t mod n: a far outlier costs no memory, and what shares a cell by accident is
// told apart by distance.
struct DeviceGrid {
  double low[3];
  double width;  // Å
  int n[3];
  int stencil[3];  // slabs looked at on either side, periodic directions
  int firstCell;
  int pairs;  // 1: all pairs are looked at, the system is small or odd; 2: it is refused
};

struct ListArguments {
  DeviceBatch batch;
  DeviceExclusions exclusions;
  ListState* state;
  double reach, reach2, moved2;  // Å, Å², (skin/2)² Å²
  int force;                     // rebuild in any case
  int capacity;                  // edges
  int* rowStart;                 // (atoms+1)
  int* column;                   // (capacity)
  DeviceShift* shift;            // (capacity) or null
  double* builtAt;               // (atoms,3) Å
  DeviceBox* builtBoxes;         // (systems)
  DeviceLattice* lattices;       // (systems)
  unsigned long long* chain;     // tiles of the longest scan
  // Cells only.
  int pairsUpTo;          // systems of up to this many atoms look at all pairs
  int cellCapacity;       // cells the arrays hold
  int parts;              // blocks that share a cell, 64 atoms each at a time
  DeviceGrid* grids;      // (systems)
  SystemExtent* extents;  // (systems)
  int* cell;              // (atoms), -1 in systems that look at all pairs
  int* slot;              // (atoms) place within the cell, as they came
  int* unordered;         // (atoms) atoms of each cell, as they came
  int* cellStart;         // (cells+1)
  int* atomAt;            // (atoms) atom at a place, ascending within a cell
  double* placed;         // (3,atoms) Å: wrapped position at a place, from the system's first atom
  DeviceTurns* turns;     // (atoms) lattice vectors taken off, modulo 2^16
};

}  // namespace mdlab
