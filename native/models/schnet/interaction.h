#pragma once
#include <memory>
#include <vector>

#include "models/schnet/filter-network.h"
#include "models/schnet/schnet.h"
#include "models/schnet/stage-clock.h"

namespace mdlab {

// Active edges of one row (lower < r < upper), in the order of the neighbour list.
struct RowEdges {
  std::vector<std::int32_t> j;
  std::vector<double> x, y, z, r;  // d = x_j + shift·cell − x_i and |d|, model units
  int count = 0;
};

// Displacements of a batch, formed in double.
class Geometry {
 public:
  explicit Geometry(const SchnetConfig& config) : config_(config) {}
  void set(const Batch& batch, const NeighborList& list);
  const Batch& batch() const { return *batch_; }
  const NeighborList& list() const { return *list_; }
  std::int32_t atoms() const { return batch_->atoms(); }
  std::int32_t systemOf(std::int32_t i) const { return system_[i]; }
  void row(std::int32_t i, RowEdges& out) const;

 private:
  const SchnetConfig& config_;
  const Batch* batch_ = nullptr;
  const NeighborList* list_ = nullptr;
  Buffer<std::int32_t> system_;
};

// Force and virial of each row, summed in double and handed over once.
class ForceRows {
 public:
  void clear(std::int32_t atoms);
  // slope = dE/dr of the pair (both directions together): f_i += slope·d/r, W_i −= ½ slope·d⊗d/r,
  // the other half coming from the pair's other row.
  void add(std::int32_t i, double x, double y, double z, double slopeOverR) {
    const double fx = slopeOverR * x, fy = slopeOverR * y, fz = slopeOverR * z;
    double* f = force_.data() + 3 * std::int64_t{i};
    f[0] += fx;
    f[1] += fy;
    f[2] += fz;
    double* w = virial_.data() + 6 * std::int64_t{i};
    w[0] -= 0.5 * fx * x;
    w[1] -= 0.5 * fy * y;
    w[2] -= 0.5 * fz * z;
    w[3] -= 0.5 * fx * y;
    w[4] -= 0.5 * fx * z;
    w[5] -= 0.5 * fy * z;
  }
  void flush(const SchnetConfig& config, const Batch& batch, const Evaluation& out) const;

 private:
  Buffer<double> force_, virial_;  // (atoms,3), (atoms,6): xx yy zz xy xz yz
};

// What the message-passing pipelines share: the model's filters and the clock.
template <class T>
struct InteractionContext {
  const SchnetConfig& config;
  const SchnetOptions& options;
  const std::vector<FilterNetwork<T>>& filters;
  const RadialBasisTile<T>& basis;
  StageClock& clock;
};

// Step 3 of schnet.h and its reverse for all atoms of a batch; features are (atoms, filter stride).
template <class T>
class Interaction {
 public:
  virtual ~Interaction() = default;
  // `gradient`: reverse() will be called for every block, last first, then finish().
  virtual void prepare(const Batch& batch, const NeighborList& list, bool gradient) = 0;
  // m_i = Σ_j y_j ⊙ W(r_ij).
  virtual void forward(int block, const T* y, T* m) = 0;
  // gradY_j = Σ_i gradM_i ⊙ W(r_ij), unless null, and keeps dE/dr for the forces.
  virtual void reverse(int block, const T* y, const T* gradM, T* gradY) = 0;
  virtual void finish(const Evaluation& out) = 0;
  // Bytes of all arrays that grow with edges or atoms, forces included.
  virtual double estimate(double edges, double atoms) const = 0;
  virtual const TableReport* table() const { return nullptr; }
};

}  // namespace mdlab
