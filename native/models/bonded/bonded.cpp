#include "models/bonded/bonded.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/cancel.h"
#include "core/parallel.h"
#include "models/bonded/kernels.h"
#include "neighbors/lattice.h"

namespace mdlab {
namespace {
using namespace bonded;

bool fits(BondedForm form, std::size_t stride) {
  switch (form) {
    case BondedForm::harmonic:
      return stride == 2;
    case BondedForm::repulsion:
      return stride == 1;
    case BondedForm::restricted:
      return stride == 6;
    case BondedForm::fourier:
      return stride % 2 == 1;
    case BondedForm::ashbaughHatch:
      return stride == 5;
    case BondedForm::screenedCoulomb:
      return stride == 4;
    default:
      return stride >= 1;
  }
}

// The last two parameters of the forms that end smoothly.
void checkSwitches(const BondedTerm& term, const std::string& where) {
  if (term.form != BondedForm::ashbaughHatch && term.form != BondedForm::screenedCoulomb) return;
  const std::size_t stride = term.stride();
  for (std::size_t t = 0; t < term.count(); ++t) {
    const double* end = &term.parameters[(t + 1) * stride];
    if (!(end[-2] >= 0 && end[-2] < end[-1]))
      invalid(where + ".parameters[" + std::to_string(t) +
              "]: the switch must begin before it ends, received " + std::to_string(end[-2]) +
              " to " + std::to_string(end[-1]) + " Å");
  }
}

void check(const BondedTerm& term, std::int32_t atoms) {
  const std::string where = "bonded." + term.name;
  const std::size_t arity = term.arity(), count = term.count(), stride = term.stride();
  if (term.tuples.size() != count * arity)
    invalid(where + ".tuples: must hold " + std::to_string(arity) + " particles each");
  if (term.parameters.size() != count * stride)
    invalid(where + ".parameters: must have equally many for each tuple");
  if (count && !fits(term.form, stride))
    invalid(where + ".parameters: wrong number per tuple, received " + std::to_string(stride));
  for (double p : term.parameters)
    if (!std::isfinite(p)) invalid(where + ".parameters: must be finite");
  checkSwitches(term, where);
  for (std::size_t t = 0; t < count; ++t) {
    for (std::size_t a = 0; a < arity; ++a) {
      const std::int32_t v = term.tuples[t * arity + a];
      if (v < 0 || v >= atoms)
        invalid(where + ".tuples[" + std::to_string(t) + "]: must name particles 0.." +
                std::to_string(atoms - 1) + ", received " + std::to_string(v));
      for (std::size_t b = 0; b < a; ++b)
        if (term.tuples[t * arity + b] == v)
          invalid(where + ".tuples[" + std::to_string(t) +
                  "]: must name different particles, received " + std::to_string(v) + " twice");
    }
  }
}

// Orders pairs by (tile of j, i, j): i's force stays in registers along a row, and one tile of j's
// positions and forces (24 KiB) stays in the first-level cache through all rows.
void orderPairs(BondedTerm& term) {
  constexpr std::int32_t tile = 64;
  std::vector<std::size_t> order(term.count());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto key = [&](std::size_t t) {
    const std::int32_t i = term.tuples[2 * t], j = term.tuples[2 * t + 1];
    return std::array<std::int32_t, 3>{j / tile, i, j};
  };
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return key(a) < key(b); });
  BondedTerm sorted = term;
  for (std::size_t t = 0; t < order.size(); ++t) {
    sorted.tuples[2 * t] = term.tuples[2 * order[t]];
    sorted.tuples[2 * t + 1] = term.tuples[2 * order[t] + 1];
    sorted.parameters[t] = term.parameters[order[t]];
  }
  term = std::move(sorted);
}

