#pragma once
#include <string>
#include <vector>

#include "core/parallel.h"
#include "models/potential.h"

// Energy terms over fixed lists of particles, the prior of a coarse-grained model:
//
//   coordinate x of a tuple            form                                        parameters
//   distance  (i,j)     |r_j − r_i|    harmonic    k (x − x0)²                     x0, k
//   cosine    (i,j,k)   cos of angle j polynomial  v0 + Σ_n k_n xⁿ                 v0, k_1 .. k_n
//   angle     (i,j,k)   radians        repulsion   (σ/x)⁶, distance only           ε σ⁶
//   dihedral  (i,j,k,l) radians        fourier     v0 + Σ_n k1_n sin nφ + k2_n cos nφ
//                                                                      v0, k1_1 .. k1_n, k2_1 ..
//                                                                      k2_n
//                                      restricted  a c⁴ + b c³ + e c² + d c + k/sin²θ + v0, c =
//                                      cosine
//                                                                                  a, b, e, d, k,
//                                                                                  v0
//
//   distance only, both times the switch S(x) from x_on to x_off:
//     ashbaughHatch    u + (1 − λ) ε up to 2^(1/6) σ, λ u beyond it; u = 4ε [(σ/x)¹² − (σ/x)⁶]
//                                                                      ε, σ, λ, x_on, x_off
//     screenedCoulomb  A exp(−κ x) / x                                 A (eV Å), κ, x_on, x_off
//     S = 1 to x_on, 0 from x_off on, 1 − t³ (10 − 15 t + 6 t²) between, t = (x − x_on)/(x_off −
//     x_on): two continuous derivatives. Ashbaugh and Hatch, J. Am. Chem. Soc. 130, 9536 (2008);
//     its energy and force are continuous at the minimum 2^(1/6) σ, its curvature is where λ = 1.
//
// The dihedral is positive when, looking along j→k, l is turned clockwise from i (IUPAC; MDTraj's
// and mlcg's sign). A harmonic dihedral takes the nearer way round; a polynomial one jumps at ±π.
//
// Where a coordinate has no value the terms stay finite: an arm shorter than 1e-6 Å counts as
// having no direction (cosine 0, no force through it); the dihedral of collinear particles is
// regularised by adding (1e-4 Å⁴)² under the root that normalises its sine and cosine, and forces
// are the exact gradient of that; sin²θ of the restricted form is at least 1e-12. Coincident
// particles repel infinitely: Error(ENUMERIC).
namespace mdlab {

namespace bonded {
struct Workspace;
}

enum class BondedCoordinate { distance, cosine, angle, dihedral };
enum class BondedForm {
  harmonic,
  polynomial,
  repulsion,
  fourier,
  restricted,
  ashbaughHatch,
  screenedCoulomb
};

struct BondedTerm {
  std::string name;
  BondedCoordinate coordinate{};
  BondedForm form{};
  std::vector<std::int32_t> tuples;  // (count, arity), particle of its system
  std::vector<double> parameters;    // (count, stride), eV and Å
  int arity() const;
  std::size_t count() const { return tuples.size() / static_cast<std::size_t>(arity()); }
  std::size_t stride() const { return count() ? parameters.size() / count() : 0; }
};

// The terms of one molecule.
struct BondedTopology {
  std::int32_t atoms = 0;
  std::vector<BondedTerm> terms;
};

// Sum of terms. One topology serves every system of a batch (replicas); several are given with
// `assignment`, the topology of each system. Differences are taken to the nearest image in periodic
// directions (by rounding lattice coordinates: exact within half the box's smallest height).
class Bonded : public Potential {
 public:
  // Throws Error(EINVALID) for an index outside the topology, a tuple naming a particle twice, a
  // number of parameters that does not fit, a parameter that is not finite, or a switch that ends
  // before it begins.
  Bonded(std::vector<BondedTopology> topologies, std::vector<std::int32_t> assignment);
  ~Bonded() override;

  double cutoff() const override { return 0; }
  // Throws Error(EINVALID) where the batch's systems are not those of the topologies, or the
  // periodic vectors of a box are not independent.
  void checkBatch(const Batch& batch) const override;
  void evaluate(const Batch& batch, const NeighborList* list, const Evaluation& out) override;

  const std::vector<BondedTopology>& topologies() const { return topologies_; }
  const std::vector<std::int32_t>& assignment() const { return assignment_; }

  // Terms of the topology that has most: the row length of termEnergies.
  std::size_t terms() const;
  // Adds the energy of each term: (systems, terms()) eV.
  void termEnergies(const Batch& batch, std::span<double> out);

 private:
  void run(const Batch& batch, const Evaluation& out, std::span<double> perTerm);
  std::vector<BondedTopology> topologies_;
  std::vector<std::int32_t> assignment_;
  PerWorker<bonded::Workspace> workspaces_;
};

}  // namespace mdlab
