#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "core/buffer.h"
#include "system/batch.h"

namespace mdlab {

// Atoms [begin, end) of one system: the unit of parallel work and of summation. Pieces depend on a
// system's size alone, so sums over them do not depend on threads or on the rest of the batch.
struct Piece {
  std::int32_t system, begin, end;
};

// What stays the same during a run. Units are the caller's as long as they agree: here Å, fs, eV.
struct Topology {
  std::vector<std::int32_t> offsets;  // (systems+1)
  std::vector<std::int32_t> types;    // (atoms)
  std::vector<Box> boxes;             // (systems)
  std::vector<double> inverseMasses;  // (atoms) Å²/(fs² eV): acceleration per force
  std::vector<Piece> pieces;          // ordered by atom

  // Checks shapes and cuts pieces. Throws Error(EINVALID) where shapes disagree or a mass is not
  // positive and finite.
  Topology(std::span<const std::int32_t> offsets, std::span<const std::int32_t> types,
           std::span<const Box> boxes, std::span<const double> inverseMasses);

  std::int32_t systems() const { return static_cast<std::int32_t>(offsets.size()) - 1; }
  std::int32_t atoms() const { return offsets.back(); }
  std::int32_t systemOf(std::int32_t atom) const;
  Batch batch(std::span<const double> positions) const {
    return {offsets, positions, types, boxes};
  }
  // True when a box repeats in all three directions, so that it has a pressure.
  bool anyFullyPeriodic() const;
};

// Calls body for every piece, in parallel where there is enough to do. A body must write its own
// piece alone.
void forPieces(const Topology& topology, const std::function<void(const Piece&)>& body);

// Positions, velocities and what the potential says of the positions, for every atom of the batch.
struct State {
  Buffer<double> positions;   // (atoms,3) Å, unwrapped
  Buffer<double> velocities;  // (atoms,3) Å/fs
  Buffer<double> forces;      // (atoms,3) eV/Å
  Buffer<double> energy;      // (systems) eV
  Buffer<double> virial;      // (systems,3,3) eV; empty where no box is fully periodic

  explicit State(const Topology& topology);
};

// K = Σ ½ m v² of each system, eV, summed piece by piece. Takes no threads, hence hears no cancel:
// a state is read after an interrupt too.
void kineticEnergy(const Topology& topology, std::span<const double> velocities,
                   std::span<double> out);

// Takes the centre of mass' velocity off every atom of each system.
void removeDrift(const Topology& topology, std::span<double> velocities);

}  // namespace mdlab