// Lattice and inverse of one system into its lane; directions that do not repeat get zeros.
void setBox(const Lattice& box, int lane, Workspace& ws) {
  for (int k = 0; k < 9; ++k) ws.lattice[k][lane] = ws.inverse[k][lane] = 0;
  for (int k = 0; k < 3; ++k) {
    if (!box.periodic[k]) continue;
    ws.periodic = true;
    for (int c = 0; c < 3; ++c) {
      ws.lattice[3 * k + c][lane] = box.rows[3 * k + c];
      ws.inverse[3 * c + k][lane] = box.reciprocal[3 * k + c];
    }
  }
}

// Consecutive systems of one topology, at most eight.
struct Block {
  std::int32_t first, count, topology;
};

void load(const Batch& batch, const Block& block, std::int32_t atoms, Workspace& ws) {
  ws.positions.reset(atoms);
  ws.forces.reset(atoms);
  ws.periodic = false;
  for (int l = 0; l < width; ++l) {
    const std::int32_t s =
        block.first + std::min(l, block.count - 1);  // spare lanes repeat the last
    setBox(makeLattice(batch.boxes[s], s), l, ws);
    const double* x = batch.positions.data() + 3 * std::size_t(batch.offsets[s]);
    for (std::int32_t i = 0; i < atoms; ++i) {
      ws.positions[i].x[l] = x[3 * i];
      ws.positions[i].y[l] = x[3 * i + 1];
      ws.positions[i].z[l] = x[3 * i + 2];
    }
  }
  for (std::int32_t i = 0; i < atoms; ++i) ws.forces[i] = Vector{};
  for (Lane& v : ws.virial) v = Lane{};
}

// Finds the tuple to blame in a system whose result is not finite.
[[noreturn]] void blame(const BondedTopology& topology, Workspace& ws, std::int32_t system,
                        int lane) {
  const auto bad = [&](double v) { return !std::isfinite(v); };
  for (std::int32_t i = 0; i < topology.atoms; ++i)
    if (const Vector& x = ws.positions[i]; bad(x.x[lane]) || bad(x.y[lane]) || bad(x.z[lane]))
      numeric("positions: must be finite, received a position of particle " + std::to_string(i) +
              " in system " + std::to_string(system) + " that is not");
  for (const auto& term : topology.terms) {
    for (std::size_t t = 0; t < term.count(); ++t) {
      ws.energy = Lane{};
      const int arity = term.arity();
      for (int a = 0; a < arity; ++a) ws.forces[term.tuples[t * arity + a]] = Vector{};
      runTerm(term, t, t + 1, ws);
      const Vector& f = ws.forces[term.tuples[t * arity]];
      if (!bad(ws.energy[lane]) && !bad(f.x[lane] + f.y[lane] + f.z[lane])) continue;
      std::string who;
      for (int a = 0; a < arity; ++a)
        who += (a ? ", " : "") + std::to_string(term.tuples[t * arity + a]);
      numeric("bonded." + term.name + ": energy and forces must be finite, received particles " +
              who + " of system " + std::to_string(system) +
              " that coincide or are far too close; move them apart or minimise first");
    }
  }
  numeric("bonded: energy and forces must be finite, received an overflow in system " +
          std::to_string(system));
}

void store(const Batch& batch, const Block& block, const BondedTopology& topology, Lane total,
           const Evaluation& out, Workspace& ws) {
  for (int l = 0; l < block.count; ++l) {
    const std::int32_t s = block.first + l;
    double sum = total[l];
    for (std::int32_t i = 0; i < topology.atoms; ++i) {
      const Vector& f = ws.forces[i];
      sum += std::abs(f.x[l]) + std::abs(f.y[l]) + std::abs(f.z[l]);
    }
    if (!std::isfinite(sum)) blame(topology, ws, s, l);
    if (!out.energy.empty()) out.energy[s] += total[l];
    if (!out.forces.empty()) {
      double* f = out.forces.data() + 3 * std::size_t(batch.offsets[s]);
      for (std::int32_t i = 0; i < topology.atoms; ++i) {
        f[3 * i] += ws.forces[i].x[l];
        f[3 * i + 1] += ws.forces[i].y[l];
        f[3 * i + 2] += ws.forces[i].z[l];
      }
    }
    if (!out.virial.empty())
      for (int k = 0; k < 9; ++k) out.virial[9 * std::size_t(s) + k] += ws.virial[k][l];
  }
}

}  // namespace

