#pragma once
#include "system/device-batch.h"

// Shared by host and device code: plain types only.
namespace mdlab {

constexpr int motionThreads = 128;          // one atom each
constexpr int motionThreadsOfSystem = 512;  // where the drift is removed: a block for each system
constexpr int exchangeThreads = 1024;       // a block for each ladder

// What kernels say of a run. The first that finds it broken, or the list too small, stops those
// after it: they change nothing.
struct MotionStatus {
  long long step;    // of which positions and forces are
  long long failed;  // first thing that went wrong, 2^63-1: none; twice the step where an
                     // atom moved too far, one more where what the potential said of the
                     // positions after the step is not finite
  unsigned long long
      farthest;   // of those that moved too far: bits of the distance (float, Å), then
                  // 2^32-1 − atom, so that the largest names the first of the farthest
  int badForce;   // first atom whose force is not finite; 2^31-1: none
  int badEnergy;  // first system whose energy is not finite; 2^31-1: none
  int overflow;   // copy of the neighbour list's flag
  int blocks;     // blocks of the running kernel that have read `step`
};

struct MotionArguments {
  DeviceBatch batch;
  double* positions;            // (atoms,3) Å: batch.positions, to be written
  double* velocities;           // (atoms,3) Å/fs
  double* forces;               // (atoms,3) eV/Å; zeroed for the evaluation to come
  double* energy;               // (systems) eV; likewise
  double* virial;               // (systems,9) eV; likewise; null: not wanted
  const double* inverseMasses;  // (atoms) Å²/(fs² eV)
  const double* kT;             // (systems) eV
  const unsigned* replica;      // (systems)
  const int* overflow;          // of the neighbour list; null: none
  MotionStatus* status;
  unsigned long long seed;
  double timestep;         // fs
  double epsilon, spread;  // e^(−γ dt), √(1−ε²)
  double farthest;         // Å² an atom may move in a step
};

struct ExchangeArguments {
  MotionStatus* status;
  const int* overflow;
  const int* offsets;       // (systems+1)
  const double* energy;     // (systems) eV
  const double* ladder;     // (rungs) eV
  const unsigned* replica;  // (systems)
  double* kT;               // (systems) eV
  double* velocities;       // (atoms,3)
  int* rung;                // (systems)
  long long* attempted;     // (rungs−1)
  long long* accepted;      // (rungs−1)
  unsigned long long seed;
  long long every;
  int rungs;
};

}  // namespace mdlab
