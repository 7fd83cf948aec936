#pragma once
// Shared by host and device code: plain types only.

namespace mdlab {

// A box as kernels read it. Rows of `vectors` are a, b, c (Å); `inverse` maps Cartesian to lattice
// coordinates, s_k = Σ_d r_d inverse[3d+k]; both are 0 in directions that do not repeat.
struct DeviceBox {
  double vectors[9];
  double inverse[9];
  int periodic[3];
  int open;  // no direction repeats
};

// A Batch in device memory; all pointers are device addresses.
struct DeviceBatch {
  int systems;
  int atoms;
  int largest;              // atoms of the largest system
  int open;                 // every system is open
  const int* offsets;       // (systems+1)
  const int* systemOf;      // (atoms)
  const int* types;         // (atoms)
  const double* positions;  // (atoms,3) Å, anywhere
  const DeviceBox* boxes;   // (systems)
};

// Where kernels add results; a null pointer is not wanted.
struct DeviceEvaluation {
  double* energy;  // (systems) eV
  double* forces;  // (atoms,3) eV/Å
  double* virial;  // (systems,9) eV
};

}  // namespace mdlab
