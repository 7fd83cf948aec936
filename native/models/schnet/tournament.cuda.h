#pragma once
// Shared by host and device code: plain types only.
#include "nn/spline-grid.h"
#include "system/device-batch.h"

namespace mdlab {

// All pairs of an open system, each once. Its atoms are dealt to `teams` (an odd number) of 18:
// member r of team I is atom I + teams·r, so every team is spread over the whole molecule and has
// about the same number of pairs. In round s = 0 … teams/2 team I meets team (I + s) mod teams:
// all pairs of teams meet once, and in one round every team is met by exactly one other.
struct Tournament {
  static constexpr int members = 18;
  static constexpr int tile = members * members;
  // Warps of a block, a team each: up to fewWarps have 128 registers a thread, more have 96.
  static constexpr int fewWarps = 15, mostWarps = 19;
  static constexpr int tableTail = 4;      // last rows of a table, zeros that no pair here reads
  static constexpr int handoverBytes = 8;  // per team and round
  static constexpr int finishThreads = mostWarps * members;  // at most: 18 a team
  // Members whose features and sums a warp holds at a time. More would leave no registers for the
  // four coefficients of a pair to be loaded at once, and each would wait for the one before.
  static constexpr MDLAB_BOTH int forwardRows(int warps) { return warps > fewWarps ? 9 : 18; }
  static constexpr MDLAB_BOTH int reverseRows(int warps) { return warps > fewWarps ? 6 : 9; }
  // Bytes that a warp keeps of the pairs of `rows` with `columns` members met: weights of value
  // (and slope), 16 each, and a row of the table, 4, of which four are read at once.
  static constexpr MDLAB_BOTH int preparedBytes(int rows, int columns, bool withSlope) {
    return columns * ((withSlope ? 32 : 16) * rows + 4 * ((rows + 3) / 4 * 4));
  }
  int teams;
  MDLAB_BOTH int rounds() const { return teams / 2 + 1; }
};

// Place on the grid of every pair, per system, team, round: (column c = member of the team met,
// row r = own member); splineNowhere beyond the cutoff, and for c <= r in round 0.
struct TournamentPlaces {
  Tournament tournament;
  unsigned* place;  // (systems, teams, rounds, 18, 18)
  // Tile of a team's round.
  MDLAB_BOTH long long tileOf(int system, int team, int round) const {
    return ((static_cast<long long>(system) * tournament.teams + team) * tournament.rounds() +
            round) *
           Tournament::tile;
  }
};

struct TournamentBegin {
  DeviceBatch batch;
  SplineGrid grid;
  TournamentPlaces places;
};

struct TournamentMessage {
  DeviceBatch batch;
  TournamentPlaces places;
  const float* table;  // (slices, rows, 32 · channels a lane)
  int rows, slices;
  int together;    // systems a block holds
  int features;    // stride
  int sumsShared;  // kept in shared memory while they grow, else where they go
  const float* from;
  float* to;
};

struct TournamentReverse {
  DeviceBatch batch;
  TournamentPlaces places;
  const float* table;
  int rows, slices;
  int together;
  int features;
  int sumsShared;
  int add;  // to the slopes there; else they are set
  const float* y;
  const float* g;
  float* to;             // gradY
  float* slope;          // (slices, places) dE/dt / 3 of each pair
  long long slopeCount;  // of one slice
};

struct TournamentFinish {
  DeviceBatch batch;
  SplineGrid grid;
  TournamentPlaces places;
  const float* slope;
  long long slopeCount;
  int slices;
  double energyUnit;  // eV per model energy
  double* forces;     // or null
  double* rowVirial;  // (atoms,6) xx yy zz xy xz yz, or null
};

}  // namespace mdlab
