#include "md/topology.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "core/error.h"
#include "core/parallel.h"

namespace mdlab {
namespace {
constexpr std::int32_t atomsPerPiece = 1024;
// Below this, waking the pool costs more than it saves.
constexpr std::int32_t atomsWorthThreads = 1024;
}  // namespace

Topology::Topology(std::span<const std::int32_t> o, std::span<const std::int32_t> t,
                   std::span<const Box> b, std::span<const double> w)
    : offsets(o.begin(), o.end()),
      types(t.begin(), t.end()),
      boxes(b.begin(), b.end()),
      inverseMasses(w.begin(), w.end()) {
  if (offsets.empty()) invalid("dynamics.offsets: must start with 0, received none");
  const auto n = static_cast<std::size_t>(offsets.back());
  if (types.size() != n || inverseMasses.size() != n || boxes.size() + 1 != offsets.size())
    invalid("dynamics: offsets, types, boxes and masses must agree in size");
  for (std::size_t i = 0; i < n; ++i)
    if (!(inverseMasses[i] > 0) || !std::isfinite(inverseMasses[i]))
      invalid("dynamics.masses[" + std::to_string(i) + "]: must be positive and finite");
  for (std::int32_t s = 0; s < systems(); ++s) {
    for (std::int32_t i = offsets[s]; i < offsets[s + 1]; i += atomsPerPiece)
      pieces.push_back({s, i, std::min(i + atomsPerPiece, offsets[s + 1])});
  }
}

std::int32_t Topology::systemOf(std::int32_t atom) const {
  return static_cast<std::int32_t>(std::ranges::upper_bound(offsets, atom) - offsets.begin()) - 1;
}

bool Topology::anyFullyPeriodic() const {
  return std::ranges::any_of(
      boxes, [](const Box& b) { return b.periodic[0] && b.periodic[1] && b.periodic[2]; });
}

State::State(const Topology& topology) {
  const auto n = 3 * static_cast<std::size_t>(topology.atoms());
  const auto s = static_cast<std::size_t>(topology.systems());
  for (auto* b : {&positions, &velocities, &forces}) {
    b->reset(n);
    b->fill(0);
  }
  energy.reset(s);
  energy.fill(0);
  virial.reset(topology.anyFullyPeriodic() ? 9 * s : 0);
  virial.fill(0);
}

void forPieces(const Topology& topology, const std::function<void(const Piece&)>& body) {
  const auto& pieces = topology.pieces;
  if (topology.atoms() < atomsWorthThreads) {
    for (const Piece& piece : pieces) body(piece);
    return;
  }
  // Small systems are handed out several at a time.
  const auto count = static_cast<std::int64_t>(pieces.size());
  const std::int64_t grain =
      std::max<std::int64_t>(1, atomsWorthThreads * count / topology.atoms());
  parallelFor(count, grain, [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t p = begin; p < end; ++p) body(pieces[p]);
  });
}

void kineticEnergy(const Topology& topology, std::span<const double> velocities,
                   std::span<double> out) {
  std::ranges::fill(out, 0.0);
  for (const Piece& piece : topology.pieces) {
    double sum = 0;
    for (std::int32_t i = piece.begin; i < piece.end; ++i) {
      const double* v = &velocities[3 * std::size_t(i)];
      sum += (v[0] * v[0] + v[1] * v[1] + v[2] * v[2]) / topology.inverseMasses[i];
    }
    out[piece.system] += 0.5 * sum;
  }
}

void removeDrift(const Topology& topology, std::span<double> velocities) {
  using Momentum = std::array<double, 4>;  // Σ m v, Σ m
  const Piece* first = topology.pieces.data();
  std::vector<Momentum> partial(topology.pieces.size());
  forPieces(topology, [&](const Piece& piece) {
    Momentum sum{};
    for (std::int32_t i = piece.begin; i < piece.end; ++i) {
      const double mass = 1 / topology.inverseMasses[i];
      for (int k = 0; k < 3; ++k) sum[k] += mass * velocities[3 * std::size_t(i) + k];
      sum[3] += mass;
    }
    partial[&piece - first] = sum;
  });
  std::vector<Momentum> total(static_cast<std::size_t>(topology.systems()));
  for (std::size_t p = 0; p < partial.size(); ++p)
    for (int k = 0; k < 4; ++k) total[first[p].system][k] += partial[p][k];
  forPieces(topology, [&](const Piece& piece) {
    const Momentum& t = total[piece.system];
    for (std::int32_t i = piece.begin; i < piece.end; ++i)
      for (int k = 0; k < 3; ++k) velocities[3 * std::size_t(i) + k] -= t[k] / t[3];
  });
}

}  // namespace mdlab