int BondedTerm::arity() const {
  switch (coordinate) {
    case BondedCoordinate::distance:
      return 2;
    case BondedCoordinate::dihedral:
      return 4;
    default:
      return 3;
  }
}

Bonded::Bonded(std::vector<BondedTopology> topologies, std::vector<std::int32_t> assignment)
    : topologies_(std::move(topologies)), assignment_(std::move(assignment)) {
  if (topologies_.empty()) invalid("bonded: must have a topology");
  if (assignment_.empty() && topologies_.size() != 1)
    invalid("bonded.assignment: must say which topology each system has");
  for (std::int32_t t : assignment_)
    if (t < 0 || t >= static_cast<std::int32_t>(topologies_.size()))
      invalid("bonded.assignment: must name topologies, received " + std::to_string(t));
  for (auto& topology : topologies_) {
    for (auto& term : topology.terms) {
      check(term, topology.atoms);
      if (term.form == BondedForm::repulsion) orderPairs(term);
    }
  }
}

Bonded::~Bonded() = default;

std::size_t Bonded::terms() const {
  std::size_t most = 0;
  for (const auto& t : topologies_) most = std::max(most, t.terms.size());
  return most;
}

void Bonded::evaluate(const Batch& batch, const NeighborList*, const Evaluation& out) {
  run(batch, out, {});
}

void Bonded::termEnergies(const Batch& batch, std::span<double> out) { run(batch, {}, out); }

void Bonded::checkBatch(const Batch& batch) const {
  const std::int32_t systems = batch.systems();
  if (!assignment_.empty() && assignment_.size() != static_cast<std::size_t>(systems))
    invalid("bonded: must get " + std::to_string(assignment_.size()) + " systems, received " +
            std::to_string(systems));
  for (std::int32_t s = 0; s < systems; ++s) {
    const std::int32_t wanted = topologies_[assignment_.empty() ? 0 : assignment_[s]].atoms;
    const std::int32_t atoms = batch.offsets[s + 1] - batch.offsets[s];
    if (atoms != wanted)
      invalid("bonded: system " + std::to_string(s) + " must have the " + std::to_string(wanted) +
              " particles of its topology, received " + std::to_string(atoms) +
              "; make its terms of this structure, or give the one they were made of");
    makeLattice(batch.boxes[s], s);
  }
}

void Bonded::run(const Batch& batch, const Evaluation& out, std::span<double> perTerm) {
  checkBatch(batch);
  std::vector<Block> blocks;
  for (std::int32_t s = 0; s < batch.systems(); ++s) {
    const std::int32_t which = assignment_.empty() ? 0 : assignment_[s];
    if (!blocks.empty() && blocks.back().topology == which && blocks.back().count < width)
      ++blocks.back().count;
    else
      blocks.push_back({s, 1, which});
  }
  const std::size_t rowLength = terms();
  parallelFor(static_cast<std::int64_t>(blocks.size()), 1,
              [&](std::int64_t begin, std::int64_t end, int worker) {
                Workspace& ws = workspaces_.at(worker);
                ws.wantVirial = !out.virial.empty();
                for (std::int64_t b = begin; b < end; ++b) {
                  const BondedTopology& topology = topologies_[blocks[b].topology];
                  load(batch, blocks[b], topology.atoms, ws);
                  Lane total{};
                  for (std::size_t t = 0; t < topology.terms.size(); ++t) {
                    throwIfCancelled();
                    ws.energy = Lane{};
                    runTerm(topology.terms[t], 0, topology.terms[t].count(), ws);
                    total += ws.energy;
                    if (perTerm.empty()) continue;
                    for (int l = 0; l < blocks[b].count; ++l)
                      perTerm[(blocks[b].first + l) * rowLength + t] += ws.energy[l];
                  }
                  store(batch, blocks[b], topology, total, out, ws);
                }
              });
}

}  // namespace mdlab
