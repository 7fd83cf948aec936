#include "models/bonded/parts.h"

#include <algorithm>
#include <limits>

#include "core/error.h"

namespace mdlab::bonded {
namespace {

constexpr int warp = 32;

bool isRepulsion(const BondedTerm& term) { return term.form == BondedForm::repulsion; }

BondedKind kindOf(const BondedTerm& term) {
  using C = BondedCoordinate;
  using F = BondedForm;
  const auto is = [&](C c, F f) { return term.coordinate == c && term.form == f; };
  if (is(C::distance, F::harmonic)) return BondedKind::distanceHarmonic;
  if (is(C::distance, F::polynomial)) return BondedKind::distancePolynomial;
  if (is(C::distance, F::ashbaughHatch)) return BondedKind::ashbaughHatch;
  if (is(C::distance, F::screenedCoulomb)) return BondedKind::screenedCoulomb;
  if (is(C::cosine, F::harmonic)) return BondedKind::cosineHarmonic;
  if (is(C::cosine, F::polynomial)) return BondedKind::cosinePolynomial;
  if (is(C::cosine, F::restricted)) return BondedKind::cosineRestricted;
  if (is(C::angle, F::harmonic)) return BondedKind::angleHarmonic;
  if (is(C::angle, F::polynomial)) return BondedKind::anglePolynomial;
  if (is(C::dihedral, F::fourier)) return BondedKind::dihedralFourier;
  if (is(C::dihedral, F::harmonic)) return BondedKind::dihedralHarmonic;
  if (is(C::dihedral, F::polynomial)) return BondedKind::dihedralPolynomial;
  invalid("bonded." + term.name + ": this form does not exist for this coordinate on a GPU");
}

// Every repelling pair in the rows of both of its particles, rows ordered by the other one.
void addPairs(const BondedTopology& topology, Parts& out) {
  std::vector<std::vector<BondedPair>> rows(static_cast<std::size_t>(topology.atoms));
  for (const BondedTerm& term : topology.terms) {
    if (!isRepulsion(term)) continue;
    for (std::size_t t = 0; t < term.count(); ++t) {
      const std::int32_t i = term.tuples[2 * t], j = term.tuples[2 * t + 1];
      const auto c6 = static_cast<float>(term.parameters[t]);
      rows[i].push_back({j, c6});
      rows[j].push_back({i, c6});
    }
  }
  out.pairRow.push_back(0);
  for (auto& row : rows) {
    std::ranges::stable_sort(row, {}, &BondedPair::other);
    out.pairs.insert(out.pairs.end(), row.begin(), row.end());
    if (out.pairs.size() > std::size_t{std::numeric_limits<int>::max()})
      invalid("bonded: repelling pairs of a molecule must be fewer than 2^30");
    out.pairRow.push_back(static_cast<int>(out.pairs.size()));
  }
}

// The tasks of each part, in the terms' order within a kind.
std::vector<std::vector<BondedTask>> tasksByPart(const BondedTopology& topology, Parts& out) {
  std::vector<std::vector<BondedTask>> tasks(static_cast<std::size_t>(out.parts));
  for (const BondedTerm& term : topology.terms) {
    if (isRepulsion(term)) continue;
    const int arity = term.arity(), stride = static_cast<int>(term.stride());
    BondedTask task{static_cast<int>(kindOf(term)), 0, 0, stride, {}};
    for (std::size_t t = 0; t < term.count(); ++t) {
      std::copy_n(&term.tuples[t * arity], arity, task.particle);
      task.parameters = static_cast<int>(out.parameters.size() + t * stride);
      for (int a = 0; a < arity; ++a) {
        const int part = task.particle[a] / bondedAtoms;
        const auto inPart = [&](int p) { return p / bondedAtoms == part; };
        if (std::any_of(task.particle, task.particle + a, inPart)) continue;
        task.owner = a == 0;
        tasks[part].push_back(task);
      }
    }
    out.parameters.insert(out.parameters.end(), term.parameters.begin(), term.parameters.end());
  }
  for (auto& list : tasks) std::ranges::stable_sort(list, {}, &BondedTask::kind);
  return tasks;
}

// Fills rounds of bondedThreads tasks, at least one. A kind starts with a new warp, so that the
// threads of a warp run the same code, unless that would take a round more.
std::vector<BondedTask> inRounds(const std::vector<BondedTask>& tasks) {
  const auto rounds = [](std::size_t n) {
    return std::max<std::size_t>(1, (n + bondedThreads - 1) / bondedThreads);
  };
  std::vector<BondedTask> aligned;
  for (const BondedTask& task : tasks) {
    if (!aligned.empty() && aligned.back().kind != task.kind)
      aligned.resize((aligned.size() + warp - 1) / warp * warp);
    aligned.push_back(task);
  }
  auto& out = rounds(aligned.size()) > rounds(tasks.size()) ? aligned = tasks : aligned;
  out.resize(rounds(out.size()) * bondedThreads);
  return out;
}

int arityOf(BondedKind kind) {
  if (kind == BondedKind::none) return 0;
  return kind < BondedKind::cosineHarmonic ? 2 : kind < BondedKind::dihedralFourier ? 3 : 4;
}

// For each round, which slots act on which of the part's particles.
void addSlots(int part, const BondedTask* round, Parts& out) {
  std::vector<std::vector<unsigned short>> of(bondedAtoms);
  for (int t = 0; t < bondedThreads; ++t) {
    const BondedTask& task = round[t];
    for (int a = 0; a < arityOf(static_cast<BondedKind>(task.kind)); ++a)
      if (task.particle[a] / bondedAtoms == part)
        of[task.particle[a] % bondedAtoms].push_back(
            static_cast<unsigned short>(a * bondedThreads + t));
  }
  for (const auto& slots : of) {
    out.slotRow.push_back(static_cast<int>(out.slots.size()));
    out.slots.insert(out.slots.end(), slots.begin(), slots.end());
  }
  out.slotRow.push_back(static_cast<int>(out.slots.size()));
}

}  // namespace

Parts cutIntoParts(const BondedTopology& topology) {
  Parts out;
  out.atoms = topology.atoms;
  out.parts = (topology.atoms + bondedAtoms - 1) / bondedAtoms;
  addPairs(topology, out);
  std::vector<std::vector<BondedTask>> rounds;
  for (const auto& tasks : tasksByPart(topology, out)) rounds.push_back(inRounds(tasks));
  const auto add = [&](int part, std::size_t first) {
    const BondedTask* round = &rounds[part][first];
    out.tasks.insert(out.tasks.end(), round, round + bondedThreads);
    addSlots(part, round, out);
  };
  for (int part = 0; part < out.parts; ++part) add(part, 0);
  for (int part = 0; part < out.parts; ++part) {
    out.moreRounds.push_back(static_cast<int>(out.tasks.size() / bondedThreads));
    for (std::size_t first = bondedThreads; first < rounds[part].size(); first += bondedThreads)
      add(part, first);
  }
  out.moreRounds.push_back(static_cast<int>(out.tasks.size() / bondedThreads));
  return out;
}

}  // namespace mdlab::bonded
