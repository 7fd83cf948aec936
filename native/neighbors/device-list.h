#pragma once
// Shared by host and device code: plain types only.

namespace mdlab {

struct DeviceShift {
  short x, y, z, pad;
};

// A neighbour list in device memory: the rows of neighbors/neighbor-list.h, same order. All
// directed pairs within `cutoff` + skin at build time; consumers skip |d| >= their own cutoff.
struct DeviceListView {
  const int* rowStart;       // (atoms+1)
  const int* column;         // (edges)
  const DeviceShift* shift;  // (edges), or null where every system is open
};

// Exclusions of neighbors/neighbor-list.h in device memory.
struct DeviceExclusions {
  const int* rowStart;  // (atoms+1), or null: none
  const int* column;    // sorted within a row
};

}  // namespace mdlab
